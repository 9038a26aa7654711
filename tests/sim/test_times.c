#include <stdio.h>

#include "../unit/base/cm.h"
#include "got.h"
#include "worker/client.h"
#include "worker/ends.h"
#include "worker/limits.h"
#include "worker/origin.h"

/* What an exchange waits for, how long, and who is blamed when that was too long. */

enum { FAR_US = 500000000, SETTLE_MS = 600000, BUFFER_BYTES = 64 * 1024 };

#define POST_HEAD(target, bytes) \
    "POST " target " HTTP/1.1\r\nHost: h\r\nContent-Length: " bytes "\r\n\r\n"

static uint64_t ends(const struct world *w, enum end end)
{
    return w->stats->end[end];
}

/* One that is there, and reads nothing. */
static struct world_client *deaf_client(struct world *w)
{
    struct world_client *c = world_client(w);

    world_run_ms(w, 1);
    peer_listen(&c->peer, false);
    return c;
}

static void say_body(struct world_client *c, size_t bytes)
{
    struct text body = {0};

    fake_body(&body, 7, bytes);
    peer_say(&c->peer, text_span(&body));
    text_free(&body);
}

/* ---- a retry has its own time ---- */

static struct fake_origin *busy_origin(struct world *w)
{
    for (unsigned n = 0; n < w->setup.server_n; n++)
        if (world_origin_of(w, n)->in_flight > 0)
            return &w->origins[n];
    return NULL;
}

static const struct second {
    const char *name, *say;
    uint32_t fails_after_ms;
    bool has_waited; /* between two requests, so that its socket is with the poller */
} seconds[] = {
    {"before the client is watched", GET("/stall/0/1"), 50, false},
    {"when the client is watched", GET("/stall/0/1"), 300, false},
    {"at once, a client that has waited", GET("/stall/0/1"), 1, true},
    {"a client that has waited", GET("/stall/0/1"), 100, true},
    {"with a body", "PUT /stall/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", 50,
     false},
    {"with half a body", "PUT /stall/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
     50, true},
};

/* Each has an idle lane, so that nothing is waited for before the request is handed on. */
static void open_lanes(struct world *w)
{
    for (unsigned n = 0; n < w->setup.server_n; n++)
        world_ask(w, GET("/late/10/1"));
    world_run_ms(w, 100);
    CHECK(world_stat(w, STATS_server_idle) == w->setup.server_n);
}

/* The first server goes, nothing is heard of the second. */
static void run_second(const struct second *s)
{
    struct world_setup setup = {
        .seed = 1, .server_n = 2, .timeouts = {.connect_ms = 1000, .client_body_ms = 90000}};
    struct world *w = world_open(&setup);

    print_message("%s\n", s->name);
    open_lanes(w);
    if (s->has_waited) {
        struct world_client *c = world_ask(w, GET("/len/1/1"));

        world_run_ms(w, 500);
        world_say(c, s->say);
    } else {
        world_ask_at_once(w, s->say, NULL);
        CHECK(!world_is_clear(ONLY_IN_CLEAR_not_with_the_poller) ||
              !conn_is_watched(&LIST_FIRST(&w->worker.clients)->conn));
        world_run_ms(w, 1);
    }
    world_run_ms(w, s->fails_after_ms);
    fake_origin_close(busy_origin(w));
    loop_sim_set_faults(w->loop, &(struct loop_sim_faults){.max_delay_us = FAR_US});
    world_run_ms(w, 900);
    CHECK(world_stat(w, STATS_retries) == 1 && world_stat(w, STATS_in_flight) == 1);
    world_run_ms(w, 200);
    CHECK(world_stat(w, STATS_in_flight) == 0 && ends(w, END_CONNECT_TIMEOUT) == 1);
    world_run_ms(w, SETTLE_MS);
    world_end(w);
}

static void test_retry_has_its_own_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(seconds); i++)
        run_second(&seconds[i]);
}

/* The second server is reached and says nothing: it has its whole time, and a client that
 * leaves meanwhile is noticed. */
static void run_second_answer(bool leaves)
{
    struct world_setup setup = {
        .seed = 1, .server_n = 2, .timeouts = {.response_head_ms = 2000}};
    struct world *w = world_open(&setup);
    struct world_client *c;

    open_lanes(w);
    c = world_ask_at_once(w, GET("/stall/0/1"), NULL);
    world_run_ms(w, 100);
    fake_origin_close(busy_origin(w));
    world_run_ms(w, 10);
    if (leaves)
        peer_close(&c->peer, true);
    world_run_ms(w, leaves ? LIMIT_UNWATCHED_MS + 50 : 1900);
    CHECK(world_stat(w, STATS_in_flight) == !leaves);
    world_run_ms(w, 200);
    CHECK(ends(w, leaves ? END_CLIENT_ABORT : END_ORIGIN_TIMEOUT) == 1);
    world_end(w);
}

static void test_retry_that_reaches_a_server(void **state)
{
    (void)state;
    run_second_answer(false);
    run_second_answer(true);
}

