#include <stdio.h>

#include "../unit/base/cm.h"
#include "response.h"
#include "worker/client.h"
#include "world.h"

/* Many peers that take nothing: what Weldr holds for them stays within limits.queue_bytes and
 * one small read each, newcomers are refused before that is exceeded by more, what is there
 * goes on, and in the end everything arrives. */

enum {
    MIB = 1024 * 1024,
    BUDGET_BYTES = MIB,
    SMALL_BYTES = 4096,
    SLOW_N = 120,
    BODY_BYTES = 300000
};

#define UPGRADE \
    "GET /tunnel/0/7 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"

static uint64_t queued(const struct world *w)
{
    return world_stat(w, STATS_queued_bytes);
}

/* Sends take a part by chance: else all buffers are filled by the same number of reads, with
 * next to nothing left over. */
static struct world *open_world(void)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .faults = {.short_sends = true}};
    struct world *w = world_open(&setup);

    world_set(w, "limits.queue_bytes", BUDGET_BYTES);
    return w;
}

/* A client that is there, and reads nothing. */
static struct world_client *deaf_client(struct world *w)
{
    struct world_client *c = world_client(w);

    world_run_ms(w, 1);
    peer_listen(&c->peer, false);
    return c;
}

static void check_bound(const struct world *w)
{
    CHECK(w->held_max_bytes > BUDGET_BYTES / 2);
    CHECK(w->held_max_bytes <= BUDGET_BYTES + SLOW_N * SMALL_BYTES);
    CHECK(queued(w) <= w->held_max_bytes);
}

static void check_body(const struct text *got, unsigned long id, size_t bytes)
{
    struct text want = {0};

    fake_body(&want, id, bytes);
    CHECK(got->len == bytes && memcmp(got->ptr, want.ptr, bytes) == 0);
    text_free(&want);
}

static void listen_all(struct world_client **c, unsigned n, bool listens)
{
    for (unsigned i = 0; i < n; i++)
        peer_listen(&c[i]->peer, listens);
}

static void check_answer(const struct world_client *c, unsigned long id)
{
    struct response a;

    CHECK(response_read(text_span(&c->peer.in), false, false, &a) == RESPONSE_WHOLE);
    CHECK(a.status == 200 && a.id == (long)id);
    check_body(&a.body, id, BODY_BYTES);
    text_free(&a.body);
}

static void test_downloads(void **state)
{
    struct world *w = open_world();
    struct world_client *c[SLOW_N];
    char say[80];

    (void)state;
    for (unsigned i = 0; i < SLOW_N; i++) {
        c[i] = deaf_client(w);
        (void)snprintf(say, sizeof(say), "GET /%s/%u/%u HTTP/1.1\r\nHost: h\r\n\r\n",
                       i % 2 ? "len" : "chunked", BODY_BYTES, i);
        world_say(c[i], say);
    }
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_in_flight) == SLOW_N);
    check_bound(w);
    listen_all(c, SLOW_N, true);
    world_run_ms(w, 5000);
    for (unsigned i = 0; i < SLOW_N; i++)
        check_answer(c[i], i);
    CHECK(queued(w) == 0 && world_stat(w, STATS_client_success) == SLOW_N);
    world_end(w);
}

static bool ends_with(const struct text *t, const struct text *end)
{
    return t->len > end->len && memcmp(t->ptr + t->len - end->len, end->ptr, end->len) == 0;
}

/* What waits for a client that takes nothing does not grow with what it has asked for, whether
 * the last bytes of one response or the first of the next find no room. */
static void run_pipelined(unsigned first_bytes, const char *next, const struct text *sent_next,
                          const struct text *want)
{
    struct world *w = world_open(&(struct world_setup){.seed = 1, .server_n = 1});
    struct world_client *c = deaf_client(w);
    struct text say = {0};

    text_addf(&say, "GET /len/%u/1 HTTP/1.1\r\nHost: h\r\n\r\n%s", first_bytes, next);
    text_add(&say, text_span(sent_next));
    peer_say(&c->peer, text_span(&say));
    world_run_ms(w, 1000);
    CHECK(w->held_max_bytes < MIB);
    listen_all(&c, 1, true);
    world_run_ms(w, 5000);
    CHECK(ends_with(&c->peer.in, want));
    text_free(&say);
    world_end(w);
}

static void test_pipelined(void **state)
{
    enum { BUFFER_BYTES = 64 * 1024, LARGE_BYTES = 5 * MIB, HEAD_MAX_BYTES = 100, STEP = 20 };
    struct text large = {0}, nothing = {0};
    char get[80];

    (void)state;
    fake_body(&large, 2, LARGE_BYTES);
    (void)snprintf(get, sizeof(get), "GET /len/%u/2 HTTP/1.1\r\nHost: h\r\n\r\n", LARGE_BYTES);
    for (unsigned n = BUFFER_BYTES - HEAD_MAX_BYTES; n < BUFFER_BYTES;
         n += STEP * world_stride()) {
        run_pipelined(n, get, &nothing, &large);
        run_pipelined(n, UPGRADE, &large, &large);
    }
    text_free(&large);
}

