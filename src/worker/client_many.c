/* A client whose connection carries many streams: each has an exchange of its own, and what
 * becomes of one is nothing to the others. */
#include "worker/admission.h"
#include "worker/client_int.h"
#include "worker/exchange.h"
#include "worker/limits.h"
#include "worker/trust.h"
#include "worker/worker.h"

static struct client *client_with(struct streams *all)
{
    return client_of((struct conn *)(void *)((char *)all - offsetof(struct client, many)));
}

static void move(struct client *c, enum client_state next, const char *why)
{
    MUST((next == CLIENT_BUSY) == (c->many.n > 0));
    fsm_move(&client_fsm, &c->state, next, (uint64_t)(uintptr_t)c, why);
}

/* A connection on which no stream may begin any more. */
static bool is_leaving(const struct client *c)
{
    return client_is_leaving(c) || !c->caller.listener->is_described;
}

/* Requests that cross our end must not meet a reset; those that were not begun are named. */
static void say_goodbye(struct client *c)
{
    conn_close_after(&c->conn);
    close_client(c, CONN_CLOSE_LINGER);
}

/* ---- without a stream ---- */

/* What was said before may not be taken yet. */
static void time_idle(struct client *c)
{
    conn_timer_set(&c->conn, conn_is_congested(&c->conn) ? timeouts_of(c)->client_write_ms
                                                         : timeouts_of(c)->client_idle_ms);
}

static void become_idle(struct client *c)
{
    if (!conn_can_reuse(&c->conn) || is_leaving(c)) {
        say_goodbye(c);
        return;
    }
    move(c, CLIENT_IDLE, "no stream is left");
    time_idle(c);
}

static void on_stream_freed(struct streams *all)
{
    if (all->n == 0)
        become_idle(client_with(all));
}

/* There is no stream to answer on. */
static void reject(struct client *c, enum end end)
{
    (void)end;
    say_goodbye(c);
}

/* ---- a new stream ---- */

static void on_over(struct stream *st, bool reads_on)
{
    struct stream_many *sm = stream_many_from(st);

    (void)reads_on; /* a stream that is given up costs nobody his connection */
    stream_many_end(sm, timeouts_of(client_with(sm->of))->client_write_ms);
}

static const struct exchange_owner owner = {.on_over = on_over};

/* Beside others it is as a newcomer is. */
static bool may_begin(const struct client *c)
{
    struct worker *w = client_worker(c);

    return c->many.n == 0 || !worker_queues_are_full(w) || exchange_make_room(w);
}

/* NULL: no memory. */
static struct stream_many *begin_stream(struct client *c, struct codec_stream *codec)
{
    struct worker *w = client_worker(c);
    struct stream_many *sm =
        stream_many_new(&w->streams, &c->many, &c->conn, codec, on_stream_freed);

    if (sm == NULL)
        return NULL;
    if (c->state != CLIENT_BUSY) {
        move(c, CLIENT_BUSY, "a stream");
        conn_timer_stop(&c->conn);
    }
    if (exchange_new(w, &sm->stream, &c->caller, &owner) != NULL)
        return sm;
    sm->why = CODEC_REFUSED;
    stream_many_end(sm, 0);
    return NULL;
}

/* Its first event: a head, or that it can't be read. */
static void hear_first(struct client *c, struct event *ev)
{
    const uint32_t max = c->caller.listener->settings.bounds.requests_per_connection;

    if (!may_begin(c)) {
        stats_line_add(c->caller.listener->stats, STATS_LISTENER_refused, 1);
        conn_stream_reset(&c->conn, ev->stream, CODEC_REFUSED);
        return;
    }
    c->caller.requests++;
    if ((max > 0 && c->caller.requests >= max) || is_leaving(c))
        conn_close_after(&c->conn);
    if (ev->msg != NULL)
        ev->msg->flags &= (uint16_t)~MSG_UPGRADE; /* RFC 9113 section 8.6 */
    struct stream_many *sm = begin_stream(c, ev->stream);
    if (sm != NULL)
        stream_many_hear(sm, ev);
}

/* ---- conn_ops ---- */

static void on_event(struct conn *conn, struct event *ev)
{
    struct client *c = client_of(conn);

    if (ev->stream == NULL) {
        streams_lose(&c->many);
        close_client(c, CONN_CLOSE_LINGER);
    } else if (ev->stream->user == NULL) {
        hear_first(c, ev);
    } else {
        stream_many_hear(stream_many_of(ev->stream), ev);
    }
}

