#include "worker/dump.h"

#include "log/log.h"
#include "worker/exchange.h"
#include "worker/origin.h"
#include "worker/client.h"
#include "worker/worker.h"

enum { DUMP_MAX = 8 }; /* lines of a kind: below the log's rate limit */

static void dump_origin(const struct origin *o)
{
    log_info("dump origin", LOG_X("server", o->server_id),
             LOG_S("authority", o->authority ? o->authority : ""), LOG_U("in_pool", o->in_pool),
             LOG_U("up", o->up), LOG_U("weight", o->weight), LOG_U("in_flight", o->in_flight),
             LOG_U("idle", o->idle_n), LOG_U("lanes", o->lane_n));
}

static void dump_exchange(const struct client *c)
{
    const struct exchange *ex = c->exchange;
    char peer[ADDR_TEXT_MAX];

    addr_print(&c->peer, peer);
    log_info("dump exchange", LOG_S("client", peer), LOG_S("conn", conn_state_name(&c->conn)),
             LOG_S("step", exchange_step_name(ex)), LOG_S("waits_for", exchange_timer_name(ex)),
             LOG_X("flags", ex->flags), LOG_U("attempts", ex->attempts),
             LOG_X("server", ex->origin ? ex->origin->server_id : 0),
             LOG_U("age_us", loop_now_us(client_worker(c)->loop) - ex->begin_us));
}

void dump_worker(const struct worker *w)
{
    const struct origin *o;
    const struct client *c;
    unsigned n = 0;

    log_info("dump worker", LOG_U("index", w->pool_state ? w->pool_state->index : 0),
             LOG_X("digest", w->pool_state ? w->pool_state->digest : 0),
             LOG_U("clients", w->clients_slab.in_use),
             LOG_U("exchanges", w->exchanges_slab.in_use), LOG_U("lanes", w->lanes_slab.in_use),
             LOG_U("draining", w->draining));
    for (o = w->origins; o && n < DUMP_MAX; o = o->hh.next, n++)
        dump_origin(o);
    n = 0;
    LIST_FOREACH (c, &w->clients, entry) {
        if (!c->exchange)
            continue;
        if (n++ == DUMP_MAX)
            break;
        dump_exchange(c);
    }
}
