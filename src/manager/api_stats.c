#include <stdlib.h>

#include "base/fault.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_pages.h"
#include "manager/api_view.h"
#include "manager/counters.h"
#include "manager/manager.h"
#include "manager/usable.h"

static const char *const result_words[] = {
#define END(name, word, status, blame, retry, text) word,
#include "stats/ends.def"
#undef END
};
enum { RESULTS_N = sizeof(result_words) / sizeof(result_words[0]) };

static const char *const pool_words[] = {
#define POOL_COUNTER(name, kind, help) #name,
#include "stats/pool_counters.def"
#undef POOL_COUNTER
};

static const char *const listener_words[] = {
#define LISTENER_COUNTER(name, kind, help) #name,
#include "stats/listener_counters.def"
#undef LISTENER_COUNTER
};

static void count_pool(const struct stats *s, const struct pool *p, struct api_json_counts *c)
{
    const uint32_t slot = stats_slot_find(s, STATS_OF_POOL, p->id);

    *c = (struct api_json_counts){
        .name = p->name, .words = pool_words, .word_n = STATS_POOL_COUNTERS};
    for (unsigned i = 0; i < c->word_n; i++)
        c->n[i] = stats_sum_pool(s, slot, (enum stats_pool_counter)i);
}

static void count_listener(const struct stats *s, const struct listener *l,
                           struct api_json_counts *c)
{
    const uint32_t slot = stats_slot_find(s, STATS_OF_LISTENER, l->id);

    *c = (struct api_json_counts){
        .name = l->name, .words = listener_words, .word_n = STATS_LISTENER_COUNTERS};
    for (unsigned i = 0; i < c->word_n; i++)
        c->n[i] = stats_sum_listener(s, slot, (enum stats_listener_counter)i);
}

/* Malloc'd; NULL: no memory. */
static struct api_json_counts *count_all(const struct manager *m)
{
    const struct pool_state *state = m->pool;
    struct api_json_counts *c = fault_malloc((state->pool_n + state->listener_n) * sizeof(*c));

    for (uint32_t i = 0; c != NULL && i < state->pool_n; i++)
        count_pool(m->stats, state->pools[i], &c[i]);
    for (uint32_t i = 0; c != NULL && i < state->listener_n; i++)
        count_listener(m->stats, state->listeners[i], &c[state->pool_n + i]);
    return c;
}

static struct api_json_stats_view sum_workers(const struct stats *s)
{
    return (struct api_json_stats_view){
        .client_success = stats_sum(s, STATS_client_success),
        .client_failed = stats_sum(s, STATS_client_failed),
        .server_success = stats_sum(s, STATS_server_success),
        .server_failed = stats_sum(s, STATS_server_failed),
        .client_connections = stats_sum(s, STATS_client_connections),
        .client_open = stats_sum(s, STATS_client_open),
        .server_connections = stats_sum(s, STATS_server_connections),
        .server_idle = stats_sum(s, STATS_server_idle),
        .requests = stats_sum(s, STATS_requests),
        .in_flight = stats_sum(s, STATS_in_flight),
        .retries = stats_sum(s, STATS_retries),
        .bad_requests = stats_sum(s, STATS_bad_requests),
        .client_aborts = stats_sum(s, STATS_client_aborts),
        .access_log_lost = stats_sum(s, STATS_access_log_lost),
        .queued_bytes = stats_sum(s, STATS_queued_bytes),
        .proxy_refused = stats_sum(s, STATS_proxy_refused),
        .explain_refused = stats_sum(s, STATS_explain_refused),
        .certificates_unusable = stats_sum(s, STATS_certificates_unusable),
        .forbidden_calls = stats_sum(s, STATS_forbidden_calls),
        .bytes_in = stats_sum(s, STATS_client_bytes_in),
        .bytes_out = stats_sum(s, STATS_client_bytes_out),
    };
}

static void sum_results(const struct stats *s, struct api_json_result *results)
{
    for (unsigned i = 0; i < RESULTS_N; i++)
        results[i] = (struct api_json_result){result_words[i], stats_sum_end(s, i)};
}

void api_stats_get(struct api_conn *ac)
{
    const struct manager *m = ac->m;
    struct api_json_counts *counts = count_all(m);

    if (counts == NULL) {
        api_respond(ac, 200, NULL);
        return;
    }
    struct api_json_stats_view view = sum_workers(m->stats);
    struct api_json_result results[RESULTS_N];
    struct histogram latency;

    sum_results(m->stats, results);
    view.counting_since_us = counters_since_us(m);
    view.results = results;
    view.result_n = RESULTS_N;
    for (unsigned i = 0; i < STATS_TLS_FAILURES; i++)
        view.tls_failures[i] = stats_sum_tls_failed(m->stats, (enum stats_tls_failure)i);
    stats_sum_latency(m->stats, &latency);
    view.latency_us = &latency;
    view.workers = slots_count(&m->supervisor.slots, SLOT_RUNNING);
    view.fail_open = usable_is_any_fail_open(m);
    view.revision = m->revision;
    view.pools = counts;
    view.pool_n = m->pool->pool_n;
    view.listeners = counts + view.pool_n;
    view.listener_n = m->pool->listener_n;
    api_respond(ac, 200, api_json_stats(&view, api_base(ac)));
    counters_shown(m);
    free(counts);
}

/* ---- servers of all pools ---- */

static void begin_detail(struct api_json_list *l, const struct api_cursor *at)
{
    (void)at;
    api_json_detail_begin(l);
}

/* Pool by pool in the order of their ids, which the cursor counts as owners; then those that
 * have left theirs. */
static const struct pool_server *next_server(const struct manager *m, struct api_cursor *at)
{
    const struct server_facts *f;

    for (uint32_t i = 0; i < m->pool->pool_n; i++) {
        const struct pool *p = m->pool->pools[i];
        const uint32_t k = p->id == at->owner_id ? pool_next_server(p, at->next) : 0;

        if (p->id < at->owner_id || k == p->server_n)
            continue;
        at->owner_id = p->id;
        at->next = p->servers[k]->id;
        return p->servers[k];
    }
    while ((f = api_pages_next_draining(m, at)) != NULL)
        if (pool_find_id(m->pool, f->pool_id) != NULL)
            return f->removed;
    return NULL;
}

static bool next_detail(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    const struct pool_server *server = next_server(m, at);
    struct api_view view;

    if (server == NULL)
        return false;
    api_view_fill(m, server, &view);
    api_json_detail_add(l, &view.json);
    return true;
}

void api_stats_detail(struct api_conn *ac)
{
    static const struct api_pages_kind kind = {.begin = begin_detail, .next = next_detail};

    api_respond_pages(ac, 200, &kind, &(struct api_cursor){0});
}
