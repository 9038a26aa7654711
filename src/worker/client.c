#include "worker/client_int.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/fsm.h"
#include "worker/admission.h"
#include "worker/departures.h"
#include "worker/exchange.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"
#include "worker/reclaim.h"
#include "worker/trust.h"
#include "worker/worker.h"

static const struct fsm_state client_states[CLIENT_STATES] = {
    [CLIENT_IDLE] = {"IDLE",
                     FSM_TO(CLIENT_IN_HEAD) | FSM_TO(CLIENT_BUSY) | FSM_TO(CLIENT_CLOSING)},
    [CLIENT_IN_HEAD] = {"IN_HEAD", FSM_TO(CLIENT_BUSY) | FSM_TO(CLIENT_CLOSING) |
                                       FSM_TO(CLIENT_IDLE)}, /* many: it was no head */
    [CLIENT_BUSY] = {"BUSY", FSM_TO(CLIENT_IDLE) | FSM_TO(CLIENT_READS_ON) |
                                 FSM_TO(CLIENT_UNTAKEN) | FSM_TO(CLIENT_CLOSING)},
    [CLIENT_READS_ON] = {"READS_ON",
                         FSM_TO(CLIENT_IDLE) | FSM_TO(CLIENT_UNTAKEN) | FSM_TO(CLIENT_CLOSING)},
    [CLIENT_UNTAKEN] = {"UNTAKEN", FSM_TO(CLIENT_IDLE) | FSM_TO(CLIENT_CLOSING)},
    [CLIENT_CLOSING] = {"CLOSING", FSM_TO(CLIENT_CLOSING)},
};
const struct fsm client_fsm = {"client", client_states, CLIENT_STATES};

static void move(struct client *c, enum client_state next, const char *why)
{
    MUST((next == CLIENT_BUSY) == (c->stream.user != NULL));
    fsm_move(&client_fsm, &c->state, next, (uint64_t)(uintptr_t)c, why);
}

const char *client_state_name(const struct client *c)
{
    return fsm_name(&client_fsm, c->state);
}

struct worker *client_worker(const struct client *c)
{
    return (struct worker *)(void *)((char *)c->conn.shared - offsetof(struct worker, shared));
}

/* ---- what becomes of it when an exchange is over ---- */

static void next_request(struct client *c)
{
    move(c, CLIENT_IDLE, "next request");
    conn_next(&c->conn);
    conn_timer_set(&c->conn, timeouts_of(c)->client_idle_ms);
}

/* After a whole request nothing more is due from the client; otherwise, or when it could not
 * know that this is the last response, it may still be sending, and a reset would take the
 * response away from it. */
static void close_behind_response(struct client *c)
{
    bool whole = conn_is_quiet(&c->conn) && !client_is_leaving(c) && !conn_has_more(&c->conn);

    close_client(c, whole ? CONN_CLOSE_FLUSH : CONN_CLOSE_LINGER);
}

static void finish(struct client *c)
{
    if (!conn_can_reuse(&c->conn)) {
        close_behind_response(c);
    } else if (conn_is_congested(&c->conn)) {
        move(c, CLIENT_UNTAKEN, "answered");
        conn_timer_set(&c->conn, timeouts_of(c)->client_write_ms);
    } else {
        next_request(c);
    }
}

static void read_rest(struct client *c)
{
    move(c, CLIENT_READS_ON, "answered early");
    conn_timer_set(&c->conn, timeouts_of(c)->client_body_ms);
    conn_resume(&c->conn);
}

static void on_over(struct stream *st, bool reads_on)
{
    struct client *c = (struct client *)((char *)st - offsetof(struct client, stream));

    MUST(c->magic == CLIENT_MAGIC && c->state == CLIENT_BUSY);
    if (reads_on)
        read_rest(c);
    else
        finish(c);
}

static const struct exchange_owner owner = {.on_over = on_over};

/* ---- a new one ---- */

/* NULL: no memory, and the client is closed. */
static struct exchange *begin(struct client *c, enum conn_close_how else_how)
{
    struct exchange *ex = exchange_new(client_worker(c), &c->stream, &c->caller, &owner);

