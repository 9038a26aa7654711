/* conn_world.h - a conn on one side, bytes on the other, in the simulated network.
 *
 * The conn's owner (struct side) notes what it hears, a word each, and answers if it is told
 * to; the bare end (struct raw) keeps what it receives. A second bare end, far, is there for
 * tests that relay.
 */
#ifndef WELDR_TESTS_CONN_WORLD_H
#define WELDR_TESTS_CONN_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "../base/cm.h"
#include "base/fault.h"
#include "http/reply.h"
#include "net/conn.h"
#include "net/loop_sim.h"
#include "world_tls.h"

enum { GOT_MAX = 4 * 1024 * 1024, BIG_BYTES = 1024 * 1024 };

struct raw {
    struct sock sock;
    struct tlsio *tls; /* NULL: bare */
    char *got;
    size_t n;
    bool has_fin, has_reset;
};

struct side {
    struct conn conn; /* first */
    char log[1024];   /* what it heard, a word each */
    struct side *relay_to;
    bool answers, pauses_at_head, is_closed;
    unsigned congested_n, drained_n, progress_n;
    size_t body_bytes;
};

struct world {
    struct loop *loop;
    struct conn_shared shared;
    struct sock listener;
    struct addr at;
    struct raw *takes; /* who is accepted; NULL: a conn, side */
    int accept_rc;
    struct raw raw, far;
    struct side side;
};

static struct world *world_now;

/* ---- raw ---- */

static inline void raw_keep(struct raw *r, struct span bytes)
{
    assert_true(r->n + bytes.len < GOT_MAX);
    if (bytes.len > 0)
        memcpy(r->got + r->n, bytes.ptr, bytes.len);
    r->n += bytes.len;
    r->got[r->n] = '\0';
}

#ifdef WORLD_TLS
static inline void raw_send_records(struct raw *r)
{
    struct span out = tlsio_output(r->tls);
    struct iovec iov = {(void *)(uintptr_t)out.ptr, out.len};

    if (out.len > 0)
        assert_int_equal(sock_send(&r->sock, &iov, 1), out.len);
    tlsio_output_taken(r->tls);
}

static inline void raw_take_records(struct raw *r, struct span bytes)
{
    struct span plain = SPAN_NONE;

    tlsio_give(r->tls, bytes);
    if (tlsio_state(r->tls) == TLSIO_HANDSHAKE && tlsio_handshake(r->tls) == WERR_AGAIN) {
        raw_send_records(r);
        return;
    }
    do {
        assert_int_equal(tlsio_read(r->tls, &plain), 0);
        raw_keep(r, plain);
    } while (plain.len > 0);
    raw_send_records(r);
}
#endif

static inline void raw_take(struct raw *r, struct span bytes)
{
#ifdef WORLD_TLS
    if (r->tls != NULL && bytes.len > 0) {
        raw_take_records(r, bytes);
        return;
    }
#endif
    raw_keep(r, bytes);
}

static inline void raw_on_recv(struct sock *s, struct span bytes, int error)
{
    struct raw *r = (struct raw *)s;

    if (error < 0)
        r->has_reset = true;
    else if (bytes.len == 0)
        r->has_fin = true;
    raw_take(r, bytes);
}

static inline void raw_on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static inline void raw_on_connect(struct sock *s, int error)
{
    assert_int_equal(error, 0);
    sock_recv_start(s);
#ifdef WORLD_TLS
    struct raw *r = (struct raw *)s;

    while (r->tls == NULL) /* memory that a test lets be short is the conn's */
        r->tls = tlsio_new_client(world_tls.shared, world_tls.client,
                                  &(struct tlsio_peer_name){.name = "w.example"});
    assert_int_equal(tlsio_handshake(r->tls), WERR_AGAIN);
    raw_send_records(r);
#endif
}

static inline void raw_on_hangup(struct sock *s, int error)
{
    (void)error;
    ((struct raw *)s)->has_reset = true;
}

static inline void raw_on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops raw_ops = {
    .on_recv = raw_on_recv,
    .on_send = raw_on_send,
    .on_connect = raw_on_connect,
    .on_hangup = raw_on_hangup,
    .on_closed = raw_on_closed,
};

