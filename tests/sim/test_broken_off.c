#include <stdio.h>
#include <stdlib.h>

#include "../unit/base/cm.h"
#include "world.h"

/* Answers and tunnels that one side breaks off by a reset while the other is slow, in networks
 * of all kinds: what reached Weldr before the break is delivered, and then the break is seen,
 * not a good end. */

enum { SEEDS = 300, CLIENTS = 4 };

#define UPGRADE "Connection: upgrade\r\nUpgrade: echo\r\n"

struct message_kind {
    const char *word;
    const char *fields;
    unsigned says_one_of; /* how much of its number the server says */
    bool client_says;     /* … or, in a tunnel, the client */
};

static const struct message_kind kinds[] = {
    {"reset", "", 2, false},          {"resetchunk", "", 2, false},
    {"resetuntil", "", 2, false},     {"tunnelsay", UPGRADE, 1, false},
    {"tunnelhear", UPGRADE, 1, true},
};

struct ask {
    struct world_client *client;
    const struct message_kind *kind;
    unsigned long id;
    size_t number;
};

static uint64_t roll(struct world *w, uint64_t n)
{
    return rand_below(&w->rand, n);
}

static struct world_setup make_setup(uint64_t seed)
{
    static const uint32_t delays_us[] = {0, 100, 5000};
    static const uint32_t buffers[] = {0, 300, 4096, 20000, 400000};
    struct world_setup setup = {.seed = seed, .server_n = 1, .faults = {.resets_lose = true}};
    struct rand_state r;

    rand_seed(&r, seed * 13 + 5);
    setup.faults.max_delay_us = delays_us[rand_below(&r, COUNT(delays_us))];
    setup.faults.buffer_bytes = buffers[rand_below(&r, COUNT(buffers))];
    setup.faults.short_reads = rand_below(&r, 2) == 0;
    setup.faults.short_sends = rand_below(&r, 2) == 0;
    return setup;
}

static void be_slow(struct world *w, uint32_t *piece, uint32_t *gap_ms)
{
    *piece = 500 + (uint32_t)roll(w, 20000);
    *gap_ms = (uint32_t)roll(w, 8);
}

static void begin(struct world *w, struct ask *a, unsigned long id)
{
    static const size_t sizes[] = {10, 3000, 70000, 400000};
    struct text say = {0};

    a->kind = &kinds[roll(w, COUNT(kinds))];
    a->id = id;
    a->number = 2 + roll(w, sizes[roll(w, COUNT(sizes))]);
    a->client = world_client(w);
    a->client->peer.resets_late = true;
    if (roll(w, 3) > 0)
        be_slow(w, &a->client->peer.read_piece, &a->client->peer.read_gap_ms);
    text_addf(&say, "GET /%s/%zu/%lu HTTP/1.1\r\nHost: h\r\n%s\r\n", a->kind->word, a->number,
              id, a->kind->fields);
    peer_say(&a->client->peer, text_span(&say));
    text_free(&say);
}

/* In a tunnel that stands. */
static void say_and_reset(const struct ask *a)
{
    struct text say = {0};

    CHECK(a->client->peer.in.len > 0);
    fake_body(&say, a->id, a->number);
    peer_say(&a->client->peer, text_span(&say));
    peer_say_end(&a->client->peer, PEER_RESETS);
    text_free(&say);
}

/* ---- what came ---- */

/* The bytes of the chunks that are there. */
static void dechunk(struct text *body, struct span in)
{
    while (in.len > 0) {
        const char *line_end = memmem(in.ptr, in.len, "\r\n", 2);
        size_t size = strtoul(in.ptr, NULL, 16);

        CHECK(line_end && size > 0);
        in = span_skip(in, (size_t)(line_end + 2 - in.ptr));
        text_add(body, span_first(in, size < in.len ? size : in.len));
        in = span_skip(in, size + 2 < in.len ? size + 2 : in.len);
    }
}

static void take_body(struct text *body, struct span in)
{
    const char *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);
    struct span head, rest;

    CHECK(end);
    head = span_first(in, (size_t)(end + 4 - in.ptr));
    rest = span_skip(in, head.len);
    if (memmem(head.ptr, head.len, "chunked", 7))
        dechunk(body, rest);
    else
        text_add(body, rest);
}

/* The origin's side of this tunnel. */
static const struct peer *origin_peer(struct world *w, const struct ask *a)
{
    for (unsigned i = 0; i < w->origins[0].accepted_n; i++) {
        const struct fake_conn *c = fake_origin_conn(&w->origins[0], i);

        if (c->request.id == a->id)
            return &c->peer;
    }
    world_fail(__FILE__, __LINE__, "no such connection");
}