/* ---- a congested client is its own fault ---- */

static void check_blames(const struct world *w, enum end end, unsigned n)
{
    CHECK(ends(w, end) == n && world_stat(w, STATS_in_flight) == 0);
    CHECK(world_stat(w, STATS_server_failed) == (end == END_ORIGIN_TIMEOUT ? n : 0));
    CHECK(ends(w, END_ORIGIN_TIMEOUT) == (end == END_ORIGIN_TIMEOUT ? n : 0));
}

/* Weldr's own answers fill what the network takes, and the request behind them meets an idle
 * lane: its client is congested while the server thinks. */
static struct world *open_congested(const struct world_setup *setup, const char *say)
{
    struct world *w = world_open(setup);
    struct world_client *c;

    world_calm_tls(); /* in parts, what is behind the answers would wait for them */
    world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 100);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    c = deaf_client(w);
    for (unsigned i = 0; i < 60; i++)
        world_say(c, "OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n");
    world_say(c, say);
    return w;
}

static const struct deaf {
    const char *name, *say;
    uint32_t client_write_ms, response_head_ms;
    enum end end;
    uint32_t after_ms;
} deafs[] = {
    {"a response at once", GET("/len/10/1"), 3000, 1000, END_CLIENT_WRITE, 3000},
    {"a response after a while", GET("/late/900/1"), 3000, 1000, END_CLIENT_WRITE, 3900},
    {"hints before it", GET("/info/10/1"), 3000, 1000, END_CLIENT_WRITE, 3000},
    {"an error", GET("/error/10/1"), 3000, 1000, END_CLIENT_WRITE, 3000},
    {"none, and nobody reads", GET("/stall/0/1"), 1000, 3000, END_CLIENT_WRITE, 1000},
    {"none in time", GET("/stall/0/1"), 3000, 1000, END_ORIGIN_TIMEOUT, 1000},
    {"hints for ever", GET("/hints/100/1"), 3000, 1000, END_ORIGIN_TIMEOUT, 1000},
};

static void test_deaf_clients_that_pipeline(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(deafs); i++) {
        const struct deaf *d = &deafs[i];
        struct world_setup setup = {.seed = 1,
                                    .server_n = 1,
                                    .faults = {.buffer_bytes = 4096},
                                    .timeouts = {.client_write_ms = d->client_write_ms,
                                                 .response_head_ms = d->response_head_ms}};
        struct world *w = open_congested(&setup, d->say);

        print_message("%s\n", d->name);
        world_run_ms(w, d->after_ms - 100);
        CHECK(ends(w, d->end) == 0);
        world_run_ms(w, 200);
        check_blames(w, d->end, 1);
        world_end(w);
    }
}

/* The last bytes of a response just fit: it is the 103 of the next one that finds no room. */
static void test_deaf_client_of_hints(void **state)
{
    enum { HEAD_MAX_BYTES = 100, STEP = 20 };

    (void)state;
    for (unsigned n = BUFFER_BYTES - HEAD_MAX_BYTES; n < BUFFER_BYTES; n += STEP) {
        struct world_setup setup = {
            .seed = 1,
            .server_n = 1,
            .timeouts = {.client_write_ms = 3000, .response_head_ms = 1000, .idle_ms = 1000}};
        struct world *w = world_open(&setup);
        struct world_client *c = deaf_client(w);
        char say[160];

        (void)snprintf(say, sizeof(say),
                       "GET /len/%u/1 HTTP/1.1\r\nHost: h\r\n\r\n" GET("/info/100000/2"), n);
        world_say(c, say);
        world_run_ms(w, 2900);
        CHECK(ends(w, END_CLIENT_WRITE) == 0);
        world_run_ms(w, 300);
        CHECK(world_stat(w, STATS_server_failed) == 0 && world_stat(w, STATS_in_flight) == 0);
        CHECK(world_stat(w, STATS_client_open) == 0);
        world_end(w);
    }
}

/* ---- a server that stops amid an early response ---- */

static void test_early_answer_stops(void **state)
{
    static const char *const says[] = {
        POST_HEAD("/earlyhalf/100/7", "500000") "abc",
        POST_HEAD("/earlyhalf/100/7", "10") "abc",
        "POST /earlyhalf/100/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        struct world_setup setup = {
            .seed = 1, .server_n = 1, .timeouts = {.idle_ms = 1000, .client_body_ms = 3000}};
        struct world *w = world_open(&setup);

        world_ask(w, says[i]);
        world_run_ms(w, 900);
        CHECK(world_stat(w, STATS_in_flight) == 1);
        world_run_ms(w, 200);
        CHECK(ends(w, END_ORIGIN_IDLE) == 1 && ends(w, END_CLIENT_TIMEOUT) == 0);
        CHECK(world_stat(w, STATS_server_failed) == 1);
        world_end(w);
    }
}

/* ---- who takes something is never cut ---- */

enum { SIP_BYTES = 100, SIP_GAP_MS = 100, SLOW_MS = 6000 };

