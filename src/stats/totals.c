#include "stats/totals.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "base/num.h"
#include "base/strb.h"
#include "stats/totals_int.h"

enum {
    FORMAT = 1,
    LAST_LINE = NUM_HEX16 + 1,
    DIGITS_MAX = 20,
    FIRST_BYTES = 64 * 1024,
    NAME_MAX_BYTES = 64, /* of a number: group and word */
    LINE_MAX_BYTES = 256 + STATS_TOTAL_MAX * (NAME_MAX_BYTES + DIGITS_MAX + 2)
};

static const char word[] = "weldr-counters";

static const char *const kind_words[STATS_TOTAL_KINDS] = {[STATS_TOTAL_NODE] = "node",
                                                          [STATS_TOTAL_LISTENER] = "listener",
                                                          [STATS_TOTAL_RULE] = "rule",
                                                          [STATS_TOTAL_POOL] = "pool",
                                                          [STATS_TOTAL_SERVER] = "server"};

/* ---- which numbers there are ---- */

/* A gauge has no word. */
#define WORD_SUM(name)   #name
#define WORD_GAUGE(name) NULL

static const char *const counter_words[] = {
#define COUNTER(name, kind, help) WORD_##kind(name),
#include "stats/counters.def"
#undef COUNTER
};
static const char *const end_words[] = {
#define END(name, word, status, blame, retry, text) #name,
#include "stats/ends.def"
#undef END
};
static const char *const failure_words[] = {
#define TLS_FAILURE(name, word, text) #name,
#include "stats/tls_failures.def"
#undef TLS_FAILURE
};
static const char *const agreed_words[] = {
#define TLS_AGREED(name, version, cipher) #name,
#include "stats/tls_agreed.def"
#undef TLS_AGREED
};
static const char *const listener_words[] = {
#define LISTENER_COUNTER(name, kind, help) WORD_##kind(name),
#include "stats/listener_counters.def"
#undef LISTENER_COUNTER
};
static const char *const pool_words[] = {
#define POOL_COUNTER(name, kind, help) WORD_##kind(name),
#include "stats/pool_counters.def"
#undef POOL_COUNTER
};
static const char *const server_words[] = {
#define SERVER_COUNTER(name, kind, help) WORD_##kind(name),
#include "stats/server_counters.def"
#undef SERVER_COUNTER
};
static const char *const rule_words[] = {"requests"};

#define N_OF(words)     (sizeof(words) / sizeof((words)[0]))
#define OF_NODE(member) offsetof(struct stats_worker, member), 0, 1
/* at: bytes into the entry of a slot. */
#define OF_SLOTS(array, at, max)                                                               \
    offsetof(struct stats_worker, array) + (at), sizeof(((struct stats_worker *)0)->array[0]), \
        (max)
#define OF_LISTENER(array, at) OF_SLOTS(array, at, STATS_LISTENERS_MAX)
#define OF_POOL(array, at)     OF_SLOTS(array, at, STATS_POOLS_MAX)
#define OF_SERVER(array, at)   OF_SLOTS(array, at, STATS_SERVERS_MAX)
enum {
    TIMES_N = sizeof(struct times) / sizeof(uint64_t),
    LATENCY_N = sizeof(struct histogram) / sizeof(uint64_t)
};

static const struct stats_total_group groups[] = {
    {STATS_TOTAL_NODE, N_OF(counter_words), "count", counter_words, OF_NODE(value)},
    {STATS_TOTAL_NODE, N_OF(end_words), "end", end_words, OF_NODE(end)},
    {STATS_TOTAL_NODE, N_OF(failure_words), "tls_failed", failure_words, OF_NODE(tls_failed)},
    {STATS_TOTAL_NODE, N_OF(agreed_words), "tls_agreed", agreed_words, OF_NODE(tls_agreed)},
    {STATS_TOTAL_NODE, LATENCY_N, "latency", NULL, OF_NODE(latency_us)},
    {STATS_TOTAL_NODE, TIMES_N, "handshake", NULL, OF_NODE(tls_handshake)},
    {STATS_TOTAL_LISTENER, N_OF(listener_words), "count", listener_words,
     OF_LISTENER(listener, 0)},
    {STATS_TOTAL_LISTENER, STATS_CLASSES, "class", NULL, OF_LISTENER(listener_classes, 0)},
    {STATS_TOTAL_RULE, N_OF(rule_words), "count", rule_words, 0, 0, 0},
    {STATS_TOTAL_POOL, N_OF(pool_words), "count", pool_words, OF_POOL(pool, 0)},
    {STATS_TOTAL_POOL, STATS_CLASSES, "class", NULL,
     OF_POOL(pool_served, offsetof(struct stats_served_pool, served.classes))},
    {STATS_TOTAL_POOL, TIMES_N, "head", NULL,
     OF_POOL(pool_served, offsetof(struct stats_served_pool, served.head))},
    {STATS_TOTAL_POOL, TIMES_N, "total", NULL,
     OF_POOL(pool_served, offsetof(struct stats_served_pool, served.total))},
    {STATS_TOTAL_POOL, TIMES_N, "added", NULL,
     OF_POOL(pool_served, offsetof(struct stats_served_pool, added))},
    {STATS_TOTAL_SERVER, N_OF(server_words), "count", server_words, OF_SERVER(server, 0)},
    {STATS_TOTAL_SERVER, STATS_CLASSES, "class", NULL,
     OF_SERVER(server_served, offsetof(struct stats_served, classes))},
    {STATS_TOTAL_SERVER, TIMES_N, "head", NULL,
     OF_SERVER(server_served, offsetof(struct stats_served, head))},
    {STATS_TOTAL_SERVER, TIMES_N, "total", NULL,
     OF_SERVER(server_served, offsetof(struct stats_served, total))},
};

