#include "worker/lane.h"

#include "worker/limits.h"
#include "worker/origin.h"
#include "worker/origin_conn.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

static struct lane *lane_of(struct conn *conn)
{
    struct lane *lane = &((struct origin_conn *)conn)->lane;

    MUST(lane->magic == LANE_MAGIC);
    return lane;
}

static struct origin *origin_of(const struct lane *lane)
{
    return origin_conn_of(lane)->origin;
}

/* ---- states ---- */

static void count_idle(struct origin *o, int by)
{
    MUST(o->lanes.idle_n > 0 || by > 0);
    o->lanes.idle_n += (uint32_t)by;
    stats_add(o->worker->stats, STATS_server_idle, (uint64_t)(int64_t)by);
}

/* The one setter of a lane's state. Both states are known where it is called, so that it is a
 * dozen instructions there. */
static inline void move(struct lane *lane, enum lane_state from, enum lane_state next)
{
    struct origin *o = origin_conn_of(lane)->origin;

    MUST(lane->state == from && from != LANE_CLOSING);
    TAILQ_REMOVE(&o->lanes.in[from], lane, entry);
    TAILQ_INSERT_HEAD(&o->lanes.in[next], lane, entry);
    lane->state = (uint8_t)next;
    if (from == LANE_IDLE)
        count_idle(o, -1);
    else if (next == LANE_IDLE)
        count_idle(o, 1);
}

static void close_lane(struct lane *lane, enum conn_close_how how)
{
    MUST(lane->stream.user == NULL);
    if (lane->state != LANE_CLOSING)
        move(lane, lane->state, LANE_CLOSING);
    conn_close(&origin_conn_of(lane)->conn, how);
}

/* ---- conn_ops ---- */

static void on_open(struct conn *conn, int error)
{
    struct lane *lane = lane_of(conn);

    MUST(lane->state == LANE_CONNECTING && lane->stream.user != NULL);
    error = origin_conn_note_tls(origin_conn_of(lane), error);
    if (error == 0)
        move(lane, LANE_CONNECTING, LANE_BUSY);
    lane->stream.user->up->open(lane->stream.user, error);
}

static struct conn *splice_target(struct conn *conn)
{
    return stream_splice_target(&lane_of(conn)->stream);
}

static bool is_sudden(const struct lane *lane)
{
    uint64_t now_ms = loop_now_ms(origin_of(lane)->worker->loop);

    return lane->state == LANE_IDLE &&
           now_ms < origin_conn_of(lane)->idle_from_ms + LIMIT_SUDDEN_MS;
}

/* It has ended, or speaks without being asked. */
static void end_unused(struct lane *lane)
{
    if (is_sudden(lane))
        origin_conn_distrust(origin_conn_of(lane));
    close_lane(lane, CONN_CLOSE_NOW);
}

static void on_event(struct conn *conn, struct event *ev)
{
    struct lane *lane = lane_of(conn);

    if (lane->state == LANE_BUSY)
        stream_hear(&lane->stream, ev);
    else
        end_unused(lane);
}

static void on_gone(struct conn *conn, int error)
{
    struct lane *lane = lane_of(conn);

    (void)error;
    if (lane->stream.user != NULL) {
        lane->stream.user->up->gone(lane->stream.user);
        return;
    }
    end_unused(lane);
}

static void on_congested(struct conn *conn)
{
    stream_hear_congested(&lane_of(conn)->stream);
}

static void on_drained(struct conn *conn)
{
    (void)stream_hear_drained(&lane_of(conn)->stream);
}

static void on_progress(struct conn *conn)
{
    struct stream *st = &lane_of(conn)->stream;

    if (st->user != NULL)
        st->user->up->progress(st->user);
}

/* Set when it became idle; a lane that is busy again has the exchange's time-outs. */
static void on_timer(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    if (lane->state == LANE_IDLE)
        close_lane(lane, CONN_CLOSE_NOW);
}

