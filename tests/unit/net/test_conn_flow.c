/* Back-pressure of a conn: congestion, pause, what waits in its queues. */
#include "conn_world.h"

static void test_congestion(void **state)
{
    struct world *w = world_serve();
    struct msg m;
    const char *body;

    (void)state;
    say(w, GET("/1"));
    sock_recv_stop(&w->raw.sock);
    reply_init(&m, 200, BIG_BYTES);
    conn_send_head(&w->side.conn, &m);
    conn_send_body(&w->side.conn, span_from(big(), BIG_BYTES), 0);
    conn_send_end(&w->side.conn, NULL);
    conn_flush(&w->side.conn);
    run_ms(w, 5);
    assert_true(conn_is_congested(&w->side.conn));
    assert_int_equal(w->side.congested_n, 1);
    assert_int_equal(w->side.drained_n, 0);
    sock_recv_start(&w->raw.sock);
    run_ms(w, 50);
    assert_false(conn_is_congested(&w->side.conn));
    assert_int_equal(w->side.drained_n, 1);
    assert_true(w->side.progress_n > 0);
    body = strstr(w->raw.got, "\r\n\r\n") + 4;
    assert_int_equal(w->raw.got + w->raw.n - body, BIG_BYTES);
    assert_memory_equal(body, big(), BIG_BYTES);
    assert_null(w->side.conn.out.block);
    world_end(w);
}

static void test_pause(void **state)
{
    struct world *w = world_serve();

    (void)state;
    w->side.pauses_at_head = true;
    say(w, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    say(w, "lo");
    assert_string_equal(w->side.log, "head=/1 ");
    assert_int_equal(w->side.body_bytes, 0);
    conn_resume(&w->side.conn);
    run_ms(w, 1);
    assert_int_equal(w->side.body_bytes, 5);
    assert_string_equal(w->side.log, "head=/1 end ");
    world_end(w);
}

static void begin_upload(struct side *s)
{
    static const struct msg m = {.base = "PUT /x",
                                 .base_len = 6,
                                 .version = 11,
                                 .body = MSG_BODY_LENGTH,
                                 .flags = MSG_HAS_LENGTH,
                                 .content_length = 1000,
                                 .method_len = 3,
                                 .target_off = 4,
                                 .target_len = 2};

    conn_send_head(&s->conn, &m);
    conn_flush(&s->conn);
}

/* Bytes that waited in the in queue go out of it into another conn's output: the queue must
 * not let go of them before they are sent. */
static void test_relay_from_the_queue(void **state)
{
    struct world *w = world_serve();
    struct side target = {0};

    (void)state;
    w->side.pauses_at_head = true;
    w->takes = &w->far;
    connect_side(w, &target);
    raw_send(&w->raw, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", 51);
    raw_send(&w->raw, big(), 1000);
    run_ms(w, 1);
    assert_int_equal(bufq_len(&w->side.conn.in), 1000);
    w->side.relay_to = &target;
    begin_upload(&target);
    conn_resume(&w->side.conn);
    run_ms(w, 2);
    assert_null(w->side.conn.in.block);
    assert_true(w->far.n > 1000);
    assert_memory_equal(w->far.got + w->far.n - 1000, big(), 1000);
    conn_close(&target.conn, CONN_CLOSE_NOW);
    run_ms(w, 2);
    world_end(w);
}

/* The server answers early and closes upon what it has not read: sending on fails at a moment
 * when the response is there already, which must not be lost for that. */
static void test_broken_send_and_an_answer(void **state)
{
    struct world *w = world_serve();
    struct side target = {0};

    (void)state;
    w->takes = &w->far;
    connect_side(w, &target);
    w->side.relay_to = &target;
    say(w, "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    begin_upload(&target);
    run_ms(w, 1);
    raw_send(&w->raw, big(), 1000);
    raw_send(&w->far, OK_ANSWER, strlen(OK_ANSWER));
    sock_close(&w->far.sock, true);
    run_ms(w, 2);
    assert_string_equal(target.log, "open=ok head=200 end gone=reset closed ");
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_congestion),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_relay_from_the_queue),
        cmocka_unit_test(test_broken_send_and_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
