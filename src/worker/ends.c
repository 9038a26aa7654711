#include "worker/ends.h"

#include "stats/stats.h"

static const struct end_facts all_ends[ENDS] = {
#define END(name, word, status, blame, retry, text) \
    [END_##name] = {word, status, END_BLAME_##blame, retry, {text, sizeof(text) - 1}},
#include "stats/ends.def"
#undef END
};

_Static_assert((int)ENDS <= (int)STATS_ENDS_MAX, "stats has a counter for each end");

const struct end_facts *end_facts(enum end end)
{
    return &all_ends[end];
}