    if (ex != NULL)
        move(c, CLIENT_BUSY, "exchange");
    else
        close_client(c, else_how);
    return ex;
}

/* Answered without a request. */
static void reject(struct client *c, enum end end)
{
    if (client_is_many(c)) {
        client_many.reject(c, end);
        return;
    }
    struct exchange *ex = begin(c, CONN_CLOSE_NOW);
    if (ex != NULL)
        exchange_reject(ex, end);
}

/* A head that can't be read: answered by an exchange that has no request. */
static void hear_reset(struct client *c, struct event *ev)
{
    MUST(c->state == CLIENT_IDLE || c->state == CLIENT_IN_HEAD);
    if (ev->error == WERR_EOF || ev->error == WERR_RESET) /* left in the middle of a head */
        close_client(c, CONN_CLOSE_NOW);
    else if (begin(c, CONN_CLOSE_NOW) != NULL)
        stream_hear(&c->stream, ev);
}

static void hear_head(struct client *c, struct event *ev)
{
    uint32_t max = c->caller.listener->settings.bounds.requests_per_connection;

    c->caller.requests++;
    if ((max > 0 && c->caller.requests >= max) || c->departure != 0)
        conn_close_after(&c->conn);
    if (begin(c, CONN_CLOSE_RESET) != NULL)
        stream_hear(&c->stream, ev);
}

/* What comes of a request that was answered before it had ended. */
static void read_on(struct client *c, const struct event *ev)
{
    if (ev->type == EVENT_BODY) {
        stats_add(client_worker(c)->stats, STATS_client_bytes_in, ev->data.len);
    } else if (ev->type == EVENT_END) {
        conn_quiet(&c->conn);
        finish(c);
    } else {
        close_client(c, CONN_CLOSE_NOW);
    }
}

/* ---- conn_ops ---- */

static void on_event(struct conn *conn, struct event *ev)
{
    struct client *c = client_of(conn);

    if (c->state == CLIENT_BUSY)
        stream_hear(&c->stream, ev);
    else if (c->state == CLIENT_READS_ON)
        read_on(c, ev);
    else if (ev->type == EVENT_HEAD)
        hear_head(c, ev);
    else if (ev->type == EVENT_RESET)
        hear_reset(c, ev);
}

/* A head has begun, or goes on without being whole. */
static void on_unread(struct conn *conn)
{
    struct client *c = client_of(conn);
    uint32_t now_ms = (uint32_t)loop_now_ms(client_worker(c)->loop);

    if (client_is_leaving(c) || conn_is_in_prologue(conn))
        return;
    if (c->state == CLIENT_IDLE) {
        move(c, CLIENT_IN_HEAD, "a part of a head");
        c->head_from_ms = now_ms;
        conn_timer_set(conn, timeouts_of(c)->client_head_ms);
    } else if (c->state == CLIENT_IN_HEAD &&
               exchange_is_too_slow(c->caller.listener, conn_unread_bytes(conn),
                                    now_ms - c->head_from_ms)) {
        reject(c, END_CLIENT_SLOW);
    }
}

static struct conn *splice_target(struct conn *conn)
{
    return stream_splice_target(&client_of(conn)->stream);
}

static void on_gone(struct conn *conn, int error)
{
    struct client *c = client_of(conn);

    if (conn_is_in_prologue(conn) && conn_has_unread(conn))
        trust_refuse(c->caller.listener, &c->caller.peer, "PROXY header cut off");
    if (c->stream.user != NULL)
        c->stream.user->up->gone(c->stream.user);
    else
        close_client(c, client_tls_how_to_end(conn, error));
}

static void on_fin(struct conn *conn)
{
    struct stream *st = &client_of(conn)->stream;

    if (st->user != NULL)
        st->user->up->fin(st->user);
}

static void on_congested(struct conn *conn)
{
    stream_hear_congested(&client_of(conn)->stream);
}

static void on_drained(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (!stream_hear_drained(&c->stream) && c->state == CLIENT_UNTAKEN)
        next_request(c);
}

