/* loop_ends.h - a world of sockets on one loop, for loop_contract.h and the tests beside it.
 *
 * All ends are struct end: they keep what they receive, count their callbacks and call a hook
 * of the test after each. Nothing here knows a descriptor. The program that includes this
 * defines make_loop, make_listener and make_pair for its back end.
 */
#ifndef WELDR_TESTS_LOOP_ENDS_H
#define WELDR_TESTS_LOOP_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/outv.h"
#include "net/loop.h"

static struct loop *make_loop(void);
static int make_listener(struct loop *l, struct addr *bound);
static void make_pair(struct loop *l, int handles[2]);

enum { ENDS_MAX = 1200, TURNS_MAX = 200000, KEEP_BYTES = 4096 };

struct end {
    struct sock s;
    struct world *w;
    bool is_used;
    char kept[KEEP_BYTES]; /* the first bytes received */
    size_t received, to_send, sent;
    unsigned reads, ends, errors, rooms, connects, hangups, fins, closes;
    int error; /* of the last failing callback */
    int connect_error;
    bool takes;   /* listener: takes connections */
    uint64_t sum; /* over the bytes received, order counts */
    void (*hook)(struct end *e);
    struct end *other;
    struct timer timer;
    struct loop_work work;
};

struct world {
    struct loop *l;
    struct addr at;
    struct end listener;
    struct end *end[ENDS_MAX];
    unsigned end_n;
    struct end *last_accepted;
    unsigned accepted_n, callbacks, afters;
    bool in_callback;
};

static void enter(struct end *e)
{
    assert_false(e->w->in_callback);
    e->w->in_callback = true;
    e->w->callbacks++;
}

static void leave(struct end *e)
{
    struct world *w = e->w;

    if (e->hook != NULL)
        e->hook(e);
    w->in_callback = false;
}

static char pattern_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

/* Sends what is left of e->to_send bytes of the pattern. */
static void pump(struct end *e)
{
    static char buf[65536];

    while (e->sent < e->to_send) {
        size_t n = e->to_send - e->sent < sizeof(buf) ? e->to_send - e->sent : sizeof(buf);
        struct iovec iov[2];
        int64_t taken;

        for (size_t i = 0; i < n; i++)
            buf[i] = pattern_at(e->sent + i);
        iov[0] = (struct iovec){buf, n / 2};
        iov[1] = (struct iovec){buf + n / 2, n - n / 2};
        taken = sock_send(&e->s, iov, 2);
        if (taken < 0) {
            e->error = (int)taken;
            return;
        }
        e->sent += (size_t)taken;
        if ((size_t)taken < n)
            return;
    }
}

static void keep(struct end *e, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++, e->received++) {
        if (e->received < KEEP_BYTES)
            e->kept[e->received] = bytes.ptr[i];
        e->sum = e->sum * 1099511628211ULL + (unsigned char)bytes.ptr[i];
    }
}

static void end_on_recv(struct sock *s, struct span bytes, int error)
{
    struct end *e = (struct end *)s;

    enter(e);
    e->reads++;
    keep(e, bytes);
    if (error < 0) {
        e->error = error;
        e->errors++;
    } else if (bytes.len == 0) {
        e->ends++;
    }
    leave(e);
}

static void end_on_send(struct sock *s, int error)
{
    struct end *e = (struct end *)s;

    enter(e);
    e->rooms++;
    if (error == 0)
        pump(e);
    leave(e);
}

static void end_on_connect(struct sock *s, int error)
{
    struct end *e = (struct end *)s;

    enter(e);
    e->connects++;
    e->connect_error = error;
    leave(e);
}

static void end_on_hangup(struct sock *s, int error)
{
    struct end *e = (struct end *)s;

    enter(e);
    assert_true(error < 0);
    e->hangups++;
    leave(e);
}

static void end_on_fin(struct sock *s)
{
    struct end *e = (struct end *)s;

    enter(e);
    e->fins++;
    leave(e);
}

static void end_on_closed(struct sock *s)
{
    struct end *e = (struct end *)s;

    enter(e);
    e->closes++;
    leave(e);
}

