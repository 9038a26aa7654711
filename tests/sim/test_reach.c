/* Which servers requests reach when some can't be reached. */
#include "../unit/base/cm.h"
#include "reach.h"
#include "worker/limits.h"
#include "worker/origin.h"

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

/* ---- servers that can't be reached ---- */

static struct world *open_alone(unsigned n, unsigned dead_n, const uint16_t *weights)
{
    struct world *w = open_servers(n, weights);

    for (unsigned i = 0; i < n; i++)
        w->origins[i].close_after_n = 1;
    for (unsigned i = 0; i < dead_n; i++)
        fake_origin_close(&w->origins[i]);
    return w;
}

/* All but the last refuse: whatever the settings of retry, which are about what was sent. */
static void run_refusing(unsigned n, const uint16_t *weights, uint32_t attempts)
{
    struct world *w = open_alone(n, n - 1, weights);

    world_set(w, "retry.attempts", attempts);
    world_set(w, "retry.budget_percent", 0);
    ask_well(w, 60);
    CHECK(w->origins[n - 1].requests_n == 60 && success_of(w, n - 1) == 60);
    for (unsigned i = 0; i < n - 1; i++)
        CHECK(failed_of(w, i) > 0);
    CHECK(world_pool(w)->retrying_n == 0);
    world_end(w);
}

static void test_refusing_servers_fail_no_request(void **state)
{
    (void)state;
    for (uint32_t attempts = 1; attempts <= 3; attempts++) {
        run_refusing(2, NULL, attempts);
        run_refusing(3, NULL, attempts);
        run_refusing(8, NULL, attempts);
        run_refusing(8, (uint16_t[]){5, 1, 3, 3, 2, 1, 4, 1}, attempts);
    }
}

/* More at once than the budget for what was sent. */
static void test_refused_connections_cost_no_budget(void **state)
{
    enum { CLIENTS = 200 };
    struct world *w = open_alone(3, 2, NULL);
    struct world_client *c[CLIENTS];

    (void)state;
    world_set(w, "retry.budget_percent", 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        c[i] =
            world_ask(w, "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok");
    world_run_ms(w, 100);
    for (unsigned i = 0; i < CLIENTS; i++)
        CHECK(status_of(c[i], 0) == 200);
    world_end(w);
}

/* Each once, then it is over. */
static void test_all_servers_refuse(void **state)
{
    struct world *w = open_alone(8, 8, NULL);
    struct world_client *c = world_ask(w, GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 50);
    CHECK(has_error(c, "connect_refused") && world_stat(w, STATS_retries) == 7);
    for (unsigned i = 0; i < 8; i++)
        CHECK(failed_of(w, i) == 1);
    world_end(w);
}

/* Servers that swallow everything: the next is tried while connect_ms × attempts last. */
static void run_silent(uint32_t attempts, uint32_t ends_ms, const char *word)
{
    struct world *w = open_alone(3, 0, NULL);
    struct world_client *c;

    world_set(w, "timeouts.connect_ms", 200);
    world_set(w, "retry.attempts", attempts);
    for (unsigned i = 0; i < 2; i++)
        world_route(w, i, WERR_AGAIN);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, ends_ms - 5);
    CHECK(c->peer.in.len == 0);
    world_run_ms(w, 15);
    CHECK(word ? has_error(c, word) : status_of(c, 0) == 200);
    world_end(w);
}

static void test_silent_servers(void **state)
{
    (void)state;
    run_silent(1, 200, "connect_timeout");
    run_silent(2, 400, "connect_timeout");
    run_silent(3, 400, NULL);
}

/* What was sent counts, and only that. */
static void test_attempts_are_what_was_sent(void **state)
{
    struct world *w = open_alone(7, 3, NULL);
    unsigned n = 0;

    (void)state;
    for (unsigned i = 1; i <= 7; i++) {
        struct world_client *c = world_ask(w, GET("/reset0/0/1"));

        world_run_ms(w, 50);
        CHECK(has_error(c, "origin_reset"));
        n = 0;
        for (unsigned k = 0; k < 7; k++)
            n += w->origins[k].requests_n;
        CHECK(n == 2 * i);
    }
    world_end(w);
}

