#include "base/jtext.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/num.h"

enum { FIRST_BYTES = 512, INDENT = 2, DIGITS_MAX = 20 };

static char *grow(struct jtext *t, size_t n)
{
    size_t cap = t->cap > 0 ? t->cap : FIRST_BYTES;

    if (t->failed)
        return NULL;
    while (cap - t->len < n)
        cap *= 2;
    char *grown = fault_malloc(cap);
    if (grown == NULL) {
        t->failed = true;
        return NULL;
    }
    if (t->len > 0)
        memcpy(grown, t->bytes, t->len);
    free(t->bytes);
    t->bytes = grown;
    t->cap = cap;
    return grown + t->len;
}

/* Room for so many bytes more; NULL: none. */
static inline char *make_room(struct jtext *t, size_t n)
{
    return t->cap - t->len >= n && !t->failed ? t->bytes + t->len : grow(t, n);
}

static void put(struct jtext *t, const char *bytes, size_t n)
{
    char *to = make_room(t, n);

    if (to == NULL)
        return;
    memcpy(to, bytes, n);
    t->len += n;
}

static void put_line(struct jtext *t)
{
    const size_t n = 1 + (size_t)t->depth * INDENT;
    char *to = make_room(t, n);

    if (to == NULL)
        return;
    to[0] = '\n';
    memset(to + 1, ' ', n - 1);
    t->len += n;
}

/* RFC 8259 section 7: the quotation mark, the backslash and the control characters. */
static void put_escaped(struct jtext *t, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
        if ((unsigned char)shorts[i] == c) {
            text[1] = shorts[i + 1];
            put(t, text, 2);
            return;
        }
    }
    put(t, text, sizeof(text));
}

/* Eight bytes at once: the top bit of each that is below ' ', '"' or '\\'. */
static bool is_plain_word(uint64_t word)
{
    const uint64_t ones = UINT64_MAX / UINT8_MAX, tops = ones << 7;
    const uint64_t quotes = word ^ (ones * '"'), slashes = word ^ (ones * '\\');
    const uint64_t low = (word - ones * ' ') & ~word;
    const uint64_t same = ((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes);

    return ((low | same) & tops) == 0;
}

static bool is_plain(const char *text, size_t n)
{
    uint64_t word, rest = UINT64_MAX / UINT8_MAX * 'a';

    for (; n >= sizeof(word); n -= sizeof(word), text += sizeof(word)) {
        memcpy(&word, text, sizeof(word));
        if (!is_plain_word(word))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        ((char *)&rest)[i] = text[i];
    return is_plain_word(rest);
}

/* Most are, and keys above all. */
static bool put_plain(struct jtext *t, const char *text)
{
    const size_t n = strlen(text);

    if (!is_plain(text, n))
        return false;
    char *to = make_room(t, n + 2);
    if (to == NULL)
        return true;
    memcpy(to + 1, text, n + 1);
    to[0] = to[n + 1] = '"';
    t->len += n + 2;
    return true;
}

static void put_text(struct jtext *t, const char *text)
{
    const char *from = text;

    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        put(t, from, (size_t)(text - from));
        put_escaped(t, c);
        from = text + 1;
    }
    put(t, from, (size_t)(text - from));
}

static void put_string(struct jtext *t, const char *text)
{
    if (put_plain(t, text))
        return;
    put(t, "\"", 1);
    put_text(t, text);
    put(t, "\"", 1);
}

/* What stands before a value. */
static void begin(struct jtext *t, const char *key)
{
    if (t->depth > 0) {
        if (!t->is_fresh)
            put(t, ",", 1);
        if (!t->is_compact)
            put_line(t);
    }
    t->is_fresh = false;
    if (key == NULL)
        return;
    put_string(t, key);
    put(t, ": ", t->is_compact ? 1 : 2);
}

void jtext_init(struct jtext *t)
{
    *t = (struct jtext){0};
}

void jtext_init_compact(struct jtext *t)
{
    *t = (struct jtext){.is_compact = true};
}

void jtext_open(struct jtext *t, const char *key, char bracket)
{
    begin(t, key);
    put(t, &bracket, 1);
    t->depth++;
    t->is_fresh = true;
}

void jtext_close(struct jtext *t, char bracket)
{
    t->depth--;
    if (!t->is_fresh && !t->is_compact)
        put_line(t);
    put(t, &bracket, 1);
    t->is_fresh = false;
}

void jtext_str(struct jtext *t, const char *key, const char *text)
{
    begin(t, key);
    put_string(t, text);
}

void jtext_two(struct jtext *t, const char *key, const char *first, const char *second)
{
    begin(t, key);
    put(t, "\"", 1);
    put_text(t, first);
    put_text(t, second);
    put(t, "\"", 1);
}

void jtext_number(struct jtext *t, const char *key, uint64_t n)
{
    char digits[DIGITS_MAX];
    const size_t len = num_to_dec(n, digits);

    begin(t, key);
    put(t, digits, len);
}

void jtext_bool(struct jtext *t, const char *key, bool is_true)
{
    begin(t, key);
    put(t, is_true ? "true" : "false", is_true ? 4 : 5);
}

void jtext_null(struct jtext *t, const char *key)
{
    begin(t, key);
    put(t, "null", 4);
}

/* Its lines move to the right. */
void jtext_json(struct jtext *t, const char *key, const char *json)
{
    const char *end;

    begin(t, key);
    t->failed = t->failed || json == NULL;
    if (t->failed)
        return;
    for (; (end = strchr(json, '\n')) != NULL; json = end + 1) {
        put(t, json, (size_t)(end - json));
        put_line(t);
    }
    put(t, json, strlen(json));
}

char *jtext_page(struct jtext *t)
{
    char *page = NULL;

    put(t, "", 1); /* the NUL */
    if (!t->failed) {
        page = t->bytes;
        t->bytes = NULL;
        t->len = t->cap = 0;
    }
    return page;
}

char *jtext_take(struct jtext *t)
{
    if (!t->is_compact)
        put(t, "\n", 1);
    put(t, "", 1); /* the NUL */
    if (!t->failed)
        return t->bytes;
    free(t->bytes);
    return NULL;
}
