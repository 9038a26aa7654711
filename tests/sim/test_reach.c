/* Which servers, and which of their addresses, requests reach when some can't be reached. */
#include "../unit/base/cm.h"
#include "got.h"
#include "worker/limits.h"
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
            CHECK(failed_of(w, n) == 0 && !world_origin_of(w, n)->is_ejected);
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

/* ---- addresses that can't be reached ---- */

enum { CLOSED = 1 }; /* nobody listens: refused by the peer; else a result of loop_sim_route */

static void kill_addr(struct world *w, unsigned n, int how)
{
    if (how == CLOSED)
        fake_origin_close(&w->origins[n]);
    else
        world_route(w, n, how);
}

/* A request on a connection of its own, to the end; returns how long it took. The origins
 * close theirs behind each answer. */
static uint64_t ask_anew(struct world *w, const char *say)
{
    struct world_client *c = world_ask(w, say);
    uint64_t begin_ms = world_now_ms(w);

    while (status_of(c, 0) == 0 && world_now_ms(w) < begin_ms + 5000)
        world_run_ms(w, 1);
    CHECK(status_of(c, 0) == 200);
    peer_close(&c->peer, false);
    return world_now_ms(w) - begin_ms;
}

static struct world *open_anew(unsigned addr_n)
{
    struct world *w = open_named((1U << addr_n) - 1);

    for (unsigned i = 0; i < WORLD_ORIGINS; i++)
        w->origins[i].close_after_n = 1;
    return w;
}

static const char *const asked[] = {
    GET("/len/1/1"), "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"};

/* All but the last address are dead. Nobody sees it, the server is not blamed, and at most one
 * request for each of them has to wait. */
static void run_dead(unsigned addr_n, int how)
{
    struct world *w = open_anew(addr_n);
    unsigned slow_n = 0;

    print_message("%u of %u: %d\n", addr_n - 1, addr_n, how);
    for (unsigned i = 0; i < addr_n - 1; i++)
        kill_addr(w, i, how);
    for (unsigned i = 0; i < 200; i++)
        slow_n += ask_anew(w, asked[i % 2]) > 100;
    CHECK(slow_n == 0 || (how == WERR_AGAIN && slow_n < addr_n));
    CHECK(failed_of(w, NAMED) == 0 && success_of(w, NAMED) == 200);
    CHECK(world_stat(w, STATS_retries) == 0 && requests_of(w, addr_n - 1) == 200);
    world_end(w);
}

static void test_dead_addresses_fail_no_request(void **state)
{
    static const int how[] = {CLOSED,       WERR_REFUSED,          WERR_UNREACHABLE,
                              WERR_TIMEOUT, WERR_ADDR_UNAVAILABLE, WERR_AGAIN};

    (void)state;
    for (size_t i = 0; i < COUNT(how); i++) {
        run_dead(2, how[i]);
        run_dead(3, how[i]);
    }
}

/* Only with all addresses is the server to blame, once for each request. */
static void test_all_addresses_dead(void **state)
{
    static const struct {
        int how;
        const char *word;
    } ways[] = {{CLOSED, "connect_refused"},
                {WERR_UNREACHABLE, "connect_failed"},
                {WERR_AGAIN, "connect_timeout"}};

    (void)state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        struct world *w = open_anew(3);
        struct world_client *c;

        for (unsigned n = 0; n < 3; n++)
            kill_addr(w, n, ways[i].how);
        c = world_ask(w, GET("/len/1/1"));
        world_run_ms(w, 4000);
        CHECK(has_error(c, ways[i].word));
        CHECK(failed_of(w, NAMED) == 1 && world_stat(w, STATS_retries) == 0);
        world_end(w);
    }
}

/* Each of the first addresses has its share, the last one all the time. */
static void test_time_of_an_address(void **state)
{
    struct world *w = open_anew(2);
    struct world_client *c;

    (void)state;
    world_set(w, "timeouts.connect_ms", 600);
    kill_addr(w, 0, WERR_AGAIN);
    kill_addr(w, 1, WERR_AGAIN);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 895);
    CHECK(c->peer.in.len == 0);
    world_run_ms(w, 10);
    CHECK(has_error(c, "connect_timeout"));
    world_end(w);
}

