#include "../unit/base/cm.h"
#include "got.h"
#include "worker/origin.h"

/* How servers leave the rotation of a worker, by will, by cut, by errors, and what serves when
 * none is left; and how a worker leaves its clients. */

enum { A, B, C };

static struct world *open_world(unsigned server_n)
{
    struct world_setup setup = {.seed = 1, .server_n = server_n};

    return world_open(&setup);
}

static void ask_times(struct world *w, struct world_client *c, const char *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        world_say(c, text);
        world_run_ms(w, 5);
    }
}

static uint64_t count(const struct world *w, unsigned n, enum stats_server_counter c)
{
    return w->stats->server[n].value[c];
}

/* ---- by will ---- */

/* Nothing new goes there, what is in flight finishes, its lane is not kept; resumed, it is
 * back.
 */
static void stand_down(uint8_t admin)
{
    struct world *w = open_world(2);
    struct world_client *slow = world_ask(w, GET("/late/50/1"));
    struct world_client *c;

    world_run_ms(w, 10);
    c = world_ask(w, GET("/len/1/1") GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(w->origins[A].requests_n == 2 && w->origins[B].requests_n == 1);
    CHECK(world_stat(w, STATS_server_idle) == 2);
    CHECK(world_set_admin(w, A, admin) == 0);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    ask_times(w, c, GET("/len/1/1"), 4);
    CHECK(w->origins[A].requests_n == 2 && w->origins[B].requests_n == 5);
    world_run_ms(w, 50);
    CHECK(status_of(slow, 0) == 200);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    CHECK(world_origin_of(w, A) && lanes_are_gone(&world_origin_of(w, A)->lanes));
    CHECK(world_set_admin(w, A, POOL_ADMIN_ENABLED) == 0);
    ask_times(w, c, GET("/len/1/1"), 4);
    CHECK(w->origins[A].requests_n == 4 && w->origins[B].requests_n == 7);
    CHECK(world_stat(w, STATS_client_failed) == 0);
    world_end(w);
}

static void test_draining(void **state)
{
    (void)state;
    stand_down(POOL_ADMIN_DRAINING);
}

static void test_maintenance(void **state)
{
    (void)state;
    stand_down(POOL_ADMIN_MAINTENANCE);
}

static void test_cut(void **state)
{
    struct world *w = open_world(1);
    struct world_client *waits = world_ask(w, GET("/stall/0/1"));
    struct world_client *c;

    (void)state;
    world_run_ms(w, 10);
    CHECK(world_set_admin(w, A, POOL_ADMIN_DRAINING) == 0);
    world_run_ms(w, 10);
    CHECK(status_of(waits, 0) == 0);
    CHECK(world_cut(w, A) == 0);
    world_run_ms(w, 10);
    CHECK(status_of(waits, 0) == 503 && has_error(waits, "drained"));
    CHECK(world_origin_of(w, A) && count(w, A, STATS_SERVER_in_flight) == 0);
    CHECK(world_set_admin(w, A, POOL_ADMIN_ENABLED) == 0);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 10);
    CHECK(status_of(c, 0) == 200);
    world_end(w);
}

/* ---- none is left ---- */

static void test_fail_open(void **state)
{
    struct world *w = open_world(3);
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(world_set_admin(w, C, POOL_ADMIN_MAINTENANCE) == 0);
    CHECK(world_set_up(w, A, false) == 0 && world_set_up(w, B, false) == 0);
    ask_times(w, c, GET("/len/1/1"), 6);
    CHECK(world_pool(w)->fail_open);
    CHECK(w->origins[A].requests_n == 3 && w->origins[B].requests_n == 3);
    CHECK(w->origins[C].requests_n == 0);
    CHECK(world_stat(w, STATS_server_connections) == 2); /* lanes are kept as usual */
    CHECK(world_set_up(w, B, true) == 0);
    ask_times(w, c, GET("/len/1/1"), 4);
    CHECK(!world_pool(w)->fail_open);
    CHECK(w->origins[A].requests_n == 3 && w->origins[B].requests_n == 7);
    CHECK(world_stat(w, STATS_client_success) == 10);
    world_end(w);
}

