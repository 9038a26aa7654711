#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api.h"
#include "manager/api_stream.h"
#include "manager/events.h"
#include "manager/manager.h"
#include "net/loop_sim.h"

/* A reader of GET /events that takes nothing, or little, in a network and a time of our own. */

enum { BUFFER_BYTES = 4096, GOT_MAX = 1024 * 1024, EVENTS = 2000, STEP_MS = 1000 };

static const struct addr at = {.family = AF_INET, .port = 8687, .ip = {127, 0, 0, 1}};

static struct world {
    struct manager m;
    struct events events;
    struct api api;
    struct sock reader;
    struct timer tick;
    char got[GOT_MAX];
    size_t n;
    size_t may_take; /* it stops reading then, and has a buffer more at most */
    bool has_ended;
} * w;

/* ---- the reader ---- */

static void on_connect(struct sock *s, int error)
{
    static const char request[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n"
                                  "Accept: text/event-stream\r\n\r\n";
    struct iovec iov = {(void *)(uintptr_t)request, sizeof(request) - 1};

    assert_int_equal(error, 0);
    assert_int_equal(sock_send(s, &iov, 1), sizeof(request) - 1);
}

static void on_recv(struct sock *s, struct span bytes, int error)
{
    w->has_ended = w->has_ended || error < 0 || bytes.len == 0;
    assert_true(w->n + bytes.len < GOT_MAX);
    if (bytes.len > 0)
        memcpy(w->got + w->n, bytes.ptr, bytes.len);
    w->n += bytes.len;
    w->got[w->n] = '\0';
    w->may_take -= bytes.len < w->may_take ? bytes.len : w->may_take;
    if (w->may_take == 0)
        sock_recv_stop(s);
}

static void on_send(struct sock *s, int error)
{
    (void)s;
    (void)error;
}

static void on_hangup(struct sock *s, int error)
{
    (void)s;
    (void)error;
    w->has_ended = true;
}

static void on_closed(struct sock *s)
{
    (void)s;
}

static const struct sock_ops reader_ops = {.on_recv = on_recv,
                                           .on_send = on_send,
                                           .on_connect = on_connect,
                                           .on_hangup = on_hangup,
                                           .on_closed = on_closed};

static void on_tick(struct timer *t)
{
    (void)t;
}

/* Time passes, also where nothing happens. */
static void run_for(uint64_t ms)
{
    const uint64_t end = loop_now_ms(w->m.loop) + ms;

    while (loop_now_ms(w->m.loop) < end) {
        if (!timer_is_set(&w->tick))
            loop_timer_in(w->m.loop, &w->tick, STEP_MS);
        (void)loop_turn(w->m.loop, -1);
    }
}

static void take(size_t bytes)
{
    w->may_take = bytes;
    sock_recv_start(&w->reader);
    run_for(STEP_MS);
}

/* ---- the world ---- */

static int setup(void **state)
{
    static const struct config config;
    static const struct loop_sim_faults faults = {.buffer_bytes = BUFFER_BYTES};
    struct addr bound = at;
    int rc;

    (void)state;
    w = calloc(1, sizeof(*w));
    w->m.config = &config;
    w->m.loop = loop_sim_new(1, &faults);
    timer_init(&w->tick, on_tick);
    assert_int_equal(conn_shared_init(&w->m.shared, w->m.loop), 0);
    assert_int_equal(events_init(&w->events, &w->m), 0);
    api_init(&w->api, &w->m);
    const int handle = loop_sim_listen(w->m.loop, &at);
    api_add_listener(&w->api, handle, &bound, &bound, false);
    rc = sock_connect(w->m.loop, &w->reader, &reader_ops, &at);
    assert_true(rc == 0 || rc == WERR_AGAIN);
    run_for(STEP_MS);
    assert_int_equal(w->api.stream_n, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sock_close(&w->reader, true);
    api_stop(&w->api);
    run_for(STEP_MS);
    assert_int_equal(w->api.conn_n, 0);
    timer_stop(loop_timers(w->m.loop), &w->tick);
    events_fini(&w->events);
    conn_shared_fini(&w->m.shared);
    loop_free(w->m.loop);
    free(w);
    return 0;
}

/* More than the buffers between it and us hold, and far less than the ring. */
static void tell_many(void)
{
    for (unsigned i = 0; i < EVENTS; i++)
        events_tell(&w->m, &(struct event_note){.kind = EVENT_NODE_CHANGED});
    run_for(STEP_MS);
}

static uint64_t number_behind(const char *text)
{
    const char *dash = strchr(text, '-');

    assert_non_null(dash);
    return strtoull(dash + 1, NULL, 10);
}

/* ---- tests ---- */

static void test_who_takes_nothing_is_cut_off_after_a_minute(void **state)
{
    const char *last = NULL, *word;

    (void)state;
    tell_many();
    run_for(STREAM_STUCK_MS - STREAM_BEAT_MS);
    assert_int_equal(w->api.stream_n, 1);
    run_for(2 * (uint64_t)STREAM_BEAT_MS);
    assert_int_equal(w->api.stream_n, 0);
    take(GOT_MAX);
    assert_true(w->has_ended);
    word =
        strstr(w->got, "event: overrun\ndata: {\"reason\":\"this reader has taken nothing for "
                       "a minute\",\"since\":\"");
    assert_non_null(word);
    for (const char *id = w->got; (id = strstr(id, "id: ")) != NULL; id++)
        last = id;
    /* It goes on right behind what it was sent. */
    assert_int_equal(number_behind(last), number_behind(strstr(word, "since")));
    assert_in_range(number_behind(last), 1, EVENTS - 1);
}

/* The queue of a connection is longer than what it takes in a minute. */
static void test_who_takes_little_is_not(void **state)
{
    (void)state;
    tell_many();
    for (unsigned i = 0; i < 10; i++) {
        take(1);
        run_for(STREAM_STUCK_MS / 2);
        assert_int_equal(w->api.stream_n, 1);
    }
    run_for(3 * (uint64_t)STREAM_STUCK_MS);
    assert_int_equal(w->api.stream_n, 0);
}

static void test_who_has_all_is_not(void **state)
{
    (void)state;
    w->may_take = GOT_MAX;
    sock_recv_start(&w->reader);
    tell_many();
    run_for(10 * (uint64_t)STREAM_STUCK_MS);
    assert_int_equal(w->api.stream_n, 1);
    assert_non_null(strstr(w->got, ": the stream lives\n\n"));
    assert_null(strstr(w->got, "overrun"));
}

/* Its last word can't be said to somebody who never takes it. */
static void test_the_connection_ends_all_the_same(void **state)
{
    (void)state;
    tell_many();
    run_for(4 * (uint64_t)STREAM_STUCK_MS);
    assert_int_equal(w->api.conn_n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_takes_nothing_is_cut_off_after_a_minute, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_takes_little_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_has_all_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_connection_ends_all_the_same, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