/* After a while one request at a time tries it again; when it is back it has its share. */
static void test_a_dead_address_comes_back(void **state)
{
    enum { CLIENTS = 20 };
    struct world *w = open_anew(2);
    struct world_client *c[CLIENTS];
    unsigned waiting_n = 0;

    (void)state;
    kill_addr(w, 0, WERR_AGAIN);
    for (unsigned i = 0; i < 4; i++)
        ask_anew(w, asked[0]);
    world_run_ms(w, LIMIT_SHUN_MS + 1000);
    for (unsigned i = 0; i < CLIENTS; i++)
        c[i] = world_ask(w, asked[0]);
    world_run_ms(w, 100);
    for (unsigned i = 0; i < CLIENTS; i++)
        waiting_n += status_of(c[i], 0) == 0;
    CHECK(waiting_n == 1);
    world_run_ms(w, LIMIT_SHUN_MS + 1000);
    world_route(w, 0, 0);
    for (unsigned i = 0; i < 10; i++)
        CHECK(ask_anew(w, asked[0]) < 100);
    CHECK(requests_of(w, 0) == 5 && failed_of(w, NAMED) == 0);
    world_end(w);
}

/* The checks have seen it come back. */
static void test_the_checks_end_the_wait(void **state)
{
    const uint32_t both = 1U << 0 | 1U << 1;
    struct world *w = open_anew(2);

    (void)state;
    kill_addr(w, 0, WERR_REFUSED);
    for (unsigned i = 0; i < 4; i++)
        ask_anew(w, asked[0]);
    CHECK(world_set_addrs(w, NAMED, both, 1U << 0) == 0);
    world_route(w, 0, 0);
    for (unsigned i = 0; i < 4; i++)
        ask_anew(w, asked[0]);
    CHECK(requests_of(w, 0) == 0);
    CHECK(world_set_addrs(w, NAMED, both, 0) == 0);
    for (unsigned i = 0; i < 4; i++)
        ask_anew(w, asked[0]);
    CHECK(requests_of(w, 0) == 2);
    world_end(w);
}

/* The name moves while an address of it swallows everything. */
static void test_the_name_moves_while_connecting(void **state)
{
    struct world *w = open_anew(1);
    struct world_client *c;

    (void)state;
    kill_addr(w, 0, WERR_AGAIN);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 500);
    CHECK(world_set_addrs(w, NAMED, 1U << 1, 0) == 0);
    world_run_ms(w, 1100);
    CHECK(status_of(c, 0) == 200 && requests_of(w, 1) == 1 && failed_of(w, NAMED) == 0);
    world_end(w);
}

static void test_the_client_leaves_while_connecting(void **state)
{
    struct world *w = open_anew(3);
    struct world_client *c;

    (void)state;
    for (unsigned n = 0; n < 3; n++)
        kill_addr(w, n, n == 0 ? WERR_REFUSED : WERR_AGAIN);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 400);
    peer_close(&c->peer, true);
    world_run_ms(w, 2000);
    CHECK(world_stat(w, STATS_in_flight) == 0 && failed_of(w, NAMED) == 0);
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
        cmocka_unit_test(test_a_busy_lane_does_not_keep_the_old_address),
        cmocka_unit_test(test_idle_lanes_to_old_addresses_close),
        cmocka_unit_test(test_lanes_to_addresses_that_stay_stay),
        cmocka_unit_test(test_addresses_that_are_down),
        cmocka_unit_test(test_dead_addresses_fail_no_request),
        cmocka_unit_test(test_all_addresses_dead),
        cmocka_unit_test(test_time_of_an_address),
        cmocka_unit_test(test_a_dead_address_comes_back),
        cmocka_unit_test(test_the_checks_end_the_wait),
        cmocka_unit_test(test_the_name_moves_while_connecting),
        cmocka_unit_test(test_the_client_leaves_while_connecting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
