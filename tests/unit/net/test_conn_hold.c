/* Little output is held to the end of the turn: when it leaves, and that it stays in order. */
#include "hold_script.h"

/* ---- when it leaves ---- */

static void test_leaves_at_the_end_of_the_turn(void **state)
{
    struct pairs *w = open_pairs(2, 0);

    (void)state;
    run_turn(w, answer_0, answer_1, do_nothing);
    assert_int_equal(script.ops_at[1], script.ops_at[0] + 1); /* a read each, no send */
    assert_int_equal(script.ops_at[2], script.ops_at[1] + 1);
    assert_int_equal(loop_sim_ops(w->loop), script.ops_at[2] + 2);
    assert_false(w->servers[0].conn.sock.flags & SOCK_FIN_NEXT); /* nor in the kernel */
    end_with_both(w);
}

static uint64_t ops_before_held;

static void note_ops(struct loop_work *work)
{
    ops_before_held =
        loop_sim_ops(((struct pairs *)((char *)work - offsetof(struct pairs, nudge)))->loop);
}

/* Deferred work of the turn runs in its order: this before what sends what is held. */
static void answer_0_alone(struct pairs *w)
{
    w->nudge.run = note_ops;
    loop_defer(w->loop, &w->nudge);
    answer_0(w);
}

/* With no other callback to come in the turn there is nothing to wait for. */
static void test_last_leaves_at_once(void **state)
{
    struct pairs *w = open_pairs(2, 0);

    (void)state;
    run_turn(w, answer_0_alone, NULL, NULL);
    assert_int_equal(ops_before_held, script.ops_at[0] + 1);
    run_turn(w, answer_1, NULL, NULL);
    end_with_both(w);
}

/* As if the second were one that sends requests. */
static void test_requests_leave_first(void **state)
{
    struct pairs *w = open_pairs(2, 0);

    (void)state;
    w->servers[1].conn.flags |= CONN_ASKS;
    run_turn(w, answer_0, answer_1, NULL);
    pairs_run(w);
    assert_int_equal(w->raws[1].turn, 1);
    assert_int_equal(w->raws[0].turn, 2);
    pairs_end(w);
}

static void answer_both(struct pairs *w)
{
    answer_0(w);
    answer_1(w);
}

static void test_one_callback_writes_to_two(void **state)
{
    struct pairs *w = open_pairs(2, 0);

    (void)state;
    run_turn(w, answer_both, do_nothing, NULL);
    assert_int_equal(script.ops_at[1], script.ops_at[0] + 1);
    assert_int_equal(loop_sim_ops(w->loop), script.ops_at[1] + 2);
    end_with_both(w);
}

/* The response to a request that has waited in the queue, behind another, is held too. */
static void test_pipelined(void **state)
{
    struct pairs *w = open_pairs(1, 0);

    (void)state;
    raw_send(&w->raws[0], SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    pairs_run(w);
    run_turn(w, answer_0, NULL, NULL);
    pairs_run(w);
    check_answer(w, 0, SMALL);
    w->raws[0].n = 0;
    script.at_end = answer_0;
    run_turn(w, go_on_0, do_nothing, NULL);
    assert_int_equal(script.ops_at[1], script.ops_at[0] + 1);
    assert_int_equal(loop_sim_ops(w->loop), script.ops_at[1] + 1);
    pairs_run(w);
    check_answer(w, 0, SMALL);
    pairs_end(w);
}

static size_t body_bytes_of(size_t all)
{
    char head[64];

    return all - head_text(head, sizeof(head), 1000);
}

static void answer_most(struct pairs *w)
{
    respond(w, 0, body_bytes_of(HELD_MAX_BYTES));
}

static void answer_too_much(struct pairs *w)
{
    respond(w, 0, body_bytes_of(HELD_MAX_BYTES) + 1);
}

static void test_what_is_little(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct pairs *w = open_pairs(1, 0);

        run_turn(w, more ? answer_too_much : answer_most, do_nothing, NULL);
        assert_int_equal(script.ops_at[1] - script.ops_at[0], 1 + more);
        pairs_run(w);
        check_answer(w, 0, body_bytes_of(HELD_MAX_BYTES) + more);
        pairs_end(w);
    }
}

static void flush_0(struct pairs *w)
{
    uint64_t ops = loop_sim_ops(w->loop);

    conn_flush(&w->servers[0].conn);
    assert_int_equal(loop_sim_ops(w->loop), ops + 1);
}

static void test_flush_sends_now(void **state)
{
    struct pairs *w = open_pairs(2, 0);

    (void)state;
    run_turn(w, answer_0, answer_1, flush_0);
    end_with_both(w);
}

/* ---- order ---- */

static void test_order(void **state)
{
    static const size_t cases[][2] = {
        {SMALL, SMALL}, {SMALL, LARGE}, {LARGE, SMALL}, {LARGE, LARGE}};

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT(cases); i++) {
        struct pairs *w = open_pairs(2, i % 2 ? 1000 : 0);

        memcpy(piece_bytes, cases[i / 2], sizeof(piece_bytes));
        run_turn(w, send_first, answer_1, send_second);
        pairs_run(w);
        check_answer(w, 0, piece_bytes[0] + piece_bytes[1]);
        check_answer(w, 1, SMALL + 1);
        pairs_end(w);
    }
}

