#include "net/conn.h"

#include "base/fsm.h"
#include "net/conn_int.h"
#include "net/tlsio.h"

static const struct fsm_state conn_states[CONN_STATES] = {
    [CONN_NEW] = {"NEW", FSM_TO(CONN_TLS) | FSM_TO(CONN_OPEN) | FSM_TO(CONN_CLOSED)},
    [CONN_TLS] = {"TLS", FSM_TO(CONN_OPEN) | FSM_TO(CONN_FLUSHING) | FSM_TO(CONN_CLOSED)},
    [CONN_OPEN] = {"OPEN", FSM_TO(CONN_FLUSHING) | FSM_TO(CONN_CLOSED)},
    [CONN_FLUSHING] = {"FLUSHING",
                       FSM_TO(CONN_LINGER) | FSM_TO(CONN_SETTLING) | FSM_TO(CONN_CLOSED)},
    [CONN_LINGER] = {"LINGER", FSM_TO(CONN_CLOSED)},
    [CONN_SETTLING] = {"SETTLING", FSM_TO(CONN_CLOSED)},
    [CONN_CLOSED] = {"CLOSED", 0},
};
static const struct fsm conn_fsm = {"conn", conn_states, CONN_STATES};

enum { OUTV_OWN_BYTES = 768 * 1024, STORE_KEEP_BYTES = 8 * 1024 * 1024 };

void conn_move(struct conn *c, enum conn_state next, const char *why)
{
    fsm_move(&conn_fsm, &c->state, next, (uint64_t)(uintptr_t)c, why);
}

const char *conn_state_name(const struct conn *c)
{
    return fsm_name(&conn_fsm, c->state);
}

/* ---- what is done after each callback ---- */

void conn_set_pending(struct conn *c)
{
    struct conn_shared *s = c->shared;

    if (c->state == CONN_SETTLING || c->pending_next != NULL)
        return;
    c->pending_next = s->pending != NULL ? s->pending : c;
    s->pending = c;
}

static struct conn *next_pending(const struct conn *c)
{
    return c->pending_next == c ? NULL : c->pending_next;
}

void conn_drop_pending(struct conn *c)
{
    struct conn *before = c->shared->pending;

    if (c->state == CONN_SETTLING || c->pending_next == NULL)
        return;
    if (before == c) {
        c->shared->pending = next_pending(c);
    } else {
        while (before != NULL && next_pending(before) != c)
            before = next_pending(before);
        MUST(before != NULL);
        before->pending_next = next_pending(c) != NULL ? c->pending_next : before;
    }
    c->pending_next = NULL;
}

/* The peer lives, but what was to be sent to it is lost here. */
static bool is_own_fault(int error)
{
    return error == WERR_NOMEM || error == WERR_TOO_BIG;
}

void conn_break(struct conn *c, int error)
{
    MUST(error < 0);
    if (c->state > CONN_OPEN && c->state < CONN_CLOSED) {
        conn_close(c, CONN_CLOSE_RESET);
        return;
    }
    conn_set_sending(c, SENDING_BROKEN, werr_word(error));
    conn_drop_held(c);
    bufq_fini(&c->out, c->shared->store);
    if (is_own_fault(error))
        conn_quiet(c); /* no end would come to be read */
    else
        sock_expect_end(&c->sock);
    conn_set_pending(c);
}

/* Is there anything of the peer's message, or its end, to be received or fed? */
static bool is_receiving(const struct conn *c)
{
    return c->state == CONN_OPEN && !conn_is_quiet(c) &&
           ((c->flags & CONN_PEER_EOF) || !(c->sock.flags & SOCK_EOF));
}

/* Whoever feeds it goes on, though in vain: else the peer's message, which is still to come,
 * might never end. */
static void end_congestion(struct conn *c)
{
    if (!(c->flags & CONN_CONGESTED))
        return;
    c->flags &= (uint8_t)~CONN_CONGESTED;
    if (c->ops->on_drained != NULL)
        c->ops->on_drained(c);
}

/* Before it was open that is a matter of the handshake. */
static void tell_gone(struct conn *c, int error)
{
    if (c->state == CONN_TLS)
        conn_tls_gone(c, error);
    else
        c->ops->on_gone(c, error);
}

