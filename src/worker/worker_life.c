#include "worker/worker_life.h"

#include "base/fault.h"
#include "log/log.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"
#include "pool/pool_snapshot.h"
#include "worker/acceptor.h"
#include "worker/certificates.h"
#include "worker/client.h"
#include "worker/exchange.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"
#include "worker/origin_conn.h"
#include "worker/origin_follow.h"
#include "worker/origin_table.h"
#include "worker/pool_runtime.h"
#include "worker/reclaim.h"
#include "worker/reconcile.h"
#include "worker/spread.h"
#include "worker/spread_in.h"

static void on_drain_limit(struct timer *t);
static void on_clients(struct worker *w);
static void drain_pass(struct loop_work *work);

int worker_init(struct worker *w, struct loop *loop, struct stats_worker *stats, uint32_t id,
                uint64_t seed)
{
    struct node_settings node;

    memset(w, 0, sizeof(*w));
    w->loop = loop;
    w->stats = stats;
    w->id = id;
    rand_seed(&w->rand, seed);
    LIST_INIT(&w->clients);
    LIST_INIT(&w->acceptors);
    exchange_pace_init(w);
    TAILQ_INIT(&w->keepers);
    w->on_clients = on_clients;
    slab_init(&w->clients_slab, "client", sizeof(struct client), LIMIT_CLIENTS);
    slab_init(&w->exchanges_slab, "exchange", sizeof(struct exchange), LIMIT_CLIENTS);
    slab_init(&w->origin_conns_slab, "origin_conn", sizeof(struct origin_conn), LIMIT_LANES);
    timer_init(&w->drain_timer, on_drain_limit);
    reclaim_init(&w->reclaim);
    w->drain_work.run = drain_pass;
    w->arenas = arena_store_new(LIMIT_ARENA_CHUNK_BYTES, LIMIT_ARENA_KEEP_N);
    if (w->arenas == NULL)
        return WERR_NOMEM;
    int rc = conn_shared_init(&w->shared, loop);
    if (rc < 0) {
        arena_store_free(w->arenas);
        return rc;
    }
    stream_hub_init(&w->streams, &w->shared);
    settings_init(&node_settings_table, &node);
    conn_set_queue_budget(&w->shared, node.queue_bytes);
    w->shared.queued_gauge = &stats->value[STATS_queued_bytes];
    return 0;
}

void worker_fini(struct worker *w)
{
    MUST(LIST_EMPTY(&w->clients) && TAILQ_EMPTY(&w->exchanges));
    timer_stop(loop_timers(w->loop), &w->drain_timer);
    timer_stop(loop_timers(w->loop), &w->reclaim.timer);
    timer_stop(loop_timers(w->loop), &w->pace_timer);
    loop_undefer(w->loop, &w->drain_work);
    stream_hub_fini(&w->streams);
    origin_free_all(w);
    listener_runtime_free_all(w);
    certificates_fini(&w->certificates);
    pool_runtime_free_all(w);
    pool_state_free(w->pool_state);
    authorities_fini(&w->authorities);
    conn_shared_fini(&w->shared);
    slab_fini(&w->origin_conns_slab);
    slab_fini(&w->exchanges_slab);
    slab_fini(&w->clients_slab);
    arena_store_free(w->arenas);
}

int worker_listen(struct worker *w, const int *handles, unsigned n)
{
    int rc = 0;

    MUST(w->pool_state != NULL);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = acceptor_take(w, &(struct frame_listen){.socket_no = i}, handles[i]);
    if (rc == 0)
        acceptor_start_all(w);
    return rc;
}

/* ---- the pool ---- */

_Static_assert((int)POOL_FIELDS_MAX <= (int)MSG_FIELDS_MAX, "the codec takes what may be set");
_Static_assert((int)POOL_RESPONSE_FIELDS_MAX <= (int)MSG_FIELDS_MAX, "here too");

int worker_snapshot(struct worker *w, struct span bytes)
{
    struct pool_state *state = NULL;
    struct pool_state *old = w->pool_state;
    int rc = pool_snapshot_decode(bytes, &state);

    if (rc < 0)
        return rc;
    w->pool_state = state;
    rc = reconcile_all(w);
    pool_state_free(old);
    return rc;
}

int worker_apply_judged(struct worker *w, uint64_t index, const struct pool_command *c,
                        int verdict, struct pool_change *change)
{
    const int rc = pool_apply_judged(w->pool_state, c, index, verdict, change);

    if (rc < 0)
        change->type = POOL_CHANGE_NONE;
    return rc == WERR_NOMEM ? rc : 0; /* refused, in every process alike */
}

