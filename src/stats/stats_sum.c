#include <string.h>

#include "stats/stats.h"
#include "stats/stats_int.h"

enum kind { SUM, GAUGE };

static const struct {
    const char *name;
    enum kind kind;
} counters[STATS_COUNTERS] = {
#define COUNTER(name, kind, help) {#name, kind},
#include "stats/counters.def"
#undef COUNTER
};

static const enum kind server_kinds[STATS_SERVER_COUNTERS] = {
#define SERVER_COUNTER(name, kind, help) kind,
#include "stats/server_counters.def"
#undef SERVER_COUNTER
};

static const enum kind pool_kinds[STATS_POOL_COUNTERS] = {
#define POOL_COUNTER(name, kind, help) kind,
#include "stats/pool_counters.def"
#undef POOL_COUNTER
};

static const enum kind listener_kinds[STATS_LISTENER_COUNTERS] = {
#define LISTENER_COUNTER(name, kind, help) kind,
#include "stats/listener_counters.def"
#undef LISTENER_COUNTER
};

static uint64_t load(const uint64_t *n)
{
    return __atomic_load_n(n, __ATOMIC_RELAXED);
}

uint64_t stats_sum(const struct stats *s, enum stats_counter c)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->value[c]);
    return sum;
}

uint64_t stats_sum_end(const struct stats *s, unsigned end)
{
    uint64_t sum = 0;

    MUST(end < STATS_ENDS_MAX);
    for (unsigned i = 0; i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->end[end]);
    return sum;
}

uint64_t stats_sum_tls_failed(const struct stats *s, enum stats_tls_failure failure)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->tls_failed[failure]);
    return sum;
}

const char *stats_tls_failure_word(enum stats_tls_failure failure)
{
    static const char *const words[STATS_TLS_FAILURES] = {
#define TLS_FAILURE(name, word, text) [STATS_TLS_##name] = (word),
#include "stats/tls_failures.def"
#undef TLS_FAILURE
    };

    return words[failure];
}

uint64_t stats_sum_tls_agreed(const struct stats *s, enum stats_tls_agreed agreed)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->tls_agreed[agreed]);
    return sum;
}

static const struct stats_tls_words agreed_words[STATS_TLS_AGREED_N] = {
#define TLS_AGREED(name, version, cipher) [STATS_TLS_AGREED_##name] = {version, cipher},
#include "stats/tls_agreed.def"
#undef TLS_AGREED
};
_Static_assert((int)STATS_TLS_AGREED_N <= STATS_TLS_AGREED_MAX, "each has its place");

struct stats_tls_words stats_tls_agreed_words(enum stats_tls_agreed agreed)
{
    return agreed_words[agreed];
}

enum stats_tls_agreed stats_tls_agreed_on(const char *version, const char *cipher)
{
    unsigned i = 0;

    while (i < STATS_TLS_AGREED_OTHER && (strcmp(agreed_words[i].version, version) != 0 ||
                                          strcmp(agreed_words[i].cipher, cipher) != 0))
        i++;
    return (enum stats_tls_agreed)i;
}

uint64_t stats_sum_server(const struct stats *s, uint32_t slot, enum stats_server_counter c)
{
    uint64_t sum = 0;

    if (slot >= STATS_SERVERS_MAX)
        return 0;
    for (unsigned i = 0; i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->server[slot].value[c]);
    return sum;
}

uint64_t stats_sum_pool(const struct stats *s, uint32_t slot, enum stats_pool_counter c)
{
    uint64_t sum = 0;

    for (unsigned i = 0; slot < STATS_POOLS_MAX && i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->pool[slot].value[c]);
    return sum;
}

uint64_t stats_sum_listener(const struct stats *s, uint32_t slot, enum stats_listener_counter c)
{
    uint64_t sum = 0;

    for (unsigned i = 0; slot < STATS_LISTENERS_MAX && i < stats_life_n(s); i++)
        sum += load(&stats_life(s, i)->listener[slot].value[c]);
    return sum;
}

void stats_sum_latency(const struct stats *s, struct histogram *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < stats_life_n(s); i++)
        histogram_merge(out, &stats_life(s, i)->latency_us);
}

uint64_t stats_sum_rule(const struct stats *s, uint64_t rule_id)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < stats_life_n(s); i++) {
        const struct rule_hit *hit = rule_hits_find(&stats_life(s, i)->rule_hits, rule_id);
        sum += hit != NULL ? __atomic_load_n(&hit->n, __ATOMIC_RELAXED) : 0;
    }
    return sum;
}

void stats_server_clear(struct stats *s, uint32_t slot)
{
    if (slot >= STATS_SERVERS_MAX)
        return;
    if (stats_header(s)->server_n <= slot)
        stats_header(s)->server_n = slot + 1;
    else
        stats_served_clear_server(s, slot);
    for (unsigned i = 0; i < stats_life_n(s); i++) {
        for (unsigned c = 0; c < STATS_SERVER_COUNTERS; c++)
            __atomic_store_n(&stats_life(s, i)->server[slot].value[c], 0, __ATOMIC_RELAXED);
    }
}

static void reset_gauges(struct stats_line *lines, uint32_t n, const enum kind *kinds,
                         unsigned counter_n)
{
    for (uint32_t i = 0; i < n; i++)
        for (unsigned c = 0; c < counter_n; c++)
            if (kinds[c] == GAUGE)
                __atomic_store_n(&lines[i].value[c], 0, __ATOMIC_RELAXED);
}

void stats_worker_reset_gauges(struct stats *s, unsigned id)
{
    struct stats_worker *w = stats_worker(s, id);
    const struct stats_header *h = stats_header(s);

    for (unsigned c = 0; c < STATS_COUNTERS; c++) {
        if (counters[c].kind == GAUGE)
            __atomic_store_n(&w->value[c], 0, __ATOMIC_RELAXED);
    }
    share_set_takes(&w->share, false);
    share_set_open(&w->share, 0);
    reset_gauges(w->server, h->server_n, server_kinds, STATS_SERVER_COUNTERS);
    reset_gauges(w->pool, h->used_n[STATS_OF_POOL], pool_kinds, STATS_POOL_COUNTERS);
    for (uint32_t i = 0; i < h->used_n[STATS_OF_POOL]; i++)
        __atomic_store_n(&w->queue_from_us[i], 0, __ATOMIC_RELAXED);
    reset_gauges(w->listener, h->used_n[STATS_OF_LISTENER], listener_kinds,
                 STATS_LISTENER_COUNTERS);
}

const char *stats_counter_name(enum stats_counter c)
{
    return counters[c].name;
}

bool stats_counter_is_gauge(enum stats_counter c)
{
    return counters[c].kind == GAUGE;
}
