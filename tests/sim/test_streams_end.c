/* Streams that end before their time, on a connection with a hundred of them over a whole
 * worker: each end is one exchange's, with its own blame, and the others go on. */
#include "../unit/base/cm.h"
#include "base/fault.h"
#include "toy_many.h"
#include "worker/ends.h"
#include "worker/exchange.h"
#include "worker/origin.h"

enum { SWEEP_MAX = 5000 };

/* ---- by the client ---- */

static void check_aborted(const struct world *w, unsigned n)
{
    CHECK(w->stats->end[END_CLIENT_ABORT] == n && world_stat(w, STATS_client_aborts) == n);
    CHECK(world_stat(w, STATS_server_failed) == 0 && world_stat(w, STATS_retries) == 0);
}

static void test_client_resets_a_stalled_one(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);

    (void)state;
    world_run_ms(w, 1000);
    CHECK(w->worker.exchanges_slab.in_use == 1);
    toy_cancel(&t->asks[STALLED]);
    world_run_ms(w, 10);
    check_aborted(w, 1);
    CHECK(toy_whole_n(t) == MANY - 1);
    CHECK(world_stat(w, STATS_queued_bytes) == 0);
    toy_check_idle(t);
    toy_end(t);
}

/* While its server is asked, in the midst of the response, and of the request. */
static void test_client_resets_some(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, i % 4 == 2 ? BIG_BYTES : 0, "/%s/%u/%u",
                       i % 4 == 1   ? "late"
                       : i % 4 == 2 ? "echo"
                                    : "len",
                       i % 4 == 1 ? 500 : BODY_BYTES, i);
    while (world_stat(w, STATS_requests) < MANY)
        loop_turn(w->loop, 1);
    for (unsigned i = 0; i < MANY; i++)
        if (i % 4 != 3)
            toy_cancel(&t->asks[i]);
    world_run_ms(w, 2000);
    CHECK(toy_whole_n(t) == MANY / 4);
    CHECK(w->stats->end[END_CLIENT_ABORT] == world_stat(w, STATS_client_aborts));
    CHECK(world_stat(w, STATS_client_aborts) >= MANY / 2);
    CHECK(world_stat(w, STATS_server_failed) == 0);
    toy_check_idle(t);
    toy_end(t);
}

/* Its exchange is over, what is kept of it is given up. */
static void test_client_resets_what_is_kept(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *a = toy_askf(t, 0, "/len/%u/7", TOY_CREDIT_BYTES + 1000);

    (void)state;
    world_calm_tls(); /* in parts, its last bytes would wait in front of the codec */
    a->pauses_at_head = true;
    world_run_ms(w, 100);
    CHECK(w->worker.exchanges_slab.in_use == 0 && w->worker.streams.slab.in_use == 1);
    toy_cancel(a);
    world_run_ms(w, 10);
    CHECK(world_stat(w, STATS_client_success) == 1 && world_stat(w, STATS_client_aborts) == 0);
    toy_check_idle(t);
    toy_end(t);
}

static void run_client_leaves(bool resets)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);
    struct toy_ask *late = toy_askf(t, 0, "/late/500/%u", MANY);

    CHECK(late->has_begun);
    world_run_ms(w, 100);
    CHECK(toy_whole_n(t) == MANY - 1);
    peer_close(&t->base.peer, resets);
    world_run_ms(w, 50);
    check_aborted(w, 2);
    CHECK(w->worker.clients_slab.in_use == 0 && w->worker.streams.slab.in_use == 0);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    toy_end(t);
}

static void test_client_leaves(void **state)
{
    (void)state;
    run_client_leaves(false);
    run_client_leaves(true);
}

/* ---- by the server ---- */

