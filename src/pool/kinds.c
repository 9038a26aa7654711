#include "pool/kinds.h"

#include <stdbool.h>

#include "base/num.h"

struct kind_row {
    const char *word, *list;
    char letter;
};

static const struct kind_row rows[KIND_N] = {
#define KIND(name, number, letter, word, list, family) [number] = {(word), (list), (letter)},
#include "pool/kinds.def"
#undef KIND
};

enum kind kind_in_order(unsigned place)
{
    static const enum kind order[] = {
#define KIND(name, number, letter, word, list, family) KIND_##name,
#include "pool/kinds.def"
#undef KIND
    };
    return place < sizeof(order) / sizeof(order[0]) ? order[place] : KIND_NONE;
}

const char *kind_word(enum kind kind)
{
    return rows[kind].word;
}

const char *kind_list(enum kind kind)
{
    return rows[kind].list;
}

char kind_letter(enum kind kind)
{
    return rows[kind].letter;
}

size_t kind_id_print(enum kind kind, uint64_t id, char *buf)
{
    buf[0] = kind_letter(kind);
    buf[1] = '-';
    size_t len = 2 + num_to_hex(id, buf + 2);
    buf[len] = '\0';
    return len;
}

int kind_id_from_text(enum kind kind, struct span text, uint64_t *id)
{
    if (text.len < 2 || text.ptr[0] != kind_letter(kind) || text.ptr[1] != '-')
        return WERR_SYNTAX;
    struct span digits = span_skip(text, 2);
    bool is_good = digits.len <= 16 && num_from_hex(digits, UINT64_MAX, id) == 0;
    return is_good ? 0 : WERR_SYNTAX;
}

size_t pool_id_print(uint64_t id, char *buf)
{
    return kind_id_print(KIND_SERVER, id, buf);
}

int pool_id_from_text(struct span text, uint64_t *id)
{
    return kind_id_from_text(KIND_SERVER, text, id);
}
