/* How a conn closes: what is sent first, what the peer sees. */
#include "conn_world.h"

static void test_close_flush(void **state)
{
    struct world *w = world_serve();

    (void)state;
    say(w, GET("/1"));
    respond(&w->side);
    conn_close(&w->side.conn, CONN_CLOSE_FLUSH);
    conn_close(&w->side.conn, CONN_CLOSE_FLUSH);
    assert_int_equal(w->side.conn.state, CONN_FLUSHING);
    conn_flush(&w->side.conn);
    run_ms(w, 1);
    assert_string_equal(w->raw.got, OK_ANSWER);
    assert_true(w->raw.has_fin && w->side.is_closed);
    world_end(w);
}

static void test_close_at_once(void **state)
{
    (void)state;
    for (unsigned resets = 0; resets < 3; resets++) {
        struct world *w = world_serve();

        say(w, GET("/1"));
        respond(&w->side);
        if (resets != 1) /* what is lost unsent makes it a reset */
            conn_flush(&w->side.conn);
        conn_close(&w->side.conn, resets > 1 ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
        run_ms(w, 1);
        assert_true(w->raw.has_fin == !resets && w->raw.has_reset != !resets);
        world_end(w);
    }
}

/* The peer goes on sending: that must not cost it the response. */
static void run_linger(bool leaves)
{
    struct world *w = world_serve();

    say(w, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nab");
    respond(&w->side);
    conn_close(&w->side.conn, CONN_CLOSE_LINGER);
    conn_flush(&w->side.conn);
    for (unsigned i = 0; i < 5; i++)
        say(w, "more and more");
    assert_true(w->raw.has_fin && !w->raw.has_reset && !w->side.is_closed);
    assert_string_equal(w->raw.got, OK_ANSWER);
    if (leaves)
        sock_close(&w->raw.sock, false);
    run_ms(w, leaves ? 1 : 2100);
    assert_true(w->side.is_closed);
    assert_string_equal(w->side.log, "head=/ closed ");
    world_end(w);
}

static void test_close_linger(void **state)
{
    (void)state;
    run_linger(false);
    run_linger(true);
}

static void test_close_after(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.answers = true;
    conn_close_after(&w->side.conn);
    say(w, GET("/1"));
    assert_non_null(strstr(w->raw.got, "\r\nConnection: close\r\n"));
    assert_true(w->side.is_closed);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_flush),
        cmocka_unit_test(test_close_at_once),
        cmocka_unit_test(test_close_linger),
        cmocka_unit_test(test_close_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