/* What was good of it came before. */
static void test_server_breaks_some_off(void **state)
{
    static const char *const kinds[] = {"cut", "reset", "cutchunk", "len"};
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);

    (void)state;
    world_set(w, "eject.errors", 0);
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, 0, "/%s/%u/%u", kinds[i % COUNT(kinds)], BODY_BYTES, i);
    world_run_ms(w, 2000);
    CHECK(toy_whole_n(t) == MANY / 4);
    for (unsigned i = 0; i < MANY; i++) {
        const struct toy_ask *a = &t->asks[i];

        if (i % COUNT(kinds) == 3)
            continue;
        CHECK(a->status == 200 && a->error == WERR_RESET && !a->has_ended);
        CHECK(toy_is_right(a));
        CHECK(i % COUNT(kinds) == 1 || a->body.len == BODY_BYTES / 2);
    }
    CHECK(w->stats->end[END_ORIGIN_RESET] == MANY * 3 / 4);
    CHECK(world_stat(w, STATS_server_failed) == MANY * 3 / 4);
    CHECK(world_stat(w, STATS_client_aborts) == 0);
    CHECK(world_stat(w, STATS_client_failed) == MANY * 3 / 4);
    toy_check_idle(t);
    toy_end(t);
}

/* Broken off while its client takes nothing: what it has credit for later still comes. */
static void test_server_breaks_a_stalled_one_off(void **state)
{
    enum { HALF_BYTES = TOY_CREDIT_BYTES + 5000 };
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *a = toy_askf(t, 0, "/cut/%u/7", 2 * HALF_BYTES);

    (void)state;
    a->pauses_at_head = true;
    world_run_ms(w, 1000);
    CHECK(a->error == 0 && a->body.len == TOY_CREDIT_BYTES);
    toy_pause(a, false);
    world_run_ms(w, 100);
    CHECK(a->error == WERR_RESET && a->body.len == HALF_BYTES && toy_is_right(a));
    CHECK(w->stats->end[END_ORIGIN_RESET] == 1);
    toy_check_idle(t);
    toy_end(t);
}

/* Before its response: Weldr's own response, on that stream alone. */
static void test_server_says_nothing(void **state)
{
    static const struct {
        const char *kind, *word;
        unsigned status;
    } rows[] = {
        {"garbage", "origin_bad_answer", 502},
        {"reset0", "origin_reset", 502},
        {"badhead", "origin_bad_answer", 502},
        {"len", "", 200},
    };
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);

    (void)state;
    world_set(w, "eject.errors", 0);
    for (unsigned i = 0; i < MANY; i++)
        (void)toy_askf(t, 0, "/%s/%u/%u", rows[i % COUNT(rows)].kind, BODY_BYTES, i);
    world_run_ms(w, 5000);
    CHECK(toy_whole_n(t) == MANY / 4);
    for (unsigned i = 0; i < MANY; i++) {
        const struct toy_ask *a = &t->asks[i];

        CHECK(a->has_ended && a->error == 0);
        CHECK(a->status == rows[i % COUNT(rows)].status);
        CHECK_TEXT(a->error_word, rows[i % COUNT(rows)].word);
    }
    toy_check_idle(t);
    toy_end(t);
}

/* A response that comes before its request has ended: the rest of that is given up, and the
 * connection goes on. */
static void test_early_response(void **state)
{
    static const size_t bytes[] = {10, BODY_BYTES, BIG_BYTES};
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);

    (void)state;
    for (unsigned i = 0; i < 30; i++)
        (void)toy_askf(t, bytes[i % COUNT(bytes)], "/earlyclose/5/%u", i);
    world_run_ms(w, 3000);
    for (unsigned i = 0; i < 30; i++) {
        const struct toy_ask *a = &t->asks[i];

        CHECK(a->status == 413 && a->has_ended && a->body.len == 5 && toy_is_right(a));
        CHECK(a->error == 0 || a->error == WERR_RESET);
    }
    CHECK(world_stat(w, STATS_client_success) == 30);
    toy_check_idle(t);
    toy_end(t);
}

/* ---- by the clock ---- */

/* A client that takes nothing of one response loses that one. One that takes a little of it
 * does not, whatever the others do. */
