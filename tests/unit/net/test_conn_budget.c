#include "base/fault.h"
#include "conn_pairs.h"

/* What the queues of all conns hold: counted, bounded by smaller reads, given back. */

#define KIB ((size_t)1024)

enum { SERVERS = 4, BUFFER_BYTES = 4 * KIB, BODY_MAX = 256 * KIB };
enum { BUDGET_BYTES = 256 * KIB, SPARING_MAX = 16 * KIB, LEAST_MAX = 4 * KIB };

static char body[BODY_MAX];
static size_t largest_piece; /* of a body that the last conn was handed */

static void on_event(struct server *s, struct event *ev)
{
    if (s->number == SERVERS - 1 && ev->type == EVENT_BODY && ev->data.len > largest_piece)
        largest_piece = ev->data.len;
}

static struct pairs *open_pairs(uint32_t buffer_bytes)
{
    struct pairs *p = pairs_new(SERVERS, buffer_bytes);

    p->on_event = on_event;
    largest_piece = 0;
    for (unsigned i = 0; i < SERVERS; i++)
        raw_send(&p->raws[i],
                 SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"));
    pairs_run(p);
    return p;
}

/* A response so large that n bytes of it wait behind what the network takes. Sent in a
 * callback, as all that conns send. */
static void queue(struct pairs *w, unsigned i, size_t n)
{
    struct msg m;

    reply_init(&m, 200, n + BUFFER_BYTES);
    pairs_in_callback(w);
    conn_send_head(&w->servers[i].conn, &m);
    conn_send_body(&w->servers[i].conn, span_from(body, n + BUFFER_BYTES), 0);
    pairs_run(w);
    assert_true(conn_is_congested(&w->servers[i].conn));
}

static size_t held(const struct pairs *w)
{
    size_t sum = 0;

    for (unsigned i = 0; i < w->n; i++)
        sum += bufq_cap(&w->servers[i].conn.in) + bufq_cap(&w->servers[i].conn.out);
    return sum;
}

static size_t read_max(const struct pairs *w)
{
    return conn_read_max(&w->servers[SERVERS - 1].conn);
}

/* ---- tests ---- */

static void test_account(void **state)
{
    struct pairs *w = open_pairs(BUFFER_BYTES);

    (void)state;
    assert_int_equal(held(w), 0);
    assert_int_equal(w->gauge, 0);
    queue(w, 0, 20 * KIB);
    assert_int_equal(w->gauge, 32 * KIB);
    queue(w, 1, 60 * KIB);
    assert_int_equal(w->gauge, 96 * KIB);
    assert_int_equal(w->gauge, held(w));
    raw_listen(&w->raws[0]); /* takes it all: an idle conn owns no buffer */
    pairs_run(w);
    assert_true(w->raws[0].n > 20 * KIB);
    assert_int_equal(w->gauge, 64 * KIB);
    assert_null(w->servers[0].conn.out.block);
    conn_close(&w->servers[1].conn, CONN_CLOSE_NOW);
    pairs_run(w);
    assert_int_equal(w->gauge, 0);
    pairs_end(w);
}

static void test_reads_get_smaller(void **state)
{
    struct pairs *w = open_pairs(BUFFER_BYTES);

    (void)state;
    queue(w, 0, 60 * KIB);
    assert_int_equal(read_max(w), LOOP_SCRATCH_BYTES);
    assert_false(conn_queues_are_full(&w->shared));
    conn_set_queue_budget(&w->shared, BUDGET_BYTES + 1);
    assert_int_equal(read_max(w), SPARING_MAX - KIB); /* a quarter is used, by 64 KiB */
    conn_set_queue_budget(&w->shared, BUDGET_BYTES + 4);
    assert_int_equal(read_max(w), 64 * KIB - 512);
    queue(w, 1, 60 * KIB);
    assert_int_equal(read_max(w), SPARING_MAX - KIB);
    conn_set_queue_budget(&w->shared, BUDGET_BYTES);
    assert_int_equal(read_max(w), LEAST_MAX - 512);
    queue(w, 2, 120 * KIB);
    assert_int_equal(read_max(w), LEAST_MAX - 512);
    assert_true(conn_queues_are_full(&w->shared));
    conn_set_queue_budget(&w->shared, BUDGET_BYTES + 1);
    assert_false(conn_queues_are_full(&w->shared));
    for (unsigned i = 0; i < SERVERS; i++)
        raw_listen(&w->raws[i]);
    pairs_run(w);
    assert_int_equal(w->gauge, 0);
    assert_int_equal(read_max(w), 64 * KIB - 512);
    pairs_end(w);
}

/* The kernel may take nothing of what is read: what one read leaves in the queue, whatever the
 * budget, is a block of no more than a quarter of it. */
static void test_one_read_is_a_quarter_at_most(void **state)
{
    static const size_t budgets[] = {1024 * KIB, 1024 * KIB + 1, 1500 * KIB, 2047 * KIB,
                                     2048 * KIB, 4096 * KIB,     65536 * KIB};
    struct pairs *w = open_pairs(BUFFER_BYTES);

    (void)state;
    queue(w, 0, 60 * KIB);
    for (size_t i = 0; i < COUNT(budgets); i++) {
        size_t block = KIB;

        conn_set_queue_budget(&w->shared, budgets[i]);
        while (block < read_max(w) + 500)
            block *= 2;
        assert_true(block <= budgets[i] / 4);
        assert_true(read_max(w) == LOOP_SCRATCH_BYTES || 4 * block > budgets[i] / 4);
    }
    assert_int_equal(read_max(w), LOOP_SCRATCH_BYTES);
    raw_listen(&w->raws[0]);
    pairs_run(w);
    pairs_end(w);
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
        struct pairs *w = open_pairs(64 * KIB);
        size_t read_max_bytes;

        conn_set_queue_budget(&w->shared, cases[i].budget);
        queue(w, 0, 120 * KIB); /* half of it is taken by the network */
        assert_int_equal(w->gauge, 64 * KIB);
        raw_send(&w->raws[SERVERS - 1], span_from(body, 64 * KIB));
        pairs_run(w);
        assert_true(largest_piece <= cases[i].piece_max);
        assert_true(largest_piece > cases[i].piece_max / 2);
        read_max_bytes = read_max(w);
        assert_int_equal(largest_piece, read_max_bytes < 64 * KIB ? read_max_bytes : 64 * KIB);
        raw_listen(&w->raws[0]);
        pairs_run(w);
        assert_int_equal(w->raws[0].largest_read, 64 * KIB);
        pairs_end(w);
    }
}

