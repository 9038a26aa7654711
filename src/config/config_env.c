#include "base/near.h"
#include "base/span.h"
#include "config/config.h"

static const struct span prefix = {"WELDR_", 6};

/* LOG is an alias; TEST_… are of builds with tests (cluster.h); API and TOKEN are of the
 * commands (cli/session.h). */
static const char known[] =
#define SETTING(name, flag, env, word, standard, help, read) env " "
#include "config/settings.def"
#undef SETTING
    "WELDR_LOG WELDR_TEST_ENGINE WELDR_TEST_LEVEL WELDR_TEST_CERTIFICATE WELDR_API WELDR_TOKEN";

/* What differs in them: all begin alike, which would make any two of them near. */
static struct span find_near(struct span name)
{
    struct span words = span_from_str(known), best = SPAN_NONE;
    unsigned least = NEAR_FAR;

    while (words.len > 0) {
        const struct span word = span_cut(&words, ' ');
        const unsigned far = near_distance(span_skip(word, prefix.len), name);

        if (far < least && near_is(name, far)) {
            least = far;
            best = word;
        }
    }
    return best;
}

static bool is_known(struct span name)
{
    struct span words = span_from_str(known);

    while (words.len > 0)
        if (span_is_equal(span_cut(&words, ' '), name))
            return true;
    return false;
}

bool config_next_unknown(char *const *env, size_t *at, struct span *name, struct span *meant)
{
    for (; env != NULL && env[*at] != NULL; ++*at) {
        const struct span line = span_from_str(env[*at]);

        *name = span_first(line, span_find(line, '='));
        if (!span_has_prefix(*name, prefix) || is_known(*name))
            continue;
        *meant = find_near(span_skip(*name, prefix.len));
        ++*at;
        return true;
    }
    return false;
}