static void test_write_time_is_of_one_stream(void **state)
{
    struct world_setup setup = {
        .seed = 1, .server_n = 1, .timeouts = {.client_write_ms = 1000, .idle_ms = 100000}};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);
    struct toy_ask *deaf = toy_askf(t, 0, "/len/%u/1", BIG_BYTES);
    struct toy_ask *slow = toy_askf(t, 0, "/len/%u/2", 20 * TOY_CREDIT_BYTES);
    struct toy_ask *kept = toy_askf(t, 0, "/len/%u/3", TOY_CREDIT_BYTES + 10);

    (void)state;
    world_calm_tls(); /* in parts, its last bytes would wait in front of the codec */
    deaf->pauses_at_head = slow->pauses_at_head = kept->pauses_at_head = true;
    for (unsigned i = 0; i < 25; i++) {
        CHECK(i > 1 || (deaf->error == 0 && kept->error == 0));
        world_run_ms(w, 600);
        toy_pause(slow, false); /* one more credit */
        toy_pause(slow, true);
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES, 10 + i);
    }
    world_run_ms(w, 100);
    CHECK(deaf->error == WERR_RESET && deaf->body.len == TOY_CREDIT_BYTES);
    CHECK(kept->error == WERR_RESET && kept->body.len == TOY_CREDIT_BYTES);
    CHECK(slow->error == 0 && toy_is_whole(slow, 20 * TOY_CREDIT_BYTES));
    CHECK(toy_whole_n(t) == 25);
    CHECK(w->stats->end[END_CLIENT_WRITE] == 1);
    toy_check_idle(t);
    toy_end(t);
}

static void test_body_time_is_of_one_stream(void **state)
{
    struct world_setup setup = {
        .seed = 1, .server_n = 1, .timeouts = {.response_head_ms = 1000}};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);
    struct toy_ask *a = toy_ask(t, "/stall/0/7", 0);

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES, 10 + i);
        world_run_ms(w, 15);
    }
    CHECK(a->status == 504 && toy_whole_n(t) == MANY);
    CHECK(w->stats->end[END_ORIGIN_TIMEOUT] == 1);
    toy_check_idle(t);
    toy_end(t);
}

/* Without a stream: the connection's time, with a word of farewell. */
static void test_idle_time(void **state)
{
    struct world_setup setup = {
        .seed = 1, .server_n = 1, .timeouts = {.client_idle_ms = 2000, .client_head_ms = 500}};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);
    struct toy_client *half = toy_client(w);
    struct toy_ask *a = toy_ask(t, "/late/3000/1", 0);

    (void)state;
    peer_say(&half->base.peer, SPAN("\0"));
    world_run_ms(w, 600);
    CHECK(half->base.peer.has_fin);
    world_run_ms(w, 2600);
    CHECK(toy_is_whole(a, 10) && !t->base.peer.has_fin);
    world_run_ms(w, 1600);
    CHECK(!t->base.peer.has_fin);
    world_run_ms(w, 500);
    CHECK(t->base.peer.has_fin && !t->base.peer.has_reset);
    CHECK(!toy_ask(t, "/len/10/2", 0)->has_begun);
    toy_client_free(half);
    toy_end(t);
}

/* ---- of the connection ---- */

static void test_garbage_ends_them_all(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_ask_many(w, BIG_BYTES);

    (void)state;
    world_run_ms(w, 1000);
    (void)toy_ask(t, "/late/500/1", 0);
    world_run_ms(w, 10);
    toy_say_garbage(t);
    world_run_ms(w, 100);
    CHECK(toy_whole_n(t) == MANY - 1);
    CHECK(w->worker.streams.slab.in_use == 0 && world_stat(w, STATS_in_flight) == 0);
    CHECK(w->stats->end[END_BAD_REQUEST] == 2);
    CHECK(world_stat(w, STATS_server_failed) == 0);
    CHECK(t->base.peer.has_fin);
    toy_end(t);
}