static void run_pending(struct conn *c)
{
    if (!conn_is_open(c))
        return;
    if (c->state == CONN_NEW && !(c->sock.flags & SOCK_CONNECTING)) {
        conn_tls_begin_client(c); /* connected at once */
        return;
    }
    if (conn_is_broken(c) && !is_receiving(c)) {
        tell_gone(c, WERR_RESET);
        return;
    }
    if (conn_is_broken(c))
        end_congestion(c);
    conn_ask_output(c);
    if (c->state == CONN_OPEN && !conn_is_stopped(c))
        conn_feed_queue(c);
}

static void after_callback(void *arg)
{
    struct conn_shared *s = arg;

    while (s->outv_owner != NULL || s->pending != NULL) {
        struct conn *c = s->pending;

        if (s->outv_owner != NULL)
            conn_end_output(s->outv_owner);
        if (c == NULL)
            continue;
        MUST(c->magic == CONN_MAGIC);
        conn_drop_pending(c);
        run_pending(c);
    }
    conn_note_queued(s);
}

int conn_shared_init(struct conn_shared *s, struct loop *loop)
{
    int rc = outv_init(&s->outv, OUTV_OWN_BYTES);

    s->loop = loop;
    s->outv_owner = NULL;
    s->pending = NULL;
    s->store = NULL;
    s->hold = NULL;
    s->codecs = NULL;
    s->queue_budget_bytes = s->queued_bytes = 0;
    s->queued_gauge = NULL;
    s->tls = NULL;
    if (rc == 0) {
        s->store = bufq_store_new(STORE_KEEP_BYTES);
        s->hold = conn_hold_new(loop);
        s->codecs = s->store != NULL ? codec_shared_new(s->store) : NULL;
    }
    if (s->hold == NULL || s->codecs == NULL) {
        conn_shared_fini(s);
        s->loop = NULL;
        return WERR_NOMEM;
    }
    loop_set_after(loop, after_callback, s);
    return 0;
}

void conn_shared_fini(struct conn_shared *s)
{
    loop_set_after(s->loop, NULL, NULL);
    conn_hold_free(s->hold);
    conn_tls_free(s->tls);
    outv_fini(&s->outv);
    codec_shared_free(s->codecs);
    bufq_store_free(s->store);
}

/* ---- life ---- */

static void begin(struct conn *c, const char *why)
{
    MUST(c->reading == READING_ON);
    conn_move(c, CONN_OPEN, why);
    sock_recv_start(&c->sock);
}

static void on_connect(struct sock *s, int error)
{
    struct conn *c = conn_from_sock(s);

    if (error == 0)
        begin(c, "connected");
    c->ops->on_open(c, error);
    if (error < 0)
        conn_close(c, CONN_CLOSE_NOW);
}

static void on_connect_tls(struct sock *s, int error)
{
    if (error < 0)
        on_connect(s, error);
    else
        conn_tls_begin_client(conn_from_sock(s));
}

static void on_hangup(struct sock *s, int error)
{
    struct conn *c = conn_from_sock(s);

    conn_drop_held(c);
    if (conn_is_open(c))
        tell_gone(c, error);
    else
        conn_close(c, CONN_CLOSE_NOW);
}

static void on_fin(struct sock *s)
{
    struct conn *c = conn_from_sock(s);

    if (c->state == CONN_TLS)
        conn_tls_on_fin(c);
    else if (c->state == CONN_OPEN && c->reading == READING_FIN_WATCH)
        c->ops->on_fin(c);
}

static void on_closed(struct sock *s)
{
    struct conn *c = conn_from_sock(s);

    MUST(c->state == CONN_CLOSED && !c->held && c->shared->outv_owner != c);
    conn_drop_pending(c);
    bufq_fini(&c->in, c->shared->store);
    bufq_fini(&c->out, c->shared->store);
    codec_free(c->codec);
    tlsio_free(c->tls);
    c->codec = NULL;
    c->magic = 0;
    c->ops->on_closed(c);
}

static const struct sock_ops conn_sock_ops = {
    .splice_target = conn_splice_target,
    .on_spliced = conn_on_spliced,
    .on_recv = conn_on_recv,
    .on_send = conn_on_send,
    .on_connect = on_connect,
    .on_hangup = on_hangup,
    .on_fin = on_fin,
    .on_closed = on_closed,
};

/* Nothing goes past the codec there. */
static const struct sock_ops conn_tls_sock_ops = {
    .on_recv = conn_tls_on_recv,
    .on_send = conn_on_send,
    .on_connect = on_connect_tls,
    .on_hangup = on_hangup,
    .on_fin = on_fin,
    .on_closed = on_closed,
};

