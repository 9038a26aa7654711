/* Clients behind a PROXY header, on a listener that expects it. */
#include <stdio.h>

#include "../unit/base/cm.h"
#include "base/fault.h"
#include "header.h"
#include "response.h"
#include "world.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: h\r\n\r\n"

enum { N = 7, SWEEP_MAX = 2000 };

static const struct world_setup behind = {.seed = 1, .server_n = 1, .is_behind_proxy = true};

/* How many answers have come, each to the client that the header names. */
static unsigned count_answers(const struct world_client *c, const char *ip)
{
    struct span in = text_span(&c->peer.in);
    unsigned n = 0;

    for (;;) {
        struct response a;
        enum response_result rc = response_read(in, false, c->peer.has_fin, &a);

        CHECK(rc != RESPONSE_BROKEN);
        text_free(&a.body);
        if (rc != RESPONSE_WHOLE)
            return n;
        CHECK(a.is_ours || strcmp(a.client, ip) == 0);
        n += !a.is_ours;
        in = span_skip(in, a.bytes);
    }
}

static void run_split(enum header_kind kind, size_t cut)
{
    struct world *w = world_open(&behind);
    struct world_client *c = world_client(w);
    struct text say = {0};
    char ip[48];

    w->origins[0].names_client = true;
    header_add(&say, kind, N, ip);
    text_addf(&say, GET("/len/9/1") GET("/len/9/2"));
    peer_say(&c->peer, span_first(text_span(&say), cut));
    world_run_ms(w, 5);
    peer_say(&c->peer, span_skip(text_span(&say), cut));
    world_run_ms(w, 5);
    CHECK(count_answers(c, ip) == 2);
    text_free(&say);
    world_end(w);
}

/* In two pieces, with the cut anywhere. */
static void test_split_anywhere(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < HEADER_KINDS; kind++) {
        struct text t = {0};
        char ip[48];

        header_add(&t, kind, N, ip);
        for (size_t cut = 0; cut <= t.len + 1; cut += world_stride())
            run_split(kind, cut);
        text_free(&t);
    }
}

/* Byte by byte, in a network that splits, delays and has little room. */
static void test_rough(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < HEADER_KINDS; kind++) {
        struct world_setup setup = behind;
        struct world_client *c;
        struct text say = {0};
        struct world *w;
        char ip[48];

        setup.seed = kind;
        setup.faults = (struct loop_sim_faults){
            .max_delay_us = 2000, .short_reads = true, .short_sends = true, .buffer_bytes = 10};
        w = world_open(&setup);
        w->origins[0].names_client = true;
        c = world_client(w);
        c->peer.send_piece = 1;
        c->peer.send_gap_ms = 1;
        header_add(&say, kind, N, ip);
        text_addf(&say, GET("/len/9/1") "POST /echo/0/2 HTTP/1.1\r\nHost: h\r\n"
                                        "Content-Length: 5\r\n\r\n2.2.2");
        peer_say(&c->peer, text_span(&say));
        text_free(&say);
        world_run_ms(w, 5000);
        CHECK(count_answers(c, ip) == 2);
        world_end(w);
    }
}

/* Cut off, never whole, or none at all: closed without a word, and counted. */
static void test_no_header(void **state)
{
    static const char *const says[] = {
        "", "P", "PROXY TCP4 192.0.2.7", "\r\n\r\n", GET("/len/1/1"), "PROXY TCP4 x\r\n",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(says); i++) {
        for (unsigned then = PEER_STAYS; then <= PEER_RESETS; then++) {
            struct world *w = world_open(&behind);
            struct world_client *c = world_ask(w, says[i]);

            world_set(w, "timeouts.client_head_ms", 500);
            peer_say_end(&c->peer, then);
            world_run_ms(w, 12000);
            CHECK(c->peer.in.len == 0 && world_stat(w, STATS_client_open) == 0);
            CHECK(world_stat(w, STATS_requests) == 0 && w->origins[0].accepted_n == 0);
            world_end(w);
        }
    }
}

/* ---- one thing fails ---- */

static bool run_sweep(unsigned allocation, unsigned operation, unsigned *answers)
{
    struct world_setup setup = behind;
    struct world_client *c[2];
    struct world *w;
    struct text say = {0};
    char ip[2][48];
    bool was_struck;

    setup.tells_client = true;
    setup.faults.fail_op = operation;
    w = world_new(&setup);
    w->origins[0].names_client = true;
    fault_set(allocation);
    if (world_start(w) == 0) {
        for (unsigned i = 0; i < 2; i++) {
            c[i] = world_client(w);
            header_add(&say, i ? HEADER_V2_IP6 : HEADER_V1, N, ip[i]);
            text_addf(&say, GET("/len/9/1") GET("/chunked/9/2"));
            peer_say(&c[i]->peer, span_first(text_span(&say), 20));
            world_run_ms(w, 5);
            peer_say(&c[i]->peer, span_skip(text_span(&say), 20));
            text_free(&say);
        }
        world_run_ms(w, 100000);
        CHECK(w->worker.exchanges_slab.in_use == 0);
        *answers = count_answers(c[0], ip[0]) + count_answers(c[1], ip[1]);
    }
    was_struck =
        operation ? loop_sim_ops(w->loop) >= operation : allocation && !fault_is_armed();
    fault_set(0);
    world_end(w);
    return was_struck;
}

static void test_failing_allocations(void **state)
{
    unsigned n = 0, answers;

    (void)state;
    do {
        CHECK((n += world_stride()) < SWEEP_MAX);
        answers = 0;
    } while (run_sweep(n, 0, &answers));
    print_message("%u allocations\n", n - 1);
    CHECK(answers == 4 && n > 20);
}

static void test_failing_operations(void **state)
{
    unsigned n = 0, answers;

    (void)state;
    do {
        CHECK((n += world_stride()) < SWEEP_MAX);
        answers = 0;
    } while (run_sweep(0, n, &answers));
    print_message("%u operations\n", n - 1);
    CHECK(answers == 4 && n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_anywhere),     cmocka_unit_test(test_rough),
        cmocka_unit_test(test_no_header),          cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_failing_operations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