/* Only the end of a tunnel is flushed. */
static uint32_t flush_limit_ms(const struct conn *conn)
{
    const struct origin_conn *oc = (const struct origin_conn *)conn;

    return oc->origin->pool->settings.timeouts.idle_ms;
}

static void on_closed(struct conn *conn)
{
    struct lane *lane = lane_of(conn);
    struct origin_conn *oc = origin_conn_of(lane);

    MUST(lane->stream.user == NULL && lane->state == LANE_CLOSING);
    TAILQ_REMOVE(&oc->origin->lanes.in[LANE_CLOSING], lane, entry);
    oc->origin->lanes.n--;
    lane->magic = 0;
    origin_conn_free(oc);
}

static struct tlsio_context *tls_context(struct conn *conn)
{
    struct lane *lane = lane_of(conn);

    lane->stream.user->up->connected(lane->stream.user);
    return origin_conn_tls_context(origin_conn_of(lane));
}

static void tls_peer(struct conn *conn, struct tlsio_peer_name *peer)
{
    origin_conn_tls_peer(origin_conn_of(lane_of(conn)), peer);
}

static const struct conn_ops lane_conn_ops = {
    .on_open = on_open,
    .tls_context = tls_context,
    .tls_peer = tls_peer,
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

/* ---- choosing one ---- */

static bool is_quiet(const struct lane *lane)
{
    return !conn_is_signalled(&origin_conn_of(lane)->conn);
}

/* Not one whose end came in the same moment as the request. */
static struct lane *find_quiet(const struct origin *o)
{
    struct lane *lane;

    TAILQ_FOREACH (lane, &o->lanes.in[LANE_IDLE], entry)
        if (is_quiet(lane))
            return lane;
    return NULL;
}

/* A server that closes connections without a word does so right behind a response, or when the
 * next request comes. One that was seen doing so gets nothing on an idle lane that must not be
 * sent twice; one that has shown that it keeps its connections gets it on any. As long as it
 * has shown neither, the lane must have been idle for a moment, so that its end would have been
 * heard. */
static struct lane *find_safe(const struct origin *o)
{
    uint64_t now_ms = loop_now_ms(o->worker->loop);
    struct lane *oldest = TAILQ_LAST(&o->lanes.in[LANE_IDLE], lane_list);

    if (now_ms < o->distrust_ms)
        return NULL;
    if (o->is_proven)
        return find_quiet(o);
    if (oldest == NULL || now_ms < origin_conn_of(oldest)->idle_from_ms + LIMIT_SETTLED_MS)
        return NULL;
    return is_quiet(oldest) ? oldest : NULL;
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

static struct lane *add(struct origin *o, struct addr_tries *tries, int *error)
{
    struct origin_conn *oc = origin_conn_open(o, tries, &lane_conn_ops, error);

    if (oc == NULL)
        return NULL;
    oc->lane.magic = LANE_MAGIC;
    oc->lane.state = oc->conn.state == CONN_OPEN ? LANE_BUSY : LANE_CONNECTING;
    stream_init(&oc->lane.stream, STREAM_ONE);
    TAILQ_INSERT_HEAD(&o->lanes.in[oc->lane.state], &oc->lane, entry);
    o->lanes.n++;
    return &oc->lane;
}

/* Where no idle lane is good enough for what must not be sent twice, each such request leaves
 * one more: the one that has been idle for longest goes for it. */
static void make_room(struct origin *o)
{
    struct lane *oldest = TAILQ_LAST(&o->lanes.in[LANE_IDLE], lane_list);

    if (oldest != NULL && loop_now_ms(o->worker->loop) < o->distrust_ms)
        close_lane(oldest, CONN_CLOSE_NOW);
}

struct lane *lane_take(struct origin *o, struct stream_user *user, struct addr_tries *tries,
                       enum lane_choice choice, int *error)
{
    struct lane *lane = find_idle(o, choice);

    if (lane != NULL) {
        move(lane, LANE_IDLE, LANE_BUSY);
    } else {
        make_room(o);
        lane = add(o, tries, error);
    }
    if (lane == NULL)
        return NULL;
    stream_take(&lane->stream, user);
    origin_conn_count(origin_conn_of(lane));
    return lane;
}

/* ---- in use ---- */

bool lane_is_reused(const struct lane *lane)
{
    return origin_conn_of(lane)->exchanges > 1;
}

const char *lane_tls_word(const struct lane *lane)
{
    return origin_conn_tls_word(origin_conn_of(lane));
}

void lane_note_open(const struct lane *lane)
{
    MUST(lane->state == LANE_BUSY);
    if (!lane_is_reused(lane))
        addr_set_note_works(origin_of(lane)->addrs, &origin_conn_of(lane)->addr);
}

void lane_tell_caller(struct lane *lane, const struct caller *caller, const struct stream *from)
{
    origin_conn_tell_caller(origin_conn_of(lane), caller, from);
}

void lane_note_head(struct lane *lane, const struct msg *m)
{
    MUST(lane->state == LANE_BUSY);
    origin_conn_note_head(origin_conn_of(lane), m);
}

void lane_note_stale(const struct lane *lane)
{
    if (lane_is_reused(lane))
        origin_conn_distrust(origin_conn_of(lane));
}

/* ---- and after it ---- */

static void become_idle(struct lane *lane)
{
    struct origin_conn *oc = origin_conn_of(lane);

    MUST(lane->state == LANE_BUSY);
    oc->idle_from_ms = loop_now_ms(oc->origin->worker->loop);
    move(lane, LANE_BUSY, LANE_IDLE);
    conn_next(&oc->conn);
    conn_timer_set(&oc->conn, origin_conn_idle_ms(oc));
}

void lane_release(struct lane *lane, bool reuse)
{
    stream_leave(&lane->stream);
    if (reuse && origin_of(lane)->lanes.idle_n < LIMIT_IDLE_LANES &&
        origin_conn_can_reuse(origin_conn_of(lane)))
        become_idle(lane);
    else
        close_lane(lane, CONN_CLOSE_NOW);
}

void lane_end_tunnel(struct lane *lane)
{
    stream_leave(&lane->stream);
    close_lane(lane, CONN_CLOSE_FLUSH);
}

void lane_break_tunnel(struct lane *lane, enum stream_why why)
{
    stream_leave(&lane->stream);
    close_lane(lane, why == STREAM_CUT_OFF ? CONN_CLOSE_FLUSH_RESET : CONN_CLOSE_RESET);
}

void lanes_close_idle(struct origin *o)
{
    struct lane *lane;

    while ((lane = TAILQ_FIRST(&o->lanes.in[LANE_IDLE])) != NULL)
        close_lane(lane, CONN_CLOSE_NOW);
}

void lanes_close_gone(struct origin *o)
{
    struct lane *lane, *next;

    for (lane = TAILQ_FIRST(&o->lanes.in[LANE_IDLE]); lane != NULL; lane = next) {
        next = TAILQ_NEXT(lane, entry);
        if (!origin_conn_has_place(origin_conn_of(lane)))
            close_lane(lane, CONN_CLOSE_NOW);
    }
}

static void cut_those(struct lane_list *list)
{
    struct lane *lane, *next;

    for (lane = TAILQ_FIRST(list); lane != NULL; lane = next) {
        next = TAILQ_NEXT(lane, entry);
        MUST(lane->stream.user != NULL);
        lane->stream.user->up->cut(lane->stream.user);
    }
    MUST(TAILQ_EMPTY(list)); /* nobody goes on here */
}

void lanes_cut(struct origin *o)
{
    cut_those(&o->lanes.in[LANE_CONNECTING]);
    cut_those(&o->lanes.in[LANE_BUSY]);
}