/* While a stream is there, nobody is late with the next. */
static void on_unread(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->state != CLIENT_IDLE || client_is_leaving(c) || conn_is_in_prologue(conn))
        return;
    move(c, CLIENT_IN_HEAD, "a part of a head");
    conn_timer_set(conn, timeouts_of(c)->client_head_ms);
}

static void on_gone(struct conn *conn, int error)
{
    struct client *c = client_of(conn);

    if (conn_is_in_prologue(conn) && conn_has_unread(conn))
        trust_refuse(c->caller.listener, &c->caller.peer, "PROXY header cut off");
    streams_lose(&c->many);
    close_client(c, client_tls_how_to_end(conn, error));
}

static void on_congested(struct conn *conn)
{
    streams_hear_congested(&client_of(conn)->many);
}

static void on_drained(struct conn *conn)
{
    struct client *c = client_of(conn);

    streams_hear_drained(&c->many);
    if (c->state == CLIENT_IDLE && !is_leaving(c))
        time_idle(c);
}

static void on_progress(struct conn *conn)
{
    struct client *c = client_of(conn);

    streams_hear_progress(&c->many);
    if (c->state == CLIENT_IDLE && !is_leaving(c))
        time_idle(c);
}

static void on_flow(struct conn *conn, struct codec_stream *st, bool is_full)
{
    MUST(client_of(conn)->many.n > 0);
    stream_many_hear_flow(stream_many_of(st), is_full);
}

static void on_timer(struct conn *conn)
{
    struct client *c = client_of(conn);

    MUST(c->state != CLIENT_BUSY);
    if (conn_is_in_prologue(conn))
        trust_refuse(c->caller.listener, &c->caller.peer, "no PROXY header in time");
    if (c->state == CLIENT_IN_HEAD && !conn_has_unread(conn)) {
        move(c, CLIENT_IDLE, "it was no head");
        time_idle(c);
    } else if (conn_is_congested(conn) && conn_has_taken(conn)) {
        time_idle(c);
    } else if (conn_is_congested(conn)) {
        close_client(c, CONN_CLOSE_NOW);
    } else {
        say_goodbye(c);
    }
}

static void tls_on_gone(struct conn *conn, int error)
{
    if (!client_tls_gone(conn, error, reject))
        on_gone(conn, error);
}

static void tls_on_timer(struct conn *conn)
{
    if (!client_tls_timed_out(conn))
        on_timer(conn);
}

/* Of what is heard alike with TLS and without. */
#define OPS_OF_BOTH                                                                     \
    .on_event = on_event, .on_prologue = client_on_prologue, .on_unread = on_unread,    \
    .on_congested = on_congested, .on_drained = on_drained, .on_progress = on_progress, \
    .on_flow = on_flow, .flush_limit_ms = client_flush_limit_ms, .on_closed = client_on_closed

static const struct conn_ops many_ops = {
    OPS_OF_BOTH,
    .on_gone = on_gone,
    .on_timer = on_timer,
};

static const struct conn_ops many_tls_ops = {
    OPS_OF_BOTH,
    .tls_context = client_tls_context,
    .on_open = client_tls_on_open,
    .on_gone = tls_on_gone,
    .on_timer = tls_on_timer,
};

/* ---- from client.c ---- */

static void begin(struct client *c)
{
    streams_init(&c->many);
    c->conn.ops = conn_is_in_handshake(&c->conn) ? &many_tls_ops : &many_ops;
}

/* Those that are open go on; the peer is told that no more may follow. */
static void drain(struct client *c)
{
    if (c->state == CLIENT_BUSY)
        conn_close_after(&c->conn);
    else if (c->caller.requests > 0 && !conn_has_unread(&c->conn))
        conn_timer_set(&c->conn, client_idle_drain_ms(c));
    else
        conn_timer_set(&c->conn, LIMIT_DRAIN_FIRST_MS);
}

static void stay(struct client *c)
{
    if (conn_is_in_prologue(&c->conn) || conn_is_in_handshake(&c->conn))
        return; /* it has a second yet, and then all its time */
    if (c->state == CLIENT_IDLE)
        time_idle(c);
    else if (c->state == CLIENT_IN_HEAD)
        conn_timer_set(&c->conn, timeouts_of(c)->client_head_ms);
}

static void stop(struct client *c)
{
    streams_lose(&c->many);
    close_client(c, CONN_CLOSE_NOW);
}

const struct client_kind client_many = {
    .begin = begin, .reject = reject, .drain = drain, .stay = stay, .stop = stop};
