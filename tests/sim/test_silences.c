#include "../unit/base/cm.h"
#include "worker/ends.h"
#include "worker/origin.h"
#include "world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- time-outs ---- */

struct silence {
    const char *name;
    const char *say;
    struct world_timeouts timeouts;
    uint32_t quiet_until_ms; /* nothing was heard then */
    uint32_t after_ms;       /* … and now this was heard */
    const char *status_line; /* NULL: no response */
    const char *word;
    bool has_fin, has_reset;
};

static const struct silence silences[] = {
    {"no response",
     GET("/stall/0/1"),
     {.response_head_ms = 2000},
     1900,
     2100,
     "HTTP/1.1 504 Gateway Timeout\r\n",
     "origin_timeout",
     false,
     false},
    {"a response in time",
     GET("/late/1900/1"),
     {.response_head_ms = 2000},
     1800,
     2100,
     "HTTP/1.1 200 OK\r\n",
     NULL,
     false,
     false},
    {"half a body",
     GET("/half/8/1"),
     {.idle_ms = 1000},
     0,
     1100,
     "HTTP/1.1 200 OK\r\n",
     NULL,
     false,
     true},
    {"half a request",
     "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
     {.client_body_ms = 1000},
     900,
     1100,
     "HTTP/1.1 408 Request Timeout\r\n",
     "client_timeout",
     true,
     false},
    {"idle client", "", {.idle_ms = 1000}, 74900, 75100, NULL, NULL, true, false},
    {"idle client, other limit",
     "",
     {.client_idle_ms = 5000},
     4900,
     5100,
     NULL,
     NULL,
     true,
     false},
    {"half a head",
     "GET / HT",
     {.client_idle_ms = 1000},
     9900,
     10100,
     "HTTP/1.1 408 Request Timeout\r\n",
     "head_timeout",
     true,
     false},
    {"half a head, other limit",
     "GET / HTTP/1.1\r\nHost: h\r\n",
     {.client_head_ms = 2000},
     1900,
     2100,
     "HTTP/1.1 408 Request Timeout\r\n",
     "head_timeout",
     true,
     false},
    {"waits for 100, as does the server",
     "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 9\r\n\r\n",
     {.client_body_ms = 1000, .response_head_ms = 2000},
     0,
     900,
     "HTTP/1.1 100 Continue\r\n",
     NULL,
     false,
     false},
    {"waits for 100 that does not come",
     "POST /stall/0/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
     {.client_body_ms = 1000, .response_head_ms = 2000},
     1900,
     2100,
     "HTTP/1.1 408 Request Timeout\r\n",
     "client_timeout",
     true,
     false},
    {"waits for 100 that does not come, a patient client",
     "POST /stall/0/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
     {.client_body_ms = 3000, .response_head_ms = 2000},
     2900,
     3100,
     "HTTP/1.1 408 Request Timeout\r\n",
     "client_timeout",
     true,
     false},
    {"goes on without 100, but not to the end",
     "POST /stall/0/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
     "9\r\n\r\nabc",
     {.client_body_ms = 1000, .response_head_ms = 2000},
     900,
     1100,
     "HTTP/1.1 408 Request Timeout\r\n",
     "client_timeout",
     true,
     false},
    {"hints instead of 100",
     "POST /hints/300/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
     "9\r\n\r\n",
     {.client_body_ms = 1000, .response_head_ms = 2000},
     0,
     2100,
     "HTTP/1.1 103 Early Hints\r\n",
     "client_timeout",
     true,
     false},
    {"100 again and again",
     "POST /continues/300/1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
     "9\r\n\r\n",
     {.client_body_ms = 1000, .response_head_ms = 2000},
     0,
     1500,
     "HTTP/1.1 100 Continue\r\n",
     "client_timeout",
     true,
     false},
};

static void run_silence(const struct silence *s)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .timeouts = s->timeouts};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, s->say);
    uint64_t begin_ms = world_now_ms(w);
    const char *got;

    print_message("%s\n", s->name);
    world_run_ms(w, s->quiet_until_ms);
    CHECK(s->quiet_until_ms == 0 || (c->peer.in.len == 0 && !c->peer.has_fin));
    world_run_ms(w, begin_ms + s->after_ms - world_now_ms(w));
    got = world_got(c);
    CHECK(s->status_line ? strstr(got, s->status_line) == got : *got == '\0');
    CHECK(!s->word || strstr(got, s->word));
    CHECK(c->peer.has_fin == s->has_fin && c->peer.has_reset == s->has_reset);
    world_end(w);
}