static void test_fail_closed(void **state)
{
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(world_set_up(w, A, false) == 0 && world_set_up(w, B, false) == 0);
    CHECK(world_set_pool(w, "fail_open", 0) == 0);
    ask_times(w, c, GET("/len/1/1"), 1);
    CHECK(status_of(c, 0) == 503 && has_error(c, "no_server"));
    CHECK(world_set_pool(w, "fail_open", 1) == 0);
    ask_times(w, c, GET("/len/1/1"), 1);
    CHECK(status_of(c, 1) == 200);
    world_end(w);
}

/* Those who shall not serve do not serve, however bad it is. */
static void test_fail_open_of_none(void **state)
{
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(world_set_admin(w, A, POOL_ADMIN_DRAINING) == 0);
    CHECK(world_set_weight(w, B, 0) == 0);
    ask_times(w, c, GET("/len/1/1"), 1);
    CHECK(status_of(c, 0) == 503 && has_error(c, "no_server"));
    CHECK(!world_pool(w)->fail_open);
    world_end(w);
}

/* ---- by errors ---- */

/* Refused connections: the client is served by the other one; after five the server is left
 * alone for 30 s, the next time for 60 s. */
static void test_eject_for_refusals(void **state)
{
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);

    (void)state;
    fake_origin_close(&w->origins[A]);
    ask_times(w, c, GET("/len/1/1"), 4);
    CHECK(count(w, A, STATS_SERVER_ejected) == 0);
    ask_times(w, c, GET("/len/1/1"), 20);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1 && count(w, A, STATS_SERVER_ejections) == 1);
    CHECK(count(w, A, STATS_SERVER_failed) == 5);
    CHECK(world_stat(w, STATS_client_success) == 24);
    world_run_ms(w, 29000);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1);
    world_run_ms(w, 1100);
    CHECK(count(w, A, STATS_SERVER_ejected) == 0);
    ask_times(w, c, GET("/len/1/1"), 20);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1 && count(w, A, STATS_SERVER_ejections) == 2);
    CHECK(count(w, A, STATS_SERVER_failed) == 10);
    world_run_ms(w, 58000);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1);
    world_run_ms(w, 2100);
    CHECK(count(w, A, STATS_SERVER_ejected) == 0);
    CHECK(world_stat(w, STATS_client_failed) == 0);
    world_end(w);
}

/* 503 from both: one is ejected, the last usable one never. */
static void test_eject_for_answers(void **state)
{
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(world_set_pool(w, "eject.max_percent", 100) == 0);
    ask_times(w, c, GET("/gateway/1/1"), 40);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1);
    CHECK(count(w, B, STATS_SERVER_ejections) == 0);
    CHECK(w->origins[A].requests_n == 5 && w->origins[B].requests_n == 35);
    world_end(w);
}

static void test_eject_at_most_half(void **state)
{
    struct world *w = open_world(5);
    struct world_client *c = world_client(w);
    uint64_t ejected = 0;

    (void)state;
    ask_times(w, c, GET("/gateway/1/1"), 60);
    for (unsigned i = 0; i < 5; i++)
        ejected += count(w, i, STATS_SERVER_ejected);
    CHECK(ejected == 2);
    world_end(w);
}

static void test_no_ejection(void **state)
{
    static const char *const asked[] = {GET("/error/1/1"), GET("/len/1/1"), GET("/cut/100/1")};
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        ask_times(w, c, asked[i], 20);
    for (unsigned i = 0; i < 3; i++) { /* four in a row each, then a good one */
        ask_times(w, c, GET("/gateway/1/1"), 8);
        ask_times(w, c, GET("/len/1/1"), 2);
    }
    CHECK(world_set_pool(w, "eject.errors", 0) == 0);
    ask_times(w, c, GET("/gateway/1/1"), 20);
    CHECK(count(w, A, STATS_SERVER_ejections) + count(w, B, STATS_SERVER_ejections) == 0);
    world_end(w);
}