/* As many as a connection may carry. */
static void test_requests_a_connection(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    unsigned refused_n = 0;

    (void)state;
    world_set(w, "limits.requests_per_connection", 10);
    for (unsigned i = 0; i < 15; i++)
        (void)toy_askf(t, 0, "/len/%u/%u", BODY_BYTES, i);
    world_run_ms(w, 1000);
    for (unsigned i = 0; i < 15; i++)
        refused_n += t->asks[i].error == WERR_REFUSED;
    CHECK(toy_whole_n(t) == 10 && refused_n == 5);
    CHECK(t->base.peer.has_fin && !t->base.peer.has_reset);
    toy_end(t);
}

/* One that may not come in hears so: none of its requests was begun. */
static void test_too_many_connections(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *in = toy_client(w);
    struct toy_client *out;

    (void)state;
    world_set(w, "limits.connections", 1);
    world_run_ms(w, 10);
    out = toy_client(w);
    (void)toy_ask(out, "/len/10/1", 0);
    (void)toy_ask(in, "/len/10/2", 0);
    world_run_ms(w, 100);
    CHECK(toy_is_whole(&in->asks[0], 10));
    CHECK(out->asks[0].status == 0 && world_stat(w, STATS_requests) == 1);
    CHECK(out->base.peer.has_fin || out->base.peer.has_reset);
    if (world_is_clear(ONLY_IN_CLEAR_told_why_refused))
        CHECK(out->asks[0].error == WERR_REFUSED && out->base.peer.has_fin);
    toy_client_free(out);
    toy_end(in);
}

/* There is nothing to switch to on a stream. */
static void test_no_upgrade(void **state)
{
    struct world *w = toy_world(NULL);
    struct toy_client *t = toy_client(w);
    struct toy_ask *a = toy_ask(
        t, "/len/10/1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Rest: /1", 0);

    (void)state;
    world_run_ms(w, 100);
    CHECK(toy_is_whole(a, 10));
    CHECK(strstr(world_origin_got(w, 0, 0), "GET /len/10/1 HTTP/1.1\r\n") != NULL);
    CHECK(strstr(world_origin_got(w, 0, 0), "pgrade") == NULL);
    toy_end(t);
}

/* ---- whatever fails ---- */

/* Small ones, of all kinds, one stalled. */
static struct toy_client *ask_some(struct world *w)
{
    struct toy_client *t = toy_client(w);

    for (unsigned i = 0; i < 12; i++) {
        (void)toy_askf(t, i % 3 == 1 ? BODY_BYTES : 0, "/%s/%u/%u", i % 3 == 1 ? "echo" : "len",
                       BODY_BYTES, i);
        t->asks[i].pauses_at_head = i == STALLED;
    }
    world_run_ms(w, 500);
    toy_pause(&t->asks[STALLED], false);
    world_run_ms(w, 200000);
    CHECK(w->worker.exchanges_slab.in_use == 0 && w->worker.streams.slab.in_use == 0);
    for (unsigned i = 0; i < t->n; i++)
        CHECK(t->asks[i].status != 200 || toy_is_right(&t->asks[i]));
    return t;
}

static void test_allocations(void **state)
{
    unsigned n = 0, whole_n = 0;
    bool was_struck;

    (void)state;
    do {
        struct world_setup setup = {.seed = 1, .server_n = 2};
        struct world *w;
        struct toy_client *t;

        CHECK(++n < SWEEP_MAX);
        w = toy_world_new(&setup);
        fault_set(n);
        t = world_start(w) == 0 ? ask_some(w) : NULL;
        was_struck = !fault_is_armed();
        fault_set(0);
        if (t != NULL) {
            whole_n = toy_whole_n(t);
            toy_client_free(t);
        }
        world_end(w);
    } while (was_struck);
    print_message("%u allocations\n", n - 1);
    CHECK(whole_n == 12 && n > 20);
}

