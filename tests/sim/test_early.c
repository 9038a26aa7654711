#include "../unit/base/cm.h"
#include "answer.h"
#include "worker/ends.h"
#include "worker/limits.h"
#include "worker/origin.h"
#include "world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
enum { MIB = 1024 * 1024, HELD_MAX_BYTES = MIB };

/* ---- clients that leave ---- */

static void run_abort(const char *say, bool resets)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, say);

    world_run_ms(w, 10);
    peer_close(&c->peer, resets);
    world_run_ms(w, 200);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    CHECK(world_stat(w, STATS_client_open) == 0);
    CHECK(w->worker.exchanges_slab.in_use == 0);
    world_end(w);
}

static void test_client_leaves(void **state)
{
    static const char *const says[] = {
        "",
        "GE",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        GET("/late/50/1"),
        GET("/len/100000/1"),
        GET("/late/50/1") GET("/late/50/1"),
        "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
        "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        "POST /early/5/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        run_abort(says[i], false);
        run_abort(says[i], true);
    }
}

/* A client that resets while its server thinks is noticed long before that would be too slow.
 */
static void test_reset_while_waiting(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/stall/0/1"));

    (void)state;
    world_run_ms(w, 10);
    peer_close(&c->peer, true);
    world_run_ms(w, LIMIT_UNWATCHED_MS + 100);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    CHECK(world_stat(w, STATS_client_aborts) == 1);
    CHECK(fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    world_end(w);
}

/* Half a close is no abort: the answers still come. */
static void test_half_close(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/late/20/1") GET("/len/3/2"));

    (void)state;
    peer_say_end(&c->peer, PEER_SHUTS);
    world_run_ms(w, 100);
    CHECK(strstr(world_got(c), "1.1.1") && strstr(world_got(c), "\r\n\r\n2.2"));
    CHECK(c->peer.has_fin && !c->peer.has_reset);
    CHECK(world_stat(w, STATS_client_success) == 2);
    world_end(w);
}

/* ---- early answers ---- */

static void run_early(const char *kind, size_t length)
{
    struct world_setup setup = {.seed = 1, .server_n = 1};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);
    struct text say = {0};

    text_addf(&say, "POST /%s/5/7 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", kind,
              length);
    fake_body(&say, 7, length);
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 5000);
    print_message("%s %zu\n", kind, length);
    CHECK(strstr(world_got(c), "\r\n\r\n7.7.7"));
    CHECK(world_stat(w, STATS_client_success) == 1);
    CHECK(w->worker.exchanges_slab.in_use == 0);
    world_end(w);
}

static void test_early_answers(void **state)
{
    (void)state;
    run_early("early", 10);
    run_early("early", 500000);
    run_early("earlypolite", 10);
    run_early("earlypolite", 500000);
    run_early("earlyclose", 10);
    run_early("earlyclose", 500000);
}

#define EARLY(fields) "POST /early/5/7 HTTP/1.1\r\nHost: h\r\n" fields "\r\n"

/* What is left of the body is little: it is read, and the connection lives on. */
static void test_early_answer_reads_on(void **state)
{
    static const char *const heads[] = {EARLY("Content-Length: 10\r\n"),
                                        "POST /earlyclose/5/7 HTTP/1.1\r\nHost: h\r\n"
                                        "Content-Length: 10\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct world *w = world_open(NULL);
        struct world_client *c = world_ask(w, heads[i]);

        world_run_ms(w, 100);
        CHECK(strstr(world_got(c), "\r\n\r\n7.7.7"));
        CHECK(!strstr(world_got(c), "Connection: close"));
        CHECK(w->worker.exchanges_slab.in_use == 0);
        world_say(c, "GET /");
        world_run_ms(w, 100);
        world_say(c, "1.1\r\n" GET("/len/3/8"));
        world_run_ms(w, 100);
        CHECK(strstr(world_got(c), "\r\n\r\n8.8"));
        CHECK(!c->peer.has_fin && world_stat(w, STATS_client_success) == 2);
        CHECK(world_stat(w, STATS_requests) == 2);
        world_end(w);
    }
}

/* It is much, nobody knows how much, or it may never come: the answer says that the connection
 * ends (RFC 9112 section 9.6). */
static void test_early_answer_closes(void **state)
{
    static const char *const says[] = {
        EARLY("Content-Length: 500000\r\n") "abc",
        EARLY("Transfer-Encoding: chunked\r\n") "5\r\nabc",
        EARLY("Content-Length: 5\r\nExpect: 100-continue\r\n"),
        "POST /earlypolite/5/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nabc",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        struct world *w = world_open(NULL);
        struct world_client *c = world_ask(w, says[i]);

        print_message("%s\n", says[i]);
        world_run_ms(w, 3000);
        CHECK(strstr(world_got(c), "\r\n\r\n7.7.7"));
        CHECK(strstr(world_got(c), "\r\nConnection: close\r\n"));
        CHECK(c->peer.has_fin && !c->peer.has_reset);
        CHECK(world_stat(w, STATS_client_success) == 1);
        world_end(w);
    }
}

/* Whoever lets the rest wait, leaves, or is caught by the end of the worker. */
static void test_early_answer_without_the_rest(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .timeouts.client_body_ms = 1000};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct world *w = world_open(&setup);
        struct world_client *c = world_ask(w, EARLY("Content-Length: 10\r\n") "abc");

        world_run_ms(w, 900);
        CHECK(!c->peer.has_fin);
        if (i == 1)
            peer_close(&c->peer, false);
        if (i == 2)
            peer_close(&c->peer, true);
        if (i == 3)
            world_drain(w, 60000);
        world_run_ms(w, 200);
        CHECK(i == 3 || world_stat(w, STATS_client_open) == (i == 0 ? 1U : 0U));
        world_run_ms(w, 3000);
        CHECK((i == 1 || i == 2) || (c->peer.has_fin && !c->peer.has_reset));
        CHECK(world_stat(w, STATS_client_open) == 0);
        CHECK(world_stat(w, STATS_client_success) == 1 && world_stat(w, STATS_in_flight) == 0);
        world_end(w);
    }
}

static void test_continue(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\n"
                                          "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");

    (void)state;
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), "HTTP/1.1 100 Continue\r\n\r\n");
    world_say(c, "hello");
    world_run_ms(w, 10);
    CHECK_TEXT(world_got(c), "HTTP/1.1 100 Continue\r\n\r\n"
                             "HTTP/1.1 200 OK\r\nDate: D\r\nX-Id: 7\r\nVia: 1.1 weldr\r\n"
                             "X-Request-Id: *\r\n"
                             "Content-Length: 5\r\n\r\nhello");
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_reset_while_waiting),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_early_answers),
        cmocka_unit_test(test_early_answer_reads_on),
        cmocka_unit_test(test_early_answer_closes),
        cmocka_unit_test(test_early_answer_without_the_rest),
        cmocka_unit_test(test_continue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
