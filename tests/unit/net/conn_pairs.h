/* conn_pairs.h - some conns that serve, each with a bare socket at its other end, in one
 * simulated network; for the tests of what conns have in common.
 *
 * The conns tell hooks of the test what happens; the bare ends keep what they receive and send
 * what they are told. They receive nothing before raw_listen.
 */
#ifndef WELDR_TESTS_CONN_PAIRS_H
#define WELDR_TESTS_CONN_PAIRS_H

#include "../base/cm.h"

#include <stdlib.h>
#include <string.h>

#include "http/reply.h"
#include "net/conn.h"
#include "net/loop_sim.h"

enum { PAIRS_MAX = 80, KEEP_BYTES = 32 * 1024 };

struct raw {
    struct sock sock;      /* first */
    char kept[KEEP_BYTES]; /* the first bytes received */
    size_t n, largest_read;
    unsigned turn; /* among all: when its first bytes came */
    bool expects_reset, has_fin, has_reset;
};

struct pairs;

struct server {
    struct conn conn; /* first */
    struct pairs *pairs;
    unsigned number, gone_n, congested_n, drained_n;
    bool had_sent; /* conn_has_sent() in the last on_gone */
    bool is_closed;
};

struct pairs {
    struct loop *loop;
    struct conn_shared shared;
    uint64_t gauge;
    struct sock listener;
    struct addr at;
    struct loop_work nudge;
    struct server servers[PAIRS_MAX];
    struct raw raws[PAIRS_MAX];
    unsigned n, turns;
    void (*on_event)(struct server *s, struct event *ev);
    enum conn_close_how gone_how; /* what on_gone does */
};

static struct pairs *pairs_now; /* for on_accept */

/* ---- conns ---- */

static inline void pairs_on_event(struct conn *c, struct event *ev)
{
    struct server *s = (struct server *)c;

    if (!s->pairs->on_event)
        return;
    s->pairs->on_event(s, ev);
    if (ev->is_whole && c->state == CONN_OPEN) /* to the hook that is an END too */
        s->pairs->on_event(s, &(struct event){.type = EVENT_END});
}

static inline void pairs_on_gone(struct conn *c, int error)
{
    struct server *s = (struct server *)c;

    (void)error;
    s->gone_n++;
    s->had_sent = conn_has_sent(c);
    conn_close(c, s->pairs->gone_how);
}

static inline void pairs_on_congested(struct conn *c)
{
    ((struct server *)c)->congested_n++;
}

static inline void pairs_on_drained(struct conn *c)
{
    ((struct server *)c)->drained_n++;
}

static inline void pairs_on_closed(struct conn *c)
{
    ((struct server *)c)->is_closed = true;
}

static const struct conn_ops pairs_conn_ops = {
    .on_event = pairs_on_event,
    .on_gone = pairs_on_gone,
    .on_congested = pairs_on_congested,
    .on_drained = pairs_on_drained,
    .on_closed = pairs_on_closed,
};

static inline void pairs_on_accept(struct sock *s, struct accepted *a)
{
    struct pairs *p = pairs_now;
    struct server *server = &p->servers[p->n];

    (void)s;
    server->pairs = p;
    server->number = p->n++;
    assert_int_equal(conn_accept(&server->conn, &p->shared, &pairs_conn_ops, a, CODEC_H1,
                                 &codec_limits_request),
                     0);
}

/* ---- the other ends ---- */

static inline void ignore_closed(struct sock *s)
{
    (void)s;
}

static inline void raw_on_connect(struct sock *s, int error)
{
    (void)s;
    assert_int_equal(error, 0);
}

static inline void raw_on_recv(struct sock *s, struct span bytes, int error)
{
    struct raw *r = (struct raw *)s;

    assert_int_equal(error, r->expects_reset && error < 0 ? WERR_RESET : 0);
    if (r->turn == 0)
        r->turn = ++pairs_now->turns;
    r->has_reset |= error < 0;
    r->has_fin |= error == 0 && bytes.len == 0;
    for (size_t i = 0; i < bytes.len && r->n + i < KEEP_BYTES; i++)
        r->kept[r->n + i] = bytes.ptr[i];
    r->n += bytes.len;
    if (bytes.len > r->largest_read)
        r->largest_read = bytes.len;
}

static inline void raw_on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static const struct sock_ops pairs_listener_ops = {.on_accept = pairs_on_accept,
                                                   .on_closed = ignore_closed};
static const struct sock_ops raw_ops = {.on_connect = raw_on_connect,
                                        .on_recv = raw_on_recv,
                                        .on_send = raw_on_send,
                                        .on_closed = ignore_closed};

static inline void raw_listen(struct raw *r)
{
    sock_recv_start(&r->sock);
}

static inline void raw_send(struct raw *r, struct span bytes)
{
    struct iovec iov = {(void *)(uintptr_t)bytes.ptr, bytes.len};

    assert_int_equal(sock_send(&r->sock, &iov, 1), bytes.len);
}

/* ---- all of them ---- */

static inline void pairs_run(struct pairs *p)
{
    for (unsigned turn = 0; turn < 400; turn++)
        loop_turn(p->loop, turn % 8 == 0);
}

static inline void pairs_do_nothing(struct loop_work *work)
{
    (void)work;
}

/* What is sent now counts as sent in a callback, as all that conns send. */
static inline void pairs_in_callback(struct pairs *p)
{
    p->nudge.run = pairs_do_nothing;
    loop_defer(p->loop, &p->nudge);
}

/* n of them; buffer_bytes: what the network takes of each direction. */
static inline struct pairs *pairs_new(unsigned n, uint32_t buffer_bytes)
{
    struct pairs *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    assert_true(n <= PAIRS_MAX);
    pairs_now = p;
    p->gone_how = CONN_CLOSE_NOW;
    p->at = (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, 1}};
    p->loop = loop_sim_new(1, &(struct loop_sim_faults){.buffer_bytes = buffer_bytes});
    assert_non_null(p->loop);
    assert_int_equal(conn_shared_init(&p->shared, p->loop), 0);
    p->shared.queued_gauge = &p->gauge;
    sock_accept_start(p->loop, &p->listener, &pairs_listener_ops,
                      loop_sim_listen(p->loop, &p->at));
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(sock_connect(p->loop, &p->raws[i].sock, &raw_ops, &p->at), WERR_AGAIN);
        pairs_run(p);
    }
    assert_int_equal(p->n, n);
    return p;
}

/* Nothing is left of them. */
static inline void pairs_end(struct pairs *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        sock_close(&p->raws[i].sock, false);
        conn_close(&p->servers[i].conn, CONN_CLOSE_NOW);
    }
    sock_close(&p->listener, false);
    pairs_run(p);
    assert_int_equal(p->gauge, 0);
    assert_int_equal(codec_shared_live_n(p->shared.codecs), 0);
    assert_int_equal(loop_sim_open_n(p->loop), 0);
    conn_shared_fini(&p->shared);
    loop_free(p->loop);
    free(p);
}

#endif