/* All answers come at the same moment, asked for while nothing was queued. */
static void test_answers_at_once(void **state)
{
    struct world *w = open_world();
    struct world_client *c[SLOW_N];

    (void)state;
    for (unsigned i = 0; i < SLOW_N; i++) {
        c[i] = deaf_client(w);
        world_say(c[i], "GET /late/2000/7 HTTP/1.1\r\nHost: h\r\n\r\n"
                        "GET /len/300000/7 HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    world_run_ms(w, 400);
    CHECK(queued(w) < BUDGET_BYTES / 4);
    world_run_ms(w, 4000);
    check_bound(w);
    listen_all(c, SLOW_N, true);
    world_run_ms(w, 5000);
    CHECK(queued(w) == 0 && world_stat(w, STATS_client_success) == 2L * SLOW_N);
    world_end(w);
}

static void test_uploads(void **state)
{
    struct world *w = open_world();
    struct world_client *c[SLOW_N];

    (void)state;
    w->origins[0].read_piece = 1000;
    w->origins[0].read_gap_ms = 100;
    for (unsigned i = 0; i < SLOW_N; i++) {
        struct text say = {0};

        c[i] = world_client(w);
        text_addf(&say, "POST /echo/0/%u HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n", i,
                  BODY_BYTES);
        fake_body(&say, i, BODY_BYTES);
        peer_say(&c[i]->peer, text_span(&say));
        text_free(&say);
    }
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_in_flight) == SLOW_N);
    check_bound(w);
    world_run_ms(w, 60000);
    for (unsigned i = 0; i < SLOW_N; i++)
        check_answer(c[i], i);
    CHECK(queued(w) == 0);
    world_end(w);
}

static void test_tunnels(void **state)
{
    struct world *w = open_world();
    struct world_client *c[SLOW_N];
    struct text say = {0};

    (void)state;
    fake_body(&say, 3, BODY_BYTES);
    for (unsigned i = 0; i < SLOW_N; i++)
        c[i] = world_ask(w, UPGRADE);
    world_run_ms(w, 50);
    listen_all(c, SLOW_N, false);
    for (unsigned i = 0; i < SLOW_N; i++)
        peer_say(&c[i]->peer, text_span(&say));
    world_run_ms(w, 2000);
    check_bound(w);
    listen_all(c, SLOW_N, true);
    world_run_ms(w, 10000);
    for (unsigned i = 0; i < SLOW_N; i++)
        CHECK(ends_with(&c[i]->peer.in, &say));
    CHECK(queued(w) == 0);
    text_free(&say);
    world_end(w);
}

/* Deaf clients until the budget is used up. */
static unsigned fill(struct world *w, struct world_client **c, unsigned max)
{
    unsigned n = 0;

    for (; n < max && queued(w) < BUDGET_BYTES; n++) {
        c[n] = deaf_client(w);
        world_say(c[n], "GET /len/300000/7 HTTP/1.1\r\nHost: h\r\n\r\n");
        world_run_ms(w, 20);
    }
    return n;
}

static void check_refused(const struct world_client *c)
{
    if (!world_is_clear(ONLY_IN_CLEAR_told_why_refused)) {
        CHECK(c->peer.in.len == 0 && (c->peer.has_fin || c->peer.has_reset));
        return;
    }
    CHECK(strncmp(world_got(c), "HTTP/1.1 503 ", 13) == 0 && c->peer.has_fin);
    CHECK(strstr(world_got(c), "Weldr-Error: queues_full\r\n"));
    CHECK(strstr(world_got(c), "Retry-After: 1\r\n"));
}

/* The budget used up: newcomers hear 503, what is there goes on and new requests on connections
 * that exist are answered, and with room again everybody comes in. */
static void test_full(void **state)
{
    enum { FULL_N = 400 };
    struct world *w = open_world();
    struct world_client *old = world_ask(w, "GET /len/5/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    struct world_client *c[FULL_N], *late;
    unsigned n = fill(w, c, FULL_N);

    (void)state;
    CHECK(queued(w) >= BUDGET_BYTES && n > SLOW_N);
    late = world_ask(w, "GET /len/5/2 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_say(old, "GET /len/5/3 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_run_ms(w, 50);
    check_refused(late);
    CHECK(strstr(world_got(old), "3.3.3"));
    CHECK(world_stat(w, STATS_in_flight) == n);
    listen_all(c, n, true);
    world_run_ms(w, 5000);
    for (unsigned i = 0; i < n; i++)
        check_answer(c[i], 7);
    late = world_ask(w, "GET /len/5/4 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_run_ms(w, 50);
    CHECK(strstr(world_got(late), "4.4.4") && queued(w) == 0);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_downloads), cmocka_unit_test(test_answers_at_once),
        cmocka_unit_test(test_pipelined), cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_tunnels),   cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