static void on_progress(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->stream.user != NULL)
        c->stream.user->up->progress(c->stream.user);
    else if (c->state == CLIENT_UNTAKEN)
        conn_timer_set(conn, timeouts_of(c)->client_write_ms);
}

/* A request, or the rest of one, that crosses our end must not meet a reset. */
static bool is_to_linger(const struct client *c)
{
    return c->state == CLIENT_READS_ON || (client_is_leaving(c) && c->caller.requests > 0);
}

static void on_timer(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->state == CLIENT_BUSY)
        return; /* its exchange has a timer of its own: this one is left from before */
    if (conn_is_in_prologue(conn))
        trust_refuse(c->caller.listener, &c->caller.peer, "no PROXY header in time");
    if (c->state == CLIENT_IN_HEAD)
        reject(c, END_HEAD_TIMEOUT);
    else if (c->state == CLIENT_UNTAKEN && conn_has_taken(conn))
        on_progress(conn);
    else
        close_client(c, is_to_linger(c) ? CONN_CLOSE_LINGER : CONN_CLOSE_NOW);
}

static uint32_t first_ms(const struct client *c)
{
    if (conn_is_in_handshake(&c->conn))
        return client_handshake_ms(c);
    return client_is_leaving(c) ? LIMIT_DRAIN_FIRST_MS : timeouts_of(c)->client_idle_ms;
}

/* Now that it is known who the client is: may it come in? To say why not, in TLS, costs more
 * than to serve others. */
static void enter(struct client *c)
{
    enum end end = admission_enter(client_worker(c), &c->caller);

    conn_timer_set(&c->conn, first_ms(c));
    if (end == END_OK)
        return;
    stats_line_add(c->caller.listener->stats, STATS_LISTENER_refused, 1);
    if (conn_is_in_handshake(&c->conn))
        close_client(c, CONN_CLOSE_NOW);
    else
        reject(c, end);
}

static uint32_t header_ms(const struct client *c)
{
    return client_is_leaving(c) ? LIMIT_DRAIN_FIRST_MS : timeouts_of(c)->client_head_ms;
}

int64_t client_on_prologue(struct conn *conn, struct span in)
{
    struct client *c = client_of(conn);
    int64_t n = trust_take_header(&c->caller, in);

    if (n < 0)
        close_client(c, CONN_CLOSE_NOW);
    else if (n > 0)
        enter(c);
    return n;
}

uint32_t client_flush_limit_ms(const struct conn *conn)
{
    return timeouts_of((const struct client *)conn)->client_write_ms;
}

