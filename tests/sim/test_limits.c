#include <inttypes.h>
#include <stdio.h>

#include "../unit/base/cm.h"
#include "worker/admission.h"
#include "worker/client.h"
#include "worker/limits.h"
#include "world.h"

#define GET(target)  "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST_CHUNKED "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"

static bool begins(const struct world_client *c, const char *text)
{
    return c->peer.in.len >= strlen(text) && memcmp(c->peer.in.ptr, text, strlen(text)) == 0;
}

static bool has(const struct world_client *c, const char *text)
{
    return c->peer.in.len > 0 && strstr(world_got(c), text) != NULL;
}

static bool is_refused(const struct world_client *c, const char *word)
{
    if (!world_is_clear(ONLY_IN_CLEAR_told_why_refused))
        return c->peer.in.len == 0 && (c->peer.has_fin || c->peer.has_reset);
    return c->peer.has_fin && !c->peer.has_reset && begins(c, "HTTP/1.1 503 ") &&
           has(c, word) && has(c, "Retry-After: 1\r\n") && has(c, "Connection: close\r\n");
}

/* ---- sizes, with a setting made at run time ---- */

static const struct size_case {
    const char *name, *path;
    uint64_t max;
    const char *say, *status, *word;
} sizes[] = {
    {"request line", "limits.request_line_bytes", 64,
     "GET /1234567890123456789012345678901234567890123456789012 HTTP/1.1\r\nHost: h\r\n\r\n",
     "414", "bad_request"},
    {"head", "limits.head_bytes", 512, NULL, "431", "bad_request"},
    {"fields", "limits.fields", 2, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n", "431",
     "bad_request"},
    {"body, announced", "limits.body_bytes", 9,
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n", "413", "body_too_big"},
    {"body, chunked", "limits.body_bytes", 9,
     POST_CHUNKED "5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n", "413", "body_too_big"},
    {"body that just fits", "limits.body_bytes", 10,
     POST_CHUNKED "5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n", "200", NULL},
    {"chunk extensions", "limits.chunk_extension_bytes", 9,
     POST_CHUNKED "5;a=34\r\n12345\r\n5;a=34\r\n12345\r\n0\r\n\r\n", "400", "bad_request"},
    {"chunk extensions that just fit", "limits.chunk_extension_bytes", 10,
     POST_CHUNKED "5;a=34\r\n12345\r\n5;a=34\r\n12345\r\n0\r\n\r\n", "200", NULL},
    {"no chunk extensions at all", "limits.chunk_extension_bytes", 0,
     POST_CHUNKED "05\r\n12345\r\n0\r\n\r\n", "200", NULL},
    {"trailers", "limits.trailer_bytes", 10,
     POST_CHUNKED "5\r\n12345\r\n0\r\nX-Trailer: 123\r\n\r\n", "431", "bad_request"},
    {"no trailers at all", "limits.trailer_bytes", 0, POST_CHUNKED "5\r\n12345\r\n0\r\n\r\n",
     "200", NULL},
    {"response's head", "limits.response_head_bytes", 512, GET("/len/1/1"), "200", NULL},
};

static void say_long_head(struct world_client *c)
{
    world_say(c, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (unsigned i = 0; i < 10; i++)
        world_say(c, "X-Field: 0123456789012345678901234567890123456789012345678\r\n");
    world_say(c, "\r\n");
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct size_case *s = &sizes[i];
        struct world *w = world_open(NULL);
        struct world_client *c = world_client(w);
        char want[32];

        print_message("%s\n", s->name);
        world_set(w, s->path, s->max);
        if (s->say)
            world_say(c, s->say);
        else
            say_long_head(c);
        world_run_ms(w, 50);
        (void)snprintf(want, sizeof(want), "HTTP/1.1 %s ", s->status);
        CHECK(begins(c, want));
        CHECK(!s->word || has(c, s->word));
        CHECK(c->peer.has_fin == (s->word != NULL));
        world_end(w);
    }
}

/* What the API lets be set is what holds: nothing is clipped behind its back. */
static uint64_t set_largest(struct world *w, const char *key, const char *path)
{
    const struct setting *f = settings_find(&listener_settings_table, SETTINGS_LIMITS, key);
    uint64_t max;

    if (f == NULL)
        f = settings_find(&pool_settings_table, SETTINGS_LIMITS, key);
    max = f->max;

    world_set(w, path, max);
    return max;
}

static void ask_with_fields(struct world *w, uint64_t n, const char *status)
{
    struct world_client *c = world_ask(w, "GET /len/1/1 HTTP/1.1\r\nHost: h\r\n");

    for (uint64_t i = 1; i < n; i++)
        world_say(c, "A: 1\r\n");
    world_say(c, "\r\n");
    world_run_ms(w, 50);
    CHECK(begins(c, status));
}

static void test_most_fields(void **state)
{
    struct world *w = world_open(NULL);
    uint64_t max = set_largest(w, "fields", "limits.fields");

    (void)state;
    ask_with_fields(w, max, "HTTP/1.1 200 ");
    ask_with_fields(w, max + 1, "HTTP/1.1 431 ");
    world_end(w);
}

static void ask_for_head(struct world *w, uint64_t bytes, const char *status)
{
    struct world_client *c = world_client(w);
    struct text say = {0};

    text_addf(&say, "GET /head/%" PRIu64 "/1 HTTP/1.1\r\nHost: h\r\n\r\n", bytes);
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 50);
    CHECK(begins(c, status));
}