static void test_silences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(silences); i++)
        run_silence(&silences[i]);
}

static void test_connect_timeout(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2, .timeouts = {.connect_ms = 1}};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    world_run_ms(w, 1);
    loop_sim_set_faults(w->loop, &(struct loop_sim_faults){.max_delay_us = 500000});
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 3000);
    CHECK(strstr(world_got(c), "HTTP/1.1 504 Gateway Timeout\r\n"));
    CHECK(strstr(world_got(c), "Weldr-Error: connect_timeout\r\n"));
    CHECK(world_stat(w, STATS_retries) == 1 && world_stat(w, STATS_server_failed) == 2);
    world_end(w);
}

static void test_idle_lanes_end(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .timeouts = {.idle_ms = 5000}};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 4900);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    world_say(c, GET("/len/1/1")); /* counts from its last use */
    world_run_ms(w, 4900);
    CHECK(world_stat(w, STATS_server_idle) == 1 && w->origins[0].accepted_n == 1);
    world_run_ms(w, 200);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    CHECK(fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    world_end(w);
}

/* The origin takes its time to read, then to think: each has its own limit. */
static void test_slow_upload_then_late_answer(void **state)
{
    struct world_setup setup = {.seed = 1,
                                .server_n = 1,
                                .faults = {.buffer_bytes = 4096},
                                .timeouts = {.idle_ms = 1000, .response_head_ms = 5000}};
    struct world *w = world_open(&setup);
    struct world_client *c;
    struct text body = {0};

    (void)state;
    w->origins[0].read_piece = 2000;
    w->origins[0].read_gap_ms = 100;
    c = world_ask(w, "POST /late/3000/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n");
    fake_body(&body, 1, 30000);
    peer_say(&c->peer, text_span(&body));
    text_free(&body);
    world_run_ms(w, 7000);
    CHECK(strstr(world_got(c), "HTTP/1.1 200 OK\r\n"));
    world_end(w);
}

/* ---- 1xx and time ---- */

/* Interim answers are none, whoever takes them and however slowly: what counts is when the
 * request was sent whole. */
static void run_hints(const char *say, uint32_t read_piece)
{
    struct world_setup setup = {.seed = 1,
                                .server_n = 1,
                                .faults = {.buffer_bytes = read_piece ? 256 : 4096},
                                .timeouts = {.response_head_ms = 2000}};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    c->peer.read_piece = read_piece;
    c->peer.read_gap_ms = read_piece ? 10 : 0;
    world_say(c, say);
    world_run_ms(w, 1900);
    CHECK(strstr(world_got(c), "HTTP/1.1 103 Early Hints\r\n") == world_got(c));
    CHECK(world_stat(w, STATS_in_flight) == 1);
    world_run_ms(w, 200);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_server_failed) == 1);
    CHECK(w->stats->end[END_ORIGIN_TIMEOUT] == 1);
    world_run_ms(w, read_piece ? 20000 : 0);
    CHECK(strstr(world_got(c), "\r\nWeldr-Error: origin_timeout\r\n"));
    world_end(w);
}

static void test_hints_are_no_answer(void **state)
{
    (void)state;
    run_hints(GET("/hints/300/1"), 0);
    run_hints("POST /hints/300/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 0);
    run_hints(GET("/hints/35/1"), 5); /* more than it takes */
}

/* Client, then server, each within its limit: in all it is longer than any of them. */
static void test_continue_then_late_answer(void **state)
{
    struct world_setup setup = {.seed = 1,
                                .server_n = 1,
                                .timeouts = {.client_body_ms = 1000, .response_head_ms = 2000}};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, "POST /latecontinue/1900/1 HTTP/1.1\r\nHost: h\r\n"
                                          "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n");

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        world_run_ms(w, 900);
        world_say(c, "abc");
    }
    world_run_ms(w, 2000);
    CHECK(strstr(world_got(c), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n") ==
          world_got(c));
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silences),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_idle_lanes_end),
        cmocka_unit_test(test_slow_upload_then_late_answer),
        cmocka_unit_test(test_hints_are_no_answer),
        cmocka_unit_test(test_continue_then_late_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