static void on_timer(struct timer *t)
{
    struct conn *c = (struct conn *)((char *)t - offsetof(struct conn, timer));

    MUST(c->magic == CONN_MAGIC);
    if (c->state == CONN_SETTLING)
        conn_settle(c);
    else if (c->state == CONN_FLUSHING && conn_has_taken(c))
        conn_time_flush(c);
    else if (!conn_is_open(c))
        conn_close(c, CONN_CLOSE_NOW);
    else if (c->ops->on_timer != NULL)
        c->ops->on_timer(c);
}

static int conn_init(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                     struct codec *codec)
{
    if (codec == NULL)
        return WERR_NOMEM;
    c->codec = codec;
    c->tls = NULL;
    c->codec->up = &conn_codec_ops;
    c->codec->owner = c;
    c->magic = CONN_MAGIC;
    c->state = CONN_NEW;
    c->reading = READING_ON;
    c->sending = SENDING_ON;
    c->feeding = FEEDING_IDLE;
    c->held = 0;
    c->flags = 0;
    c->shared = shared;
    c->ops = ops;
    c->pending_next = NULL;
    bufq_init(&c->in);
    bufq_init(&c->out);
    timer_init(&c->timer, on_timer);
    return 0;
}

static int take(struct conn *c, const struct conn_ops *ops, struct accepted *a,
                const struct sock_ops *sock_ops, struct codec *codec,
                struct conn_shared *shared)
{
    const int rc = conn_init(c, shared, ops, codec);

    if (rc < 0)
        return rc;
    accepted_take(a, &c->sock, sock_ops);
    sock_bound(&c->sock);
    return 0;
}

int conn_accept(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                struct accepted *a, enum codec_protocol protocol,
                const struct codec_limits *limits)
{
    const int rc = take(c, ops, a, &conn_sock_ops,
                        codec_new(shared->codecs, protocol, CODEC_SERVER, limits), shared);

    if (rc < 0)
        return rc;
    begin(c, "accepted");
    if (ops->on_open != NULL)
        ops->on_open(c, 0);
    return 0;
}

int conn_accept_tls(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                    struct accepted *a, enum codec_protocol protocol,
                    const struct codec_limits *limits)
{
    const int rc = take(c, ops, a, &conn_tls_sock_ops,
                        codec_new(shared->codecs, protocol, CODEC_SERVER, limits), shared);

    if (rc == 0)
        conn_tls_accept(c);
    return rc;
}

/* 1: connected at once; 0: on_connect comes. */
static int connect_to(struct conn *c, const struct addr *to, const struct sock_ops *sock_ops)
{
    const int rc = sock_connect(c->shared->loop, &c->sock, sock_ops, to);

    c->flags |= CONN_ASKS;
    if (rc < 0 && rc != WERR_AGAIN) {
        codec_free(c->codec);
        c->magic = 0;
        return rc;
    }
    sock_bound(&c->sock);
    return rc == 0;
}

int conn_connect(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                 const struct addr *to, enum codec_protocol protocol,
                 const struct codec_limits *limits)
{
    int rc =
        conn_init(c, shared, ops, codec_new(shared->codecs, protocol, CODEC_CLIENT, limits));

    if (rc == 0)
        rc = connect_to(c, to, &conn_sock_ops);
    if (rc == 1)
        begin(c, "connected at once");
    return rc < 0 ? rc : 0;
}

int conn_connect_tls(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                     const struct addr *to, enum codec_protocol protocol,
                     const struct codec_limits *limits)
{
    int rc =
        conn_init(c, shared, ops, codec_new(shared->codecs, protocol, CODEC_CLIENT, limits));

    if (rc == 0)
        rc = connect_to(c, to, &conn_tls_sock_ops);
    if (rc == 1)
        conn_set_pending(c); /* its owner is to know of it before it hears anything */
    return rc < 0 ? rc : 0;
}

void conn_speak_plain(struct conn *c)
{
    MUST(c->state == CONN_TLS && c->tls == NULL);
    bufq_fini(&c->in, c->shared->store);
    bufq_init(&c->in);
    c->sock.ops = &conn_sock_ops;
    conn_move(c, CONN_OPEN, "it speaks no TLS");
}

struct span conn_first_bytes(const struct conn *c)
{
    return c->tls == NULL ? bufq_peek(&c->in) : SPAN_NONE;
}

/* Whoever has sent an alert of its own gets none. */
bool conn_has_alerted(const struct conn *c)
{
    if (c->tls == NULL)
        return c->state == CONN_TLS && (c->flags & CONN_SENT) != 0;
    return tlsio_state(c->tls) == TLSIO_FAILED && tlsio_fault(c->tls).error != WERR_REFUSED;
}

