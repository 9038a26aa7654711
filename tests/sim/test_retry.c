#include <stdio.h>

#include "../unit/base/cm.h"
#include "response.h"
#include "worker/limits.h"
#include "world.h"

#define GET(target)      "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(target)     "POST " target " HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
#define PUT_HEAD(target) "PUT " target " HTTP/1.1\r\nHost: h\r\n"

static bool has(const struct world_client *c, const char *text)
{
    return c->peer.in.len > 0 && strstr(world_got(c), text) != NULL;
}

/* A world with one idle lane to origin 0, old enough for any request. */
static struct world *open_with_idle_lane(struct world_client **c)
{
    struct world *w = world_open(NULL);

    *c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 2 * LIMIT_SETTLED_MS);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    return w;
}

/* ---- bodies ---- */

static const struct upload {
    const char *name, *head, *part, *rest;
} uploads[] = {
    {"length, whole", PUT_HEAD("/stalehead/0/7") "Content-Length: 10\r\n\r\n", "0123456789",
     ""},
    {"length, in two parts", PUT_HEAD("/stalehead/0/7") "Content-Length: 10\r\n\r\n", "01234",
     "56789"},
    {"chunked", PUT_HEAD("/stalehead/0/7") "Transfer-Encoding: chunked\r\n\r\n",
     "a\r\n0123456789\r\n0\r\n\r\n", ""},
    {"a chunk in two parts", PUT_HEAD("/stalehead/0/7") "Transfer-Encoding: chunked\r\n\r\n",
     "2\r\n01\r\n8\r\n234", "56789\r\n0\r\n\r\n"},
};

static void run_upload(const struct upload *u)
{
    struct world_client *c;
    struct world *w = open_with_idle_lane(&c);

    print_message("%s\n", u->name);
    world_say(c, u->head);
    world_say(c, u->part);
    world_run_ms(w, 10);
    world_say(c, u->rest);
    world_run_ms(w, 10);
    CHECK(has(c, "0123456789"));
    CHECK(world_stat(w, STATS_retries) == 1 && world_stat(w, STATS_client_success) == 2);
    CHECK(world_pool(w)->retrying_n == 0);
    world_end(w);
}

static void test_bodies_are_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(uploads); i++)
        run_upload(&uploads[i]);
}

/* What was not kept can't be sent again, whether its size was announced or came to light. */
static void test_large_bodies_are_not(void **state)
{
    static const char *const heads[] = {"Content-Length: 101\r\n\r\n",
                                        "Transfer-Encoding: chunked\r\n\r\n65\r\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct world_client *c;
        struct world *w = open_with_idle_lane(&c);
        struct text body = {0};

        world_set(w, "retry.replay_bytes", 100);
        world_say(c, PUT_HEAD("/stale/0/7"));
        world_say(c, heads[i]);
        fake_body(&body, 7, 101);
        peer_say(&c->peer, text_span(&body));
        text_free(&body);
        world_say(c, i == 0 ? "" : "\r\n0\r\n\r\n");
        world_run_ms(w, 20);
        CHECK(has(c, "Weldr-Error: origin_reset") && world_stat(w, STATS_retries) == 0);
        world_end(w);
    }
}

/* ---- a server that dies in the middle ---- */

static void run_death(const char *say, bool again)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, say);

    world_run_ms(w, 50);
    CHECK(w->origins[0].requests_n == 1);
    fake_origin_close(&w->origins[0]);
    world_run_ms(w, 200);
    CHECK(has(c, again ? "HTTP/1.1 200 OK" : "Weldr-Error: origin_reset"));
    CHECK(world_stat(w, STATS_retries) == again);
    CHECK(w->origins[1].requests_n == again);
    world_end(w);
}

static void test_server_dies(void **state)
{
    (void)state;
    run_death(GET("/late/100/1"), true);
    run_death("DELETE /late/100/1 HTTP/1.1\r\nHost: h\r\n\r\n", true);
    run_death("PUT /late/100/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab", true);
    run_death(POST("/late/100/1"), false);
    run_death("PATCH /late/100/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", false);
}

static void run_attempts(uint32_t attempts, unsigned asked)
{
    struct world_setup setup = {.seed = 1, .server_n = 3};
    struct world *w = world_open(&setup);
    struct world_client *c;
    unsigned n = 0;

    world_set(w, "retry.attempts", attempts);
    c = world_ask(w, GET("/reset0/0/1"));
    world_run_ms(w, 50);
    CHECK(has(c, "Weldr-Error: origin_reset"));
    for (unsigned i = 0; i < 3; i++)
        n += w->origins[i].requests_n;
    CHECK(n == asked && world_stat(w, STATS_retries) == asked - 1);
    world_end(w);
}

static void test_attempts(void **state)
{
    (void)state;
    run_attempts(1, 1);
    run_attempts(2, 2);
    run_attempts(3, 3);
}

/* ---- budget ---- */

static unsigned run_budget(uint32_t percent)
{
    enum { CLIENTS = 100 };
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    unsigned retries;

    world_set(w, "retry.budget_percent", percent);
    for (unsigned i = 0; i < CLIENTS; i++)
        world_ask(w, GET("/late/100/1"));
    world_run_ms(w, 50);
    fake_origin_close(&w->origins[0]);
    world_run_ms(w, 300);
    retries = (unsigned)world_stat(w, STATS_retries);
    CHECK(world_stat(w, STATS_client_failed) == CLIENTS / 2 - retries);
    CHECK(world_stat(w, STATS_client_success) == CLIENTS / 2 + retries);
    world_end(w);
    return retries;
}