void client_on_closed(struct conn *conn)
{
    struct client *c = client_of(conn);
    struct worker *w = client_worker(c);

    MUST(c->state == CLIENT_CLOSING);
    LIST_REMOVE(c, entry);
    departures_leave(w, c->departure);
    admission_leave(&c->caller);
    stats_line_add(c->caller.listener->stats, STATS_LISTENER_open, -1);
    caller_forget_local(&c->caller);
    listener_runtime_leave(c->caller.listener);
    stats_sub(w->stats, STATS_client_open, 1);
    c->magic = 0;
    slab_put(&w->clients_slab, c);
    w->on_clients(w);
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
#define OPS_OF_BOTH                                                                  \
    .on_event = on_event, .on_prologue = client_on_prologue, .on_unread = on_unread, \
    .splice_target = splice_target, .on_fin = on_fin, .on_congested = on_congested,  \
    .on_drained = on_drained, .on_progress = on_progress,                            \
    .flush_limit_ms = client_flush_limit_ms, .on_closed = client_on_closed

static const struct conn_ops client_ops = {
    OPS_OF_BOTH,
    .on_gone = on_gone,
    .on_timer = on_timer,
};

static const struct conn_ops client_tls_ops = {
    OPS_OF_BOTH,
    .tls_context = client_tls_context,
    .on_open = client_tls_on_open,
    .on_gone = tls_on_gone,
    .on_timer = tls_on_timer,
};

/* ---- from the worker ---- */

static void add_client(struct listener_runtime *l, struct client *c, const struct addr *peer)
{
    struct worker *w = l->worker;

    c->magic = CLIENT_MAGIC;
    c->state = CLIENT_IDLE;
    c->departure = 0;
    c->caller.peer = *peer;
    c->caller.listener = l;
    listener_runtime_enter(l);
    if (client_is_many(c))
        client_many.begin(c);
    else
        stream_init(&c->stream, STREAM_ONE);
    LIST_INSERT_HEAD(&w->clients, c, entry);
    reclaim_watch(w);
    stats_add(w->stats, STATS_client_connections, 1);
    stats_add(w->stats, STATS_client_open, 1);
    stats_line_add(l->stats, STATS_LISTENER_connections, 1);
    stats_line_add(l->stats, STATS_LISTENER_open, 1);
    w->on_clients(w);
}

static int accept_conn(const struct listener_runtime *l, struct client *c, struct accepted *a)
{
    struct conn_shared *shared = &l->worker->shared;

    if (!l->secure.is_on)
        return conn_accept(&c->conn, shared, &client_ops, a, CODEC_H1, &l->limits);
    return l->secure.context != NULL
               ? conn_accept_tls(&c->conn, shared, &client_tls_ops, a, CODEC_H1, &l->limits)
               : WERR_NOT_FOUND;
}

void client_accept(struct listener_runtime *l, struct accepted *a, bool has_header)
{
    struct worker *w = l->worker;

    if (has_header && !trust_may_send_header(l, accepted_peer(a)))
        return;
    struct client *c = admission_is_full(w) ? NULL : slab_get(&w->clients_slab);
    if (c == NULL) {
        stats_line_add(l->stats, STATS_LISTENER_refused, 1);
        return;
    }
    if (accept_conn(l, c, a) < 0) {
        slab_put(&w->clients_slab, c);
        return;
    }
    add_client(l, c, accepted_peer(a));
    c->departure = departures_enter(w, &c->conn.sock);
    if (l->secure.is_on)
        client_tls_begin(c);
    if (has_header) {
        conn_expect_prologue(&c->conn);
        conn_timer_set(&c->conn, header_ms(c));
    } else {
        trust_judge(&c->caller);
        enter(c);
    }
}

uint32_t client_idle_drain_ms(const struct client *c)
{
    struct worker *w = client_worker(c);
    const uint32_t all_ms = c->departure != 0 && !w->draining
                                ? departures_at(w, c->departure)->jitter_ms
                                : w->drain_jitter_ms;
    const uint32_t half_ms = all_ms / 2;

    return half_ms + (uint32_t)rand_below(&w->rand, half_ms + 1ULL);
}

void client_drain(struct client *c)
{
    MUST(client_is_leaving(c) || !c->caller.listener->is_described);
    if (client_is_many(c)) {
        client_many.drain(c);
        return;
    }
    if (c->state == CLIENT_BUSY) {
        conn_close_after(&c->conn);
    } else if (c->state == CLIENT_UNTAKEN) {
        close_client(c, CONN_CLOSE_FLUSH);
    } else if (c->caller.requests > 0 && !conn_has_unread(&c->conn)) {
        conn_timer_set(&c->conn, client_idle_drain_ms(c));
    } else {
        conn_timer_set(&c->conn, LIMIT_DRAIN_FIRST_MS);
    }
}

void client_stay(struct client *c)
{
    MUST(c->departure == 0);
    if (client_is_leaving(c) || !c->caller.listener->is_described)
        return;
    if (client_is_many(c))
        client_many.stay(c);
    else if (conn_is_in_prologue(&c->conn))
        conn_timer_set(&c->conn, header_ms(c));
    else if (c->state == CLIENT_IDLE)
        conn_timer_set(&c->conn, first_ms(c));
    else if (c->state == CLIENT_IN_HEAD)
        conn_timer_set(&c->conn, timeouts_of(c)->client_head_ms);
    else if (c->state == CLIENT_READS_ON)
        conn_timer_set(&c->conn, timeouts_of(c)->client_body_ms);
}

void client_stop(struct client *c)
{
    if (client_is_many(c))
        client_many.stop(c);
    else if (c->state != CLIENT_BUSY)
        close_client(c, CONN_CLOSE_NOW);
}
