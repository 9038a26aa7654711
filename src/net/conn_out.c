#include "base/fsm.h"
#include "net/conn_int.h"

static const struct fsm_state sending_states[SENDING_STATES] = {
    [SENDING_ON] = {"ON", FSM_TO(SENDING_LAST) | FSM_TO(SENDING_BROKEN)},
    [SENDING_LAST] = {"LAST", FSM_TO(SENDING_ENDED) | FSM_TO(SENDING_BROKEN)},
    [SENDING_ENDED] = {"ENDED", FSM_TO(SENDING_BROKEN)},
    [SENDING_BROKEN] = {"BROKEN", FSM_TO(SENDING_BROKEN)},
};
static const struct fsm sending_fsm = {"conn sending", sending_states, SENDING_STATES};

void conn_set_sending(struct conn *c, enum conn_sending next, const char *why)
{
    fsm_move(&sending_fsm, &c->sending, next, (uint64_t)(uintptr_t)c, why);
}

static inline struct outv *claim(struct conn *c, size_t own_bytes, unsigned pieces)
{
    struct conn_shared *s = c->shared;

    if (s->outv_owner != c) {
        if (s->outv_owner != NULL)
            conn_end_output(s->outv_owner);
        conn_send_held(c);
        s->outv_owner = c;
    } else if (!outv_has_room(&s->outv, own_bytes, pieces)) {
        conn_flush(c);
        s->outv_owner = c;
    }
    return &s->outv;
}

struct outv *conn_claim(struct conn *c, size_t own_bytes, unsigned pieces)
{
    return claim(c, own_bytes, pieces);
}

void conn_send_prologue(struct conn *c, struct span bytes)
{
    if (c->state == CONN_TLS)
        conn_tls_send_clear(c, bytes);
    else if (conn_can_send(c))
        outv_add(claim(c, bytes.len, 1), bytes);
}

void conn_stream_send_head(struct conn *c, struct codec_stream *st, const struct msg *m)
{
    if (!conn_can_send(c))
        return;
    size_t room = c->codec->ops->head_room(c->codec, m);
    codec_send_head(c->codec, st, m, claim(c, room, CODEC_BODY_PIECES));
}

void conn_stream_send_body(struct conn *c, struct codec_stream *st, struct span data,
                           uint64_t chunk_bytes)
{
    if (!conn_can_send(c))
        return;
    codec_send_body(c->codec, st, data, chunk_bytes,
                    claim(c, CODEC_BODY_OWN_BYTES, CODEC_BODY_PIECES));
}

void conn_stream_send_end(struct conn *c, struct codec_stream *st, const struct msg *trailers)
{
    size_t room = CODEC_BODY_OWN_BYTES;

    if (!conn_can_send(c))
        return;
    if (trailers != NULL)
        room += c->codec->ops->head_room(c->codec, trailers);
    codec_send_end(c->codec, st, trailers, claim(c, room, CODEC_BODY_PIECES));
}

int conn_queue(struct conn *c, struct span s)
{
    return bufq_push(&c->out, c->shared->store, s, CONN_OUT_MAX_BYTES);
}

static int queue_rest(struct conn *c, const struct iovec *iov, unsigned n, size_t taken)
{
    for (unsigned i = 0; i < n; i++) {
        struct span piece = span_from(iov[i].iov_base, iov[i].iov_len);

        if (taken >= piece.len) {
            taken -= piece.len;
            continue;
        }
        int rc = conn_queue(c, span_skip(piece, taken));
        if (rc < 0)
            return rc;
        taken = 0;
    }
    return 0;
}

void conn_set_congested(struct conn *c)
{
    if (c->flags & CONN_CONGESTED)
        return;
    c->flags |= CONN_CONGESTED;
    conn_look(c);
    if (c->state == CONN_OPEN && c->ops->on_congested != NULL)
        c->ops->on_congested(c);
}