static void test_largest_answer_head(void **state)
{
    struct world *w = world_open(NULL);
    uint64_t max = set_largest(w, "response_head_bytes", "limits.response_head_bytes");

    (void)state;
    ask_for_head(w, max, "HTTP/1.1 200 ");
    ask_for_head(w, max + 1, "HTTP/1.1 502 ");
    world_end(w);
}

static void test_requests_per_connection(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    world_set(w, "limits.requests_per_connection", 3);
    c = world_ask(w, GET("/len/1/1") GET("/len/1/2"));
    world_run_ms(w, 10);
    CHECK(!c->peer.has_fin && !has(c, "Connection: close"));
    world_say(c, GET("/len/1/3") GET("/len/1/4"));
    world_run_ms(w, 3000);
    CHECK(c->peer.has_fin && !c->peer.has_reset && has(c, "Connection: close"));
    CHECK(world_stat(w, STATS_client_success) == 3 && w->origins[0].requests_n == 3);
    world_end(w);
}

/* ---- connections ---- */

static void test_connections(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c[4];

    (void)state;
    world_set(w, "limits.connections", 2);
    for (unsigned i = 0; i < 3; i++) {
        c[i] = world_ask(w, GET("/late/100/1"));
        world_run_ms(w, 1);
    }
    world_run_ms(w, 10);
    CHECK(is_refused(c[2], "Weldr-Error: too_many_connections\r\n"));
    world_run_ms(w, 3000);
    CHECK(begins(c[0], "HTTP/1.1 200 ") && begins(c[1], "HTTP/1.1 200 "));
    peer_close(&c[0]->peer, false);
    world_run_ms(w, 10);
    c[3] = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 10);
    CHECK(begins(c[3], "HTTP/1.1 200 "));
    world_end(w);
}

static void test_connections_per_client(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c[3];

    (void)state;
    world_set(w, "limits.connections_per_client", 2);
    for (unsigned i = 0; i < 3; i++) {
        c[i] = world_ask(w, GET("/len/1/1"));
        world_run_ms(w, 10);
    }
    CHECK(begins(c[0], "HTTP/1.1 200 ") && begins(c[1], "HTTP/1.1 200 "));
    CHECK(is_refused(c[2], "too_many_connections_of_client"));
    CHECK(listener_runtime_find(&w->worker, 0)->hosts != NULL);
    for (unsigned i = 0; i < 3; i++)
        peer_close(&c[i]->peer, false);
    world_run_ms(w, 10);
    CHECK(listener_runtime_find(&w->worker, 0)->hosts == NULL);
    world_end(w);
}

/* Newcomers are refused, first with a word, then without; who is there goes on. */
static void test_descriptors(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *first, *late, *last;

    (void)state;
    first = world_ask(w, GET("/late/500/1"));
    world_run_ms(w, 10);
    w->worker.descriptor_max = 3 + LIMIT_OTHER_DESCRIPTORS + 2;
    late = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 10);
    CHECK(is_refused(late, "Weldr-Error: no_descriptor\r\n"));
    w->worker.descriptor_max = LIMIT_OTHER_DESCRIPTORS;
    last = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 10);
    CHECK(last->peer.in.len == 0 && (last->peer.has_fin || last->peer.has_reset));
    world_run_ms(w, 1000);
    CHECK(begins(first, "HTTP/1.1 200 "));
    world_end(w);
}

/* ---- slow clients ---- */

struct drip {
    const char *name, *say, *word;
    uint32_t piece, gap_ms;
    bool is_cut;
};

static const struct drip drips[] = {
    {"head below the rate", "GET / HTTP/1.1\r\nX: ", "client_slow", 1, 100, true},
    {"head at the rate, but too long", "GET / HTTP/1.1\r\nX: ", "head_timeout", 15, 100, true},
    {"body below the rate",
     "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n", "client_slow", 1, 50,
     true},
    {"body at the rate", "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n",
     NULL, 12, 100, false},
};