/* Not each of the operations, since there are thousands. */
static void test_operations(void **state)
{
    unsigned n = 0, whole_n;
    bool was_struck;

    (void)state;
    do {
        struct world_setup setup = {
            .seed = 1, .server_n = 2, .faults = {.buffer_bytes = 8192, .max_delay_us = 300}};
        struct world *w;
        struct toy_client *t;

        n += 1 + n / 16;
        setup.faults.fail_op = n;
        w = toy_world(&setup);
        t = ask_some(w);
        was_struck = loop_sim_ops(w->loop) >= n;
        whole_n = toy_whole_n(t);
        toy_end(t);
    } while (was_struck);
    print_message("%u operations\n", n);
    CHECK(whole_n == 12 && n > 20);
}

/* A connection on which anything may happen to any stream at any time. */
static void act(struct world *w, struct toy_client *t)
{
    static const char *const kinds[] = {"len",   "chunked", "until", "cut",   "reset", "reset0",
                                        "early", "late",    "echo",  "stale", "stall", "info"};
    struct rand_state *r = &w->rand;
    struct toy_ask *a = t->n > 0 ? &t->asks[rand_below(r, t->n)] : NULL;

    switch (rand_below(r, 8)) {
    case 0:
        if (a != NULL)
            toy_cancel(a);
        break;
    case 1:
    case 2:
        if (a != NULL)
            toy_pause(a, rand_below(r, 2) == 0);
        break;
    case 3:
        world_run_ms(w, rand_below(r, 300));
        break;
    default:
        if (t->n < TOY_ASKS)
            (void)toy_askf(t, rand_below(r, 3) == 0 ? rand_below(r, 100000) : 0, "/%s/%u/%u",
                           kinds[rand_below(r, COUNT(kinds))], (unsigned)rand_below(r, 100000),
                           t->n);
    }
}

static void run_seed(uint64_t seed)
{
    const struct world_setup setup = {.seed = seed,
                                      .server_n = 3,
                                      .timeouts = {.client_write_ms = 2000,
                                                   .response_head_ms = 1000,
                                                   .client_body_ms = 3000,
                                                   .idle_ms = 4000},
                                      .faults = {.buffer_bytes = 20000,
                                                 .max_delay_us = 3000,
                                                 .short_reads = seed % 2 == 0,
                                                 .short_sends = seed % 3 == 0}};
    struct world *w = toy_world(&setup);
    struct toy_client *t = toy_client(w);
    const unsigned drains_at = (unsigned)rand_below(&w->rand, 200);

    for (unsigned i = 0; i < 150; i++) {
        if (i == drains_at)
            world_drain(w, 20000);
        act(w, t);
    }
    for (unsigned i = 0; i < t->n; i++)
        if (rand_below(&w->rand, 5) > 0)
            toy_pause(&t->asks[i], false);
    world_run_ms(w, 100000);
    CHECK(w->worker.exchanges_slab.in_use == 0 && w->worker.streams.slab.in_use == 0);
    for (unsigned i = 0; i < t->n; i++)
        CHECK(t->asks[i].status != 200 || toy_is_right(&t->asks[i]));
    toy_end(t);
}

static void test_seeds(void **state)
{
    const char *n = getenv("SIM_SEEDS");
    bool is_given;
    uint64_t seed = world_seed(1, &is_given);
    uint64_t last = seed + (is_given    ? 1
                            : n != NULL ? strtoul(n, NULL, 10)
                                        : 60 / world_stride());

    (void)state;
    for (; seed < last; seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_resets_a_stalled_one),
        cmocka_unit_test(test_client_resets_some),
        cmocka_unit_test(test_client_resets_what_is_kept),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_server_breaks_some_off),
        cmocka_unit_test(test_server_breaks_a_stalled_one_off),
        cmocka_unit_test(test_server_says_nothing),
        cmocka_unit_test(test_early_response),
        cmocka_unit_test(test_write_time_is_of_one_stream),
        cmocka_unit_test(test_body_time_is_of_one_stream),
        cmocka_unit_test(test_idle_time),
        cmocka_unit_test(test_garbage_ends_them_all),
        cmocka_unit_test(test_requests_a_connection),
        cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_no_upgrade),
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
