#include "worker/origin_lane.h"

#include "codec/proxy_protocol.h"
#include "worker/exchange.h"
#include "worker/limits.h"
#include "worker/origin.h"
#include "worker/rotation.h"
#include "worker/client.h"
#include "worker/worker.h"

static struct lane *lane_of(struct conn *conn)
{
    return (struct lane *)conn;
}

static struct worker *worker_of(const struct lane *lane)
{
    return lane->origin->worker;
}

static void leave_idle(struct lane *lane)
{
    if (!lane->is_idle)
        return;
    lane->is_idle = false;
    TAILQ_REMOVE(&lane->origin->idle, lane, entry);
    lane->origin->idle_n--;
    stats_sub(worker_of(lane)->stats, STATS_server_idle, 1);
}

static void discard(struct lane *lane)
{
    leave_idle(lane);
    lane->exchange = NULL;
    conn_close(&lane->conn, CONN_CLOSE_NOW);
}

static void on_open(struct conn *conn, int error)
{
    struct lane *lane = lane_of(conn);

    if (lane->exchange)
        exchange_lane_open(lane->exchange, error);
}

static void on_event(struct conn *conn, struct event *ev)
{
    struct lane *lane = lane_of(conn);

    if (lane->exchange)
        exchange_lane_event(lane->exchange, ev);
    else
        discard(lane); /* speaks without being asked */
}

static struct conn *splice_target(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    return lane->exchange ? exchange_lane_splices_to(lane->exchange) : NULL;
}

static void distrust(struct origin *o)
{
    o->distrust_ms = loop_now_ms(o->worker->loop) + LIMIT_DISTRUST_MS;
}

static void on_gone(struct conn *conn, int error)
{
    struct lane *lane = lane_of(conn);

    if (lane->exchange) {
        exchange_lane_gone(lane->exchange, error);
        return;
    }
    if (lane->is_idle &&
        loop_now_ms(worker_of(lane)->loop) < lane->idle_from_ms + LIMIT_SUDDEN_MS)
        distrust(lane->origin);
    discard(lane);
}

static void on_congested(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    if (lane->exchange)
        exchange_lane_congested(lane->exchange);
}

static void on_drained(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    if (lane->exchange)
        exchange_lane_drained(lane->exchange);
}

static void on_progress(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    if (lane->exchange)
        exchange_lane_progress(lane->exchange);
}

static void on_timer(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    /* Set when it became idle; a lane that is busy again has the exchange's time-outs. */
    if (lane->is_idle)
        discard(lane);
}

/* Only the end of a tunnel is flushed. */
static uint32_t flush_limit_ms(const struct conn *conn)
{
    return worker_pool(worker_of((const struct lane *)conn))->timeouts.idle_ms;
}

static void on_closed(struct conn *conn)
{
    struct lane *lane = lane_of(conn);
    struct origin *o = lane->origin;

    MUST(!lane->exchange && !lane->is_idle);
    o->lane_n--;
    slab_put(&o->worker->lanes_slab, lane);
    origin_check_done(o);
}

static const struct conn_ops lane_ops = {
    .on_open = on_open,
    .on_event = on_event,
    .splice_target = splice_target,
    .on_gone = on_gone,
    .on_congested = on_congested,
    .on_drained = on_drained,
    .on_progress = on_progress,
    .on_timer = on_timer,
    .flush_limit_ms = flush_limit_ms,
    .on_closed = on_closed,
};

static struct lane *connect_new(struct origin *o, struct addr_tries *tries, int *error)
{
    struct worker *w = o->worker;
    struct lane *lane = slab_get(&w->lanes_slab);

    if (!lane) {
        *error = WERR_NOMEM;
        return NULL;
    }
    lane->addr = *addr_set_pick(o->addrs, tries, loop_now_ms(w->loop));
    lane->addr_version = o->addrs->version;
    *error = conn_connect(&lane->conn, &w->shared, &lane_ops, &lane->addr, &w->response_limits);
    if (*error < 0) {
        slab_put(&w->lanes_slab, lane);
        return NULL;
    }
    lane->origin = o;
    lane->keep_ms = UINT32_MAX;
    o->lane_n++;
    stats_add(w->stats, STATS_server_connections, 1);
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_connections, 1);
    return lane;
}

/* Not one whose end came in the same moment as the request. */
static struct lane *find_quiet(const struct origin *o)
{
    struct lane *lane;

    TAILQ_FOREACH (lane, &o->idle, entry)
        if (!conn_is_signalled(&lane->conn))
            return lane;
    return NULL;
}

/* A server that closes connections without a word does so right behind an answer, or when the
 * next request comes. One that was seen doing so gets nothing on an idle lane that must not be
 * sent twice; one that has shown that it keeps its connections gets it on any. As long as it
 * has shown neither, the lane must have been idle for a moment, so that its end would have been
 * heard. */
static struct lane *find_safe(const struct origin *o)
{
    uint64_t now_ms = loop_now_ms(o->worker->loop);
    struct lane *oldest = TAILQ_LAST(&o->idle, lane_list);

    if (now_ms < o->distrust_ms)
        return NULL;
    if (o->is_proven)
        return find_quiet(o);
    if (!oldest || now_ms < oldest->idle_from_ms + LIMIT_SETTLED_MS)
        return NULL;
    return conn_is_signalled(&oldest->conn) ? NULL : oldest;
}