const struct stats_total_group *stats_total_group(enum stats_total_kind kind, unsigned i)
{
    for (unsigned g = 0; g < N_OF(groups); g++)
        if (groups[g].kind == kind && i-- == 0)
            return &groups[g];
    return NULL;
}

/* ---- written ---- */

/* Room for a line; false: no memory. */
static bool make_room(struct stats_totals *t)
{
    size_t cap = t->cap > 0 ? t->cap : FIRST_BYTES;

    if (t->has_failed || t->cap - t->len >= LINE_MAX_BYTES)
        return !t->has_failed;
    while (cap - t->len < LINE_MAX_BYTES)
        cap *= 2;
    char *grown = fault_malloc(cap);
    if (grown == NULL) {
        t->has_failed = true;
        return false;
    }
    if (t->len > 0)
        memcpy(grown, t->bytes, t->len);
    free(t->bytes);
    t->bytes = grown;
    t->cap = cap;
    return true;
}

static struct strb line_of(const struct stats_totals *t)
{
    struct strb b;

    strb_init(&b, t->bytes + t->len, t->cap - t->len);
    return b;
}

static void take_line(struct stats_totals *t, struct strb *b)
{
    strb_add_char(b, '\n');
    MUST(!strb_is_full(b));
    t->len += strb_span(b).len;
    t->checksum = XXH3_64bits_withSeed(strb_span(b).ptr, strb_span(b).len, t->checksum);
}

void stats_totals_begin(struct stats_totals *t, uint64_t since_us, uint64_t at_us)
{
    *t = (struct stats_totals){0};
    if (!make_room(t))
        return;
    struct strb b = line_of(t);
    strb_addf(&b, "%s %d ", word, FORMAT);
    strb_add_u64(&b, since_us);
    strb_add_char(&b, ' ');
    strb_add_u64(&b, at_us);
    take_line(t, &b);
}

static void add_number(struct strb *b, const struct stats_total_group *g, unsigned i,
                       uint64_t n)
{
    strb_add_char(b, ' ');
    strb_add_str(b, g->name);
    strb_add_char(b, '.');
    if (g->words != NULL)
        strb_add_str(b, g->words[i]);
    else
        strb_add_u64(b, i);
    strb_add_char(b, '=');
    strb_add_u64(b, n);
}

static unsigned add_group(struct strb *b, const struct stats_total_group *g, const uint64_t *n)
{
    unsigned added = 0;

    for (unsigned i = 0; i < g->n; i++) {
        if (n[i] == 0 || (g->words != NULL && g->words[i] == NULL))
            continue;
        add_number(b, g, i, n[i]);
        added++;
    }
    return added;
}

void stats_totals_add(struct stats_totals *t, const struct stats_total *one)
{
    const struct stats_total_group *g;
    unsigned added = 0, at = 0;

    MUST(one->kind < STATS_TOTAL_KINDS);
    if (!make_room(t))
        return;
    struct strb b = line_of(t);
    strb_add_str(&b, kind_words[one->kind]);
    strb_add_char(&b, ' ');
    strb_add_u64(&b, one->id);
    strb_add_char(&b, ' ');
    strb_add_hex16(&b, one->name);
    for (unsigned i = 0; (g = stats_total_group(one->kind, i)) != NULL; i++) {
        added += add_group(&b, g, &one->n[at]);
        at += g->n;
    }
    if (added > 0)
        take_line(t, &b);
}

struct span stats_totals_take(struct stats_totals *t)
{
    const struct span piece = span_from(t->bytes, t->len);

    t->len = 0;
    return piece;
}

int stats_totals_end(struct stats_totals *t, struct span *text)
{
    if (!make_room(t))
        return WERR_NOMEM;
    struct strb b = line_of(t);
    strb_add_hex16(&b, t->checksum);
    take_line(t, &b);
    *text = stats_totals_take(t);
    return 0;
}