int worker_apply(struct worker *w, uint64_t index, struct span entry)
{
    struct pool_command command;
    struct pool_change change;

    if (!worker_takes_index(w, index))
        return WERR_CORRUPT; /* out of order */
    int rc = pool_code_decode(entry, &command);
    if (rc < 0)
        return rc;
    rc = worker_apply_judged(w, index, &command, pool_judge(w->pool_state, &command), &change);
    if (rc == 0)
        rc = reconcile_change(w, &change);
    pool_change_fini(&change);
    pool_command_fini(&command);
    return rc;
}

void worker_node(struct worker *w, const struct frame_node *node)
{
    conn_set_queue_budget(&w->shared, node->queue_bytes);
}

int worker_local(struct worker *w, const struct frame_local *facts)
{
    return origin_local(w, facts);
}

int worker_addrs(struct worker *w, const struct frame_addrs *found)
{
    return origin_addrs(w, found);
}

/* ---- draining ---- */

static void check_drained(struct worker *w)
{
    void (*on_drained)(void *arg) = w->on_drained;

    if (!w->draining || on_drained == NULL || w->takes_in || !LIST_EMPTY(&w->clients))
        return;
    w->on_drained = NULL;
    timer_stop(loop_timers(w->loop), &w->drain_timer);
    origin_close_all(w);
    on_drained(w->on_drained_arg);
}

static void on_clients(struct worker *w)
{
    spread_tell(w);
    reclaim_watch(w);
    check_drained(w);
}

static void stop_exchanges(struct worker *w)
{
    struct exchange *ex, *next;

    for (ex = TAILQ_FIRST(&w->exchanges); ex != NULL; ex = next) {
        next = TAILQ_NEXT(ex, entry);
        exchange_stop(ex);
    }
    MUST(TAILQ_EMPTY(&w->exchanges) && w->young == NULL);
}

static void on_drain_limit(struct timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, drain_timer));
    struct client *c, *next;
    struct acceptor *a;

    MUST(w->draining);
    log_warn("drain time is over: closing what is left");
    LIST_FOREACH (a, &w->acceptors, entry)
        sock_close(&a->sock, false);
    stop_exchanges(w);
    for (c = LIST_FIRST(&w->clients); c != NULL; c = next) {
        next = LIST_NEXT(c, entry);
        client_stop(c);
    }
}

/* Is there an acceptor with this enum sock_flag? */
static bool has_acceptor(const struct worker *w, uint32_t flag)
{
    const struct acceptor *a;

    LIST_FOREACH (a, &w->acceptors, entry)
        if (a->sock.flags & flag)
            return true;
    return false;
}

static void drain_clients(struct worker *w)
{
    struct client *c, *next;

    if (w->has_told_clients)
        return;
    w->has_told_clients = true;
    for (c = LIST_FIRST(&w->clients); c != NULL; c = next) {
        next = LIST_NEXT(c, entry);
        client_drain(c);
    }
}

/* What the kernel and other workers have accepted for this one before is taken to the last.
 * When descriptors are missing for that, clients that leave give theirs. */
static void drain_pass(struct loop_work *work)
{
    struct worker *w = (struct worker *)((char *)work - offsetof(struct worker, drain_work));

    if (has_acceptor(w, SOCK_PAUSED)) {
        drain_clients(w); /* worker_acceptor_closed follows */
        return;
    }
    if (has_acceptor(w, SOCK_OPEN) || !spread_is_empty(&w->spread)) {
        loop_defer(w->loop, work);
        return;
    }
    w->takes_in = false;
    spread_close(&w->spread);
    drain_clients(w);
    check_drained(w);
}

void worker_drain(struct worker *w, uint32_t limit_ms, void (*on_drained)(void *arg), void *arg)
{
    MUST(on_drained != NULL);
    if (w->draining)
        return;
    w->draining = true;
    w->on_drained = on_drained;
    w->on_drained_arg = arg;
    w->takes_in = true;
    w->drain_jitter_ms =
        limit_ms / 2 < LIMIT_DRAIN_JITTER_MS ? limit_ms / 2 : LIMIT_DRAIN_JITTER_MS;
    spread_stop(&w->spread);
    acceptor_leave_all(w, NULL);
    loop_timer_in(w->loop, &w->drain_timer, limit_ms);
    loop_defer(w->loop, &w->drain_work);
}