static void check_queued(struct pairs *w)
{
    char head[64];
    size_t all = LARGE + SMALL + head_text(head, sizeof(head), LARGE + SMALL);

    assert_int_equal(bufq_len(&w->servers[0].conn.out), all - 1000);
}

/* Behind what is queued nothing is held. */
static void test_congested_is_not_held(void **state)
{
    struct pairs *w = open_pairs(1, 1000);

    (void)state;
    piece_bytes[0] = LARGE;
    piece_bytes[1] = SMALL;
    run_turn(w, send_first, send_second, check_queued);
    pairs_run(w);
    check_answer(w, 0, LARGE + SMALL);
    pairs_end(w);
}

/* ---- many ---- */

static size_t crowd_bytes(unsigned i)
{
    return 3900 + i;
}

static void answer_own(struct server *s, struct event *ev)
{
    if (ev->type != EVENT_END)
        return;
    respond(s->pairs, s->number, crowd_bytes(s->number));
    script.done++;
}

/* More than there are places; twice, since places and room are used again. */
static void test_crowd(void **state)
{
    struct pairs *w = pairs_new(CROWD, 0);

    (void)state;
    w->on_event = answer_own;
    for (unsigned round = 0; round < 2; round++) {
        script.done = 0;
        for (unsigned i = 0; i < CROWD; i++) {
            w->raws[i].n = 0;
            raw_send(&w->raws[i], SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        }
        loop_turn(w->loop, 0);
        assert_int_equal(script.done, CROWD);
        for (unsigned i = 0; i < CROWD; i++)
            raw_listen(&w->raws[i]);
        pairs_run(w);
        for (unsigned i = 0; i < CROWD; i++) {
            check_answer(w, i, crowd_bytes(i));
            conn_next(&w->servers[i].conn);
        }
        pairs_run(w);
    }
    pairs_end(w);
}

enum { BULK = 40, BULK_PIECE_BYTES = 20000, MOVED_MAX_BYTES = 256 * 1024 };

static size_t bulk_bytes, bulk_bytes_when_left;

static void answer_small_beside_bulk(struct server *s, struct event *ev)
{
    if (ev->type == EVENT_END && s->number == 0)
        respond(s->pairs, 0, SMALL);
    if (s->number == 0)
        return;
    if (bulk_bytes_when_left == 0 && s->pairs->servers[0].conn.held == 0)
        bulk_bytes_when_left = bulk_bytes;
    if (ev->type == EVENT_BODY)
        bulk_bytes += ev->data.len;
}

/* Who has much to read in the same turn, and writes nothing, keeps nobody long. */
static void test_long_turn(void **state)
{
    struct pairs *w = pairs_new(1 + BULK, 0);

    (void)state;
    for (unsigned i = 1; i <= BULK; i++)
        raw_send(&w->raws[i],
                 SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n"));
    pairs_run(w);
    bulk_bytes = bulk_bytes_when_left = 0;
    w->on_event = answer_small_beside_bulk;
    raw_send(&w->raws[0], SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (unsigned i = 1; i <= BULK; i++)
        raw_send(&w->raws[i], span_from(bytes, BULK_PIECE_BYTES));
    loop_turn(w->loop, 0);
    assert_int_equal(bulk_bytes, BULK * BULK_PIECE_BYTES);
    assert_in_range(bulk_bytes_when_left, MOVED_MAX_BYTES - BULK_PIECE_BYTES, MOVED_MAX_BYTES);
    raw_listen(&w->raws[0]);
    pairs_run(w);
    check_answer(w, 0, SMALL);
    pairs_end(w);
}

/* ---- the peer takes a part ---- */

enum { TALL = 3000 };

static void answer_0_tall(struct pairs *w)
{
    respond(w, 0, TALL);
}

static void test_part_is_taken(void **state)
{
    struct pairs *w = open_pairs(2, WINDOW_BYTES);
    const struct server *s = &w->servers[0];
    char head[64];

    (void)state;
    sock_recv_stop(&w->raws[0].sock);
    run_turn(w, answer_0_tall, do_nothing, NULL);
    assert_int_equal(script.ops_at[1], script.ops_at[0] + 1);
    assert_true(conn_is_congested(&s->conn) && conn_has_sent(&s->conn));
    assert_int_equal(bufq_len(&s->conn.out),
                     TALL + head_text(head, sizeof(head), TALL) - WINDOW_BYTES);
    run_turn(w, answer_1, do_nothing, NULL); /* where the other's bytes were held */
    pairs_run(w);
    assert_int_equal(s->congested_n, 1);
    assert_int_equal(s->drained_n, 0);
    raw_listen(&w->raws[0]);
    pairs_run(w);
    check_answer(w, 0, TALL);
    check_answer(w, 1, SMALL + 1);
    assert_int_equal(s->congested_n, 1);
    assert_int_equal(s->drained_n, 1);
    assert_false(conn_is_congested(&s->conn));
    pairs_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_at_the_end_of_the_turn),
        cmocka_unit_test(test_last_leaves_at_once),
        cmocka_unit_test(test_requests_leave_first),
        cmocka_unit_test(test_one_callback_writes_to_two),
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_what_is_little),
        cmocka_unit_test(test_flush_sends_now),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_congested_is_not_held),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_long_turn),
        cmocka_unit_test(test_part_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
