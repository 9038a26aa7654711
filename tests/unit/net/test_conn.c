/* A conn as a server and as a client: messages, ends, the owner's timer. */
#include "conn_world.h"

/* ---- as a server ---- */

static void test_serves(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    say(w, GET("/1"));
    assert_string_equal(w->raw.got, OK_ANSWER);
    say(w, GET("/2") GET("/3"));
    assert_string_equal(w->side.log, "head=/1 end head=/2 end head=/3 end ");
    assert_string_equal(w->raw.got, OK_ANSWER OK_ANSWER OK_ANSWER);
    assert_null(w->side.conn.in.block); /* idle: no buffer */
    assert_null(w->side.conn.out.block);
    world_end(w);
}

static void test_byte_by_byte(void **state)
{
    static const char text[] =
        "POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\n" GET("/2");
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        raw_send(&w->raw, text + i, 1);
        run_ms(w, 1);
    }
    assert_string_equal(w->side.log, "head=/1 end head=/2 end ");
    assert_int_equal(w->side.body_bytes, 5);
    assert_string_equal(w->raw.got, OK_ANSWER OK_ANSWER);
    world_end(w);
}

/* What is pipelined waits until the one before it is answered. */
static void test_next(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1") GET("/2"));
    conn_quiet(&w->side.conn);
    assert_string_equal(w->side.log, "head=/1 end ");
    assert_true(conn_has_unread(&w->side.conn));
    respond(&w->side);
    conn_flush(&w->side.conn);
    assert_true(conn_can_reuse(&w->side.conn));
    conn_next(&w->side.conn);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "head=/1 end head=/2 end ");
    world_end(w);
}

struct end_case {
    const char *said;
    const char *log;
};

static void test_ends(void **state)
{
    static const struct end_case cases[] = {
        {"", "gone=eof closed "},
        {"GET / HT", "reset=eof "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", "head=/ reset=eof "},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5",
         "head=/ reset=eof "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct world *w = world_serve();

        say(w, cases[i].said);
        raw_shut(&w->raw);
        run_ms(w, 2);
        assert_string_equal(w->side.log, cases[i].log);
        world_end(w);
    }
}

/* An end behind a whole request is no hurry: it is told when the response is given. */
static void test_end_after_a_request(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    raw_send(&w->raw, GET("/1") GET("/2"), 2 * strlen(GET("/1")));
    raw_shut(&w->raw);
    run_ms(w, 2);
    assert_string_equal(w->side.log, "head=/1 end head=/2 end gone=eof closed ");
    assert_string_equal(w->raw.got, OK_ANSWER OK_ANSWER);
    world_end(w);
}

static void test_reset_is_told_once(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1"));
    sock_close(&w->raw.sock, true);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "head=/1 end gone=reset closed ");
    world_end(w);
}

/* Sending fails first: told as well, once, and after the callback. */
static void test_broken_send(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1"));
    conn_quiet(&w->side.conn);
    loop_sim_set_faults(
        w->loop, &(struct loop_sim_faults){.fail_op = (uint32_t)loop_sim_ops(w->loop) + 1});
    respond(&w->side);
    conn_flush(&w->side.conn);
    respond(&w->side); /* into the void: no crash, no bytes */
    assert_string_equal(w->side.log, "head=/1 end ");
    run_ms(w, 1);
    conn_timer_set(&w->side.conn, 1);
    run_ms(w, 3);
    assert_non_null(strstr(w->side.log, "gone=reset closed "));
    assert_int_equal(w->raw.n, 0);
    world_end(w);
}

static void test_timer(void **state)
{
    struct world *w = world_serve();

    (void)state;
    conn_timer_set(&w->side.conn, 50);
    run_ms(w, 40);
    conn_timer_set(&w->side.conn, 50);
    run_ms(w, 40);
    assert_string_equal(w->side.log, "");
    run_ms(w, 20);
    assert_string_equal(w->side.log, "timer ");
    conn_timer_set(&w->side.conn, 50);
    conn_timer_stop(&w->side.conn);
    run_ms(w, 60);
    conn_timer_set(&w->side.conn, 50);
    conn_close(&w->side.conn, CONN_CLOSE_NOW);
    run_ms(w, 60);
    assert_string_equal(w->side.log, "timer closed ");
    world_end(w);
}

/* ---- as a client ---- */

static void test_calls(void **state)
{
    struct world *w = world_call();

    (void)state;
    ask(&w->side);
    run_ms(w, 1);
    assert_string_equal(w->raw.got, "GET /x HTTP/1.1\r\n\r\n");
    say(w, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_string_equal(w->side.log, "INFO head=200 end ");
    assert_true(conn_can_reuse(&w->side.conn));
    conn_next(&w->side.conn);
    raw_shut(&w->raw);
    run_ms(w, 2);
    assert_string_equal(w->side.log, "INFO head=200 end gone=eof closed ");
    world_end(w);
}

static void test_answer_until_close(void **state)
{
    struct world *w = world_call();

    (void)state;
    ask(&w->side);
    say(w, "HTTP/1.1 200 OK\r\n\r\nhello");
    assert_string_equal(w->side.log, "head=200 ");
    raw_shut(&w->raw);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "head=200 end ");
    assert_int_equal(w->side.body_bytes, 5);
    assert_false(conn_can_reuse(&w->side.conn));
    world_end(w);
}

static void test_end_instead_of_an_answer(void **state)
{
    struct world *w = world_call();

    (void)state;
    ask(&w->side);
    raw_shut(&w->raw);
    run_ms(w, 1);
    assert_string_equal(w->side.log, "reset=eof ");
    world_end(w);
}

static void test_unasked(void **state)
{
    struct world *w = world_call();

    (void)state;
    say(w, OK_ANSWER);
    assert_string_equal(w->side.log, "reset=syntax ");
    world_end(w);
}

static void test_refused(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    w->at.port = 81;
    connect_side(w, &w->side);
    assert_string_equal(w->side.log, "open=refused closed ");
    world_end(w);
}

static void test_no_memory(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    assert_int_equal(sock_connect(w->loop, &w->raw.sock, &raw_ops, &w->at), WERR_AGAIN);
    fault_set(1);
    run_ms(w, 2);
    assert_false(fault_is_armed());
    assert_int_equal(w->accept_rc, WERR_NOMEM);
    assert_true(w->raw.has_fin);
    fault_set(1);
    assert_int_equal(conn_connect(&w->side.conn, &w->shared, &side_ops, &w->at, CODEC_H1,
                                  &codec_limits_response),
                     WERR_NOMEM);
    w->side.is_closed = true;
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_end_after_a_request),
        cmocka_unit_test(test_reset_is_told_once),
        cmocka_unit_test(test_broken_send),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_answer_until_close),
        cmocka_unit_test(test_end_instead_of_an_answer),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