void stats_totals_free(struct stats_totals *t)
{
    free(t->bytes);
    *t = (struct stats_totals){0};
}

/* ---- read ---- */

/* Of whole lines. */
static uint64_t checksum_of(struct span lines)
{
    uint64_t sum = 0;

    while (lines.len > 0) {
        const size_t n = span_find(lines, '\n') + 1;

        sum = XXH3_64bits_withSeed(lines.ptr, n, sum);
        lines = span_skip(lines, n);
    }
    return sum;
}

static bool cut_checksum(struct span *text)
{
    uint64_t checksum;

    if (text->len <= LAST_LINE || text->ptr[text->len - 1] != '\n')
        return false;
    const size_t n = text->len - LAST_LINE;
    if (text->ptr[n - 1] != '\n' ||
        num_from_hex16(span_from(text->ptr + n, NUM_HEX16), &checksum) < 0 ||
        checksum != checksum_of(span_from(text->ptr, n)))
        return false;
    text->len = n;
    return true;
}

static int read_first(struct span line, struct stats_totals_head *head)
{
    uint64_t format;
    const struct span name = span_cut(&line, ' ');
    const struct span number = span_cut(&line, ' ');
    const struct span since = span_cut(&line, ' ');

    if (!span_is_equal(name, span_from_str(word)) ||
        num_from_dec(number, UINT32_MAX, &format) < 0)
        return WERR_CORRUPT;
    if (format != FORMAT)
        return WERR_UNSUPPORTED;
    return num_from_dec(since, UINT64_MAX, &head->since_us) < 0 ||
                   num_from_dec(line, UINT64_MAX, &head->at_us) < 0
               ? WERR_CORRUPT
               : 0;
}

static bool is_word(struct span s, const char *text)
{
    return text != NULL && span_is_equal(s, span_from_str(text));
}

/* Its place among the numbers of the group; g->n: none of them. */
static unsigned place_in(const struct stats_total_group *g, struct span s)
{
    uint64_t number;
    unsigned i = 0;

    if (g->words == NULL)
        return num_from_dec(s, g->n, &number) == 0 ? (unsigned)number : g->n;
    while (i < g->n && !is_word(s, g->words[i]))
        i++;
    return i;
}

/* NULL: that number is not known here. */
static uint64_t *number_of(struct stats_total *one, struct span group, struct span s)
{
    const struct stats_total_group *g;
    unsigned at = 0;

    for (unsigned i = 0; (g = stats_total_group(one->kind, i)) != NULL; i++) {
        if (is_word(group, g->name)) {
            const unsigned place = place_in(g, s);

            return place < g->n ? &one->n[at + place] : NULL;
        }
        at += g->n;
    }
    return NULL;
}

static bool read_number(struct span pair, struct stats_total *one)
{
    const struct span group = span_cut(&pair, '.');
    const struct span s = span_cut(&pair, '=');
    uint64_t n;

    if (group.len == 0 || s.len == 0 || num_from_dec(pair, UINT64_MAX, &n) < 0)
        return false;
    uint64_t *to = number_of(one, group, s);
    if (to != NULL)
        *to = n;
    return true;
}

/* kind STATS_TOTAL_KINDS: not known. */
static bool read_line(struct span line, struct stats_total *one)
{
    const struct span kind = span_cut(&line, ' ');
    const struct span id = span_cut(&line, ' ');
    const struct span name = span_cut(&line, ' ');

    *one = (struct stats_total){.kind = 0};
    while (one->kind < STATS_TOTAL_KINDS && !is_word(kind, kind_words[one->kind]))
        one->kind++;
    if (kind.len == 0 || num_from_dec(id, UINT64_MAX, &one->id) < 0 ||
        num_from_hex16(name, &one->name) < 0)
        return false;
    while (line.len > 0)
        if (!read_number(span_cut(&line, ' '), one))
            return false;
    return true;
}

int stats_totals_open(struct span text, struct stats_totals_head *head)
{
    struct stats_total one;

    *head = (struct stats_totals_head){0};
    if (!cut_checksum(&text))
        return WERR_CORRUPT;
    const int rc = read_first(span_cut(&text, '\n'), head);
    if (rc < 0)
        return rc;
    for (struct span rest = text; rest.len > 0;)
        if (!read_line(span_cut(&rest, '\n'), &one))
            return WERR_CORRUPT;
    head->lines = text;
    return 0;
}

bool stats_totals_next(struct stats_totals_head *head, struct stats_total *one)
{
    while (head->lines.len > 0) {
        MUST(read_line(span_cut(&head->lines, '\n'), one)); /* it was checked */
        if (one->kind < STATS_TOTAL_KINDS)
            return true;
    }
    return false;
}
