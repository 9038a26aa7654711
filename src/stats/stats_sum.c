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

static uint64_t load(const uint64_t *n)
{
    return __atomic_load_n(n, __ATOMIC_RELAXED);
}

uint64_t stats_sum(const struct stats *s, enum stats_counter c)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < s->worker_n; i++)
        sum += load(&s->worker[i].value[c]);
    return sum;
}

uint64_t stats_sum_end(const struct stats *s, unsigned end)
{
    uint64_t sum = 0;

    MUST(end < STATS_ENDS_MAX);
    for (unsigned i = 0; i < s->worker_n; i++)
        sum += load(&s->worker[i].end[end]);
    return sum;
}

uint64_t stats_sum_server(const struct stats *s, uint32_t slot, enum stats_server_counter c)
{
    uint64_t sum = 0;

    if (slot >= STATS_SERVERS_MAX)
        return 0;
    for (unsigned i = 0; i < s->worker_n; i++)
        sum += load(&s->worker[i].server[slot].value[c]);
    return sum;
}

void stats_sum_latency(const struct stats *s, struct histogram *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < s->worker_n; i++)
        histogram_merge(out, &s->worker[i].latency_us);
}

void stats_server_clear(struct stats *s, uint32_t slot)
{
    if (slot >= STATS_SERVERS_MAX)
        return;
    for (unsigned i = 0; i < s->worker_n; i++) {
        for (unsigned c = 0; c < STATS_SERVER_COUNTERS; c++)
            __atomic_store_n(&s->worker[i].server[slot].value[c], 0, __ATOMIC_RELAXED);
    }
}

/* Writes only where a number stands, so that pages nobody wrote stay clean. */
static void reset_server_gauges(struct stats_server *server)
{
    for (unsigned c = 0; c < STATS_SERVER_COUNTERS; c++) {
        if (server_kinds[c] == GAUGE && load(&server->value[c]) != 0)
            __atomic_store_n(&server->value[c], 0, __ATOMIC_RELAXED);
    }
}

void stats_worker_reset_gauges(struct stats *s, unsigned id)
{
    struct stats_worker *w = stats_worker(s, id);

    for (unsigned c = 0; c < STATS_COUNTERS; c++) {
        if (counters[c].kind == GAUGE)
            __atomic_store_n(&w->value[c], 0, __ATOMIC_RELAXED);
    }
    share_set_takes(&w->share, false);
    share_set_open(&w->share, 0);
    for (unsigned slot = 0; slot < STATS_SERVERS_MAX; slot++)
        reset_server_gauges(&w->server[slot]);
}

const char *stats_counter_name(enum stats_counter c)
{
    return counters[c].name;
}

bool stats_counter_is_gauge(enum stats_counter c)
{
    return counters[c].kind == GAUGE;
}
