/* Output that is held: closing loses nothing of it, and what is told when it can't be sent. */
#include "base/fault.h"
#include "hold_script.h"

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
    respond(w, 0, LARGE);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_loses_nothing),
        cmocka_unit_test(test_shut_comes_behind),
        cmocka_unit_test(test_failure_is_told),
        cmocka_unit_test(test_close_behind_failure),
        cmocka_unit_test(test_reset_while_held),
        cmocka_unit_test(test_next_while_held),
        cmocka_unit_test(test_lost_output),
        cmocka_unit_test(test_lost_input_close_now),
        cmocka_unit_test(test_lost_input_close_flush),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