/* The other one goes down: what was ejected is better than nothing, and that is no fail open.
 */
static void test_ejected_is_better_than_none(void **state)
{
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);

    (void)state;
    ask_times(w, c, GET("/gateway/1/1"), 20);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1);
    CHECK(world_set_up(w, B, false) == 0);
    ask_times(w, c, GET("/len/1/1"), 3);
    CHECK(count(w, A, STATS_SERVER_ejected) == 0 && !world_pool(w)->fail_open);
    CHECK(w->origins[A].requests_n == 5 + 3);
    world_end(w);
}

static void test_ejected_and_removed(void **state)
{
    struct world *w = open_world(2);
    struct world_client *c = world_client(w);
    uint64_t id = w->server_id[A];

    (void)state;
    ask_times(w, c, GET("/gateway/1/1"), 20);
    CHECK(count(w, A, STATS_SERVER_ejected) == 1);
    CHECK(world_remove_server(w, A) == 0);
    CHECK(count(w, A, STATS_SERVER_ejected) == 0 && world_pool(w)->ejected_n == 0);
    CHECK(world_forget(w, id) == 0);
    world_run_ms(w, 40000);
    world_end(w);
}

/* ---- the worker itself ---- */

static unsigned count_gone(struct world_client *const *c, unsigned n)
{
    unsigned gone = 0;

    for (unsigned i = 0; i < n; i++)
        gone += c[i]->peer.has_fin;
    return gone;
}

/* Idle clients are sent away in the second half of a second, and not all at once; who asks
 * meanwhile is served and told. */
static void test_exit_with_jitter(void **state)
{
    enum { CLIENTS = 40 };
    struct world *w = open_world(1);
    struct world_client *c[CLIENTS];
    unsigned gone = 0;

    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++)
        c[i] = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 10);
    world_drain(w, 30000);
    world_run_ms(w, 490);
    CHECK(count_gone(c, CLIENTS) == 0);
    world_run_ms(w, 160);
    gone = count_gone(c, CLIENTS);
    CHECK(gone > 2 && gone < CLIENTS - 10);
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (!c[i]->peer.has_fin)
            world_say(c[i], GET("/len/1/2"));
    }
    world_run_ms(w, 20);
    for (unsigned i = 0; i < CLIENTS; i++) {
        CHECK(c[i]->peer.has_fin && status_of(c[i], 0) == 200);
        gone += status_of(c[i], 1) == 200 &&
                strstr(world_got(c[i]), "\r\nConnection: close\r\n") != NULL;
        peer_close(&c[i]->peer, false);
    }
    CHECK(gone == CLIENTS);
    world_run_ms(w, 5);
    CHECK(w->is_drained);
    world_end(w);
}

static void test_exit_within_a_second(void **state)
{
    struct world *w = open_world(1);
    struct world_client *c[10];

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        c[i] = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 10);
    world_drain(w, 30000);
    world_run_ms(w, 1010);
    for (unsigned i = 0; i < 10; i++)
        CHECK(c[i]->peer.has_fin && !c[i]->peer.has_reset);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_maintenance),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_fail_open),
        cmocka_unit_test(test_fail_closed),
        cmocka_unit_test(test_fail_open_of_none),
        cmocka_unit_test(test_eject_for_refusals),
        cmocka_unit_test(test_eject_for_answers),
        cmocka_unit_test(test_eject_at_most_half),
        cmocka_unit_test(test_no_ejection),
        cmocka_unit_test(test_ejected_is_better_than_none),
        cmocka_unit_test(test_ejected_and_removed),
        cmocka_unit_test(test_exit_with_jitter),
        cmocka_unit_test(test_exit_within_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
