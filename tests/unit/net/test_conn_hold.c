#include <stdio.h>

#include "base/fault.h"
#include "conn_pairs.h"

/* Little output is held to the end of the turn: when it leaves, that it stays in order, that
 * closing loses nothing of it, and what is told when it can't be sent.
 *
 * The first conns have heard a request, so that they may answer; each of the others runs a step
 * of the test whenever its peer sends a byte: all steps of run_turn are callbacks of one turn.
 */

enum { STEPS_MAX = 3, HELD_MAX_BYTES = 4096, CROWD = 80 };

typedef void (*step_fn)(struct pairs *w);

static struct {
    unsigned answering_n, done;
    step_fn step[STEPS_MAX];
    step_fn at_end;             /* of a request of the first ones; NULL: nothing */
    uint64_t ops_at[STEPS_MAX]; /* operations of the network when it began, its read included */
} script;

static char bytes[KEEP_BYTES];

static void on_event(struct server *s, struct event *ev)
{
    if (ev->type == EVENT_END && script.at_end)
        script.at_end(s->pairs);
    if (ev->type != EVENT_BODY)
        return;
    assert_true(script.done < STEPS_MAX);
    script.ops_at[script.done] = loop_sim_ops(s->pairs->loop);
    script.step[script.done++](s->pairs);
}

static struct pairs *open_pairs(unsigned answering_n, uint32_t buffer_bytes)
{
    struct pairs *w = pairs_new(answering_n + STEPS_MAX, buffer_bytes);

    w->on_event = on_event;
    script.answering_n = answering_n;
    script.at_end = NULL;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)('a' + i % 23 + i / 509 % 3);
    for (unsigned i = 0; i < w->n; i++)
        raw_send(&w->raws[i],
                 i < answering_n
                     ? SPAN("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                     : SPAN("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"));
    pairs_run(w);
    for (unsigned i = 0; i < answering_n; i++)
        raw_listen(&w->raws[i]);
    pairs_run(w);
    return w;
}

static void run_turn(struct pairs *w, step_fn first, step_fn second, step_fn third)
{
    const step_fn steps[STEPS_MAX] = {first, second, third};
    unsigned n = 0;

    script.done = 0;
    for (; n < STEPS_MAX && steps[n]; n++) {
        script.step[n] = steps[n];
        raw_send(&w->raws[script.answering_n + n], SPAN("x"));
    }
    loop_turn(w->loop, 0);
    assert_int_equal(script.done, n);
}

/* ---- what is sent ---- */

static size_t head_text(char *to, size_t room, size_t body_bytes)
{
    return (size_t)snprintf(to, room, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                            body_bytes);
}

static void send_head(struct pairs *w, unsigned i, size_t body_bytes)
{
    struct msg m;

    reply_init(&m, 200, body_bytes);
    conn_send_head(&w->servers[i].conn, &m);
}

static void send_body(struct pairs *w, unsigned i, size_t from, size_t n)
{
    conn_send_body(&w->servers[i].conn, span_from(bytes + from, n), 0);
}

static void answer(struct pairs *w, unsigned i, size_t body_bytes)
{
    send_head(w, i, body_bytes);
    send_body(w, i, 0, body_bytes);
    conn_send_end(&w->servers[i].conn, NULL);
}

static void check_answer(const struct pairs *w, unsigned i, size_t body_bytes)
{
    const struct raw *r = &w->raws[i];
    char head[64];
    size_t head_bytes = head_text(head, sizeof(head), body_bytes);

    assert_int_equal(r->n, head_bytes + body_bytes);
    assert_memory_equal(r->kept, head, head_bytes);
    assert_memory_equal(r->kept + head_bytes, bytes, body_bytes);
}

enum { SMALL = 100, LARGE = 12000, WINDOW_BYTES = 1000 };

static void answer_0(struct pairs *w)
{
    answer(w, 0, SMALL);
}

static void answer_1(struct pairs *w)
{
    answer(w, 1, SMALL + 1);
}

static void do_nothing(struct pairs *w)
{
    (void)w;
}

static void end_with_both(struct pairs *w)
{
    pairs_run(w);
    check_answer(w, 0, SMALL);
    check_answer(w, 1, SMALL + 1);
    pairs_end(w);
}

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

static void go_on_0(struct pairs *w)
{
    conn_next(&w->servers[0].conn);
}

/* The answer to a request that has waited in the queue, behind another, is held too. */
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
    answer(w, 0, body_bytes_of(HELD_MAX_BYTES));
}

