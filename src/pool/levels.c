#include "pool/levels.h"

#include <stddef.h>

static const struct {
    const char *version, *text;
} levels[LEVELS_END] = {
#define LEVEL(name, version, text) [LEVEL_##name] = {version, text},
#include "pool/levels.def"
#undef LEVEL
};

const char *level_version(unsigned level)
{
    return level < LEVELS_END ? levels[level].version : NULL;
}

const char *level_text(unsigned level)
{
    return level < LEVELS_END ? levels[level].text : NULL;
}
