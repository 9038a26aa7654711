#include "../base/cm.h"
#include "base/fault.h"
#include "http/reply.h"
#include "net/conn.h"
#include "net/loop_sim.h"

/* What the queues of all conns hold: counted, bounded by smaller reads, given back. */

#define KIB ((size_t)1024)

enum { SERVERS = 4, BUFFER_BYTES = 4 * KIB, BODY_MAX = 256 * KIB };
enum { BUDGET_BYTES = 256 * KIB, SPARING_MAX = 16 * KIB, LEAST_MAX = 4 * KIB };

static char body[BODY_MAX];

struct raw {
    struct sock sock; /* first */
    size_t n, largest_read;
    bool expects_reset, has_reset;
};

struct server {
    struct conn conn; /* first */
    size_t largest_piece;
    bool is_closed;
};

struct world {
    struct loop *loop;
    struct conn_shared shared;
    uint64_t gauge;
    struct sock listener;
    struct addr at;
    struct server servers[SERVERS];
    struct raw raws[SERVERS];
    unsigned n;
};

static struct world *world_now;

/* ---- conns ---- */

static void on_event(struct conn *c, struct event *ev)
{
    struct server *s = (struct server *)c;

    if (ev->type == EVENT_BODY && ev->data.len > s->largest_piece)
        s->largest_piece = ev->data.len;
}

static void on_gone(struct conn *c, int error)
{
    (void)error;
    conn_close(c, CONN_CLOSE_NOW);
}

static void on_closed(struct conn *c)
{
    ((struct server *)c)->is_closed = true;
}

static const struct conn_ops server_ops = {
    .on_event = on_event, .on_gone = on_gone, .on_closed = on_closed};

static void on_accept(struct sock *s, struct accepted *a)
{
    struct world *w = world_now;

    (void)s;
    assert_int_equal(conn_accept(&w->servers[w->n++].conn, &w->shared, &server_ops, a,
                                 &codec_limits_request),
                     0);
}

/* ---- the other ends ---- */

static void ignore_closed(struct sock *s)
{
    (void)s;
}

static void raw_on_connect(struct sock *s, int error)
{
    (void)s;
    assert_int_equal(error, 0);
}

static void raw_on_recv(struct sock *s, struct span bytes, int error)
{
    struct raw *r = (struct raw *)s;

    assert_int_equal(error, r->expects_reset && error < 0 ? WERR_RESET : 0);
    r->has_reset = error < 0;
    r->n += bytes.len;
    if (bytes.len > r->largest_read)
        r->largest_read = bytes.len;
}

static void raw_on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static const struct sock_ops listener_ops = {.on_accept = on_accept,
                                             .on_closed = ignore_closed};
static const struct sock_ops raw_ops = {.on_connect = raw_on_connect,
                                        .on_recv = raw_on_recv,
                                        .on_send = raw_on_send,
                                        .on_closed = ignore_closed};

/* ---- the world ---- */

static void run(struct world *w)
{
    for (unsigned turn = 0; turn < 400; turn++)
        loop_turn(w->loop, turn % 8 == 0);
}

static void world_open(struct world *w, uint32_t buffer_bytes)
{
    memset(w, 0, sizeof(*w));
    world_now = w;
    w->at = (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, 1}};
    w->loop = loop_sim_new(1, &(struct loop_sim_faults){.buffer_bytes = buffer_bytes});
    assert_non_null(w->loop);
    assert_int_equal(conn_shared_init(&w->shared, w->loop), 0);
    w->shared.queued_gauge = &w->gauge;
    sock_accept_start(w->loop, &w->listener, &listener_ops, loop_sim_listen(w->loop, &w->at));
    for (unsigned i = 0; i < SERVERS; i++) {
        static char post[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
        struct iovec iov = {post, sizeof(post) - 1};

        assert_int_equal(sock_connect(w->loop, &w->raws[i].sock, &raw_ops, &w->at), WERR_AGAIN);
        run(w);
        assert_int_equal(sock_send(&w->raws[i].sock, &iov, 1), sizeof(post) - 1);
        run(w);
    }
    assert_int_equal(w->n, SERVERS);
}

static void world_end(struct world *w)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        sock_close(&w->raws[i].sock, false);
        conn_close(&w->servers[i].conn, CONN_CLOSE_NOW);
    }
    sock_close(&w->listener, false);
    run(w);
    assert_int_equal(w->gauge, 0);
    assert_int_equal(loop_sim_open_n(w->loop), 0);
    conn_shared_fini(&w->shared);
    loop_free(w->loop);
}

static void on_work(struct loop_work *work)
{
    (void)work;
}

/* An answer so large that n bytes of it wait behind what the network takes. Sent in a callback,
 * as all that conns send. */
static void queue(struct world *w, unsigned i, size_t n)
{
    struct loop_work work = {.run = on_work};
    struct msg m;

    reply_init(&m, 200, n + BUFFER_BYTES);
    loop_defer(w->loop, &work);
    conn_send_head(&w->servers[i].conn, &m);
    conn_send_body(&w->servers[i].conn, span_from(body, n + BUFFER_BYTES), 0);
    run(w);
    assert_true(conn_is_congested(&w->servers[i].conn));
}

