#include "../unit/base/cm.h"
#include "got.h"
#include "worker/ends.h"
#include "worker/limits.h"
#include "worker/origin.h"

/* Clients that leave while something else is waited for: both connections are free at once, and
 * the server is not blamed. */

enum { FAR_US = 500000000, SETTLE_MS = 600000, BODY_BYTES = 300000 };

#define POST_HEAD(target, bytes) \
    "POST " target " HTTP/1.1\r\nHost: h\r\nContent-Length: " bytes "\r\n\r\n"

/* An idle lane, so that a request is handed on at once. */
static void open_lane(struct world *w)
{
    struct world_client *c = world_ask(w, GET("/len/10/1"));

    world_run_ms(w, 100);
    peer_close(&c->peer, false);
    world_run_ms(w, 1);
    CHECK(world_stat(w, STATS_server_idle) == 1);
}

static void check_gone(const struct world *w)
{
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_client_open) == 0);
    CHECK(w->worker.origin_conns_slab.in_use == 0);
    CHECK(w->stats->end[END_CLIENT_ABORT] == 1 && world_stat(w, STATS_client_aborts) == 1);
    CHECK(world_stat(w, STATS_server_failed) == 0 && world_stat(w, STATS_retries) == 0);
}

static void say_body(struct world_client *c, size_t bytes)
{
    struct text body = {0};

    fake_body(&body, 7, bytes);
    peer_say(&c->peer, text_span(&body));
    text_free(&body);
}

/* ---- a reset ---- */

static const struct loop_sim_faults far = {.max_delay_us = FAR_US};

static void run_connecting(const char *say, bool is_watched)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    if (is_watched) {
        c = world_client(w);
        world_run_ms(w, 50);
        world_calm_tls(); /* the reset would come behind what it says of its own account */
        world_say(c, say);
        loop_turn(w->loop, 1);
        loop_sim_set_faults(w->loop, &far);
        world_run_ms(w, 1);
    } else {
        c = world_ask_at_once(w, say, &far);
    }
    loop_sim_set_faults(w->loop, NULL);
    world_run_ms(w, 100);
    CHECK(world_stat(w, STATS_in_flight) == 1 && w->worker.origin_conns_slab.in_use == 1);
    peer_close(&c->peer, true);
    world_run_ms(w, 1);
    check_gone(w);
    world_run_ms(w, SETTLE_MS);
    CHECK(w->origins[0].requests_n == 0);
    world_end(w);
}

/* The connection to the server is pending. */
static void test_reset_while_connecting(void **state)
{
    static const char *const says[] = {
        GET("/len/10/7"),
        GET("/len/10/7") GET("/len/10/7"),
        POST_HEAD("/echo/0/7", "5") "hello",
        POST_HEAD("/echo/0/7", "5") "he",
        POST_HEAD("/echo/0/7", "5"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        run_connecting(says[i], false);
        run_connecting(says[i], true);
    }
}

/* The server takes nothing of an upload any more. */
static void check_reset_under_back_pressure(struct world *w, struct world_client *c)
{
    world_run_ms(w, 500);
    CHECK(world_stat(w, STATS_in_flight) == 1);
    peer_close(&c->peer, true);
    world_run_ms(w, 1);
    check_gone(w);
    world_end(w);
}

static void test_reset_under_back_pressure(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    w->origins[0].is_deaf = true;
    c = world_ask(w, POST_HEAD("/echo/0/7", "300000"));
    say_body(c, BODY_BYTES);
    check_reset_under_back_pressure(w, c);
}

/* The same when all that has come of it was read in one turn, with the head. */
static void test_reset_under_back_pressure_at_once(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .faults = {.buffer_bytes = 4096}};
    struct world *w = world_open(&setup);
    struct text say = {0};
    struct world_client *c;

    (void)state;
    open_lane(w);
    peer_listen(&fake_origin_conn(&w->origins[0], 0)->peer, false);
    text_addf(&say, POST_HEAD("/echo/0/7", "300000"));
    fake_body(&say, 7, 20000);
    text_add(&say, span_from("", 1));
    c = world_ask_at_once(w, say.ptr, NULL);
    text_free(&say);
    CHECK(world_stat(w, STATS_in_flight) == 1 && w->origins[0].accepted_n == 1);
    check_reset_under_back_pressure(w, c);
}

/* The whole request is read, and waits before a server that takes nothing of it; or the
 * response has begun and does not go on. */