static struct lane *find_idle(const struct origin *o, enum lane_choice choice)
{
    switch (choice) {
    case LANE_ANY:
        return find_quiet(o);
    case LANE_SAFE:
        return find_safe(o);
    case LANE_NEW:
        break;
    }
    return NULL;
}

struct lane *lane_take(struct origin *o, struct exchange *ex, enum lane_choice choice,
                       int *error)
{
    struct lane *lane = find_idle(o, choice);

    if (lane)
        leave_idle(lane);
    else
        lane = connect_new(o, &ex->tries, error);
    if (!lane)
        return NULL;
    lane->exchange = ex;
    lane->conn.sock.recv_max = o->sends_large ? LIMIT_LARGE_FIRST_BYTES : 0;
    if (++lane->exchanges == LIMIT_PROVEN_N)
        o->is_proven = true;
    return lane;
}

void lane_note_open(const struct lane *lane)
{
    if (!lane_is_reused(lane))
        addr_set_note_works(lane->origin->addrs, &lane->addr);
}

void lane_tell_client(struct lane *lane, const struct client *c)
{
    struct proxy_header h = {.client = c->peer};
    char buf[PROXY_WRITE_MAX_BYTES];

    if (lane->origin->proxy_protocol == 0 || lane_is_reused(lane))
        return;
    if (c->local)
        h.local = *c->local;
    if (h.local.family == 0 && sock_local_addr(&c->conn.sock, &h.local) < 0)
        h.local = (struct addr){.family = h.client.family}; /* better than no client */
    lane->is_personal = true;
    conn_send_prologue(&lane->conn, span_from(buf, proxy_header_write(buf, &h)));
}

static void note_keep_alive(struct lane *lane, const struct msg *m)
{
    enum { SECOND_MS = 1000, LONG_S = 86400 };

    if (!(m->flags & MSG_HAS_KEEP_ALIVE))
        return;
    if (m->keep_alive_s > LONG_S)
        lane->keep_ms = UINT32_MAX;
    else
        lane->keep_ms = m->keep_alive_s > 0 ? (m->keep_alive_s - 1) * SECOND_MS : 0;
}

void lane_note_head(struct lane *lane, const struct msg *m)
{
    lane->origin->sends_large =
        m->body == MSG_BODY_LENGTH && m->content_length >= LIMIT_LARGE_ANSWER_BYTES;
    lane->conn.sock.recv_max = 0;
    note_keep_alive(lane, m);
}

void lane_note_stale(const struct lane *lane)
{
    if (lane_is_reused(lane))
        distrust(lane->origin);
}

/* How long it may be idle; 0: not at all. */
static uint32_t idle_limit_ms(const struct lane *lane)
{
    uint32_t idle_ms = worker_pool(worker_of(lane))->timeouts.idle_ms;

    return lane->keep_ms < idle_ms ? lane->keep_ms : idle_ms;
}

/* Does its server still have its address? */
static bool has_place(struct lane *lane)
{
    const struct addr_set *set = lane->origin->addrs;

    if (lane->addr_version == set->version)
        return true;
    if (!addr_set_keeps(set, &lane->addr))
        return false;
    lane->addr_version = set->version;
    return true;
}

/* Behind its answer a server has nothing to say: to the next request it would be the answer. An
 * end that is there already has come suddenly. */
static bool is_silent(struct lane *lane)
{
    if (!conn_has_more(&lane->conn))
        return true;
    distrust(lane->origin);
    return false;
}

/* A server may answer before it has read the request. What it has not taken of that would stand
 * in front of the next one. */
static bool has_sent_all(struct lane *lane)
{
    conn_flush(&lane->conn);
    return !conn_is_congested(&lane->conn);
}

void lane_release(struct lane *lane, bool reuse)
{
    struct origin *o = lane->origin;
    struct worker *w = o->worker;

    lane->exchange = NULL;
    if (!reuse || lane->is_personal || o->proxy_protocol != 0 || !rotation_keeps_lanes(o) ||
        w->draining || o->idle_n >= LIMIT_IDLE_LANES || idle_limit_ms(lane) == 0 ||
        !has_place(lane) || !has_sent_all(lane) || !conn_can_reuse(&lane->conn) ||
        !is_silent(lane)) {
        conn_close(&lane->conn, CONN_CLOSE_NOW);
        return;
    }
    lane->is_idle = true;
    lane->idle_from_ms = loop_now_ms(w->loop);
    TAILQ_INSERT_HEAD(&o->idle, lane, entry);
    o->idle_n++;
    stats_add(w->stats, STATS_server_idle, 1);
    conn_next(&lane->conn);
    conn_timer_set(&lane->conn, idle_limit_ms(lane));
}

void lane_end_tunnel(struct lane *lane, bool well)
{
    lane->exchange = NULL;
    conn_close(&lane->conn, well ? CONN_CLOSE_FLUSH : CONN_CLOSE_RESET);
}

void lane_close_idle(struct origin *o)
{
    struct lane *lane;

    while ((lane = TAILQ_FIRST(&o->idle)))
        discard(lane);
}

void lane_close_gone(struct origin *o)
{
    struct lane *lane, *next;

    for (lane = TAILQ_FIRST(&o->idle); lane; lane = next) {
        next = TAILQ_NEXT(lane, entry);
        if (!has_place(lane))
            discard(lane);
    }
}