static size_t held(const struct world *w)
{
    size_t sum = 0;

    for (unsigned i = 0; i < w->n; i++)
        sum += bufq_cap(&w->servers[i].conn.in) + bufq_cap(&w->servers[i].conn.out);
    return sum;
}

static size_t read_max(const struct world *w)
{
    return conn_read_max(&w->servers[SERVERS - 1].conn);
}

/* ---- tests ---- */

static void test_account(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, BUFFER_BYTES);
    assert_int_equal(held(&w), 0);
    assert_int_equal(w.gauge, 0);
    queue(&w, 0, 20 * KIB);
    assert_int_equal(w.gauge, 32 * KIB);
    queue(&w, 1, 60 * KIB);
    assert_int_equal(w.gauge, 96 * KIB);
    assert_int_equal(w.gauge, held(&w));
    sock_recv_start(&w.raws[0].sock); /* takes it all: an idle conn owns no buffer */
    run(&w);
    assert_true(w.raws[0].n > 20 * KIB);
    assert_int_equal(w.gauge, 64 * KIB);
    assert_null(w.servers[0].conn.out.block);
    conn_close(&w.servers[1].conn, CONN_CLOSE_NOW);
    run(&w);
    assert_int_equal(w.gauge, 0);
    world_end(&w);
}

static void test_reads_get_smaller(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, BUFFER_BYTES);
    queue(&w, 0, 60 * KIB);
    assert_int_equal(read_max(&w), LOOP_SCRATCH_BYTES);
    assert_false(conn_queues_are_full(&w.shared));
    conn_set_queue_budget(&w.shared, BUDGET_BYTES + 1);
    assert_int_equal(read_max(&w), SPARING_MAX - KIB); /* a quarter is used, by 64 KiB */
    conn_set_queue_budget(&w.shared, BUDGET_BYTES + 4);
    assert_int_equal(read_max(&w), LOOP_SCRATCH_BYTES);
    queue(&w, 1, 60 * KIB);
    assert_int_equal(read_max(&w), SPARING_MAX - KIB);
    conn_set_queue_budget(&w.shared, BUDGET_BYTES);
    assert_int_equal(read_max(&w), LEAST_MAX - 512);
    queue(&w, 2, 120 * KIB);
    assert_int_equal(read_max(&w), LEAST_MAX - 512);
    assert_true(conn_queues_are_full(&w.shared));
    conn_set_queue_budget(&w.shared, BUDGET_BYTES + 1);
    assert_false(conn_queues_are_full(&w.shared));
    for (unsigned i = 0; i < SERVERS; i++)
        sock_recv_start(&w.raws[i].sock);
    run(&w);
    assert_int_equal(w.gauge, 0);
    assert_int_equal(read_max(&w), LOOP_SCRATCH_BYTES);
    world_end(&w);
}

/* What a conn is handed at once; sockets that are no conns read as before. */
static void test_reads_keep_to_it(void **state)
{
    static const struct {
        size_t budget, piece_max;
    } cases[] = {
        {0, 64 * KIB},
        {1024 * KIB, 64 * KIB},
        {256 * KIB, SPARING_MAX},
        {64 * KIB, LEAST_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct iovec iov = {body, 64 * KIB};
        struct world w;
        struct server *s = &w.servers[SERVERS - 1];

        world_open(&w, 64 * KIB);
        conn_set_queue_budget(&w.shared, cases[i].budget);
        queue(&w, 0, 120 * KIB); /* half of it is taken by the network */
        assert_int_equal(w.gauge, 64 * KIB);
        assert_int_equal(sock_send(&w.raws[SERVERS - 1].sock, &iov, 1), 64 * KIB);
        run(&w);
        assert_true(s->largest_piece <= cases[i].piece_max);
        assert_true(s->largest_piece > cases[i].piece_max / 2);
        assert_int_equal(s->largest_piece, conn_read_max(&s->conn) < 64 * KIB
                                               ? conn_read_max(&s->conn)
                                               : 64 * KIB);
        sock_recv_start(&w.raws[0].sock);
        run(&w);
        assert_int_equal(w.raws[0].largest_read, 64 * KIB);
        world_end(&w);
    }
}

/* What can't be kept for want of memory is lost: not with an end that makes the rest look
 * whole.
 */
static void test_no_memory_to_keep(void **state)
{
    static struct world w;
    struct loop_work work = {.run = on_work};
    struct conn *c;
    struct msg m;

    (void)state;
    world_open(&w, BUFFER_BYTES);
    c = &w.servers[0].conn;
    w.raws[0].expects_reset = true;
    reply_init(&m, 200, 2 * BUFFER_BYTES);
    loop_defer(w.loop, &work);
    conn_send_head(c, &m);
    conn_send_body(c, span_from(body, 2 * BUFFER_BYTES), 0);
    conn_send_end(c, NULL);
    conn_close(c, CONN_CLOSE_FLUSH);
    fault_set(1);
    run(&w);
    assert_false(fault_is_armed());
    assert_true(w.servers[0].is_closed);
    sock_recv_start(&w.raws[0].sock);
    run(&w);
    assert_true(w.raws[0].has_reset);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_reads_get_smaller),
        cmocka_unit_test(test_reads_keep_to_it),
        cmocka_unit_test(test_no_memory_to_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
