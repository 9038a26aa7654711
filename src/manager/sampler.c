#include "manager/sampler.h"

#include <stdlib.h>

#include "base/fault.h"
#include "log/log.h"
#include "manager/manager.h"

/* One more than there are tenths: the first turn after a start finds news and has no second to
 * look at, and any turn may come while a worker has counted a part of a request. */
enum { SECOND_MS = 1000, SLOT_BITS = 64, QUIET_TURNS = SAMPLES_LINE_STEP_S + 1 };

static uint64_t now_s(const struct manager *m)
{
    return loop_now_ms(m->loop) / SECOND_MS;
}

static uint32_t turn_of(uint32_t slot)
{
    return slot % SAMPLES_LINE_STEP_S;
}

uint64_t sampler_newest_at(uint32_t slot, uint64_t over_s)
{
    return over_s < turn_of(slot) ? 0 : (over_s - turn_of(slot)) / SAMPLES_LINE_STEP_S;
}

/* ---- the node ---- */

static uint64_t served_by_all(const struct stats *s)
{
    return stats_sum(s, STATS_client_success) + stats_sum(s, STATS_client_failed) +
           stats_sum(s, STATS_server_success) + stats_sum(s, STATS_server_failed);
}

static void count_classes(const struct manager *m, struct samples_counts *c)
{
    struct stats_classes one;

    for (uint32_t i = 0; i < m->pool->listener_n; i++) {
        const uint32_t slot =
            stats_slot_find(m->stats, STATS_OF_LISTENER, m->pool->listeners[i]->id);

        stats_sum_classes(m->stats, STATS_CLASSES_OF_LISTENER, slot, &one);
        for (unsigned k = 0; k < STATS_CLASSES; k++)
            c->classes[k] += one.n[k];
    }
}

static void count_node(const struct manager *m, struct samples_counts *c)
{
    struct histogram latency;

    *c = (struct samples_counts){
        .failed = stats_sum(m->stats, STATS_client_failed),
        .bytes_in = stats_sum(m->stats, STATS_client_bytes_in),
        .bytes_out = stats_sum(m->stats, STATS_client_bytes_out),
    };
    c->requests = stats_sum(m->stats, STATS_client_success) + c->failed;
    count_classes(m, c);
    stats_sum_latency(m->stats, &latency);
    samples_fold(&latency, c->latency);
}

/* ---- pools and servers ---- */

static void add_times(const struct manager *m, enum stats_times_of of, uint32_t slot,
                      struct samples_line_counts *c)
{
    struct times times;

    stats_sum_times(m->stats, of, slot, &times);
    c->sum_us = times.sum_us;
    for (unsigned i = 0; i <= TIMES_BOUNDS; i++)
        c->timed_n += times.bucket[i];
}

static void count_server(const struct manager *m, uint32_t slot, struct samples_line_counts *c)
{
    *c = (struct samples_line_counts){
        .success = stats_sum_server(m->stats, slot, STATS_SERVER_success),
        .failed = stats_sum_server(m->stats, slot, STATS_SERVER_failed),
    };
    if (c->success + c->failed > 0)
        add_times(m, STATS_TIMES_SERVER_TOTAL, slot, c);
}

static void count_pool(const struct manager *m, uint32_t slot, struct samples_line_counts *c)
{
    *c = (struct samples_line_counts){
        .success = stats_sum_pool(m->stats, slot, STATS_POOL_success),
        .failed = stats_sum_pool(m->stats, slot, STATS_POOL_failed),
    };
    if (c->success + c->failed > 0)
        add_times(m, STATS_TIMES_POOL_TOTAL, slot, c);
}

/* is_first: what it has counted is no news. Without memory for a line it has none. */
static void take(struct samples_line **line, uint64_t at, const struct samples_line_counts *c,
                 bool is_first)
{
    static const struct samples_line_counts nothing;
    const bool is_new = *line == NULL;

    if (is_new && c->success + c->failed == 0)
        return;
    if (is_new)
        *line = fault_malloc(sizeof(**line));
    if (*line == NULL)
        return;
    if (is_new)
        samples_line_begin(*line, at, is_first ? c : &nothing);
    samples_line_add(*line, at, c);
}

static void drop(struct samples_line **line)
{
    free(*line);
    *line = NULL;
}

static bool is_used(const struct manager *m, uint32_t slot)
{
    return (m->facts.slots[slot / SLOT_BITS] >> slot % SLOT_BITS & 1) != 0;
}