static inline void raw_send(struct raw *r, const char *bytes, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, n};

#ifdef WORLD_TLS
    if (r->tls != NULL) {
        assert_int_equal(tlsio_write(r->tls, &iov, 1), 0);
        raw_send_records(r);
        return;
    }
#endif
    assert_int_equal(sock_send(&r->sock, &iov, 1), n);
}

/* No more will come. */
static inline void raw_shut(struct raw *r)
{
#ifdef WORLD_TLS
    tlsio_shut(r->tls);
    raw_send_records(r);
#endif
    sock_shutdown(&r->sock);
}

/* ---- the conn's owner ---- */

static inline void note(struct side *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline void note(struct side *s, const char *format, ...)
{
    size_t at = strlen(s->log);
    va_list args;

    va_start(args, format);
    (void)vsnprintf(s->log + at, sizeof(s->log) - at, format, args);
    va_end(args);
}

static inline void respond(struct side *s)
{
    struct msg m;

    reply_init(&m, 200, 2);
    conn_send_head(&s->conn, &m);
    conn_send_body(&s->conn, SPAN("ok"), 0);
    conn_send_end(&s->conn, NULL);
}

static inline void side_on_head(struct side *s, const struct msg *m)
{
    if (m->status)
        note(s, "head=%u ", m->status);
    else
        note(s, "head=%.*s ", (int)m->target_len, msg_target(m).ptr);
    if (s->pauses_at_head)
        conn_pause(&s->conn);
}

static inline void side_on_end(struct side *s)
{
    note(s, "end ");
    if (!s->answers)
        return;
    respond(s);
    if (conn_can_reuse(&s->conn))
        conn_next(&s->conn);
    else
        conn_close(&s->conn, CONN_CLOSE_FLUSH);
}

static inline void side_on_event(struct conn *c, struct event *ev)
{
    struct side *s = (struct side *)c;

    switch (ev->type) {
    case EVENT_HEAD:
        side_on_head(s, ev->msg);
        if (ev->is_whole)
            side_on_end(s);
        break;
    case EVENT_BODY:
        s->body_bytes += ev->data.len;
        if (s->relay_to)
            conn_send_body(&s->relay_to->conn, ev->data, ev->chunk_bytes);
        break;
    case EVENT_END:
        side_on_end(s);
        break;
    case EVENT_RESET:
        note(s, "reset=%s ", werr_word(ev->error));
        break;
    case EVENT_INFO:
    case EVENT_TRAILERS:
        note(s, "%s ", event_name(ev->type));
        break;
    }
}

static inline void side_on_open(struct conn *c, int error)
{
    note((struct side *)c, "open=%s ", error ? werr_word(error) : "ok");
}

static inline void side_on_gone(struct conn *c, int error)
{
    note((struct side *)c, "gone=%s ", werr_word(error));
    conn_close(c, CONN_CLOSE_NOW);
}

static inline void side_on_congested(struct conn *c)
{
    ((struct side *)c)->congested_n++;
}

static inline void side_on_drained(struct conn *c)
{
    ((struct side *)c)->drained_n++;
}

static inline void side_on_progress(struct conn *c)
{
    ((struct side *)c)->progress_n++;
}

static inline void side_on_timer(struct conn *c)
{
    note((struct side *)c, "timer ");
}

static inline void side_on_closed(struct conn *c)
{
    note((struct side *)c, "closed ");
    ((struct side *)c)->is_closed = true;
}

static const struct conn_ops side_ops = {
    .on_open = side_on_open,
    .on_event = side_on_event,
#ifdef WORLD_TLS
    .tls_context = world_tls_context,
    .tls_peer = world_tls_peer,
#endif
    .on_gone = side_on_gone,
    .on_congested = side_on_congested,
    .on_drained = side_on_drained,
    .on_progress = side_on_progress,
    .on_timer = side_on_timer,
    .on_closed = side_on_closed,
};

/* ---- the world ---- */

static inline void on_accept(struct sock *s, struct accepted *a)
{
    struct world *w = world_now;

    (void)s;
    if (w->takes) {
        accepted_take(a, &w->takes->sock, &raw_ops);
        sock_recv_start(&w->takes->sock);
#ifdef WORLD_TLS
        w->takes->tls = tlsio_new_server(world_tls.shared, world_tls.server);
#endif
        return;
    }
    w->accept_rc = (WORLD_IS_TLS ? conn_accept_tls : conn_accept)(
        &w->side.conn, &w->shared, &side_ops, a, CODEC_H1, &codec_limits_request);
}

static const struct sock_ops listener_ops = {.on_accept = on_accept,
                                             .on_closed = raw_on_closed};

static inline void run_ms(struct world *w, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++)
        for (unsigned turn = 0; turn < 20; turn++)
            loop_turn(w->loop, turn == 0);
}

