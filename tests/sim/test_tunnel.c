#include <stdio.h>

#include "../unit/base/cm.h"
#include "world.h"

#define ASK(target) \
    "GET " target   \
    " HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n"
#define ADDED                        \
    "Via: 1.1 weldr\r\n"             \
    "X-Forwarded-For: 127.0.0.1\r\n" \
    "X-Forwarded-Host: h\r\n"        \
    "X-Forwarded-Proto: http\r\n"    \
    "X-Request-Id: *\r\n"
#define SWITCHED                                                              \
    "HTTP/1.1 101 Switching Protocols\r\nDate: D\r\n"                         \
    "X-Id: 7\r\nVia: 1.1 weldr\r\nX-Request-Id: *\r\nConnection: upgrade\r\n" \
    "Upgrade: echo\r\n\r\n"

enum { MIB = 1024 * 1024 };

static void test_words(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, ASK("/tunnel/0/7") "early");

    (void)state;
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), SWITCHED "early");
    CHECK_TEXT(world_origin_got(w, 0, 0), "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED
                                          "Upgrade: echo\r\nConnection: upgrade\r\n\r\nearly");
    world_say(c, "GET / HTTP/1.1\r\n\r\n");
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), SWITCHED "earlyGET / HTTP/1.1\r\n\r\n");
    CHECK(world_stat(w, STATS_in_flight) == 1);
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 10);
    CHECK(c->peer.has_fin && !c->peer.has_reset);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_client_open) == 0);
    CHECK(world_stat(w, STATS_client_success) == 1 && world_stat(w, STATS_server_success) == 1);
    CHECK(w->worker.origin_conns_slab.in_use == 0);
    world_end(w);
}

/* The fake origin switches on the head: what of the body comes behind that, it sends back. */
static void test_body_before_the_tunnel(void **state)
{
    static const char ask[] =
        "POST /tunnel/0/7 HTTP/1.1\r\nHost: h\r\n"
        "Connection: upgrade\r\nUpgrade: echo\r\nContent-Length: 6\r\n\r\nabc";
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, ask);

    (void)state;
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), SWITCHED "abc");
    world_say(c, "defraw");
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), SWITCHED "abcdefraw");
    CHECK_TEXT(world_origin_got(w, 0, 0),
               "POST /tunnel/0/7 HTTP/1.1\r\nHost: h\r\n" ADDED
               "Upgrade: echo\r\nConnection: upgrade\r\nContent-Length: 6\r\n\r\nabcdefraw");
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 10);
    CHECK(c->peer.has_fin && world_stat(w, STATS_client_success) == 1);
    CHECK(world_stat(w, STATS_in_flight) == 0 && w->worker.origin_conns_slab.in_use == 0);
    world_end(w);
}

/* Either end may go before the body has ended. */
static void test_ends_within_the_body(void **state)
{
    static const char ask[] =
        "POST /tunnel/0/7 HTTP/1.1\r\nHost: h\r\n"
        "Connection: upgrade\r\nUpgrade: echo\r\nContent-Length: 6\r\n\r\nabc";

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct world *w = world_open(NULL);
        struct world_client *c = world_ask(w, ask);

        world_run_ms(w, 10);
        if (i < 2)
            peer_say_end(&c->peer, i == 0 ? PEER_SHUTS : PEER_RESETS);
        else
            peer_close(&fake_origin_conn(&w->origins[0], 0)->peer, i == 3);
        world_run_ms(w, 10);
        world_say(c, "def");
        world_run_ms(w, 10);
        peer_close(&c->peer, false);
        world_run_ms(w, 10);
        CHECK(world_stat(w, STATS_in_flight) == 0 && w->worker.origin_conns_slab.in_use == 0);
        world_end(w);
    }
}

static void test_two_wishes(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c =
        world_ask(w, "GET /len/1/7 HTTP/1.1\r\nHost: h\r\nConnection: upgrade, te\r\n"
                     "Upgrade: websocket\r\nTE: trailers\r\n\r\n");

    (void)state;
    world_run_ms(w, 10);
    CHECK_TEXT(world_origin_got(w, 0, 0),
               "GET /len/1/7 HTTP/1.1\r\nHost: h\r\n" ADDED
               "TE: trailers\r\nUpgrade: websocket\r\nConnection: upgrade, TE\r\n\r\n");
    /* Not switched: a normal response, and the next request is one too. */
    world_say(c, "GET /len/2/8 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_run_ms(w, 10);
    CHECK(world_stat(w, STATS_client_success) == 2 && w->origins[0].accepted_n == 1);
    world_end(w);
}

/* ---- where no upgrade happens ---- */

static const struct leak {
    const char *name, *say, *status;
} leaks[] = {
    {"not named by Connection", "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\n\r\n",
     "502"},
    {"nothing but the option",
     "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n\r\n", "502"},
    {"1.0",
     "GET /tunnel/0/7 HTTP/1.0\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
     "502"},
    {"HEAD",
     "HEAD /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
     "502"},
    {"h2c",
     "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: upgrade, HTTP2-Settings\r\n"
     "Upgrade: echo, H2C\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n",
     "502"},
    {"two lines",
     "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n"
     "Upgrade: h2c\r\n\r\n",
     "502"},
    {"the server does not say to what", ASK("/tunnelbare/0/7"), "502"},
};

static void test_no_leak(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(leaks); i++) {
        struct world *w = world_open(NULL);
        struct world_client *c = world_ask(w, leaks[i].say);
        char want[32];

        print_message("%s\n", leaks[i].name);
        world_run_ms(w, 20);
        (void)snprintf(want, sizeof(want), "HTTP/1.1 %s ", leaks[i].status);
        CHECK(strncmp(world_got(c), want, strlen(want)) == 0);
        CHECK(strstr(world_got(c), "Weldr-Error: origin_bad_answer"));
        if (i + 1 < COUNT(leaks)) {
            CHECK(!strcasestr(world_origin_got(w, 0, 0), "\r\nupgrade:"));
            CHECK(!strcasestr(world_origin_got(w, 0, 0), "\r\nconnection:"));
        }
        world_end(w);
    }
}

