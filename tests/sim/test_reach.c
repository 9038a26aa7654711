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

/* ---- a name that moves ---- */

/* One server by name, as server 7, which stands for these origins. */
enum { NAMED = 7 };

static struct world *open_named(uint32_t origins)
{
    struct world *w = open_servers(0, NULL);

    CHECK(world_add_named(w, NAMED) == 0);
    CHECK(world_set_addrs(w, NAMED, origins, 0) == 0);
    return w;
}

static unsigned requests_of(const struct world *w, unsigned n)
{
    return w->origins[n].requests_n;
}

static bool is_open(struct world *w, unsigned n, unsigned conn)
{
    return !fake_origin_conn(&w->origins[n], conn)->peer.has_fin;
}

/* A lane that is busy while the name moves carries its exchange to the end, and no more. */
static void test_a_busy_lane_does_not_keep_the_old_address(void **state)
{
    struct world *w = open_named(1U << 0);
    struct world_client *c = world_ask(w, GET("/late/50/1"));

    (void)state;
    world_run_ms(w, 10);
    CHECK(requests_of(w, 0) == 1);
    CHECK(world_set_addrs(w, NAMED, 1U << 1, 0) == 0);
    world_run_ms(w, 100);
    CHECK(status_of(c, 0) == 200 && !is_open(w, 0, 0));
    ask_well(w, 200);
    CHECK(requests_of(w, 0) == 1 && requests_of(w, 1) == 200);
    world_end(w);
}

static void test_idle_lanes_to_old_addresses_close(void **state)
{
    struct world *w = open_named(1U << 0 | 1U << 1);

    (void)state;
    world_ask(w, GET("/late/5/1"));
    world_ask(w, GET("/late/5/1"));
    world_run_ms(w, 20);
    CHECK(world_stat(w, STATS_server_idle) == 2);
    CHECK(world_set_addrs(w, NAMED, 1U << 1 | 1U << 2, 0) == 0);
    world_run_ms(w, 5);
    CHECK(!is_open(w, 0, 0) && is_open(w, 1, 0) && world_stat(w, STATS_server_idle) == 1);
    ask_well(w, 10);
    CHECK(requests_of(w, 1) == 11 && w->origins[1].accepted_n == 1);
    world_end(w);
}

/* Busy or idle: what stays is not closed, however often the manager says so. */
static void test_lanes_to_addresses_that_stay_stay(void **state)
{
    struct world *w = open_named(1U << 0);
    struct world_client *c = world_ask(w, GET("/late/50/1"));

    (void)state;
    world_run_ms(w, 10);
    for (unsigned i = 0; i < 5; i++)
        CHECK(world_set_addrs(w, NAMED, 1U << 0 | 1U << (i + 1), 0) == 0);
    world_run_ms(w, 100);
    CHECK(status_of(c, 0) == 200 && is_open(w, 0, 0));
    CHECK(world_set_addrs(w, NAMED, 1U << 0, 0) == 0);
    ask_well(w, 10);
    CHECK(requests_of(w, 0) == 11 && w->origins[0].accepted_n == 1);
    world_end(w);
}

/* ---- what the checks have found ---- */

/* An address that is down gets nothing while another is up; with none up all are used. */
static void test_addresses_that_are_down(void **state)
{
    const uint32_t both = 1U << 0 | 1U << 1;
    struct world *w = open_named(both);

    (void)state;
    world_ask(w, GET("/late/5/1"));
    world_ask(w, GET("/late/5/1"));
    world_run_ms(w, 20);
    CHECK(world_set_addrs(w, NAMED, both, 1U << 0) == 0);
    world_run_ms(w, 5);
    CHECK(!is_open(w, 0, 0) && is_open(w, 1, 0));
    for (unsigned i = 0; i < 4; i++)
        world_ask(w, GET("/late/5/1"));
    world_run_ms(w, 20);
    CHECK(requests_of(w, 0) == 1 && requests_of(w, 1) == 5);
    CHECK(world_set_addrs(w, NAMED, both, both) == 0);
    for (unsigned i = 0; i < 20; i++)
        world_ask(w, GET("/late/5/1"));
    world_run_ms(w, 20);
    CHECK(requests_of(w, 0) > 1 && requests_of(w, 1) > 5);
    CHECK(world_stat(w, STATS_client_success) == 26);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retry_takes_no_turn),
        cmocka_unit_test(test_retries_are_spread),
        cmocka_unit_test(test_a_busy_lane_does_not_keep_the_old_address),
        cmocka_unit_test(test_idle_lanes_to_old_addresses_close),
        cmocka_unit_test(test_lanes_to_addresses_that_stay_stay),
        cmocka_unit_test(test_addresses_that_are_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