static void test_budget(void **state)
{
    (void)state;
    CHECK(run_budget(0) == LIMIT_RETRY_FREE_N);
    CHECK(run_budget(40) == 40);
    CHECK(run_budget(100) == 50);
}

/* ---- what must not be sent twice ---- */

/* A lane that its server may be closing at this moment is none for a POST. */
static void test_post_takes_a_safe_lane(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/len/1/1") POST("/echo/0/2"));

    (void)state;
    world_run_ms(w, 2 * LIMIT_SETTLED_MS);
    CHECK(w->origins[0].accepted_n == 2);
    world_say(c, POST("/echo/0/3"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].accepted_n == 2 && world_stat(w, STATS_client_success) == 3);
    for (unsigned i = 0; i < LIMIT_PROVEN_N; i++)
        world_say(c, GET("/len/1/1"));
    world_say(c, POST("/echo/0/3"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].accepted_n == 2);
    CHECK(world_stat(w, STATS_client_success) == 4 + LIMIT_PROVEN_N);
    world_say(c, GET("/once/1/1"));
    world_run_ms(w, 5);
    world_say(c, GET("/len/1/1") POST("/echo/0/3"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].accepted_n == 3); /* the POST does not follow so soon any more */
    CHECK(world_stat(w, STATS_client_success) == 7 + LIMIT_PROVEN_N);
    world_end(w);
}

/* A server that has just gone on behind its response may do more of that. */
static void test_post_after_talk_out_of_turn(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/late/1/1"));

    (void)state;
    world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 2 * LIMIT_SETTLED_MS);
    CHECK(w->origins[0].accepted_n == 2 && world_stat(w, STATS_server_idle) == 2);
    world_say(c, GET("/twice/1/1"));
    world_run_ms(w, 5);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    world_say(c, POST("/echo/0/3"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].accepted_n == 3 && world_stat(w, STATS_client_success) == 4);
    world_end(w);
}

/* The end of an idle lane that comes in the same moment as a request is heard before that. */
static void test_no_request_meets_an_end(void **state)
{
    static const char *const asked[] = {GET("/len/1/1"), POST("/echo/0/1")};

    (void)state;
    for (unsigned is_proven = 0; is_proven < 2; is_proven++) {
        for (size_t i = 0; i < COUNT(asked); i++) {
            struct world *w = world_open(NULL);
            struct world_client *c = world_client(w);
            unsigned before = is_proven ? LIMIT_PROVEN_N : 1;

            for (unsigned n = 0; n < before; n++)
                world_say(c, GET("/len/1/1"));
            world_run_ms(w, 2 * LIMIT_SETTLED_MS);
            CHECK(world_stat(w, STATS_client_success) == before);
            world_say(c, asked[i]);
            peer_close(&fake_origin_conn(&w->origins[0], 0)->peer, false);
            world_run_ms(w, 5);
            CHECK(world_stat(w, STATS_client_success) == before + 1);
            CHECK(world_stat(w, STATS_retries) == 0 && w->origins[0].accepted_n == 2);
            world_end(w);
        }
    }
}

/* Each operation of the network fails in turn, one is the sending of the POST itself: then it
 * is certain that the server has not seen it. */
static bool run_post_with_failure(uint32_t fail_op, size_t bytes, unsigned *retries)
{
    unsigned asked[3] = {0};
    struct world_setup setup = {.seed = 1, .server_n = 1, .faults = {.fail_op = fail_op}};
    struct world *w = world_open(&setup);
    struct world_client *c;
    struct text say = {0};
    bool was_struck;

    w->origins[0].asked = asked;
    w->origins[0].asked_n = COUNT(asked);
    world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 2 * LIMIT_SETTLED_MS);
    c = world_client(w);
    text_addf(&say, "POST /echo/0/2 HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", bytes);
    fake_body(&say, 2, bytes);
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 100);
    CHECK(asked[2] <= 1);
    if (world_stat(w, STATS_retries) > 0 && asked[1] == 1) {
        struct response a;

        CHECK(response_read(text_span(&c->peer.in), false, false, &a) == RESPONSE_WHOLE);
        CHECK(a.body.len == bytes);
        text_free(&a.body);
        ++*retries;
    }
    was_struck = loop_sim_ops(w->loop) >= fail_op;
    world_end(w);
    return was_struck;
}

static void test_post_and_failing_operations(void **state)
{
    static const size_t bytes[] = {5, LIMIT_COPY_BLINDLY_BYTES, 20000};

    (void)state;
    for (size_t i = 0; i < COUNT(bytes); i++) {
        unsigned retries = 0;
        uint32_t n = 0;

        do {
            n += world_stride();
        } while (run_post_with_failure(n, bytes[i], &retries));
        print_message("%zu bytes: %u retries\n", bytes[i], retries);
        CHECK(retries > 0);
    }
}

/* ---- Keep-Alive ---- */

static void test_keep_alive_of_the_server(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    world_ask(w, GET("/hop/0/1")); /* says timeout=5 */
    world_run_ms(w, 3900);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    world_run_ms(w, 200);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    CHECK(fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_are_sent_again),
        cmocka_unit_test(test_large_bodies_are_not),
        cmocka_unit_test(test_server_dies),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_post_takes_a_safe_lane),
        cmocka_unit_test(test_post_after_talk_out_of_turn),
        cmocka_unit_test(test_no_request_meets_an_end),
        cmocka_unit_test(test_post_and_failing_operations),
        cmocka_unit_test(test_keep_alive_of_the_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