static struct end *new_end(struct world *w);
static const struct sock_ops end_ops;

static void end_on_accept(struct sock *s, struct accepted *a)
{
    struct end *listener = (struct end *)s;
    struct end *e;

    enter(listener);
    listener->w->accepted_n++;
    assert_int_not_equal(accepted_peer(a)->port, 0);
    if (listener->takes) {
        e = new_end(listener->w);
        accepted_take(a, &e->s, &end_ops);
        e->is_used = true;
        e->hook = listener->other != NULL ? listener->other->hook : NULL;
        sock_recv_start(&e->s);
        listener->w->last_accepted = e;
    }
    leave(listener);
}

static const struct sock_ops end_ops = {
    .on_recv = end_on_recv,
    .on_send = end_on_send,
    .on_connect = end_on_connect,
    .on_accept = end_on_accept,
    .on_hangup = end_on_hangup,
    .on_fin = end_on_fin,
    .on_closed = end_on_closed,
};

static struct end *new_end(struct world *w)
{
    struct end *e = calloc(1, sizeof(*e));

    assert_non_null(e);
    assert_true(w->end_n < ENDS_MAX);
    e->w = w;
    w->end[w->end_n++] = e;
    return e;
}

static void count_after(void *arg)
{
    struct world *w = arg;

    w->afters++;
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    int handle;

    assert_non_null(w);
    w->l = make_loop();
    assert_non_null(w->l);
    loop_set_after(w->l, count_after, w);
    handle = make_listener(w->l, &w->at);
    assert_true(handle >= 0);
    w->listener.w = w;
    w->listener.takes = true;
    sock_accept_start(w->l, &w->listener.s, &end_ops, handle);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < w->end_n; i++) {
        w->end[i]->hook = NULL;
        sock_close(&w->end[i]->s, true);
    }
    w->listener.hook = NULL;
    sock_close(&w->listener.s, false);
    loop_free(w->l);
    for (unsigned i = 0; i < w->end_n; i++) {
        assert_int_equal(w->end[i]->closes, w->end[i]->is_used);
        free(w->end[i]);
    }
    free(w);
    return 0;
}

#define RUN_UNTIL(w, cond)                      \
    do {                                        \
        unsigned turns_ = 0;                    \
        while (!(cond) && turns_++ < TURNS_MAX) \
            loop_turn((w)->l, 1000);            \
        assert_true(cond);                      \
    } while (0)

/* A few turns in which nothing need happen. */
static void run_turns(struct world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn(w->l, 2);
}

static struct end *start_client(struct world *w)
{
    struct end *e = new_end(w);
    int rc = sock_connect(w->l, &e->s, &end_ops, &w->at);

    assert_true(rc == 0 || rc == WERR_AGAIN);
    e->is_used = true;
    if (rc == 0)
        e->connects++;
    return e;
}

/* A second listener, that clients will find from now on: until start_listener they wait. */
static int open_late_listener(struct world *w)
{
    int handle = make_listener(w->l, &w->at);

    assert_true(handle >= 0);
    return handle;
}

static struct end *start_listener(struct world *w, int handle)
{
    struct end *e = new_end(w);

    e->takes = true;
    e->is_used = true;
    sock_accept_start(w->l, &e->s, &end_ops, handle);
    return e;
}

/* A client and the server's end of its connection; both receive. */
static struct end *connect_pair(struct world *w, struct end **server)
{
    unsigned before = w->accepted_n;
    struct end *c = start_client(w);

    RUN_UNTIL(w, c->connects == 1 && w->accepted_n > before);
    assert_int_equal(c->connect_error, 0);
    sock_recv_start(&c->s);
    *server = w->last_accepted;
    return c;
}

static void send_text(struct end *e, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};

    assert_int_equal(sock_send(&e->s, &iov, 1), strlen(text));
}

static uint64_t pattern_sum(size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum = sum * 1099511628211ULL + (unsigned char)pattern_at(i);
    return sum;
}

#endif