/* What can't be kept for want of memory is lost: not with an end that makes the rest look
 * whole.
 */
static void test_no_memory_to_keep(void **state)
{
    struct pairs *w = open_pairs(BUFFER_BYTES);
    struct conn *c;
    struct msg m;

    (void)state;
    c = &w->servers[0].conn;
    w->raws[0].expects_reset = true;
    reply_init(&m, 200, 2 * BUFFER_BYTES);
    pairs_in_callback(w);
    conn_send_head(c, &m);
    conn_send_body(c, span_from(body, 2 * BUFFER_BYTES), 0);
    conn_send_end(c, NULL);
    conn_close(c, CONN_CLOSE_FLUSH);
    fault_set(1);
    pairs_run(w);
    assert_false(fault_is_armed());
    assert_true(w->servers[0].is_closed);
    raw_listen(&w->raws[0]);
    pairs_run(w);
    assert_true(w->raws[0].has_reset);
    pairs_end(w);
}

/* Half of it is not there: nothing leaks, and who has not got it gives nothing back. */
static void test_no_memory_to_share(void **state)
{
    struct loop *loop = loop_sim_new(1, NULL);
    struct conn_shared shared;
    unsigned failed_n = 0;

    (void)state;
    assert_non_null(loop);
    for (int rc = WERR_NOMEM; rc < 0; failed_n += rc < 0) {
        memset(&shared, 0xa5, sizeof(shared));
        fault_set(failed_n + 1);
        rc = conn_shared_init(&shared, loop);
        assert_true(rc == 0 || (rc == WERR_NOMEM && !shared.loop));
    }
    fault_set(0);
    assert_in_range(failed_n, 3, 10);
    conn_shared_fini(&shared);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_reads_get_smaller),
        cmocka_unit_test(test_one_read_is_a_quarter_at_most),
        cmocka_unit_test(test_reads_keep_to_it),
        cmocka_unit_test(test_no_memory_to_keep),
        cmocka_unit_test(test_no_memory_to_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