static void test_reset_while_waiting(void **state)
{
    static const char *const says[] = {
        GET("/stall/0/7"),
        GET("/half/1000/7"),
        POST_HEAD("/stall/0/7", "5") "hello",
        POST_HEAD("/hints/50/7", "5") "hello",
        POST_HEAD("/earlyhalf/100/7", "5") "he",
        GET("/half/1000/7") GET("/len/10/7"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        struct world *w = world_open(NULL);
        struct world_client *c;

        print_message("%s\n", says[i]);
        open_lane(w);
        c = world_ask_at_once(w, says[i], NULL);
        world_run_ms(w, 500);
        CHECK(world_stat(w, STATS_in_flight) == 1);
        peer_close(&c->peer, true);
        world_run_ms(w, 1);
        check_gone(w);
        world_end(w);
    }
}

/* ---- an orderly end, where it means that the client has left ---- */

static void run_fin(const char *say, bool is_watched, bool is_on)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    print_message("%s\n", say);
    world_set(w, "client_abort_on_fin", is_on);
    open_lane(w);
    if (is_watched) {
        c = world_client(w);
        world_run_ms(w, 50);
        world_say(c, say);
    } else {
        c = world_ask_at_once(w, say, NULL);
    }
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, LIMIT_UNWATCHED_MS + 20);
    CHECK(world_stat(w, STATS_in_flight) == !is_on);
    if (is_on)
        check_gone(w);
    world_run_ms(w, 1000);
    CHECK(is_on == (c->peer.in.len == 0));
    CHECK(is_on || strstr(world_got(c), "\r\n\r\n7.7.7"));
    CHECK(is_on || (c->peer.has_fin && w->stats->end[END_CLIENT_ABORT] == 0));
    world_end(w);
}

static void test_fin_while_waiting(void **state)
{
    static const char *const says[] = {
        GET("/late/900/7"),
        POST_HEAD("/late/900/7", "5") "hello",
        "POST /late/900/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n0\r\n\r\n",
        GET("/late/900/7") GET("/len/10/7"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        run_fin(says[i], false, true);
        run_fin(says[i], true, true);
        run_fin(says[i], false, false);
        run_fin(says[i], true, false);
    }
}

/* It comes after a while. */
static void test_late_fin(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    world_set(w, "client_abort_on_fin", true);
    c = world_ask(w, GET("/len/10/7"));
    world_run_ms(w, 50);
    world_say(c, GET("/stall/0/7"));
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_in_flight) == 1);
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 1);
    check_gone(w);
    world_end(w);
}

static void test_fin_while_connecting(void **state)
{
    (void)state;
    for (unsigned is_on = 0; is_on < 2; is_on++) {
        struct world *w = world_open(NULL);
        struct world_client *c;

        world_set(w, "client_abort_on_fin", is_on);
        world_set(w, "timeouts.connect_ms", 600000);
        c = world_ask_at_once(w, GET("/len/10/7"), &far);
        loop_sim_set_faults(w->loop, NULL);
        peer_say_end(&c->peer, PEER_SHUTS);
        world_run_ms(w, 1);
        CHECK(world_stat(w, STATS_in_flight) == !is_on);
        if (is_on)
            check_gone(w);
        world_run_ms(w, SETTLE_MS);
        CHECK(w->origins[0].requests_n == !is_on);
        CHECK(is_on || strstr(world_got(c), "\r\n\r\n7.7.7"));
        world_end(w);
    }
}

/* As soon as the response has begun, the client gets all of it; and before its request has
 * ended, its end is what it always is. */
static void test_fin_at_other_times(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    world_set(w, "client_abort_on_fin", true);
    w->origins[0].send_piece = 1000;
    w->origins[0].send_gap_ms = 10;
    c = world_ask(w, GET("/len/100000/7"));
    world_run_ms(w, 500);
    CHECK(c->peer.in.len > 1000);
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 2000);
    CHECK(c->peer.in.len > 100000 && c->peer.has_fin && !c->peer.has_reset);
    c = world_ask(w, POST_HEAD("/stall/0/7", "5") "he");
    world_run_ms(w, 10);
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 1);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_server_failed) == 0);
    CHECK(w->stats->end[END_OK] == 1 && w->stats->end[END_CLIENT_ABORT] == 1);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_while_connecting),
        cmocka_unit_test(test_reset_under_back_pressure),
        cmocka_unit_test(test_reset_under_back_pressure_at_once),
        cmocka_unit_test(test_reset_while_waiting),
        cmocka_unit_test(test_fin_while_waiting),
        cmocka_unit_test(test_late_fin),
        cmocka_unit_test(test_fin_while_connecting),
        cmocka_unit_test(test_fin_at_other_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