static void close_sock(struct conn *c, bool abort_it, const char *why)
{
    MUST(!c->held);
    timer_stop(loop_timers(c->shared->loop), &c->timer);
    if (c->state == CONN_TLS)
        conn_tls_leave(c);
    else if (c->tls != NULL && !abort_it)
        conn_tls_say_bye(c);
    if (c->shared->outv_owner == c) {
        outv_clear(&c->shared->outv);
        c->shared->outv_owner = NULL;
    }
    if (c->state == CONN_SETTLING)
        c->pending_next = NULL;
    conn_move(c, CONN_CLOSED, why);
    sock_close(&c->sock, abort_it);
}

uint32_t conn_flush_limit_ms(const struct conn *c)
{
    return c->ops->flush_limit_ms != NULL ? c->ops->flush_limit_ms(c) : CONN_FLUSH_LIMIT_MS;
}

void conn_time_flush(struct conn *c)
{
    loop_timer_in(c->shared->loop, &c->timer, conn_flush_limit_ms(c));
}

/* A message that loses its tail must not look whole. What was lost already is nowhere to be
 * seen. */
static bool has_unsent(const struct conn *c)
{
    return conn_is_broken(c) || c->state == CONN_SETTLING || bufq_len(&c->out) > 0 ||
           (c->shared->outv_owner == c && c->shared->outv.bytes > 0);
}

void conn_close(struct conn *c, enum conn_close_how how)
{
    bool gently = how != CONN_CLOSE_NOW && how != CONN_CLOSE_RESET;

    /* What is held counts as sent. */
    if (!gently)
        conn_send_held(c);
    if (c->state == CONN_CLOSED || (gently && !conn_is_open(c)))
        return;
    if (!gently || c->state == CONN_NEW || conn_is_broken(c)) {
        close_sock(c, how == CONN_CLOSE_RESET || has_unsent(c), "closed");
        return;
    }
    if (c->state == CONN_TLS)
        conn_tls_give_up(c);
    if (how == CONN_CLOSE_LINGER)
        c->flags |= CONN_LINGERS;
    sock_recv_stop(&c->sock);
    if (how == CONN_CLOSE_FLUSH_RESET) {
        c->flags |= CONN_RESETS;
        sock_watch(&c->sock); /* nobody else would tell that the peer is gone */
    }
    conn_move(c, CONN_FLUSHING, "close when sent");
    conn_time_flush(c);
    if (!conn_has_output(c))
        conn_finish_flush(c);
}

void conn_finish_flush(struct conn *c)
{
    MUST(c->state == CONN_FLUSHING && !c->held && bufq_len(&c->out) == 0);
    if (c->flags & CONN_RESETS) {
        conn_begin_settling(c);
        return;
    }
    if (c->tls != NULL && !conn_tls_end(c))
        return; /* again when that has gone out */
    /* Unread bytes make of close a reset, which could overtake the response's end. */
    bool lingers = (c->flags & CONN_LINGERS) || sock_has_more(&c->sock);
    /* There is nothing to wait for from a peer that has ended. */
    if (!lingers || (c->sock.flags & SOCK_EOF)) {
        if (c->sock.flags & SOCK_FIN_NEXT)
            sock_shutdown(&c->sock);
        close_sock(c, false, "all sent");
        return;
    }
    conn_move(c, CONN_LINGER, "all sent");
    sock_shutdown(&c->sock);
    loop_timer_in(c->shared->loop, &c->timer, CONN_LINGER_LIMIT_MS);
    sock_recv_start(&c->sock);
}

void conn_close_after(struct conn *c)
{
    codec_close_after(c->codec);
    conn_ask_output(c);
}

/* Who has ended sends no more, but what it has asked before is there to be answered. */
static bool has_ended(const struct conn *c)
{
    return (c->flags & CONN_PEER_EOF) && ((c->flags & CONN_ASKS) || bufq_len(&c->in) == 0);
}

bool conn_can_reuse(const struct conn *c)
{
    return c->state == CONN_OPEN && !has_ended(c) && !conn_is_broken(c) &&
           codec_can_reuse(c->codec);
}

void conn_timer_set(struct conn *c, uint64_t delay_ms)
{
    if (conn_is_open(c))
        loop_timer_in(c->shared->loop, &c->timer, delay_ms);
}

void conn_timer_stop(struct conn *c)
{
    if (conn_is_open(c))
        timer_stop(loop_timers(c->shared->loop), &c->timer);
}
