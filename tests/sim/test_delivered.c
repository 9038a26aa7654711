#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/base/cm.h"
#include "response.h"
#include "worker/ends.h"
#include "world.h"

/* Servers that send all of their response and reset, clients that are slow, in networks of all
 * kinds: nothing of what reached Weldr is lost, and no server is blamed. */

enum { SEEDS = 300, TLS_SEEDS = 40, CLIENTS = 4, UPLOAD_MAX = 300000 };

struct fault_kind {
    const char *word;
    const char *method;
    unsigned status;
};

static const struct fault_kind kinds[] = {
    {"lenreset", "GET", 200},    {"chunkedreset", "GET", 200}, {"lenreset", "POST", 200},
    {"earlyreset", "POST", 200}, {"earlyclose", "POST", 413},
};

struct ask {
    struct world_client *client;
    const struct fault_kind *kind;
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
    struct world_setup setup = {.seed = seed, .server_n = 1};
    struct rand_state r;

    rand_seed(&r, seed * 11 + 3);
    setup.faults.max_delay_us = delays_us[rand_below(&r, COUNT(delays_us))];
    setup.faults.buffer_bytes = buffers[rand_below(&r, COUNT(buffers))];
    setup.faults.short_reads = rand_below(&r, 2) == 0;
    setup.faults.short_sends = rand_below(&r, 2) == 0;
    return setup;
}

static void put_body(struct world *w, struct text *say, unsigned long id)
{
    struct text body = {0};
    size_t n = roll(w, 2) ? roll(w, UPLOAD_MAX) : roll(w, 2000);

    fake_body(&body, id, n);
    if (roll(w, 2)) {
        text_addf(say, "Content-Length: %zu\r\n\r\n", n);
        text_add(say, text_span(&body));
    } else {
        text_addf(say, "Transfer-Encoding: chunked\r\n\r\n");
        if (n > 0) {
            text_addf(say, "%zx\r\n", n);
            text_add(say, text_span(&body));
            text_addf(say, "\r\n");
        }
        text_addf(say, "0\r\n\r\n");
    }
    text_free(&body);
}

static void begin(struct world *w, struct ask *a, unsigned long id)
{
    static const size_t sizes[] = {10, 3000, 70000, 400000};
    struct text say = {0};
    struct peer *p;

    a->kind = &kinds[roll(w, COUNT(kinds))];
    a->id = id;
    a->number = 2 + roll(w, sizes[roll(w, COUNT(sizes))]);
    a->client = world_client(w);
    p = &a->client->peer;
    if (roll(w, 3) > 0) {
        p->read_piece = 500 + (uint32_t)roll(w, 20000);
        p->read_gap_ms = (uint32_t)roll(w, 8);
    }
    text_addf(&say, "%s /%s/%zu/%lu HTTP/1.1\r\nHost: h\r\n", a->kind->method, a->kind->word,
              a->number, id);
    if (a->kind->method[0] == 'P')
        put_body(w, &say, id);
    else
        text_addf(&say, "\r\n");
    peer_say(p, text_span(&say));
    text_free(&say);
}

static void check(const struct ask *a)
{
    const struct peer *p = &a->client->peer;
    struct text want = {0};
    struct response got;
    bool is_whole = response_read(text_span(&p->in), false, p->has_fin, &got) == RESPONSE_WHOLE;

    fake_body(&want, a->id, a->number);
    if (!is_whole || got.is_ours || got.body.len != want.len)
        print_error("%s /%s/%zu/%lu: %u, %zu bytes\n", a->kind->method, a->kind->word,
                    a->number, a->id, got.status, got.body.len);
    CHECK(is_whole && got.status == a->kind->status && got.id == (long)a->id);
    CHECK(got.body.len == want.len && memcmp(got.body.ptr, want.ptr, want.len) == 0);
    text_free(&want);
    text_free(&got.body);
}