/* One that throws connections out at once is not asked for ever. */
static void test_thrown_out(void **state)
{
    struct world *w = open_servers(1, NULL);

    (void)state;
    world_route(w, 0, WERR_RESET);
    for (unsigned i = 0; i < 3; i++) {
        struct world_client *c = world_ask(w, GET("/len/1/1"));

        world_run_ms(w, 5);
        CHECK(has_error(c, "origin_reset"));
        CHECK(failed_of(w, 0) == 2 * (i + 1) && world_stat(w, STATS_retries) == i + 1);
    }
    world_end(w);
}

/* ---- what we lack ourselves ---- */

static const struct {
    int error;
    const char *word;
    bool goes_on; /* another server may do */
} shortages[] = {
    {WERR_ADDR_UNAVAILABLE, "no_port", true},
    {WERR_DENIED, "connect_denied", true},
    {WERR_NO_FD, "no_descriptor", false},
    {WERR_NOMEM, "no_memory", false},
};

/* Asked again and again, no server is blamed; then all is as before. */
static void test_own_shortage(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shortages); i++) {
        struct world *w = open_alone(2, 0, NULL);

        world_set(w, "eject.errors", 1);
        for (unsigned n = 0; n < 2; n++)
            world_route(w, n, shortages[i].error);
        for (unsigned k = 0; k < 20; k++) {
            struct world_client *c = world_ask(w, GET("/len/1/1"));

            world_run_ms(w, 5);
            CHECK(status_of(c, 0) == 503 && has_error(c, shortages[i].word));
        }
        for (unsigned n = 0; n < 2; n++) {
            CHECK(failed_of(w, n) == 0 && world_origin_of(w, n)->state == ORIGIN_SERVING);
            world_route(w, n, 0);
        }
        CHECK(world_stat(w, STATS_server_failed) == 0);
        ask_well(w, 10);
        CHECK(success_of(w, 0) == 5 && success_of(w, 1) == 5);
        world_end(w);
    }
}

/* For one server only: the others have what it takes. */
static void test_own_shortage_for_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shortages) && shortages[i].goes_on; i++) {
        struct world *w = open_alone(3, 0, NULL);

        world_set(w, "eject.errors", 1);
        world_set(w, "retry.attempts", 1);
        for (unsigned n = 0; n < 2; n++)
            world_route(w, n, shortages[i].error);
        ask_well(w, 30);
        CHECK(success_of(w, 2) == 30 && failed_of(w, 0) == 0);
        CHECK(world_pool(w)->ejected_n == 0);
        world_end(w);
    }
}

/* Every server lacks it: not all of a large pool are tried. */
static void test_own_shortage_is_not_looked_for_long(void **state)
{
    struct world *w = open_alone(8, 0, NULL);

    (void)state;
    for (unsigned n = 0; n < 8; n++)
        world_route(w, n, WERR_ADDR_UNAVAILABLE);
    world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(world_stat(w, STATS_retries) == LIMIT_SHORT_PICKS_N - 1);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retry_takes_no_turn),
        cmocka_unit_test(test_retries_are_spread),
        cmocka_unit_test(test_refusing_servers_fail_no_request),
        cmocka_unit_test(test_refused_connections_cost_no_budget),
        cmocka_unit_test(test_all_servers_refuse),
        cmocka_unit_test(test_silent_servers),
        cmocka_unit_test(test_attempts_are_what_was_sent),
        cmocka_unit_test(test_thrown_out),
        cmocka_unit_test(test_own_shortage),
        cmocka_unit_test(test_own_shortage_for_one),
        cmocka_unit_test(test_own_shortage_is_not_looked_for_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
