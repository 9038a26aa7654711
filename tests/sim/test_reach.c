/* Which servers, and which of their addresses, requests reach when some can't be reached. */
#include "../unit/base/cm.h"
#include "got.h"
#include "worker/origin.h"

static uint64_t failed_of(const struct world *w, unsigned n)
{
    return w->stats->server[n].value[STATS_SERVER_failed];
}

static uint64_t success_of(const struct world *w, unsigned n)
{
    return w->stats->server[n].value[STATS_SERVER_success];
}

/* So many requests, one after the other, each answered well. */
static void ask_well(struct world *w, unsigned n)
{
    struct world_client *c = world_client(w);

    for (unsigned i = 0; i < n; i++) {
        world_say(c, GET("/len/1/1"));
        world_run_ms(w, 5);
        CHECK(status_of(c, i) == 200);
    }
}

static struct world *open_servers(unsigned n, const uint16_t *weights)
{
    struct world_setup setup = {.seed = 1, .server_n = n};
    struct world *w;

    for (unsigned i = 0; weights && i < n; i++)
        setup.weight[i] = weights[i];
    w = world_open(&setup);
    world_set(w, "eject.errors", 0);
    return w;
}

/* ---- whose turn it is ---- */

/* The broken one has the turns that are its own, not one at each request. */
static void run_turns(unsigned n, const uint16_t *weights, unsigned asked, unsigned failed)
{
    struct world *w = open_servers(n, weights);

    fake_origin_close(&w->origins[0]);
    ask_well(w, asked);
    CHECK(failed_of(w, 0) == failed && world_stat(w, STATS_retries) == failed);
    world_end(w);
}

static void test_a_retry_takes_no_turn(void **state)
{
    (void)state;
    run_turns(2, NULL, 20, 10);
    run_turns(3, NULL, 21, 7);
    run_turns(2, (uint16_t[]){1, 3}, 20, 5);
}

/* What the broken one drops is not all its neighbour's. */
static void test_retries_are_spread(void **state)
{
    struct world *w = open_servers(4, NULL);

    (void)state;
    fake_origin_close(&w->origins[0]);
    ask_well(w, 36);
    for (unsigned i = 1; i < 4; i++)
        CHECK(success_of(w, i) == 12);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retry_takes_no_turn),
        cmocka_unit_test(test_retries_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
