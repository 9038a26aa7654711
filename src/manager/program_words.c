#include "manager/program_words.h"

#include <string.h>

#include "base/num.h"

static int read_version(struct span word, struct program_words *w)
{
    for (size_t i = 0; i < word.len; i++)
        if (word.ptr[i] <= ' ' || word.ptr[i] > '~')
            return WERR_SYNTAX;
    if (word.len == 0 || span_to_str(word, w->version, sizeof(w->version)) < 0)
        return WERR_SYNTAX;
    return 0;
}

int program_words_read(struct span text, struct program_words *w)
{
    struct span rest = text;
    const struct span first = span_cut(&rest, '\n');
    const struct span second = span_cut(&rest, '\n');
    uint64_t level = 0;

    if (!span_has_prefix(first, SPAN("weldr ")) ||
        read_version(span_skip(first, strlen("weldr ")), w) < 0)
        return WERR_SYNTAX;
    if (span_has_prefix(second, SPAN("level ")) &&
        num_from_dec(span_skip(second, strlen("level ")), PROGRAM_LEVEL_MAX, &level) < 0)
        return WERR_SYNTAX;
    w->level = (uint8_t)level;
    return 0;
}
