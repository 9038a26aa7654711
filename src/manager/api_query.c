#include "manager/api_query.h"

#include <string.h>

#include "base/near.h"
#include "base/num.h"
#include "base/strb.h"
#include "manager/api_route.h"

enum { HOUR_MS = 3600000, TIMEOUT_MS = 60000 };

static bool read_time(struct span value, uint32_t *out)
{
    static const struct {
        struct span unit;
        uint32_t ms;
    } units[] = {{{"ms", 2}, 1}, {{"s", 1}, 1000}, {{"m", 1}, 60000}, {{"h", 1}, HOUR_MS}};
    uint32_t ms = 1000;
    uint64_t n;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const size_t len = units[i].unit.len;

        if (value.len > len &&
            span_is_equal(span_skip(value, value.len - len), units[i].unit)) {
            ms = units[i].ms;
            value = span_first(value, value.len - len);
            break;
        }
    }
    if (num_from_dec(value, HOUR_MS / ms, &n) < 0)
        return false;
    *out = (uint32_t)n * ms;
    return true;
}

static bool read_flag(struct span value, bool *out)
{
    *out = span_is_equal(value, SPAN("true")) || span_is_equal(value, SPAN("1"));
    return *out || span_is_equal(value, SPAN("false")) || span_is_equal(value, SPAN("0"));
}

static bool read_drain(struct span value, struct api_query *q)
{
    q->has_drain = true;
    return read_time(value, &q->drain_ms);
}

static bool read_wait(struct span value, struct api_query *q)
{
    q->waits = span_is_equal(value, SPAN("drained"));
    return q->waits;
}

static bool read_timeout(struct span value, struct api_query *q)
{
    return read_time(value, &q->timeout_ms);
}

static bool read_force(struct span value, struct api_query *q)
{
    return read_flag(value, &q->is_forced);
}

static bool read_dry_run(struct span value, struct api_query *q)
{
    return read_flag(value, &q->is_dry_run);
}

static bool read_consistent(struct span value, struct api_query *q)
{
    return read_flag(value, &q->is_consistent);
}

static bool read_role(struct span value, struct api_query *q)
{
    q->asks_active = span_is_equal(value, SPAN("active"));
    return q->asks_active;
}

static const struct {
    const char *key;
    bool (*read)(struct span value, struct api_query *q);
    const char *why;
} keys[] = {
    {"drain", read_drain,
     "drain must be a time of at most an hour, such as 0, 500ms, 30s or 2m"},
    {"wait", read_wait, "the one thing to wait for is \"drained\""},
    {"timeout", read_timeout,
     "timeout must be a time of at most an hour, such as 500ms, 30s or 2m"},
    {"force", read_force, "force must be true or false"},
    {"dry_run", read_dry_run, "dry_run must be true or false"},
    {"consistent", read_consistent, "consistent must be true or false"},
    {"role", read_role, "the one role to ask for is \"active\""},
};

int api_query_decode(struct span value, char *buf, size_t size, struct span *out)
{
    size_t n = 0;

    for (size_t i = 0; i < value.len; i++) {
        uint64_t c = (unsigned char)value.ptr[i];

        if (c == '%') {
            if (value.len - i < 3 ||
                num_from_hex(span_from(value.ptr + i + 1, 2), 255, &c) < 0 || c == 0)
                return WERR_SYNTAX;
            i += 2;
        }
        if (n == size)
            return WERR_TOO_BIG;
        buf[n++] = (char)c;
    }
    *out = span_from(buf, n);
    return 0;
}

/* ---- which keys ---- */

/* The route's word for the key; ptr NULL: it has none. */
static struct span find_word(struct span key, struct span words)
{
    while (words.len > 0) {
        const struct span word = span_cut(&words, ' ');
        const struct span bare = span_first(word, word.len - 1);
        const char last = word.ptr[word.len - 1];

        if (span_is_equal(word, key) || (last == '+' && span_is_equal(bare, key)) ||
            (last == '*' && span_has_prefix(key, bare)))
            return word;
    }
    return SPAN_NONE;
}

static void list_words(struct span words, struct strb *out)
{
    while (words.len > 0) {
        struct span word = span_cut(&words, ' ');

        if (word.ptr[word.len - 1] == '+')
            word.len--;
        strb_add_str(out, out->len > 0 ? ", " : "");
        strb_add(out, word);
    }
}

/* Only plain ASCII of a key goes back to whoever sent it. */
static void print_key(struct span key, char *buf, size_t size)
{
    const size_t n = key.len < size ? key.len : size - 1;

    for (size_t i = 0; i < n; i++)
        buf[i] = (char)(key.ptr[i] > ' ' && key.ptr[i] <= '~' ? key.ptr[i] : '?');
    buf[n] = '\0';
}

