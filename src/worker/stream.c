#include "worker/stream.h"

#include "net/conn.h"

static const struct fsm_state stream_states[STREAM_STATES] = {
    [STREAM_IDLE] = {"IDLE", FSM_TO(STREAM_HEAD) | FSM_TO(STREAM_BODY) | FSM_TO(STREAM_END) |
                                 FSM_TO(STREAM_RESET)},
    [STREAM_HEAD] = {"HEAD", FSM_TO(STREAM_HEAD) | FSM_TO(STREAM_BODY) | FSM_TO(STREAM_END) |
                                 FSM_TO(STREAM_RESET)},
    [STREAM_BODY] = {"BODY", FSM_TO(STREAM_END) | FSM_TO(STREAM_SHUT) | FSM_TO(STREAM_RESET)},
    [STREAM_TUNNEL] = {"TUNNEL", FSM_TO(STREAM_SHUT) | FSM_TO(STREAM_RESET)},
    [STREAM_END] = {"END", FSM_TO(STREAM_TUNNEL) | FSM_TO(STREAM_SHUT) | FSM_TO(STREAM_RESET)},
    [STREAM_SHUT] = {"SHUT", FSM_TO(STREAM_RESET)},
    [STREAM_RESET] = {"RESET", FSM_TO(STREAM_RESET)},
};
const struct fsm stream_fsm = {"stream", stream_states, STREAM_STATES};

void stream_init(struct stream *st, enum stream_kind kind)
{
    *st = (struct stream){.magic = STREAM_MAGIC, .kind = (uint8_t)kind};
}

/* ---- from the exchange ---- */

void stream_reset(struct stream *st, enum stream_why why)
{
    STREAM_DO(st, reset, why);
    stream_move_out(st, STREAM_RESET, "given up");
}

void stream_tunnel(struct stream *st)
{
    stream_move_in(st, STREAM_TUNNEL, "switched protocols");
    STREAM_DO(st, tunnel);
}

void stream_shut(struct stream *st)
{
    stream_move_out(st, STREAM_SHUT, "tunnel ends");
    STREAM_DO(st, shut);
}

/* ---- from the connection ---- */

struct conn *stream_splice_target(const struct stream *st)
{
    struct stream *to = st->user != NULL ? st->user->up->splices_to(st->user) : NULL;

    return to != NULL ? STREAM_DO(to, splice) : NULL;
}

/* ---- the only stream of a connection ---- */

static struct conn *conn_of(const struct stream *st)
{
    return (struct conn *)(void *)((char *)st - sizeof(struct conn));
}

static void one_send_head(struct stream *st, const struct msg *m)
{
    conn_send_head(conn_of(st), m);
}

static void one_send_body(struct stream *st, struct span data, uint64_t chunk_bytes)
{
    conn_send_body(conn_of(st), data, chunk_bytes);
}

static void one_send_end(struct stream *st, const struct msg *trailers)
{
    conn_send_end(conn_of(st), trailers);
}

static void one_reset(struct stream *st, enum stream_why why)
{
    bool is_half = stream_is_begun(st) && !stream_is_ended(st);

    if (!is_half)
        conn_close(conn_of(st), CONN_CLOSE_NOW);
    else
        conn_close(conn_of(st),
                   why == STREAM_CUT_OFF ? CONN_CLOSE_FLUSH_RESET : CONN_CLOSE_RESET);
}

static void one_pause(struct stream *st)
{
    conn_pause(conn_of(st));
}

static void one_resume(struct stream *st)
{
    conn_resume(conn_of(st));
}

static void one_close_after(struct stream *st)
{
    conn_close_after(conn_of(st));
}

static struct conn *one_splice(struct stream *st)
{
    return conn_of(st);
}

static void one_listen(struct stream *st, enum stream_listen how)
{
    struct conn *c = conn_of(st);

    switch (how) {
    case STREAM_WAIT:
        conn_wait(c);
        break;
    case STREAM_QUIET:
        conn_quiet(c);
        break;
    case STREAM_WATCH:
        conn_watch(c);
        break;
    case STREAM_WATCH_FIN:
        conn_watch_fin(c);
        break;
    }
}

static void one_flush(struct stream *st)
{
    conn_flush(conn_of(st));
}

static void one_tunnel(struct stream *st)
{
    conn_tunnel(conn_of(st));
}

static void one_shut(struct stream *st)
{
    conn_send_end(conn_of(st), NULL);
    conn_shut(conn_of(st));
}

static bool one_is_open(const struct stream *st)
{
    return conn_is_open(conn_of(st));
}

static bool one_is_broken(const struct stream *st)
{
    return conn_is_broken(conn_of(st));
}

static bool one_is_watched(const struct stream *st)
{
    return conn_is_watched(conn_of(st));
}

static bool one_has_sent(const struct stream *st)
{
    return conn_has_sent(conn_of(st));
}

static bool one_has_taken(struct stream *st)
{
    return conn_has_taken(conn_of(st));
}

static void one_look(struct stream *st)
{
    conn_look(conn_of(st));
}

static int one_local_addr(const struct stream *st, struct addr *out)
{
    return sock_local_addr(&conn_of(st)->sock, out);
}

static const struct tlsio *one_tls(const struct stream *st)
{
    return conn_of(st)->tls;
}

const struct stream_ops stream_ops_one = {
    .send_head = one_send_head,
    .send_body = one_send_body,
    .send_end = one_send_end,
    .reset = one_reset,
    .pause = one_pause,
    .resume = one_resume,
    .close_after = one_close_after,
    .splice = one_splice,
    .listen = one_listen,
    .flush = one_flush,
    .tunnel = one_tunnel,
    .shut = one_shut,
    .is_open = one_is_open,
    .is_broken = one_is_broken,
    .is_watched = one_is_watched,
    .has_sent = one_has_sent,
    .has_taken = one_has_taken,
    .look = one_look,
    .local_addr = one_local_addr,
    .tls = one_tls,
};

const struct stream_ops *const stream_ops_of[STREAM_KINDS] = {
    [STREAM_ONE] = &stream_ops_one,
    [STREAM_MANY] = &stream_ops_many,
};
