/* The reading state of a conn: where each call leads from each state, and what is heard there.
 */
#include "conn_pairs.h"

enum call { PAUSE, WAIT, RESUME, QUIET, WATCH, FIN_WATCH, CALLS };

static void make_call(struct conn *c, enum call call)
{
    static void (*const calls[CALLS])(struct conn * c) = {
        conn_pause, conn_wait, conn_resume, conn_quiet, conn_watch, conn_watch_fin};

    calls[call](c);
}

static const char upload[] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";

/* In the middle of a request. */
static struct pairs *open_pair(void)
{
    struct pairs *w = pairs_new(1, 0);

    raw_send(&w->raws[0], span_from(upload, sizeof(upload) - 1));
    pairs_run(w);
    assert_int_equal(w->servers[0].conn.reading, READING_ON);
    assert_string_equal(conn_reading_name(&w->servers[0].conn), "ON");
    return w;
}

static void go_to(struct conn *c, enum conn_reading reading)
{
    static const enum call way[READING_STATES] = {[READING_ON] = RESUME,
                                                  [READING_PAUSED] = PAUSE,
                                                  [READING_WAIT] = WAIT,
                                                  [READING_QUIET] = QUIET};

    if (reading > READING_QUIET)
        make_call(c, QUIET);
    if (reading == READING_WATCH)
        make_call(c, WATCH);
    else if (reading == READING_FIN_WATCH)
        make_call(c, FIN_WATCH);
    else
        make_call(c, way[reading]);
    assert_int_equal(c->reading, reading);
}

static void test_moves(void **state)
{
    enum { ON, PAUSED, WAITS, IS_QUIET, WATCHED, FINS, NEVER };
    /* from a row, by the call of a column */
    static const uint8_t to[READING_STATES][CALLS] = {
        [READING_ON] = {PAUSED, WAITS, ON, IS_QUIET, ON, NEVER},
        [READING_PAUSED] = {PAUSED, WAITS, ON, IS_QUIET, PAUSED, NEVER},
        [READING_WAIT] = {PAUSED, WAITS, ON, IS_QUIET, WAITS, FINS},
        [READING_QUIET] = {IS_QUIET, WATCHED, IS_QUIET, IS_QUIET, WATCHED, FINS},
        [READING_WATCH] = {WATCHED, WATCHED, WATCHED, WATCHED, WATCHED, FINS},
        [READING_FIN_WATCH] = {FINS, FINS, FINS, FINS, FINS, FINS},
    };

    (void)state;
    for (unsigned from = 0; from < READING_STATES; from++) {
        for (unsigned call = 0; call < CALLS; call++) {
            struct pairs *w;

            if (to[from][call] == NEVER)
                continue;
            w = open_pair();
            go_to(&w->servers[0].conn, from);
            make_call(&w->servers[0].conn, call);
            assert_int_equal(w->servers[0].conn.reading, to[from][call]);
            pairs_end(w);
        }
    }
}

/* Does the body come, now, and when receiving goes on? */
static unsigned body_bytes;

static void count_body(struct server *s, struct event *ev)
{
    (void)s;
    if (ev->type == EVENT_BODY)
        body_bytes += (unsigned)ev->data.len;
}

static void test_what_is_read(void **state)
{
    (void)state;
    for (unsigned reading = 0; reading < READING_STATES; reading++) {
        struct pairs *w = open_pair();

        body_bytes = 0;
        w->on_event = count_body;
        go_to(&w->servers[0].conn, reading);
        raw_send(&w->raws[0], SPAN("hello"));
        pairs_run(w);
        assert_int_equal(body_bytes, reading == READING_ON ? 5 : 0);
        conn_tunnel(&w->servers[0].conn); /* on again, whatever it was */
        assert_int_equal(w->servers[0].conn.reading, READING_ON);
        pairs_run(w);
        assert_int_equal(body_bytes, 5);
        pairs_end(w);
    }
}

/* What is told of a peer that resets behind five bytes of its body. (Of one that is quiet only
 * since it has been waited for before: the poller knows it.) */
static void test_reset_by_the_peer(void **state)
{
    static const bool is_told[READING_STATES] = {[READING_ON] = true,
                                                 [READING_WAIT] = true,
                                                 [READING_QUIET] = true,
                                                 [READING_WATCH] = true,
                                                 [READING_FIN_WATCH] = true};

    (void)state;
    for (unsigned reading = 0; reading < READING_STATES; reading++) {
        struct pairs *w = open_pair();

        go_to(&w->servers[0].conn, reading);
        raw_send(&w->raws[0], SPAN("hello"));
        pairs_run(w);
        sock_close(&w->raws[0].sock, true);
        pairs_run(w);
        assert_int_equal(w->servers[0].gone_n, is_told[reading]);
        pairs_end(w);
    }
}

static void test_nothing_moves_once_it_closes(void **state)
{
    (void)state;
    for (unsigned call = 0; call < CALLS; call++) {
        struct pairs *w = open_pair();
        struct conn *c = &w->servers[0].conn;

        conn_close(c, CONN_CLOSE_LINGER);
        assert_int_equal(c->state, CONN_LINGER);
        make_call(c, call);
        assert_int_equal(c->reading, READING_ON);
        pairs_end(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_reset_by_the_peer),
        cmocka_unit_test(test_nothing_moves_once_it_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
