#include "worker/dump.h"

#include "log/log.h"
#include "worker/caller.h"
#include "worker/exchange.h"
#include "worker/origin.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

enum { DUMP_MAX = 8 }; /* lines of a kind: below the log's rate limit */

static void dump_origin(const struct origin *o)
{
    log_info("dump origin", LOG_X("server", o->server_id),
             LOG_S("authority", o->authority != NULL ? o->authority : ""),
             LOG_S("state", origin_state_name(o)), LOG_S("place", origin_place_name(o)),
             LOG_U("up", o->up), LOG_U("weight", o->weight), LOG_U("in_flight", o->in_flight),
             LOG_U("max_requests", o->max_requests), LOG_U("idle", o->lanes.idle_n),
             LOG_U("lanes", o->lanes.n));
}

static void dump_pool(const struct pool_runtime *pool)
{
    const struct waiter *first = TAILQ_FIRST(&pool->queue.waiters);

    log_info("dump pool", LOG_S("pool", pool->name), LOG_U("usable", pool->usable_n),
             LOG_U("fail_open", pool->fail_open), LOG_U("limited", pool->limited_n),
             LOG_U("exchanges", pool->exchange_n), LOG_U("waiting", pool->queue.n),
             LOG_U("longest_us",
                   first != NULL ? loop_now_us(pool->worker->loop) - first->from_us : 0));
}

static void dump_exchange(const struct exchange *ex)
{
    char peer[ADDR_TEXT_MAX];

    addr_print(&ex->caller->peer, peer);
    log_info("dump exchange", LOG_S("client", peer),
             LOG_S("request", stream_state_name(ex->client->in)),
             LOG_S("response", stream_state_name(ex->client->out)),
             LOG_S("step", exchange_step_name(ex)), LOG_S("waits_for", exchange_timer_name(ex)),
             LOG_X("flags", ex->flags), LOG_U("attempts", ex->attempts),
             LOG_X("server", ex->origin != NULL ? ex->origin->server_id : 0),
             LOG_U("age_us", loop_now_us(ex->worker->loop) - ex->begin_us));
}

void dump_worker(const struct worker *w)
{
    const struct origin *o;
    const struct pool_runtime *pool;
    const struct exchange *ex;
    unsigned n = 0;

    log_info("dump worker", LOG_U("index", w->pool_state != NULL ? w->pool_state->index : 0),
             LOG_ID("digest", w->pool_state != NULL ? w->pool_state->digest : 0),
             LOG_U("clients", w->clients_slab.in_use),
             LOG_U("exchanges", w->exchanges_slab.in_use),
             LOG_U("lanes", w->origin_conns_slab.in_use), LOG_U("draining", w->draining));
    for (o = w->origins; o != NULL && n < DUMP_MAX; o = o->hh.next, n++)
        dump_origin(o);
    n = 0;
    for (pool = w->pools; pool != NULL && n < DUMP_MAX; pool = pool->hh.next, n++)
        dump_pool(pool);
    n = 0;
    TAILQ_FOREACH (ex, &w->exchanges, entry) {
        if (n++ == DUMP_MAX)
            break;
        dump_exchange(ex);
    }
}
