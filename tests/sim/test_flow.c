#include "../unit/base/cm.h"
#include "response.h"
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

/* It is much, nobody knows how much, or it may never come: the response says that the
 * connection ends (RFC 9112 section 9.6). */
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

/* ---- back-pressure ---- */

struct load {
    const char *kind;
    size_t bytes;
    bool is_upload, is_chunked;
};

static const struct load loads[] = {
    {"len", 20 * MIB, false, false},  {"chunked", 5 * MIB, false, true},
    {"until", 5 * MIB, false, false}, {"echo", 20 * MIB, true, false},
    {"echo", 5 * MIB, true, true},
};

static void put_upload(struct text *say, const struct load *l)
{
    static const size_t piece = 70000;
    struct text body = {0};

    text_addf(say, "POST /%s/0/7 HTTP/1.1\r\nHost: h\r\n", l->kind);
    fake_body(&body, 7, l->bytes);
    if (!l->is_chunked) {
        text_addf(say, "Content-Length: %zu\r\n\r\n", l->bytes);
        text_add(say, text_span(&body));
    } else {
        text_addf(say, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0; at < body.len; at += piece) {
            struct span part = span_skip(text_span(&body), at);

            part = span_first(part, piece < part.len ? piece : part.len);
            text_addf(say, "%zx\r\n", part.len);
            text_add(say, part);
            text_addf(say, "\r\n");
        }
        text_addf(say, "0\r\n\r\n");
    }
    text_free(&body);
}

static void check_body(const struct text *got, size_t bytes)
{
    struct text want = {0};

    fake_body(&want, 7, bytes);
    CHECK(got->len == bytes && memcmp(got->ptr, want.ptr, bytes) == 0);
    text_free(&want);
}

/* The one that reads takes 50 ms a MiB, the one that writes no time at all. */
static void run_load(const struct load *l)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_client(w);
    struct text say = {0};
    struct response a;

    print_message("%s %zu\n", l->kind, l->bytes);
    if (l->is_upload) {
        w->origins[0].read_piece = 128 * 1024;
        w->origins[0].read_gap_ms = 6;
        put_upload(&say, l);
    } else {
        c->peer.read_piece = 128 * 1024;
        c->peer.read_gap_ms = 6;
        text_addf(&say, GET("/%s/%zu/7"), l->kind, l->bytes);
    }
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 200);
    CHECK(c->peer.in.len < l->bytes);
    world_run_ms(w, 20000);
    CHECK(response_read(text_span(&c->peer.in), false, false, &a) == RESPONSE_WHOLE);
    check_body(&a.body, l->bytes);
    text_free(&a.body);
    CHECK(w->held_max_bytes <= HELD_MAX_BYTES && w->held_max_bytes > 0);
    CHECK(world_stat(w, STATS_client_success) == 1);
    world_end(w);
}

static void test_back_pressure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(loads); i++)
        run_load(&loads[i]);
}

/* Bodies that are spliced, there and back, through a network that cuts as it likes: whole, and
 * in step for what follows on the same connections. */
static void run_cut_load(uint64_t seed)
{
    struct world_setup setup = {.seed = seed,
                                .server_n = 1,
                                .faults = {.buffer_bytes = 70000,
                                           .max_delay_us = 2000,
                                           .short_reads = true,
                                           .short_sends = true}};
    const struct load upload = {"echo", 400000, true, false};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);
    struct text say = {0};
    struct span in;

    put_upload(&say, &upload);
    put_upload(&say, &upload);
    peer_say(&c->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 20000);
    in = text_span(&c->peer.in);
    for (unsigned i = 0; i < 2; i++) {
        struct response a;

        CHECK(response_read(in, false, false, &a) == RESPONSE_WHOLE);
        check_body(&a.body, upload.bytes);
        in = span_skip(in, a.bytes);
        text_free(&a.body);
    }
    CHECK(in.len == 0);
    CHECK(world_stat(w, STATS_client_bytes_in) == 2 * upload.bytes);
    CHECK(world_stat(w, STATS_client_bytes_out) == 2 * upload.bytes);
    world_end(w);
}

