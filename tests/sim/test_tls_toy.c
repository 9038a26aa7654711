/* Clients over a TLS that is at its worst (toy_tlsio.h): records and pieces of any size, words
 * of its own at any time, slow handshakes, ends without a word. Whoever stays has all of its
 * responses, byte for byte; of whoever leaves nothing is left. */
#include <stdlib.h>

#include "secure.h"
#include "tls_toy_world.h"

enum { ACTORS = 6, WANTS = 4, SEEDS = 300, RUN_MS = 20000 };

struct actor {
    struct secure_client *client;
    size_t want[WANTS]; /* bytes of each response */
    unsigned want_n, said_n, seen_n;
    size_t at; /* of client->got, looked through so far */
    bool leaves, is_hasty;
    uint64_t leaves_at_ms;
};

/* Over all seeds: a test in which nothing happens proves nothing. */
static uint64_t responses_n, left_n, cut_n, asides_n;

static void cast(struct world *w, struct actor *a)
{
    static const size_t sizes[] = {0, 5, 1000, 20000};
    struct rand_state *r = &w->rand;

    *a = (struct actor){.client = secure_client(w, "h"),
                        .want_n = 1 + (unsigned)rand_below(r, WANTS),
                        .is_hasty = rand_below(r, 2) == 0,
                        .leaves = rand_below(r, 4) == 0,
                        .leaves_at_ms = world_now_ms(w) + rand_below(r, 60)};
    for (unsigned i = 0; i < a->want_n; i++)
        a->want[i] = sizes[rand_below(r, COUNT(sizes))];
}

static bool has_left(const struct actor *a)
{
    return a->client->at->peer.is_closed || !sock_is_open(&a->client->at->peer.sock);
}

static void say_next(struct actor *a)
{
    char text[100];

    snprintf(text, sizeof(text), "GET /len/%zu/7 HTTP/1.1\r\nHost: h\r\n\r\n",
             a->want[a->said_n++]);
    secure_say(a->client, text);
}

/* One more response, if it is there whole. */
static bool see(struct actor *a)
{
    const struct span got = span_skip(text_span(&a->client->got), a->at);
    const char *end = got.len > 0 ? memmem(got.ptr, got.len, "\r\n\r\n", 4) : NULL;

    if (end == NULL)
        return false;
    CHECK(a->seen_n < a->said_n && memcmp(got.ptr, "HTTP/1.1 200 OK\r\n", 17) == 0);
    const size_t head_n = (size_t)(end + 4 - got.ptr), n = a->want[a->seen_n];

    if (got.len < head_n + n)
        return false;
    for (size_t i = 0; i < n; i++)
        CHECK(got.ptr[head_n + i] == "7."[i % 2]);
    a->at += head_n + n;
    a->seen_n++;
    responses_n++;
    return true;
}

static void play(struct world *w, struct actor *a)
{
    if (has_left(a))
        return;
    while (see(a)) {
    }
    if (a->leaves && world_now_ms(w) >= a->leaves_at_ms) {
        left_n++;
        cut_n += a->seen_n < a->said_n;
        peer_close(&a->client->at->peer, rand_below(&w->rand, 2) == 0);
        return;
    }
    CHECK(!a->client->is_failed);
    if (tlsio_state(a->client->tls) == TLSIO_OPEN && a->said_n < a->want_n &&
        (a->is_hasty || a->seen_n == a->said_n))
        say_next(a);
}

static bool is_over(const struct actor *a)
{
    return has_left(a) || a->seen_n == a->want_n;
}

static void run_seed(uint64_t seed)
{
    const struct world_setup setup = tls_toy_setup(seed, 2);
    struct world *w = secure_open(&setup);
    struct actor actors[ACTORS];
    bool is_all_over = false;

    for (unsigned i = 0; i < ACTORS; i++)
        cast(w, &actors[i]);
    for (unsigned ms = 0; ms < RUN_MS && !is_all_over; ms++) {
        is_all_over = true;
        world_run_ms(w, 1);
        for (unsigned i = 0; i < ACTORS; i++) {
            play(w, &actors[i]);
            is_all_over = is_all_over && is_over(&actors[i]);
        }
    }
    CHECK(is_all_over);
    for (unsigned i = 0; i < ACTORS; i++)
        CHECK(has_left(&actors[i]) || actors[i].at == actors[i].client->got.len);
    asides_n += toy_tlsio_asides();
    secure_end(w);
}

static void test_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
    print_message("%lu responses, %lu left, %lu of them in the middle, %lu asides\n",
                  (unsigned long)responses_n, (unsigned long)left_n, (unsigned long)cut_n,
                  (unsigned long)asides_n);
    assert_true(responses_n > SEEDS && left_n > SEEDS / 4 && cut_n > 10 && asides_n > SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, secure_init, secure_fini);
}