/* ---- ends ---- */

/* The server has said all; what the client says still arrives, and ends with its FIN. */
static void test_server_shuts_first(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, ASK("/tunnelshut/0/7"));

    (void)state;
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), SWITCHED "bye");
    CHECK(c->peer.has_fin && world_stat(w, STATS_in_flight) == 1);
    world_say(c, "last words");
    world_run_ms(w, 10);
    CHECK(strstr(world_origin_got(w, 0, 0), "\r\n\r\nlast words"));
    CHECK(!fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 10);
    CHECK(fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_client_success) == 1);
    world_end(w);
}

static void test_resets_pass(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, ASK("/tunnelreset/0/7"));

    (void)state;
    world_run_ms(w, 10);
    CHECK(c->peer.has_reset);
    c = world_ask(w, ASK("/tunnel/0/7"));
    world_run_ms(w, 10);
    peer_close(&c->peer, true);
    world_run_ms(w, 10);
    CHECK(fake_origin_conn(&w->origins[0], 1)->peer.has_reset);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_client_aborts) == 1);
    world_end(w);
}

static void test_idle(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    world_set(w, "timeouts.tunnel_ms", 100000);
    c = world_ask(w, ASK("/tunnel/0/7"));
    world_run_ms(w, 99000);
    world_say(c, "x");
    world_run_ms(w, 99000);
    CHECK(!c->peer.has_reset && world_stat(w, STATS_in_flight) == 1);
    world_run_ms(w, 2000);
    CHECK(c->peer.has_reset && world_stat(w, STATS_in_flight) == 0);
    world_end(w);
}

/* Draining waits for tunnels, up to its limit. */
static void test_drain(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, ASK("/tunnel/0/7"));

    (void)state;
    world_run_ms(w, 10);
    world_drain(w, 60000);
    world_run_ms(w, 5000);
    world_say(c, "still");
    world_run_ms(w, 10);
    CHECK(!w->is_drained && strstr(world_got(c), "still"));
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 10);
    CHECK(w->is_drained && c->peer.has_fin);
    world_end(w);
}

/* ---- bytes ---- */

/* All that is said comes back, whatever the ends' pace, and no queue grows without bound. */
static void run_load(uint64_t seed, const struct loop_sim_faults *faults, uint32_t read_gap_ms,
                     size_t bytes)
{
    struct world_setup setup = {.seed = seed, .server_n = 1, .faults = *faults};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);
    struct text say = {0};
    const char *at;

    c->peer.read_piece = 64 * 1024;
    c->peer.read_gap_ms = read_gap_ms;
    world_say(c, ASK("/tunnel/0/7"));
    fake_body(&say, seed, bytes);
    peer_say(&c->peer, text_span(&say));
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 60000);
    at = memmem(c->peer.in.ptr, c->peer.in.len, "\r\n\r\n", 4);
    CHECK(at && c->peer.has_fin && !c->peer.has_reset);
    at += 4;
    CHECK((size_t)(c->peer.in.ptr + c->peer.in.len - at) == say.len);
    CHECK(memcmp(at, say.ptr, say.len) == 0);
    CHECK(w->held_max_bytes <= MIB);
    CHECK(world_stat(w, STATS_client_bytes_in) == bytes);
    CHECK(world_stat(w, STATS_client_bytes_out) == bytes);
    text_free(&say);
    world_end(w);
}

static void test_bytes(void **state)
{
    static const struct loop_sim_faults plain = {.max_delay_us = 0};
    static const struct loop_sim_faults rough = {
        .max_delay_us = 2000, .short_reads = true, .short_sends = true, .buffer_bytes = 5000};

    (void)state;
    run_load(1, &plain, 0, 5 * MIB);
    run_load(2, &plain, 5, 5 * MIB);
    for (uint64_t seed = 3; seed < 13; seed++)
        run_load(seed, &rough, seed % 3, 200000);
}

/* Each operation fails in turn: nothing hangs, nothing leaks. */
static void test_failing_operations(void **state)
{
    uint64_t n = 0;
    bool was_struck;

    (void)state;
    do {
        struct world_setup setup = {.seed = 1, .server_n = 1};
        struct world_client *c;
        struct world *w;

        setup.faults.fail_op = (uint32_t)(n += world_stride());
        w = world_open(&setup);
        c = world_ask(w, ASK("/tunnel/0/7") "words");
        world_run_ms(w, 100);
        peer_say_end(&c->peer, PEER_SHUTS);
        world_run_ms(w, 100);
        was_struck = loop_sim_ops(w->loop) >= n;
        peer_close(&c->peer, false);
        world_run_ms(w, 100);
        CHECK(world_stat(w, STATS_in_flight) == 0);
        world_end(w);
    } while (was_struck);
    CHECK(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_body_before_the_tunnel),
        cmocka_unit_test(test_ends_within_the_body),
        cmocka_unit_test(test_two_wishes),
        cmocka_unit_test(test_no_leak),
        cmocka_unit_test(test_server_shuts_first),
        cmocka_unit_test(test_resets_pass),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_failing_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