static void test_cut_loads(void **state)
{
    bool is_given;
    uint64_t seed = world_seed(1, &is_given);
    uint64_t end = seed + (is_given ? 1 : 40 / world_stride());

    (void)state;
    for (; seed < end; seed++)
        run_cut_load(seed);
}

/* Who sent a large response is asked for little with the next head, whatever that is then. */
static void test_large_answers_are_expected(void **state)
{
    static const struct {
        const char *say;
        bool is_large;
    } asks[] = {
        {GET("/len/300000/1"), true},      {GET("/len/300000/1"), true},
        {GET("/len/100000/1"), false},     {GET("/len/300000/1"), true},
        {GET("/chunked/300000/1"), false},
    };
    struct world *w = world_open(NULL);
    struct world_client *c = world_client(w);
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(asks); i++) {
        struct response a;

        world_say(c, asks[i].say);
        world_run_ms(w, 50);
        CHECK(world_origin_of(w, 0)->sends_large == asks[i].is_large);
        CHECK(response_read(span_skip(text_span(&c->peer.in), at), false, false, &a) ==
              RESPONSE_WHOLE);
        at += a.bytes;
        text_free(&a.body);
    }
    CHECK(w->origins[0].accepted_n == 1);
    world_end(w);
}

/* A client that reads nothing: the source stops, and the time-out ends it. */
static void test_deaf_client(void **state)
{
    struct world_setup setup = {
        .seed = 1, .server_n = 1, .timeouts = {.client_write_ms = 1000}};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    world_run_ms(w, 1);
    peer_listen(&c->peer, false);
    world_say(c, GET("/len/5000000/7"));
    world_run_ms(w, 900);
    CHECK(world_stat(w, STATS_in_flight) == 1);
    CHECK(w->held_max_bytes <= HELD_MAX_BYTES);
    world_run_ms(w, 300);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    CHECK(world_stat(w, STATS_client_failed) == 1);
    world_end(w);
}

/* The last response waits for its reader, who says something meanwhile that nobody will read:
 * it gets the response whole, and an end that is no reset. */
static void test_slow_reader_talks_on(void **state)
{
    static const char last[] =
        "GET /len/20000/8 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct world *w = world_open(NULL);
    struct world_client *c = world_client(w);
    struct text want = {0};

    (void)state;
    world_calm_tls(); /* in parts, the last response would wait in front of the network */
    world_run_ms(w, 1);
    peer_listen(&c->peer, false);
    world_say(c, GET("/len/60000/7")); /* nearly all that the network takes */
    world_run_ms(w, 10);
    world_say(c, last);
    world_run_ms(w, 10);
    CHECK(w->worker.exchanges_slab.in_use == 0 && world_stat(w, STATS_queued_bytes) > 0);
    world_say(c, "by the way");
    world_run_ms(w, 10);
    CHECK(c->peer.in.len == 0);
    peer_listen(&c->peer, true);
    world_run_ms(w, 10);
    world_say(c, ", and");
    world_run_ms(w, 10);
    fake_body(&want, 8, 20000);
    CHECK(c->peer.in.len > want.len);
    CHECK(memcmp(c->peer.in.ptr + c->peer.in.len - want.len, want.ptr, want.len) == 0);
    CHECK(c->peer.has_fin && !c->peer.has_reset);
    CHECK(world_stat(w, STATS_client_open) == 1);
    peer_close(&c->peer, false);
    world_run_ms(w, 10);
    CHECK(world_stat(w, STATS_client_open) == 0);
    text_free(&want);
    world_end(w);
}

/* An idle connection owns no buffer. */
static void test_idle_holds_nothing(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        world_ask(w, GET("/len/100000/1") GET("/chunked/3000/1"));
    world_run_ms(w, 100);
    w->held_max_bytes = 0;
    world_run_ms(w, 1);
    CHECK(w->held_max_bytes == 0);
    CHECK(world_stat(w, STATS_client_success) == 40);
    CHECK(w->worker.exchanges_slab.in_use == 0);
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
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_cut_loads),
        cmocka_unit_test(test_large_answers_are_expected),
        cmocka_unit_test(test_deaf_client),
        cmocka_unit_test(test_slow_reader_talks_on),
        cmocka_unit_test(test_idle_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