static void run_seed(uint64_t seed)
{
    struct world_setup setup = make_setup(seed);
    struct world *w = world_open(&setup);
    struct ask asks[CLIENTS];

    for (unsigned i = 0; i < CLIENTS; i++) {
        begin(w, &asks[i], i + 1);
        world_run_ms(w, roll(w, 20));
    }
    world_run_ms(w, 1000000);
    for (unsigned i = 0; i < CLIENTS; i++)
        check(&asks[i]);
    CHECK(w->worker.exchanges_slab.in_use == 0);
    CHECK(world_stat(w, STATS_server_success) == CLIENTS);
    CHECK(world_stat(w, STATS_server_failed) == 0 && world_stat(w, STATS_retries) == 0);
    CHECK(world_stat(w, STATS_client_success) == CLIENTS);
    CHECK(w->stats->end[END_OK] == CLIENTS);
    world_end(w);
}

static void test_answers(void **state)
{
    const char *text = getenv("SIM_SEEDS");
    uint64_t n = text ? strtoull(text, NULL, 10) : world_over_tls == NULL ? SEEDS : TLS_SEEDS;
    bool given;
    uint64_t first = world_seed(1, &given);

    (void)state;
    for (uint64_t seed = first; seed < first + (given ? 1 : n); seed++)
        run_seed(seed);
}

/* ---- the last send ---- */

/* A client leaves, which nobody has heard of when the last bytes of its response go from socket
 * to socket, unseen, and are not taken. */
static void test_last_splice_fails(void **state)
{
    enum { RESPONSE_BYTES = 450000, FIRST_BYTES = 300000 };
    struct world *w = world_open(&(struct world_setup){
        .seed = 1, .server_n = 1, .faults = {.buffer_bytes = 1024 * 1024}});
    struct world_client *c;
    const struct peer *origin;

    (void)state;
    w->origins[0].send_piece = FIRST_BYTES;
    w->origins[0].send_gap_ms = 50;
    c = world_ask(w, "GET /len/450000/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_run_ms(w, 5);
    CHECK(c->peer.in.len > FIRST_BYTES - 100 && world_stat(w, STATS_in_flight) == 1);
    origin = &fake_origin_conn(&w->origins[0], 0)->peer;
    while (origin->out_at < origin->out.len)
        loop_turn(w->loop, 1);
    peer_close(&c->peer, true);
    world_run_ms(w, 100);
    CHECK(world_stat(w, STATS_client_bytes_out) == RESPONSE_BYTES);
    CHECK(world_stat(w, STATS_in_flight) == 0);
    CHECK(world_stat(w, STATS_client_success) == 0 && world_stat(w, STATS_client_aborts) == 1);
    CHECK(w->stats->end[END_CLIENT_ABORT] == 1 && world_stat(w, STATS_server_failed) == 0);
    world_end(w);
}

/* ---- lanes ---- */

/* The server answers in full, keeps the connection, and has not read the request, a part of
 * which waits in Weldr: that lane serves nobody else. */
static void test_unsent_request(void **state)
{
    struct world *w = world_open(
        &(struct world_setup){.seed = 1, .server_n = 1, .faults = {.buffer_bytes = 4096}});
    struct world_client *c = world_ask(w, "POST /earlylate/5/1 HTTP/1.1\r\nHost: h\r\n"
                                          "Content-Length: 8100\r\n\r\n");
    struct text body = {0};

    (void)state;
    fake_body(&body, 1, 8100);
    peer_say(&c->peer, text_span(&body));
    world_run_ms(w, 10);
    CHECK(strstr(world_got(c), "\r\n\r\n1.1.1"));
    CHECK(world_stat(w, STATS_client_success) == 1 && !c->peer.has_fin);
    CHECK(world_stat(w, STATS_client_bytes_in) == 8100);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    world_say(c, "GET /len/3/2 HTTP/1.1\r\nHost: h\r\n\r\n");
    world_run_ms(w, 10);
    CHECK(strstr(world_got(c), "\r\n\r\n2.2") && w->origins[0].accepted_n == 2);
    text_free(&body);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_last_splice_fails),
                                       cmocka_unit_test(test_unsent_request)};

    const struct CMUnitTest tls_tests[] = {cmocka_unit_test(test_answers),
                                           cmocka_unit_test(test_unsent_request)};

    if (world_over_tls != NULL) /* which splices nothing */
        return cmocka_run_group_tests(tls_tests, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