static void answer_too_much(struct pairs *w)
{
    answer(w, 0, body_bytes_of(HELD_MAX_BYTES) + 1);
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

static size_t piece_bytes[2];

static void send_first(struct pairs *w)
{
    send_head(w, 0, piece_bytes[0] + piece_bytes[1]);
    send_body(w, 0, 0, piece_bytes[0]);
}

static void send_second(struct pairs *w)
{
    send_body(w, 0, piece_bytes[0], piece_bytes[1]);
    conn_send_end(&w->servers[0].conn, NULL);
}

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

/* ---- ends ---- */

static enum conn_close_how close_how;

static void close_0(struct pairs *w)
{
    conn_close(&w->servers[0].conn, close_how);
}

static void close_0_now(struct pairs *w)
{
    conn_close(&w->servers[0].conn, CONN_CLOSE_NOW);
}

static void test_close_loses_nothing(void **state)
{
    static const enum conn_close_how hows[] = {CONN_CLOSE_NOW, CONN_CLOSE_FLUSH,
                                               CONN_CLOSE_LINGER, CONN_CLOSE_RESET};

    (void)state;
    for (unsigned i = 0; i < 2 * COUNT(hows); i++) {
        struct pairs *w = open_pairs(1, 0);

        close_how = hows[i / 2];
        w->raws[0].expects_reset = close_how == CONN_CLOSE_RESET;
        run_turn(w, answer_0, close_0, i % 2 ? close_0_now : NULL);
        assert_true(w->servers[0].is_closed || (close_how == CONN_CLOSE_LINGER && i % 2 == 0));
        pairs_run(w);
        check_answer(w, 0, SMALL);
        assert_true(w->raws[0].has_fin == (close_how != CONN_CLOSE_RESET));
        assert_true(w->raws[0].has_reset == (close_how == CONN_CLOSE_RESET));
        pairs_end(w);
    }
}

static void shut_0(struct pairs *w)
{
    conn_shut(&w->servers[0].conn);
}

static void answer_and_shut_0(struct pairs *w)
{
    answer_0(w);
    shut_0(w);
}

static void test_shut_comes_behind(void **state)
{
    (void)state;
    for (unsigned at_once = 0; at_once < 2; at_once++) {
        struct pairs *w = open_pairs(1, 0);

        run_turn(w, at_once ? answer_and_shut_0 : answer_0, at_once ? do_nothing : shut_0,
                 NULL);
        assert_true(w->servers[0].conn.sock.flags & SOCK_FIN_NEXT); /* in one packet */
        pairs_run(w);
        check_answer(w, 0, SMALL);
        assert_true(w->raws[0].has_fin);
        assert_int_equal(w->servers[0].conn.state, CONN_OPEN);
        assert_int_equal(w->servers[0].gone_n, 0);
        pairs_end(w);
    }
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
    answer(s->pairs, s->number, crowd_bytes(s->number));
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
        answer(s->pairs, 0, SMALL);
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

/* ---- sending fails ---- */

static void fail_next_op(struct pairs *w)
{
    loop_sim_set_faults(
        w->loop, &(struct loop_sim_faults){.fail_op = (uint32_t)loop_sim_ops(w->loop) + 1});
}

static void check_counts_as_sent(struct pairs *w)
{
    assert_true(conn_has_sent(&w->servers[0].conn));
    fail_next_op(w);
}

struct failure {
    bool has_sent; /* in an earlier turn */
    bool is_quiet; /* nothing is received that could be told before the failure */
};

static void run_failure(const struct failure *f)
{
    struct pairs *w = open_pairs(1, 0);
    struct server *s = &w->servers[0];

    w->raws[0].expects_reset = true;
    piece_bytes[0] = piece_bytes[1] = SMALL;
    if (f->is_quiet)
        conn_quiet(&s->conn);
    if (f->has_sent) {
        run_turn(w, send_first, NULL, NULL);
        assert_true(conn_has_sent(&s->conn));
        pairs_run(w);
    }
    assert_true(conn_has_sent(&s->conn) == f->has_sent);
    run_turn(w, f->has_sent ? send_second : send_first, check_counts_as_sent, NULL);
    assert_true(conn_has_sent(&s->conn) == f->has_sent);
    pairs_run(w);
    assert_int_equal(s->gone_n, 1);
    assert_true(s->had_sent == f->has_sent);
    assert_true(s->is_closed && w->raws[0].has_reset);
    pairs_end(w);
}

static void test_failure_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        run_failure(&(struct failure){i % 2, i / 2});
}

/* In so many pieces that some must leave at once, which fails. */
static void fail_in_pieces(struct pairs *w)
{
    enum { PIECES = OUTV_PIECES + 10, BYTES = OUTV_COPY_MAX + 1 };

    send_head(w, 0, PIECES * BYTES);
    fail_next_op(w);
    for (size_t i = PIECES; i-- > 0;)
        send_body(w, 0, i * BYTES, BYTES);
    conn_send_end(&w->servers[0].conn, NULL);
}

static void check_failed(struct pairs *w)
{
    assert_true(conn_is_broken(&w->servers[0].conn));
    assert_int_equal(w->servers[0].conn.held, 0);
    close_0(w);
}

/* What is left of the pieces then goes nowhere. */
static void test_close_behind_failure(void **state)
{
    static const enum conn_close_how hows[] = {CONN_CLOSE_NOW, CONN_CLOSE_FLUSH,
                                               CONN_CLOSE_LINGER, CONN_CLOSE_RESET};

    (void)state;
    for (unsigned i = 0; i < COUNT(hows); i++) {
        struct pairs *w = open_pairs(1, 0);

        close_how = hows[i];
        w->raws[0].expects_reset = true;
        run_turn(w, fail_in_pieces, check_failed, NULL);
        pairs_run(w);
        assert_true(w->servers[0].is_closed && w->raws[0].has_reset);
        assert_int_equal(w->raws[0].n, 0);
        pairs_end(w);
    }
}

static void reset_0(struct pairs *w)
{
    sock_close(&w->raws[0].sock, true);
}

/* The peer's reset lies behind the callback that writes and before the end of the turn; it is
 * heard of by a read, or without one. */
static void run_reset_while_held(bool is_quiet)
{
    struct pairs *w = open_pairs(1, 0);

    if (is_quiet) {
        conn_quiet(&w->servers[0].conn);
        conn_watch(&w->servers[0].conn);
    }
    script.done = 0;
    script.step[0] = answer_0;
    raw_send(&w->raws[1], SPAN("x"));
    reset_0(w);
    loop_turn(w->loop, 0);
    assert_int_equal(script.done, 1);
    pairs_run(w);
    assert_int_equal(w->servers[0].gone_n, 1);
    assert_true(w->servers[0].is_closed);
    assert_false(w->servers[0].had_sent);
    pairs_end(w);
}

static void test_reset_while_held(void **state)
{
    (void)state;
    run_reset_while_held(false);
    run_reset_while_held(true);
}

/* What goes out at the end of the turn belongs to the message before. */
static void test_next_while_held(void **state)
{
    struct pairs *w = open_pairs(1, 0);

    (void)state;
    run_turn(w, answer_0, go_on_0, NULL);
    assert_false(conn_has_sent(&w->servers[0].conn));
    pairs_run(w);
    check_answer(w, 0, SMALL);
    pairs_end(w);
}

static void no_memory(struct pairs *w)
{
    (void)w;
    fault_set(1);
}

static void answer_without_memory(struct pairs *w)
{
    answer(w, 0, LARGE);
    no_memory(w);
}

/* What the peer does not take finds no memory: whoever has got a part must not take it for the
 * whole, however it is closed before its owner hears of that. */
static void test_lost_output(void **state)
{
    static const enum conn_close_how hows[] = {CONN_CLOSE_NOW, CONN_CLOSE_FLUSH,
                                               CONN_CLOSE_LINGER};

    (void)state;
    for (unsigned i = 0; i < COUNT(hows); i++) {
        struct pairs *w = open_pairs(1, WINDOW_BYTES);

        close_how = hows[i];
        w->raws[0].expects_reset = true;
        run_turn(w, answer_without_memory, close_0, NULL);
        assert_false(fault_is_armed());
        pairs_run(w);
        assert_true(w->raws[0].has_reset && !w->raws[0].has_fin);
        pairs_end(w);
    }
}

/* What comes behind the request finds no memory: what is held goes out all the same. */
static void run_lost_input(enum conn_close_how how)
{
    struct pairs *w = open_pairs(1, 0);

    w->gone_how = how;
    w->raws[0].expects_reset = true;
    script.done = 0;
    script.step[0] = answer_0;
    script.step[1] = no_memory;
    raw_send(&w->raws[1], SPAN("x"));
    raw_send(&w->raws[2], SPAN("x"));
    raw_send(&w->raws[0], SPAN("GET / HTTP/1.1\r\n"));
    loop_turn(w->loop, 0);
    assert_int_equal(script.done, 2);
    assert_false(fault_is_armed());
    pairs_run(w);
    assert_int_equal(w->servers[0].gone_n, 1);
    check_answer(w, 0, SMALL);
    pairs_end(w);
}

static void test_lost_input_close_now(void **state)
{
    (void)state;
    run_lost_input(CONN_CLOSE_NOW);
}

static void test_lost_input_close_flush(void **state)
{
    (void)state;
    run_lost_input(CONN_CLOSE_FLUSH);
}

/* ---- the peer takes a part ---- */

enum { TALL = 3000 };

static void answer_0_tall(struct pairs *w)
{
    answer(w, 0, TALL);
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
        cmocka_unit_test(test_close_loses_nothing),
        cmocka_unit_test(test_shut_comes_behind),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_long_turn),
        cmocka_unit_test(test_failure_is_told),
        cmocka_unit_test(test_close_behind_failure),
        cmocka_unit_test(test_reset_while_held),
        cmocka_unit_test(test_lost_output),
        cmocka_unit_test(test_lost_input_close_now),
        cmocka_unit_test(test_lost_input_close_flush),
        cmocka_unit_test(test_next_while_held),
        cmocka_unit_test(test_part_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
