#include "http/field.h"

#include "base/werr.h"

static const struct {
    struct span name;
    enum field_duty duty;
} known[FIELD_TOKENS] = {
    [FIELD_OTHER] = {{"", 0}, FIELD_DUTY_END},
#define FIELD(token, text, kind) \
    [FIELD_##token] = {{(text), sizeof(text) - 1}, FIELD_DUTY_##kind},
#include "http/fields.def"
#undef FIELD
};

/* The names once more, in rows that are found without a multiplication and a pointer. */
static const char texts[FIELD_TOKENS][32] = {
#define FIELD(token, text, kind) [FIELD_##token] = (text),
#include "http/fields.def"
#undef FIELD
};

/* More than known names of a length: the last candidate is FIELD_OTHER. */
enum { CANDIDATES = 4 };

/* The known names of each length; no two of a length end with the same letter, which tells
 * which one it may be. The unit test looks every name of fields.def up. */
static const struct candidate {
    uint8_t token;
    char last;
} by_length[FIELD_NAME_MAX + 1][CANDIDATES] = {
    [2] = {{FIELD_TE, 'e'}},
    [3] = {{FIELD_VIA, 'a'}},
    [4] = {{FIELD_HOST, 't'}, {FIELD_DATE, 'e'}},
    [6] = {{FIELD_EXPECT, 't'}, {FIELD_SERVER, 'r'}, {FIELD_ORIGIN, 'n'}},
    [7] = {{FIELD_TRAILER, 'r'}, {FIELD_UPGRADE, 'e'}},
    [9] = {{FIELD_FORWARDED, 'd'}},
    [10] = {{FIELD_CONNECTION, 'n'}, {FIELD_KEEP_ALIVE, 'e'}},
    [12] = {{FIELD_CONTENT_TYPE, 'e'}, {FIELD_X_REQUEST_ID, 'd'}, {FIELD_MAX_FORWARDS, 's'}},
    [13] = {{FIELD_AUTHORIZATION, 'n'}},
    [14] = {{FIELD_CONTENT_LENGTH, 'h'}},
    [15] = {{FIELD_X_FORWARDED_FOR, 'r'}, {FIELD_X_WELDR_EXPLAIN, 'n'}},
    [16] = {{FIELD_PROXY_CONNECTION, 'n'}, {FIELD_X_FORWARDED_HOST, 't'}},
    [17] = {{FIELD_TRANSFER_ENCODING, 'g'}, {FIELD_X_FORWARDED_PROTO, 'o'}},
    [18] = {{FIELD_PROXY_AUTHENTICATE, 'e'}},
    [19] = {{FIELD_PROXY_AUTHORIZATION, 'n'}},
};

#define LETTER(c) (1U << ((c)&31))
const uint32_t field_first_letters[FIELD_NAME_MAX + 1] = {
    [2] = LETTER('t'),
    [3] = LETTER('v'),
    [4] = LETTER('h') | LETTER('d'),
    [6] = LETTER('e') | LETTER('s') | LETTER('o'),
    [7] = LETTER('t') | LETTER('u'),
    [9] = LETTER('f'),
    [10] = LETTER('c') | LETTER('k'),
    [12] = LETTER('c') | LETTER('x') | LETTER('m'),
    [13] = LETTER('a'),
    [14] = LETTER('c'),
    [15] = LETTER('x'),
    [16] = LETTER('p') | LETTER('x'),
    [17] = LETTER('t') | LETTER('x'),
    [18] = LETTER('p'),
    [19] = LETTER('p'),
};

/* Differences between 8 bytes and 8 bytes of a known name, the case of letters left out. A
 * letter of a known name has bit 0x40 set and
 * '-' has not, so just the letters get the case bit forgiven: '\r' is no '-'. */
static uint64_t diff8(const char *a, const char *name)
{
    uint64_t x, k;
    memcpy(&x, a, sizeof(x));
    memcpy(&k, name, sizeof(k));
    return (x ^ k) & ~((k & 0x4040404040404040U) >> 1);
}

static uint32_t diff4(const char *a, const char *name)
{
    uint32_t x, k;
    memcpy(&x, a, sizeof(x));
    memcpy(&k, name, sizeof(k));
    return (x ^ k) & ~((k & 0x40404040U) >> 1);
}

/* Overlapping words instead of a loop over bytes: two or three comparisons for every name. */
static bool is_name(const char *a, const char *name, size_t len)
{
    if (len >= 16)
        return (diff8(a, name) | diff8(a + 8, name + 8) | diff8(a + len - 8, name + len - 8)) ==
               0;
    if (len >= 8)
        return (diff8(a, name) | diff8(a + len - 8, name + len - 8)) == 0;
    if (len >= 4)
        return (diff4(a, name) | diff4(a + len - 4, name + len - 4)) == 0;
    for (size_t i = 0; i < len; i++) {
        if ((a[i] | 0x20) != name[i])
            return false;
    }
    return true;
}

enum field_token field_lookup_known(struct span name)
{
    MUST(name.len - 1 < FIELD_NAME_MAX);
    const struct candidate *c = by_length[name.len];
    const char last = (char)(name.ptr[name.len - 1] | 0x20);
    while (c->last != last && c->token != FIELD_OTHER)
        c++;
    return is_name(name.ptr, texts[c->token], name.len) ? c->token : FIELD_OTHER;
}

struct span field_name(enum field_token token)
{
    MUST((unsigned)token < FIELD_TOKENS);
    return known[token].name;
}

enum field_duty field_duty(enum field_token token)
{
    MUST((unsigned)token < FIELD_TOKENS);
    return known[token].duty;
}

/* Bits of enum field_class, a row for each 16 bytes. */
const unsigned char field_classes[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 15, 6, 3, 15, 7, 15, 15, 14, 14, 15, 15, 6, 15, 15, 6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 14, 6, 14, 6, 6,
    6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 6, 6, 7, 15,
    7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6, 7, 6, 15, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    /* clang-format on */
};

static bool is_all(struct span s, unsigned field_class)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(field_classes[(unsigned char)s.ptr[i]] & field_class))
            return false;
    }
    return true;
}

static bool is_alike(char c, char wanted)
{
    if (wanted == '-')
        return c == '-' || c == '_';
    return c == wanted || (c >= 'A' && c <= 'Z' && (c | 0x20) == wanted);
}

bool field_is_alike(struct span name, struct span wanted)
{
    if (name.len != wanted.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_alike(name.ptr[i], wanted.ptr[i]))
            return false;
    }
    return true;
}

bool field_is_forwarding(struct span name)
{
    const struct span prefix = SPAN("x-forwarded-");
    return field_is_alike(span_first(name, prefix.len), prefix) ||
           field_is_alike(name, SPAN("forwarded"));
}

bool field_is_client_certificate(struct span name)
{
    const struct span prefix = SPAN("x-client-cert");
    return field_is_alike(span_first(name, prefix.len), prefix);
}

bool field_is_token(struct span s)
{
    return s.len > 0 && is_all(s, FIELD_CLASS_TOKEN);
}

bool field_is_value(struct span s)
{
    return is_all(s, FIELD_CLASS_VALUE);
}