static inline int push_out(struct conn *c, const struct iovec *iov, unsigned n, size_t bytes)
{
    int64_t taken = 0;

    if (bufq_len(&c->out) == 0) {
        taken = sock_send(&c->sock, iov, n);
        if (taken < 0)
            return (int)taken;
        if (taken > 0)
            c->flags |= CONN_SENT;
        if ((size_t)taken == bytes)
            return 0;
    }
    int rc = queue_rest(c, iov, n, (size_t)taken);
    if (rc == 0)
        conn_set_congested(c);
    return rc;
}

int conn_push_out(struct conn *c, const struct iovec *iov, unsigned n, size_t bytes)
{
    return push_out(c, iov, n, bytes);
}

static void finish_shut(struct conn *c)
{
    if (c->tls != NULL && !conn_tls_end(c))
        return; /* again when that has gone out */
    conn_set_sending(c, SENDING_ENDED, "all sent");
    sock_shutdown(&c->sock);
}

void conn_shut(struct conn *c)
{
    if (!conn_can_send(c))
        return;
    conn_set_sending(c, SENDING_LAST, "shut");
    if (!conn_has_output(c))
        finish_shut(c);
}

void conn_send_out(struct conn *c, const struct iovec *iov, unsigned n, size_t bytes)
{
    int rc = 0;

    const bool is_last =
        (c->state == CONN_FLUSHING && !(c->flags & CONN_RESETS)) || c->sending == SENDING_LAST;

    MUST(!c->held);
    if (is_last)
        sock_fin_follows(&c->sock);
    if (bytes > 0 && !conn_is_broken(c))
        rc = c->tls != NULL ? conn_tls_send(c, iov, n, is_last) : push_out(c, iov, n, bytes);
    if (rc < 0)
        conn_break(c, rc);
    else if (c->state == CONN_FLUSHING && bufq_len(&c->out) == 0)
        conn_finish_flush(c);
    else if (c->sending == SENDING_LAST && c->state == CONN_OPEN && bufq_len(&c->out) == 0)
        finish_shut(c);
}

void conn_flush(struct conn *c)
{
    struct outv *o = &c->shared->outv;

    conn_send_held(c);
    if (c->shared->outv_owner != c)
        return;
    c->shared->outv_owner = NULL;
    conn_send_out(c, o->iov, o->n, o->bytes);
    outv_clear(o);
}

void conn_end_output(struct conn *c)
{
    if (!conn_hold(c))
        conn_flush(c);
}

static void tell_progress(struct conn *c)
{
    conn_look(c);
    if (c->state == CONN_FLUSHING)
        conn_time_flush(c);
    else if (c->state == CONN_OPEN && c->ops->on_progress != NULL)
        c->ops->on_progress(c);
}

/* Room again: the queue first; the source goes on only when it is empty. */
void conn_on_send(struct sock *s, int error)
{
    struct conn *c = conn_from_sock(s);
    struct span left = bufq_peek(&c->out);
    struct iovec iov = {(void *)left.ptr, left.len};
    int64_t taken;

    if (error == 0 && left.len > 0) {
        taken = sock_send(s, &iov, 1);
        error = taken < 0 ? (int)taken : 0;
        if (taken > 0) {
            c->flags |= CONN_SENT;
            bufq_drop(&c->out, c->shared->store, (size_t)taken);
        }
    }
    if (error < 0) {
        conn_break(c, error);
        return;
    }
    if (bufq_len(&c->out) > 0) {
        tell_progress(c);
        return;
    }
    c->flags &= (uint8_t)~CONN_CONGESTED;
    if (c->state == CONN_FLUSHING) {
        conn_finish_flush(c);
        return;
    }
    if (c->sending == SENDING_LAST)
        finish_shut(c);
    conn_ask_output(c);
    if (c->state == CONN_OPEN && !conn_is_congested(c) && c->ops->on_drained != NULL)
        c->ops->on_drained(c);
}