static void take_server(struct sampler *s, uint32_t slot, uint64_t at, bool is_first)
{
    struct samples_line_counts c;

    MUST(slot < STATS_SERVERS_MAX);
    if (!is_used(s->m, slot)) {
        drop(&s->servers[slot]);
        return;
    }
    count_server(s->m, slot, &c);
    take(&s->servers[slot], at, &c, is_first);
}

static void take_pool(struct sampler *s, uint32_t slot, uint64_t at, bool is_first)
{
    struct samples_line_counts c;

    MUST(slot < STATS_POOLS_MAX);
    count_pool(s->m, slot, &c);
    take(&s->pools[slot], at, &c, is_first);
}

/* The tenth whose turn is in this second. */
static void take_lines(struct sampler *s, uint64_t second, bool is_first)
{
    const uint64_t at = second / SAMPLES_LINE_STEP_S;
    const uint32_t turn = turn_of((uint32_t)(second % SAMPLES_LINE_STEP_S));

    for (uint32_t i = turn; i < STATS_SERVERS_MAX; i += SAMPLES_LINE_STEP_S)
        take_server(s, i, at, is_first);
    for (uint32_t i = turn; i < STATS_POOLS_MAX; i += SAMPLES_LINE_STEP_S)
        take_pool(s, i, at, is_first);
}

/* ---- each second ---- */

static void set_timer(struct sampler *s)
{
    const uint64_t now_ms = loop_now_ms(s->m->loop);

    loop_timer_in(s->m->loop, &s->timer, SECOND_MS - now_ms % SECOND_MS);
}

/* Of quiet lines nothing has to be told: what is left out reads as zeros. */
static void look_at_lines(struct sampler *s, uint64_t over_s)
{
    const uint64_t served = served_by_all(s->m->stats);

    if (served != s->served)
        s->quiet_n = 0;
    else if (s->quiet_n < QUIET_TURNS)
        s->quiet_n++;
    s->served = served;
    if (over_s > s->looked_s + SAMPLES_LINE_STEP_S)
        s->looked_s = over_s - SAMPLES_LINE_STEP_S;
    while (s->looked_s < over_s) {
        s->looked_s++;
        if (s->quiet_n < QUIET_TURNS)
            take_lines(s, s->looked_s, false);
    }
}

static void on_timer(struct timer *t)
{
    struct sampler *s = (struct sampler *)((char *)t - offsetof(struct sampler, timer));
    const uint64_t over_s = now_s(s->m) - 1;
    struct samples_counts counts;

    MUST(s->is_begun && s->node != NULL); /* else nobody has set the timer */
    if (over_s >= s->node->now_s) {
        count_node(s->m, &counts);
        samples_add(s->node, over_s, &counts);
        look_at_lines(s, over_s);
    }
    set_timer(s);
}

/* ---- life ---- */

void sampler_init(struct sampler *s, struct manager *m)
{
    *s = (struct sampler){.m = m};
    m->sampler = s;
    timer_init(&s->timer, on_timer);
}

void sampler_begin(struct manager *m)
{
    struct sampler *s = m->sampler;
    struct samples_counts counts;

    if (s->is_begun)
        return;
    s->is_begun = true;
    s->node = fault_malloc(sizeof(*s->node));
    if (s->node == NULL) {
        log_warn("no samples are kept: out of memory");
        return;
    }
    count_node(m, &counts);
    samples_begin(s->node, now_s(m), &counts);
    s->served = served_by_all(m->stats);
    s->looked_s = s->node->now_s;
    for (uint64_t i = 0; i < SAMPLES_LINE_STEP_S && i <= s->looked_s; i++)
        take_lines(s, s->looked_s - i, true);
    set_timer(s);
}

void sampler_forget_server(struct manager *m, uint32_t slot)
{
    if (m->sampler != NULL && slot < STATS_SERVERS_MAX)
        drop(&m->sampler->servers[slot]);
}

void sampler_forget_pool(struct manager *m, uint32_t slot)
{
    if (m->sampler != NULL && slot < STATS_POOLS_MAX)
        drop(&m->sampler->pools[slot]);
}

void sampler_fini(struct sampler *s)
{
    timer_stop(loop_timers(s->m->loop), &s->timer);
    for (uint32_t i = 0; i < STATS_SERVERS_MAX; i++)
        drop(&s->servers[i]);
    for (uint32_t i = 0; i < STATS_POOLS_MAX; i++)
        drop(&s->pools[i]);
    free(s->node);
    s->node = NULL;
}