static const struct world_setup slow_setup = {.seed = 1,
                                              .server_n = 1,
                                              .timeouts = {.client_write_ms = SLOW_MS,
                                                           .idle_ms = SLOW_MS,
                                                           .response_head_ms = SLOW_MS,
                                                           .tunnel_ms = SLOW_MS}};

#define UPGRADE \
    "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

static const struct sipper {
    const char *name, *say;
    size_t bytes; /* what comes to who reads it all, or more */
} sippers[] = {
    {"a response", GET("/len/100000/7"), 100000},
    {"in chunks", GET("/chunked/100000/7"), 100000},
    {"until the end", GET("/until/100000/7"), 100000},
    {"the rest of the last response",
     "GET /len/80000/7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 80000},
    {"the rest of a response of 1.0", "GET /chunked/80000/7 HTTP/1.0\r\n\r\n", 80000},
    {"the rest of a response, then another one", GET("/len/80000/7") GET("/len/10/7"), 80010},
};

/* 1,000 bytes a second: the network tells of room for each quarter of its buffer, every 16 s.
 */
static struct world_client *sip(struct world *w, const char *say)
{
    struct world_client *c = deaf_client(w);

    c->peer.read_piece = SIP_BYTES;
    c->peer.read_gap_ms = SIP_GAP_MS;
    peer_listen(&c->peer, true);
    world_say(c, say);
    return c;
}

static bool is_cut(const struct world_client *c)
{
    return c->peer.has_reset &&
           (world_is_clear(ONLY_IN_CLEAR_no_reset_before_the_end) || !c->peer.has_fin);
}

static void test_slow_readers_are_not_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sippers); i++) {
        struct world *w = world_open(&slow_setup);
        struct world_client *c = sip(w, sippers[i].say);

        print_message("%s\n", sippers[i].name);
        world_run_ms(w, 200000);
        CHECK(c->peer.in.len > sippers[i].bytes && !is_cut(c));
        CHECK(world_stat(w, STATS_client_failed) == 0);
        world_end(w);
    }
}

/* The same when they stop: in time, counted from the moment that they were last seen taking. */
static void test_readers_that_stop_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sippers); i++) {
        struct world *w = world_open(&slow_setup);
        struct world_client *c = sip(w, sippers[i].say);

        print_message("%s\n", sippers[i].name);
        world_run_ms(w, 10000);
        peer_listen(&c->peer, false);
        world_run_ms(w, 1900);
        CHECK(world_stat(w, STATS_client_open) == 1);
        world_run_ms(w, 2 * SLOW_MS);
        CHECK(world_stat(w, STATS_client_open) == 0);
        CHECK(world_stat(w, STATS_server_failed) == 0);
        world_end(w);
    }
}

/* Before and behind the moment when Weldr has handed on all: the second fits into the network.
 */
static void run_upload(size_t bytes, bool stops)
{
    struct world *w = world_open(&slow_setup);
    struct world_client *c;
    struct fake_conn *server;
    struct text say = {0};

    w->origins[0].read_piece = SIP_BYTES;
    w->origins[0].read_gap_ms = SIP_GAP_MS;
    text_addf(&say, "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
    c = world_client(w);
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    say_body(c, bytes);
    world_run_ms(w, 20000);
    CHECK(world_stat(w, STATS_in_flight) == 1);
    server = fake_origin_conn(&w->origins[0], 0);
    if (stops)
        peer_listen(&server->peer, false);
    world_run_ms(w, stops ? 2 * SLOW_MS + 100 : 200000);
    CHECK(ends(w, END_ORIGIN_TIMEOUT) == stops && ends(w, END_OK) == !stops);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    world_end(w);
}

static void test_slow_servers_are_not_cut(void **state)
{
    (void)state;
    run_upload(150000, false);
    run_upload(60000, false);
    run_upload(150000, true);
    run_upload(60000, true);
}

/* Nobody says anything, but what was said is being taken. */
static void test_tunnel_that_is_sipped(void **state)
{
    struct world *w = world_open(&slow_setup);
    struct world_client *c = sip(w, UPGRADE);

    (void)state;
    world_run_ms(w, 3000);
    say_body(c, 150000);
    world_run_ms(w, 90000);
    CHECK(c->peer.in.len > 80000 && !c->peer.has_reset);
    peer_listen(&c->peer, false);
    world_run_ms(w, 2 * SLOW_MS + 100);
    CHECK(ends(w, END_TUNNEL_IDLE) == 1);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_has_its_own_time),
        cmocka_unit_test(test_retry_that_reaches_a_server),
        cmocka_unit_test(test_deaf_clients_that_pipeline),
        cmocka_unit_test(test_deaf_client_of_hints),
        cmocka_unit_test(test_early_answer_stops),
        cmocka_unit_test(test_slow_readers_are_not_cut),
        cmocka_unit_test(test_readers_that_stop_are_cut),
        cmocka_unit_test(test_slow_servers_are_not_cut),
        cmocka_unit_test(test_tunnel_that_is_sipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
