/* Servers over a TLS that is at its worst (toy_tlsio.h), for clients in clear: a whole response
 * comes whole, byte for byte, and one that its server breaks off never looks whole; that an end
 * without close_notify is such a break is seen where the body ends with the connection. */
#include <stdlib.h>

#include "peer_tls.h"
#include "response.h"
#include "secure.h"
#include "tls_toy_world.h"

enum { ACTORS = 5, WANTS = 4, SEEDS = 300, RUN_MS = 100000 };

/* What a request asks for by its first segment (fake_kinds.c). */
static const struct behaviour {
    const char *kind;
    bool is_whole;
} behaviours[] = {
    {"len", true}, {"until", true}, {"cut", false}, {"halfcut", false}, {"untilcut", false},
};

/* ---- the server ---- */

static struct identities identities;
static struct peer_tls servers;

static int begin(void **state)
{
    const int rc = secure_init(state);

    identities_add(&identities, &secure.leaf);
    servers = (struct peer_tls){secure.shared, NULL,
                                identities_server(&identities, TLSIO_INTERMEDIATE)};
    peer_tls = &servers;
    return rc;
}

static int end(void **state)
{
    tlsio_context_put(servers.server);
    identities_free(&identities);
    return secure_fini(state);
}

static void add_server(struct world *w)
{
    CHECK(world_describe(w, POOL_SET_POOL, "default", "{\"tls\":{\"verify\":false}}", NULL) ==
          0);
    CHECK(world_describe(w, POOL_ADD_SERVER, "default", "{\"url\":\"https://10.0.0.1:80\"}",
                         &w->server_id[0]) == 0);
    CHECK(world_set_up(w, 0, true) == 0);
}

/* How the next connection is to send. */
static void vary_server(struct world *w)
{
    struct fake_origin *o = &w->origins[0];
    struct rand_state *r = &w->rand;

    o->send_piece = rand_below(r, 2) == 0 ? 1 + (uint32_t)rand_below(r, 3000) : 0;
    o->send_gap_ms = o->send_piece > 500 ? (uint32_t)rand_below(r, 4) : 0;
}

/* ---- clients ---- */

struct want {
    const struct behaviour *behaviour;
    size_t n;
};

struct actor {
    struct world_client *client;
    struct want wants[WANTS];
    unsigned long id;
    unsigned said_n, seen_n;
    size_t at; /* of what came */
    bool is_over;
};

/* Over all seeds: a test in which nothing happens proves nothing. */
static uint64_t whole_n[COUNT(behaviours)], broken_n[COUNT(behaviours)];

static void check_body(const struct actor *a, const struct text *body)
{
    struct text wanted = {0};

    fake_body(&wanted, a->id, a->wants[a->seen_n].n);
    CHECK(body->len == wanted.len && memcmp(body->ptr, wanted.ptr, wanted.len) == 0);
    text_free(&wanted);
}

static void see(struct actor *a)
{
    const struct peer *p = &a->client->peer;
    const struct behaviour *b = a->wants[a->seen_n].behaviour;
    struct response got;
    const enum response_result rc =
        response_read(span_skip(text_span(&p->in), a->at), false, p->has_fin, &got);

    CHECK(rc != RESPONSE_BROKEN);
    if (rc == RESPONSE_WHOLE) {
        CHECK(b->is_whole && got.status == 200);
        check_body(a, &got.body);
        whole_n[b - behaviours]++;
        a->at += got.bytes;
        a->seen_n++;
    } else if (p->has_fin || p->has_reset) {
        CHECK(!b->is_whole);
        broken_n[b - behaviours]++;
        a->is_over = true;
    }
    text_free(&got.body);
}

static void play(struct actor *a)
{
    char text[100];

    if (a->is_over)
        return;
    if (a->said_n > a->seen_n) {
        see(a);
        return;
    }
    a->is_over = a->seen_n == WANTS;
    if (a->is_over)
        return;
    const struct want *want = &a->wants[a->said_n++];

    snprintf(text, sizeof(text), "GET /%s/%zu/%lu HTTP/1.1\r\nHost: h\r\n\r\n",
             want->behaviour->kind, want->n, a->id);
    world_say(a->client, text);
}

static void cast(struct world *w, struct actor *a, unsigned long id)
{
    static const size_t sizes[] = {2, 5, 1000, 20000};
    struct rand_state *r = &w->rand;

    *a = (struct actor){.client = world_client(w), .id = id};
    for (unsigned i = 0; i < WANTS; i++)
        a->wants[i] = (struct want){&behaviours[rand_below(r, COUNT(behaviours))],
                                    sizes[rand_below(r, COUNT(sizes))]};
}

static void run_seed(uint64_t seed)
{
    const struct world_setup setup = tls_toy_setup(seed, 0);
    struct world *w = world_open(&setup);
    struct actor actors[ACTORS];
    bool is_all_over = false;

    add_server(w);
    for (unsigned i = 0; i < ACTORS; i++)
        cast(w, &actors[i], i + 1);
    for (unsigned ms = 0; ms < RUN_MS && !is_all_over; ms++) {
        is_all_over = true;
        vary_server(w);
        world_run_ms(w, 1);
        for (unsigned i = 0; i < ACTORS; i++) {
            play(&actors[i]);
            is_all_over = is_all_over && actors[i].is_over;
        }
    }
    CHECK(is_all_over);
    world_end(w);
}

static void test_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
    for (size_t i = 0; i < COUNT(behaviours); i++) {
        print_message("%s: %lu whole, %lu broken off\n", behaviours[i].kind,
                      (unsigned long)whole_n[i], (unsigned long)broken_n[i]);
        assert_true((behaviours[i].is_whole ? whole_n : broken_n)[i] > SEEDS / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