static void check(struct world *w, const struct ask *a)
{
    const struct peer *p = a->kind->client_says ? origin_peer(w, a) : &a->client->peer;
    struct text want = {0}, got = {0};

    fake_body(&want, a->id, a->number / a->kind->says_one_of);
    take_body(&got, text_span(&p->in));
    if (got.len != want.len || p->has_fin)
        print_error("/%s/%zu/%lu: %zu of %zu bytes, fin %d\n", a->kind->word, a->number, a->id,
                    got.len, want.len, p->has_fin);
    CHECK(got.len == want.len && memcmp(got.ptr, want.ptr, want.len) == 0);
    CHECK(p->has_reset && !p->has_fin);
    text_free(&want);
    text_free(&got);
}

static void run_seed(uint64_t seed)
{
    struct world_setup setup = make_setup(seed);
    struct world *w = world_open(&setup);
    struct ask asks[CLIENTS];

    w->origins[0].resets_late = true;
    if (roll(w, 3) > 0)
        be_slow(w, &w->origins[0].read_piece, &w->origins[0].read_gap_ms);
    for (unsigned i = 0; i < CLIENTS; i++) {
        begin(w, &asks[i], i + 1);
        world_run_ms(w, roll(w, 20));
    }
    world_run_ms(w, 10000);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (asks[i].kind->client_says)
            say_and_reset(&asks[i]);
    world_run_ms(w, 1000000);
    for (unsigned i = 0; i < CLIENTS; i++)
        check(w, &asks[i]);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_client_open) == 0);
    CHECK(w->worker.origin_conns_slab.in_use == 0);
    world_end(w);
}

static void test_seeds(void **state)
{
    const char *text = getenv("SIM_SEEDS");
    uint64_t n = text ? strtoull(text, NULL, 10) : SEEDS / world_stride();
    bool given;
    uint64_t first = world_seed(1, &given);

    (void)state;
    for (uint64_t seed = first; seed < first + (given ? 1 : n); seed++)
        run_seed(seed);
}

/* ---- ends in time ---- */

/* A broken response of which the client takes nothing. */
static struct world *open_deaf(const char *target, struct world_client **c)
{
    struct world *w = world_open(
        &(struct world_setup){.seed = 1, .server_n = 1, .timeouts = {.client_write_ms = 5000}});
    struct text say = {0};

    *c = world_client(w);
    world_run_ms(w, 1);
    peer_listen(&(*c)->peer, false);
    text_addf(&say, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    peer_say(&(*c)->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 1000);
    CHECK(world_stat(w, STATS_in_flight) == 0 && world_stat(w, STATS_client_open) == 1);
    return w;
}

static void test_client_takes_nothing(void **state)
{
    struct world_client *c;
    struct world *w = open_deaf("/reset/2000/1", &c);

    (void)state;
    world_run_ms(w, 3000);
    CHECK(world_stat(w, STATS_client_open) == 1);
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_client_open) == 0);
    world_end(w);
}

static void test_client_leaves(void **state)
{
    struct world_client *c;
    struct world *w = open_deaf("/reset/2000/1", &c);

    (void)state;
    peer_close(&c->peer, true);
    world_run_ms(w, 1);
    CHECK(world_stat(w, STATS_client_open) == 0);
    world_end(w);
}

/* The end of draining does not make a good end of it. */
static void test_drain_limit(void **state)
{
    struct world_client *c;
    struct world *w = open_deaf("/resetuntil/2000/1", &c);

    (void)state;
    world_drain(w, 100);
    world_run_ms(w, 200);
    CHECK(w->is_drained);
    peer_listen(&c->peer, true);
    world_run_ms(w, 10);
    CHECK(c->peer.has_reset && !c->peer.has_fin);
    world_end(w);
}

/* Whatever operation fails: both connections end, and nothing is left. False: n was too far. */
static bool run_failing(const struct message_kind *kind, uint32_t n)
{
    struct world_setup setup = {.seed = 1, .server_n = 1};
    struct ask a = {.kind = kind, .id = 1, .number = 30000};
    struct text say = {0};
    struct world *w;
    bool was_struck;

    setup.faults = (struct loop_sim_faults){.fail_op = n, .buffer_bytes = 3000};
    w = world_open(&setup);
    a.client = world_client(w);
    a.client->peer.read_piece = 1000;
    a.client->peer.read_gap_ms = 2;
    text_addf(&say, "GET /%s/30000/1 HTTP/1.1\r\nHost: h\r\n%s\r\n", kind->word, kind->fields);
    peer_say(&a.client->peer, text_span(&say));
    text_free(&say);
    world_run_ms(w, 1000);
    if (kind->client_says && a.client->peer.in.len > 0)
        say_and_reset(&a);
    world_run_ms(w, 100000);
    was_struck = loop_sim_ops(w->loop) >= n;
    CHECK(world_stat(w, STATS_in_flight) == 0);
    world_end(w);
    return was_struck;
}

static void test_failing_operations(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        uint32_t n = 1;

        while (run_failing(&kinds[i], n))
            n++;
        CHECK(n > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds), cmocka_unit_test(test_client_takes_nothing),
        cmocka_unit_test(test_client_leaves), cmocka_unit_test(test_drain_limit),
        cmocka_unit_test(test_failing_operations)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
