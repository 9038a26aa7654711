#include "peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/tlsio.h"
#include "peer_tls.h"

/* ---- text ---- */

static void make_room(struct text *t, size_t n)
{
    if (t->cap - t->len >= n)
        return;
    t->cap = (t->len + n) * 2;
    t->ptr = realloc(t->ptr, t->cap);
    MUST(t->ptr);
}

void text_add(struct text *t, struct span s)
{
    if (s.len == 0)
        return;
    make_room(t, s.len);
    memcpy(t->ptr + t->len, s.ptr, s.len);
    t->len += s.len;
}

void text_addf(struct text *t, const char *format, ...)
{
    char line[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    MUST(n >= 0 && (size_t)n < sizeof(line));
    text_add(t, span_from(line, (size_t)n));
}

void text_free(struct text *t)
{
    free(t->ptr);
    *t = (struct text){0};
}

/* ---- sending ---- */

static void tell_end(struct peer *p, int error)
{
    if (peer_tls_is_good_end(p, error))
        p->has_fin = true;
    else
        p->has_reset = true;
    if (p->on_end)
        p->on_end(p);
}

static bool is_taken(struct peer *p)
{
    sock_look(&p->sock);
    return p->sock.unacked == 0;
}

static void end_output(struct peer *p)
{
    switch (p->then) {
    case PEER_STAYS:
        break;
    case PEER_SHUTS:
        p->then = PEER_STAYS;
        sock_shutdown(&p->sock);
        break;
    case PEER_CLOSES:
    case PEER_CUTS:
        peer_close(p, false);
        break;
    case PEER_RESETS:
        if (p->resets_late && !is_taken(p))
            loop_timer_in(p->loop, &p->send_timer, 1);
        else
            peer_close(p, true);
        break;
    }
}

bool peer_has_said_all(const struct peer *p)
{
    return p->out_at == p->out.len && p->records_at == p->records.len;
}

static void forget_output(struct peer *p)
{
    p->out_at = p->out.len;
    p->records_at = p->records.len;
}

/* What goes out next, of plain bytes or of records. In time, a piece is of plain bytes: its
 * records go together. Without gaps the records are cut into such pieces. */
static struct span next_piece(struct peer *p)
{
    struct span rest;

    if (p->tls == NULL) {
        rest = span_skip(text_span(&p->out), p->out_at);
    } else {
        peer_tls_make(p);
        rest = span_skip(text_span(&p->records), p->records_at);
        if (p->send_gap_ms > 0)
            return rest;
    }
    return p->send_piece > 0 && rest.len > p->send_piece ? span_first(rest, p->send_piece)
                                                         : rest;
}

/* False: no more for now. */
static bool send_piece(struct peer *p)
{
    const struct span piece = next_piece(p);
    const struct iovec iov = {(void *)(uintptr_t)piece.ptr, piece.len};

    if (piece.len == 0)
        return false;
    const int64_t taken = sock_send(&p->sock, &iov, 1);

    if (taken < 0) {
        forget_output(p);
        p->then = PEER_STAYS;
        tell_end(p, (int)taken);
        return false;
    }
    *(p->tls == NULL ? &p->out_at : &p->records_at) += (size_t)taken;
    if ((size_t)taken < piece.len)
        return false; /* on_send follows */
    if (p->send_gap_ms > 0)
        loop_timer_in(p->loop, &p->send_timer, p->send_gap_ms);
    return true;
}

static void pump(struct peer *p)
{
    while (sock_is_open(&p->sock) && p->is_connected && !timer_is_set(&p->send_timer) &&
           send_piece(p)) {
    }
    if (!sock_is_open(&p->sock) || !p->is_connected || !peer_has_said_all(p))
        return;
    if (p->tls != NULL && (p->then == PEER_SHUTS || p->then == PEER_CLOSES) && peer_tls_bye(p))
        pump(p);
    else
        end_output(p);
}

static void on_send(struct sock *s, int error)
{
    struct peer *p = (struct peer *)((char *)s - offsetof(struct peer, sock));

    if (error == 0)
        pump(p);
}

static void on_send_timer(struct timer *t)
{
    pump((struct peer *)((char *)t - offsetof(struct peer, send_timer)));
}

void peer_say(struct peer *p, struct span s)
{
    text_add(&p->out, s);
    pump(p);
}

void peer_say_end(struct peer *p, enum peer_then then)
{
    p->then = then;
    pump(p);
}

/* ---- receiving ---- */

static void on_recv(struct sock *s, struct span bytes, int error)
{
    struct peer *p = (struct peer *)((char *)s - offsetof(struct peer, sock));

    if (bytes.len == 0) {
        tell_end(p, error);
        return;
    }
    const size_t before = p->in.len;

    if (p->tls == NULL)
        text_add(&p->in, bytes);
    else
        peer_tls_hear(p, bytes);
    if (p->is_deaf && p->tls != NULL && tlsio_state(p->tls) != TLSIO_HANDSHAKE)
        sock_recv_stop(&p->sock);
    if (p->read_gap_ms > 0) {
        sock_recv_hold(s); /* a reset is not to take away what is there */
        loop_timer_in(p->loop, &p->read_timer, p->read_gap_ms);
    }
    if (p->on_bytes != NULL && p->in.len > before)
        p->on_bytes(p);
    if (p->tls != NULL)
        pump(p); /* what TLS replied */
}

static void on_read_timer(struct timer *t)
{
    struct peer *p = (struct peer *)((char *)t - offsetof(struct peer, read_timer));

    if (sock_is_open(&p->sock))
        sock_recv_start(&p->sock);
}

static void on_connect(struct sock *s, int error)
{
    struct peer *p = (struct peer *)((char *)s - offsetof(struct peer, sock));

    if (error < 0) {
        p->is_refused = true;
        peer_close(p, false);
        return;
    }
    p->is_connected = true;
    s->recv_max = p->read_piece;
    sock_recv_start(s);
    pump(p);
}

static void on_hangup(struct sock *s, int error)
{
    tell_end((struct peer *)((char *)s - offsetof(struct peer, sock)), error);
}

static void on_closed(struct sock *s)
{
    ((struct peer *)((char *)s - offsetof(struct peer, sock)))->is_closed = true;
}

static const struct sock_ops peer_ops = {
    .on_recv = on_recv,
    .on_send = on_send,
    .on_connect = on_connect,
    .on_hangup = on_hangup,
    .on_closed = on_closed,
};

void peer_listen(struct peer *p, bool listens)
{
    if (!sock_is_open(&p->sock))
        return;
    timer_stop(loop_timers(p->loop), &p->read_timer);
    p->sock.recv_max = p->read_piece;
    p->is_deaf = false;
    if (listens)
        sock_recv_start(&p->sock);
    else
        sock_recv_stop(&p->sock);
}

/* ---- life ---- */

static void start(struct peer *p, struct loop *l)
{
    p->loop = l;
    timer_init(&p->send_timer, on_send_timer);
    timer_init(&p->read_timer, on_read_timer);
}

void peer_connect(struct peer *p, struct loop *l, const struct addr *to)
{
    int rc;

    start(p, l);
    peer_tls_begin(p, true);
    rc = sock_connect(l, &p->sock, &peer_ops, to);
    if (rc == WERR_AGAIN)
        return;
    if (rc < 0) {
        p->is_refused = true;
        p->is_closed = true;
        return;
    }
    on_connect(&p->sock, 0);
}

void peer_accept(struct peer *p, struct loop *l, struct accepted *a)
{
    start(p, l);
    peer_tls_begin(p, false);
    accepted_take(a, &p->sock, &peer_ops);
    p->is_connected = true;
    p->sock.recv_max = p->read_piece;
    if (!p->is_deaf || p->tls != NULL)
        sock_recv_start(&p->sock);
}

void peer_close(struct peer *p, bool abort)
{
    if (p->is_closed || !sock_is_open(&p->sock))
        return;
    timer_stop(loop_timers(p->loop), &p->send_timer);
    timer_stop(loop_timers(p->loop), &p->read_timer);
    forget_output(p);
    sock_close(&p->sock, abort);
}

void peer_free_texts(struct peer *p)
{
    text_free(&p->in);
    text_free(&p->out);
    text_free(&p->records);
    tlsio_free(p->tls);
    p->tls = NULL;
}