static inline struct world *world_open(const struct loop_sim_faults *faults)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    world_now = w;
    w->loop = loop_sim_new(1, faults);
    w->raw.got = calloc(1, GOT_MAX);
    w->far.got = calloc(1, GOT_MAX);
    assert_true(w->loop && w->raw.got && w->far.got);
    assert_int_equal(conn_shared_init(&w->shared, w->loop), 0);
#ifdef WORLD_TLS
    world_tls_init();
    assert_int_equal(conn_use_tls(&w->shared), 0);
#endif
    w->at = (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, 1}};
    sock_accept_start(w->loop, &w->listener, &listener_ops, loop_sim_listen(w->loop, &w->at));
    return w;
}

/* The conn is the server. */
static inline struct world *world_serve(void)
{
    struct world *w = world_open(NULL);

    assert_int_equal(sock_connect(w->loop, &w->raw.sock, &raw_ops, &w->at), WERR_AGAIN);
    run_ms(w, 1);
    assert_int_equal(w->side.conn.state, CONN_OPEN);
    assert_string_equal(w->side.log, "open=ok ");
    w->side.log[0] = '\0';
    return w;
}

static inline void connect_side(struct world *w, struct side *s)
{
    assert_int_equal((WORLD_IS_TLS ? conn_connect_tls
                                   : conn_connect)(&s->conn, &w->shared, &side_ops, &w->at,
                                                   CODEC_H1, &codec_limits_response),
                     0);
    run_ms(w, 1);
}

/* The conn is the client. */
static inline struct world *world_call(void)
{
    struct world *w = world_open(NULL);

    w->takes = &w->raw;
    connect_side(w, &w->side);
    assert_string_equal(w->side.log, "open=ok ");
    w->side.log[0] = '\0';
    return w;
}

static inline void world_end(struct world *w)
{
    if (!w->side.is_closed && w->side.conn.shared)
        conn_close(&w->side.conn, CONN_CLOSE_NOW);
    if (w->raw.sock.loop)
        sock_close(&w->raw.sock, false);
    if (w->far.sock.loop)
        sock_close(&w->far.sock, false);
    sock_close(&w->listener, false);
    run_ms(w, 5);
    assert_int_equal(codec_shared_live_n(w->shared.codecs), 0);
    assert_int_equal(loop_sim_open_n(w->loop), 0);
    conn_shared_fini(&w->shared);
    loop_free(w->loop);
#ifdef WORLD_TLS
    tlsio_free(w->raw.tls);
    tlsio_free(w->far.tls);
    world_tls_fini();
#endif
    free(w->raw.got);
    free(w->far.got);
    free(w);
}

static inline void say(struct world *w, const char *text)
{
    raw_send(&w->raw, text, strlen(text));
    run_ms(w, 1);
}

static inline void ask(struct side *s)
{
    static const struct msg m = {.base = "GET /x",
                                 .base_len = 6,
                                 .version = 11,
                                 .method_len = 3,
                                 .target_off = 4,
                                 .target_len = 2};

    conn_send_head(&s->conn, &m);
    conn_send_end(&s->conn, NULL);
    conn_flush(&s->conn);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK_ANSWER   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static inline const char *big(void)
{
    static char bytes[BIG_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + i % 23 + i / 4099 % 3);
    return bytes;
}

#endif
