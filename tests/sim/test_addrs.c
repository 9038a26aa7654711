/* Which addresses of a server that is given by name requests reach, when it moves and when some
 * can't be reached. */
#include "../unit/base/cm.h"
#include "reach.h"
#include "worker/limits.h"
#include "worker/origin.h"

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
 * close theirs behind each response. */
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