static void refuse_unknown(struct api_query *q, struct span key, struct span words)
{
    const struct span meant = near_find(key, words);
    char name[64], known[96];
    struct strb b;

    print_key(key, name, sizeof(name));
    strb_init(&b, known, sizeof(known));
    list_words(words, &b);
    if (words.len == 0)
        pool_error_set(&q->error, "unknown_key", name,
                       "the key \"%s\" is not known here: this request takes none", name);
    else if (meant.ptr == NULL)
        pool_error_set(&q->error, "unknown_key", name,
                       "the key \"%s\" is not known here: there are %s", name, known);
    else
        pool_error_set(&q->error, "unknown_key", name,
                       "the key \"%s\" is not known here: did you mean \"%.*s\"? There are %s",
                       name, (int)meant.len, meant.ptr, known);
}

static void read_value(struct api_query *q, struct span key, struct span value)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!span_is_equal(key, span_from_str(keys[i].key)))
            continue;
        if (!keys[i].read(value, q))
            pool_error_set(&q->error, "invalid_value", keys[i].key, "%s", keys[i].why);
    }
}

/* text: the whole query, which the pair is of. */
static void read_pair(struct api_query *q, struct span text, struct span pair,
                      struct span words)
{
    const struct span key = span_first(pair, span_find(pair, '='));
    const struct span value = span_skip(pair, key.len < pair.len ? key.len + 1 : key.len);
    const struct span word = find_word(key, words);
    char name[64];

    if (word.ptr == NULL) {
        refuse_unknown(q, key, words);
    } else if (word.ptr[word.len - 1] != '+' && word.len > 1 &&
               api_route_query_nth(text, key, 1).ptr != NULL) {
        print_key(key, name, sizeof(name));
        pool_error_set(&q->error, "invalid_value", name, "%s is there twice", name);
    } else {
        read_value(q, key, value);
    }
}

/* What load balancers ask may be as long as it likes. */
static bool takes_any(struct span words)
{
    return words.len > 0 && words.ptr[words.len - 1] == '*' &&
           (words.len == 1 || words.ptr[words.len - 2] == ' ');
}

void api_query_read(struct span target, const char *route_keys, struct api_query *q)
{
    const struct span text = span_skip(target, span_find(target, '?'));
    const struct span words = span_from_str(route_keys);

    *q = (struct api_query){.timeout_ms = TIMEOUT_MS};
    if (span_to_str(text, q->text, sizeof(q->text)) < 0 && !takes_any(words))
        pool_error_set(&q->error, "invalid_value", "", "a query may have at most %d bytes",
                       API_QUERY_TEXT_MAX - 1);
    for (struct span rest = text; rest.len > 0 && q->error.code == NULL;) {
        rest = span_skip(rest, 1); /* the '?' or '&' */
        const struct span pair = span_first(rest, span_find(rest, '&'));
        rest = span_skip(rest, pair.len);
        if (pair.len > 0)
            read_pair(q, text, pair, words);
    }
}

/* As span_find, but not within quoted strings (RFC 9110 section 5.6.4). */
static size_t find_unquoted(struct span s, char wanted)
{
    bool is_quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (!is_quoted && s.ptr[i] == wanted)
            return i;
        if (s.ptr[i] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && s.ptr[i] == '\\')
            i++;
    }
    return s.len;
}

static struct span unquote(struct span value)
{
    const size_t n = value.len;

    return n >= 2 && value.ptr[0] == '"' && value.ptr[n - 1] == '"'
               ? span_first(span_skip(value, 1), n - 2)
               : value;
}

bool api_query_prefer(struct span value, struct span name, struct span wanted, bool *is_it)
{
    for (size_t end; value.len > 0; value = span_skip(value, end < value.len ? end + 1 : end)) {
        struct span item = span_first(value, end = find_unquoted(value, ','));
        struct span pair = span_trim(span_first(item, find_unquoted(item, ';')));
        const struct span key = span_first(pair, span_find(pair, '='));

        if (!span_is_equal_nocase(span_trim(key), name))
            continue;
        pair = span_skip(pair, key.len < pair.len ? key.len + 1 : key.len);
        *is_it = span_is_equal(unquote(span_trim(pair)), wanted);
        return true;
    }
    return false;
}

bool api_type_is_taken(struct span type)
{
    static const struct span types[] = {
        {"application/json", 16},
        {"application/merge-patch+json", 28},
        {"application/x-www-form-urlencoded", 33},
        {"application/octet-stream", 24},
        {"text/plain", 10},
        {"text/json", 9},
    };
    const struct span name = span_trim(span_first(type, span_find(type, ';')));

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (span_is_equal_nocase(name, types[i]))
            return true;
    return name.len == 0;
}