static void test_drips(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(drips); i++) {
        const struct drip *d = &drips[i];
        struct world *w = world_open(NULL);
        struct world_client *c = world_ask(w, d->say);
        struct text t = {0};

        print_message("%s\n", d->name);
        world_run_ms(w, 10);
        c->peer.send_piece = d->piece;
        c->peer.send_gap_ms = d->gap_ms;
        fake_body(&t, 7, 2000);
        peer_say(&c->peer, text_span(&t));
        text_free(&t);
        world_run_ms(w, 30000);
        CHECK(begins(c, d->is_cut ? "HTTP/1.1 408 " : "HTTP/1.1 200 "));
        CHECK(!d->word || has(c, d->word));
        world_end(w);
    }
}

/* The rate is no matter while it is the server that holds the client back. */
static void test_held_client_is_not_slow(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .faults = {.buffer_bytes = 4096}};
    struct world *w = world_open(&setup);
    struct world_client *c;
    struct text t = {0};

    (void)state;
    world_set(w, "limits.min_rate_bytes", 1000);
    w->origins[0].read_piece = 500;
    w->origins[0].read_gap_ms = 1000;
    c = world_ask(w, "POST /echo/0/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\n");
    fake_body(&t, 7, 20000);
    peer_say(&c->peer, text_span(&t));
    text_free(&t);
    world_run_ms(w, 60000);
    CHECK(begins(c, "HTTP/1.1 200 "));
    world_end(w);
}

/* A response that is made, but not taken. */
static void test_client_that_does_not_read(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_client(w);

    (void)state;
    world_set(w, "timeouts.client_write_ms", 1000);
    world_set(w, "timeouts.idle_ms", 50000);
    world_run_ms(w, 1);
    peer_listen(&c->peer, false);
    world_say(c, GET("/len/100000/7"));
    world_run_ms(w, 900);
    CHECK(world_stat(w, STATS_client_open) == 1);
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_client_open) == 0);
    world_end(w);
}

/* The same when its connection is closing already; and what it has got then must not look
 * whole, which in HTTP/1.0 just the connection's end says. */
static void test_last_answer_that_is_not_read(void **state)
{
    static const char *const says[] = {
        GET("/len/50000/7") "GET /len/50000/7 HTTP/1.1\r\nHost: h\r\nConnection: "
                            "close\r\n\r\n",
        GET("/len/50000/7") "GET /chunked/50000/7 HTTP/1.0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        struct world *w = world_open(NULL);
        struct world_client *c = world_client(w);

        world_calm_tls(); /* in parts, the last response would wait in front of the network */
        world_set(w, "timeouts.client_write_ms", 1000);
        world_run_ms(w, 1);
        peer_listen(&c->peer, false);
        world_say(c, says[i]);
        world_run_ms(w, 900);
        CHECK(world_stat(w, STATS_client_open) == 1);
        CHECK(world_stat(w, STATS_client_success) == 2);
        world_run_ms(w, 2000);
        CHECK(world_stat(w, STATS_client_open) == 0);
        peer_listen(&c->peer, true);
        world_run_ms(w, 100);
        CHECK(c->peer.has_reset && !c->peer.has_fin);
        world_end(w);
    }
}

/* The same when the worker's time to finish is over: in a response, behind it, in a tunnel. */
static void test_drain_limit_cuts(void **state)
{
    static const char *const says[] = {
        GET("/len/50000/7") "GET /chunked/50000/7 HTTP/1.0\r\n\r\n",
        GET("/len/50000/7") "GET /chunked/500000/7 HTTP/1.0\r\n\r\n",
        "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        struct world *w = world_open(NULL);
        struct world_client *c = world_client(w);

        world_run_ms(w, 1);
        peer_listen(&c->peer, false);
        world_say(c, says[i]);
        world_run_ms(w, 100);
        CHECK(world_stat(w, STATS_client_open) == 1);
        world_drain(w, 500);
        world_run_ms(w, 1000);
        CHECK(w->is_drained);
        peer_listen(&c->peer, true);
        world_run_ms(w, 100);
        CHECK(c->peer.has_reset && !c->peer.has_fin);
        world_end(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_most_fields),
        cmocka_unit_test(test_largest_answer_head),
        cmocka_unit_test(test_requests_per_connection),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_connections_per_client),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_drips),
        cmocka_unit_test(test_held_client_is_not_slow),
        cmocka_unit_test(test_client_that_does_not_read),
        cmocka_unit_test(test_last_answer_that_is_not_read),
        cmocka_unit_test(test_drain_limit_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
