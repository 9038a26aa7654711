/* max_requests of servers, and the pool's queue of requests that wait for a place at one. */
#include "../unit/base/cm.h"
#include "base/fault.h"
#include "got.h"
#include "worker/ends.h"
#include "worker/origin.h"

enum { ASKS = 8 };

static struct world *open_limited(unsigned server_n, uint32_t max)
{
    struct world *w = world_open(&(struct world_setup){.seed = 1, .server_n = server_n});

    for (unsigned n = 0; n < server_n; n++)
        CHECK(world_set_max_requests(w, n, max) == 0);
    return w;
}

static uint32_t waiting(const struct world *w)
{
    return world_pool(w)->queue.n;
}

static uint64_t ends(const struct world *w, enum end end)
{
    return w->stats->end[end];
}

/* n clients, a millisecond apart. */
static void ask_many(struct world *w, struct world_client **c, unsigned n, const char *text)
{
    for (unsigned i = 0; i < n; i++) {
        c[i] = world_ask(w, text);
        world_run_ms(w, 1);
    }
    world_run_ms(w, 2);
}

/* Each place that is free again goes to the one that has waited longest. */
static void test_first_come_first_served(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[ASKS];
    const uint64_t begin_ms = world_now_ms(w);

    (void)state;
    ask_many(w, c, ASKS, GET("/late/100/1"));
    CHECK(w->origins[0].requests_n == 1 && waiting(w) == ASKS - 1);
    for (unsigned done = 1; done <= ASKS; done++) {
        while (status_of(c[done - 1], 0) == 0) {
            CHECK(world_origin_of(w, 0)->in_flight == 1);
            CHECK(w->origins[0].requests_n <= done);
            world_run_ms(w, 1);
        }
        for (unsigned i = 0; i < ASKS; i++)
            CHECK(status_of(c[i], 0) == (i < done ? 200 : 0));
    }
    CHECK(waiting(w) == 0 && world_stat(w, STATS_client_success) == ASKS);
    CHECK(world_now_ms(w) - begin_ms < ASKS * 105); /* a place is never left lying */
    world_end(w);
}

static void test_passes_over_full_servers(void **state)
{
    struct world *w = open_limited(3, 1);
    struct world_client *c[ASKS];

    (void)state;
    CHECK(world_set_max_requests(w, 1, 3) == 0);
    ask_many(w, c, ASKS, GET("/late/100/1"));
    CHECK(w->origins[0].requests_n == 1 && w->origins[2].requests_n == 1);
    CHECK(w->origins[1].requests_n == 3 && waiting(w) == 3);
    world_run_ms(w, 300);
    CHECK(world_stat(w, STATS_client_success) == ASKS);
    CHECK(world_set_max_requests(w, 2, 0) == 0);
    ask_many(w, c, ASKS, GET("/late/100/1"));
    CHECK(waiting(w) == 0 && world_origin_of(w, 0)->in_flight == 1);
    world_end(w);
}

static void test_every_policy_passes_over(void **state)
{
    static const char *const policies[] = {"round_robin", "least_outstanding", "p2c", "hash"};

    (void)state;
    for (unsigned p = 0; p < COUNT(policies); p++) {
        struct world *w = open_limited(3, 2);
        struct world_client *c[ASKS];
        char json[64];

        (void)snprintf(json, sizeof(json), "{\"policy\":\"%s\"}", policies[p]);
        CHECK(world_describe(w, POOL_SET_POOL, "default", json, NULL) == 0);
        CHECK(world_set_weight(w, 1, 5) == 0);
        ask_many(w, c, ASKS, GET("/late/50/1"));
        for (unsigned n = 0; n < 3; n++)
            CHECK(world_origin_of(w, n)->in_flight == 2);
        CHECK(waiting(w) == ASKS - 6);
        world_run_ms(w, 200);
        CHECK(world_stat(w, STATS_client_success) == ASKS);
        world_end(w);
    }
}

static void test_time_is_over(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[3];

    (void)state;
    world_set(w, "queue.wait_ms", 50);
    ask_many(w, c, 3, GET("/late/1000/1"));
    CHECK(waiting(w) == 2);
    world_run_ms(w, 40);
    CHECK(waiting(w) == 2);
    world_run_ms(w, 20);
    CHECK(waiting(w) == 0 && ends(w, END_QUEUE_TIMEOUT) == 2);
    CHECK(status_of(c[2], 0) == 503 && has_error(c[2], "queue_timeout"));
    CHECK(strstr(world_got(c[2]), "\r\nRetry-After: 1\r\n") != NULL);
    CHECK(w->origins[0].accepted_n == 1); /* who waits costs no connection */
    CHECK(world_origin_of(w, 0)->errors == 0);
    world_say(c[2], GET("/len/1/1")); /* its connection goes on */
    world_run_ms(w, 2000);
    CHECK(status_of(c[0], 0) == 200 && status_of(c[2], 1) == 503);
    world_end(w);
}

static void test_queue_is_full(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[4];

    (void)state;
    world_set(w, "queue.requests", 2);
    ask_many(w, c, 4, GET("/late/100/1"));
    CHECK(waiting(w) == 2 && ends(w, END_QUEUE_FULL) == 1);
    CHECK(status_of(c[3], 0) == 503 && has_error(c[3], "queue_full"));
    CHECK(strstr(world_got(c[3]), "\r\nRetry-After: 1\r\n") != NULL);
    world_run_ms(w, 400);
    CHECK(world_stat(w, STATS_client_success) == 3);
    world_set(w, "queue.requests", 0);
    ask_many(w, c, 2, GET("/late/100/1"));
    CHECK(status_of(c[1], 0) == 503 && has_error(c[1], "queue_full"));
    world_end(w);
}

/* One that leaves makes room, and is not sent to a server any more. */
static void test_client_leaves(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[4];

    (void)state;
    ask_many(w, c, 4, GET("/late/100/1"));
    CHECK(waiting(w) == 3);
    peer_close(&c[1]->peer, true);
    peer_close(&c[3]->peer, true);
    world_run_ms(w, 2);
    CHECK(waiting(w) == 1 && ends(w, END_CLIENT_ABORT) == 2);
    world_run_ms(w, 300);
    CHECK(status_of(c[0], 0) == 200 && status_of(c[2], 0) == 200);
    CHECK(w->origins[0].requests_n == 2);
    world_end(w);
}

/* What may wait no longer is asked at once, whatever has changed. */
static void test_changes_wake(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[ASKS];

    (void)state;
    ask_many(w, c, ASKS, GET("/late/10000/1"));
    CHECK(waiting(w) == 7);
    CHECK(world_set_max_requests(w, 0, 3) == 0);
    world_run_ms(w, 5);
    CHECK(waiting(w) == 5 && w->origins[0].requests_n == 3);
    CHECK(world_add_server(w, 1, 1) == 0 && world_set_max_requests(w, 1, 2) == 0);
    world_run_ms(w, 5);
    CHECK(world_origin_of(w, 1)->in_flight + waiting(w) == 5);
    CHECK(world_set_max_requests(w, 0, 1) == 0); /* throws nobody out */
    world_run_ms(w, 5);
    CHECK(world_origin_of(w, 0)->in_flight == 3);
    CHECK(world_set_max_requests(w, 0, 0) == 0);
    world_run_ms(w, 5);
    CHECK(waiting(w) == 0);
    world_run_ms(w, 20000);
    CHECK(world_stat(w, STATS_client_success) == ASKS);
    world_end(w);
}

static void test_server_comes_back(void **state)
{
    struct world *w = open_limited(2, 1);
    struct world_client *c[3];

    (void)state;
    CHECK(world_set_up(w, 1, false) == 0);
    ask_many(w, c, 3, GET("/late/1000/1"));
    CHECK(waiting(w) == 2);
    CHECK(world_set_up(w, 1, true) == 0);
    world_run_ms(w, 5);
    CHECK(waiting(w) == 1 && w->origins[1].requests_n == 1);
    /* All down: fail open spreads them, but lifts no limit. */
    CHECK(world_set_up(w, 0, false) == 0 && world_set_up(w, 1, false) == 0);
    world_run_ms(w, 5);
    CHECK(waiting(w) == 1 && w->origins[0].requests_n + w->origins[1].requests_n == 2);
    world_run_ms(w, 3000);
    CHECK(world_stat(w, STATS_client_success) == 3);
    world_end(w);
}

/* Nobody is left to wait for. */
static void test_no_server_is_left(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[3];

    (void)state;
    ask_many(w, c, 3, GET("/late/100/1"));
    CHECK(waiting(w) == 2);
    CHECK(world_remove_server(w, 0) == 0);
    world_run_ms(w, 5);
    CHECK(waiting(w) == 0 && ends(w, END_NO_SERVER) == 2);
    CHECK(status_of(c[2], 0) == 503 && has_error(c[2], "no_server"));
    world_run_ms(w, 200);
    CHECK(status_of(c[0], 0) == 200);
    world_end(w);
}

/* The pool goes while somebody waits in it. */
static void test_pool_is_deleted(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c[3];

    (void)state;
    CHECK(world_describe(w, POOL_ADD_POOL, NULL,
                         "{\"name\":\"green\",\"tls\":{\"verify\":false}}", NULL) == 0);
    CHECK(world_describe(w, POOL_ADD_SERVER, "green",
                         world_over_tls == NULL
                             ? "{\"url\":\"http://10.0.0.2\",\"max_requests\":1}"
                             : "{\"url\":\"https://10.0.0.2\",\"max_requests\":1}",
                         &w->server_id[1]) == 0);
    CHECK(world_set_up(w, 1, true) == 0);
    CHECK(world_describe(w, POOL_SET_LISTENER, "default",
                         "{\"default_action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                         NULL) == 0);
    ask_many(w, c, 3, GET("/late/100/1"));
    CHECK(world_describe(w, POOL_SET_LISTENER, "default",
                         "{\"default_action\":{\"forward\":[{\"pool\":\"default\"}]}}",
                         NULL) == 0);
    CHECK(world_undescribe(w, POOL_REMOVE_POOL, "green", 0) == 0);
    world_run_ms(w, 5);
    CHECK(has_error(c[1], "no_server") && has_error(c[2], "no_server"));
    world_run_ms(w, 200);
    CHECK(status_of(c[0], 0) == 200);
    world_end(w);
}

/* Who waits when the worker drains is served like who has a server already. */
static void test_drain_serves_who_waits(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[4];

    (void)state;
    ask_many(w, c, 4, GET("/late/100/1"));
    CHECK(waiting(w) == 3);
    world_drain(w, 10000);
    world_run_ms(w, 4000);
    for (unsigned i = 0; i < 4; i++)
        CHECK(status_of(c[i], 0) == 200);
    CHECK(w->is_drained);
    world_end(w);
}

static void test_drain_limit_ends_the_wait(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[3];

    (void)state;
    ask_many(w, c, 3, GET("/late/10000/1"));
    world_drain(w, 100);
    world_run_ms(w, 200);
    CHECK(w->is_drained && world_pool(w)->queue.n == 0);
    world_end(w);
}

/* The body stays unread, and comes whole when it is its turn. */
static void test_body_waits_unread(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *first, *second;
    struct text say = {0};

    (void)state;
    loop_sim_set_faults(w->loop, &(struct loop_sim_faults){.buffer_bytes = 4096});
    first = world_ask(w, GET("/late/100/1"));
    world_run_ms(w, 2);
    text_addf(&say, "POST /echo/70000/2 HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n");
    fake_body(&say, 2, 70000);
    second = world_client(w);
    peer_say(&second->peer, span_from(say.ptr, say.len));
    world_run_ms(w, 50);
    CHECK(waiting(w) == 1 && world_stat(w, STATS_client_bytes_in) == 0);
    CHECK(world_stat(w, STATS_queued_bytes) <= 16384);
    world_run_ms(w, 2000);
    CHECK(status_of(first, 0) == 200 && status_of(second, 0) == 200);
    text_free(&say);
    world_end(w);
}

static void test_tunnel_has_a_place(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *t = world_ask(w, "GET /tunnel/0/1 HTTP/1.1\r\nHost: h\r\n"
                                          "Connection: upgrade\r\nUpgrade: echo\r\n\r\n");
    struct world_client *c;

    (void)state;
    world_run_ms(w, 5);
    CHECK(strncmp(world_got(t), "HTTP/1.1 101 ", 13) == 0);
    c = world_ask(w, GET("/len/1/2"));
    world_run_ms(w, 100);
    CHECK(waiting(w) == 1);
    peer_close(&t->peer, true);
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 200);
    world_end(w);
}

/* A further attempt waits too, for a server that has not failed, and is passed over where only
 * the one that has failed has a place. */
static void test_retry_waits(void **state)
{
    struct world *w = open_limited(2, 1);
    struct world_client *busy, *again, *third;

    (void)state;
    world_set(w, "retry.attempts", 3);
    busy = world_ask(w, GET("/late/200/1"));
    world_run_ms(w, 2);
    CHECK(w->origins[0].requests_n == 1);
    again = world_ask(w, GET("/reset0/10/2"));
    world_run_ms(w, 5);
    CHECK(w->origins[1].requests_n == 1 && waiting(w) == 1);
    third = world_ask(w, GET("/len/3/3"));
    world_run_ms(w, 5);
    CHECK(status_of(third, 0) == 200 && waiting(w) == 1);
    world_run_ms(w, 300);
    CHECK(status_of(busy, 0) == 200 && status_of(again, 0) == 502);
    CHECK(w->origins[0].requests_n == 2 && world_stat(w, STATS_retries) == 2);
    world_end(w);
}

/* Nobody can be reached but the one that is full: the wait does not use up the time for
 * connections. */
static void test_unreachable_waits_for_full(void **state)
{
    struct world *w = open_limited(2, 1);
    struct world_client *busy, *c;

    (void)state;
    world_set(w, "timeouts.connect_ms", 20);
    busy = world_ask(w, GET("/late/500/1"));
    world_run_ms(w, 2);
    world_route(w, 1, WERR_REFUSED);
    c = world_ask(w, GET("/len/3/2"));
    world_run_ms(w, 10);
    CHECK(waiting(w) == 1);
    world_run_ms(w, 1000);
    CHECK(status_of(busy, 0) == 200 && status_of(c, 0) == 200);
    world_end(w);
}

/* Without memory for the list of servers nobody knows that there are none. */
static void test_no_memory_for_the_list(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[2];

    (void)state;
    ask_many(w, c, 2, GET("/late/50/1"));
    CHECK(waiting(w) == 1);
    balance_spoil(&world_pool(w)->balance);
    fault_set(1);
    world_run_ms(w, 2);
    CHECK(fault_countdown == 0 && waiting(w) == 1);
    world_run_ms(w, 200);
    CHECK(status_of(c[0], 0) == 200 && status_of(c[1], 0) == 200);
    world_end(w);
}

static void test_snapshot_keeps_who_waits(void **state)
{
    struct world *w = open_limited(1, 1);
    struct world_client *c[3];

    (void)state;
    ask_many(w, c, 3, GET("/late/100/1"));
    CHECK(world_snapshot(w) == 0);
    world_run_ms(w, 5);
    CHECK(waiting(w) == 2 && w->origins[0].requests_n == 1);
    world_run_ms(w, 400);
    CHECK(world_stat(w, STATS_client_success) == 3);
    world_end(w);
}

/* ---- by chance ---- */

enum { SEEDS = 150, SCENE_CLIENTS = 30, SCENE_MS = 1500 };

static const char *const asks[] = {
    GET("/late/5/1"),
    GET("/late/60/1"),
    GET("/len/3000/1"),
    GET("/once/10/1"),
    GET("/reset0/10/1"),
    GET("/cut/100/1"),
    GET("/chunked/2000/1"),
    GET("/stale/10/1"),
    GET("/error/10/1"),
    GET("/end/10/1"),
    GET("/len/5/1") GET("/late/3/1"),
};

static void change_something(struct world *w, unsigned server_n)
{
    const unsigned n = (unsigned)rand_below(&w->rand, server_n);

    switch (rand_below(&w->rand, 5)) {
    case 0:
        CHECK(world_set_max_requests(w, n, 1 + (uint32_t)rand_below(&w->rand, 3)) == 0);
        break;
    case 1:
        CHECK(world_set_up(w, n, rand_below(&w->rand, 2) == 0) == 0);
        break;
    case 2:
        CHECK(world_set_weight(w, n, (uint16_t)rand_below(&w->rand, 3)) == 0);
        break;
    case 3:
        CHECK(world_snapshot(w) == 0);
        break;
    default:
        world_set(w, "queue.requests", rand_below(&w->rand, 20));
    }
}

/* A lower limit throws nobody out: what was allowed at the time is. */
static void check_places(struct world *w, unsigned server_n, uint32_t *was)
{
    for (unsigned n = 0; n < server_n; n++) {
        const struct origin *o = world_origin_of(w, n);

        CHECK(o->in_flight <= (o->max_requests > was[n] ? o->max_requests : was[n]));
        was[n] = o->in_flight;
    }
}

static void check_order(const struct world *w)
{
    const struct waiter *waiter;
    uint64_t last_us = 0;
    uint32_t n = 0;

    TAILQ_FOREACH (waiter, &world_pool(w)->queue.waiters, entry) {
        CHECK(waiter->from_us >= last_us);
        last_us = waiter->from_us;
        n++;
    }
    CHECK(n == waiting(w) && n <= SCENE_CLIENTS);
}

static uint64_t queued_n, full_n, timeout_n, success_n;

static void play(uint64_t seed)
{
    struct world_setup setup = {.seed = seed};
    uint32_t was[WORLD_ORIGINS] = {0};
    struct world_client *c[SCENE_CLIENTS];
    struct rand_state r;

    rand_seed(&r, seed);
    setup.server_n = 1 + (unsigned)rand_below(&r, 3);
    setup.faults.max_delay_us = rand_below(&r, 2) == 0 ? 0 : 3000;
    setup.timeouts.connect_ms = 100;
    struct world *w = world_open(&setup);
    for (unsigned n = 0; n < setup.server_n; n++)
        CHECK(world_set_max_requests(w, n, 1 + (uint32_t)rand_below(&r, 3)) == 0);
    world_set(w, "queue.wait_ms", 10 + rand_below(&r, 100));
    world_set(w, "queue.requests", 5 + rand_below(&r, 30));
    for (unsigned i = 0; i < SCENE_CLIENTS; i++) {
        c[i] = world_ask(w, asks[rand_below(&r, COUNT(asks))]);
        for (uint64_t ms = rand_below(&r, 8); ms > 0; ms--) {
            world_run_ms(w, 1);
            check_places(w, setup.server_n, was);
            check_order(w);
        }
        if (rand_below(&r, 6) == 0)
            peer_close(&c[rand_below(&r, i + 1)]->peer, rand_below(&r, 2) == 0);
        if (rand_below(&r, 4) == 0)
            change_something(w, setup.server_n);
    }
    world_run_ms(w, SCENE_MS);
    CHECK(waiting(w) == 0); /* all have ended, in time */
    CHECK(TAILQ_EMPTY(&w->worker.exchanges));
    full_n += ends(w, END_QUEUE_FULL);
    timeout_n += ends(w, END_QUEUE_TIMEOUT);
    success_n += world_stat(w, STATS_client_success);
    queued_n += world_pool(w)->queue.left_n;
    world_end(w);
}

static void test_seeds(void **state)
{
    bool is_given;
    uint64_t seed = world_seed(1, &is_given);

    (void)state;
    for (unsigned i = 0; i < (is_given ? 1 : SEEDS); i++)
        play(seed + i);
    CHECK(is_given || (queued_n > 500 && full_n > 20 && timeout_n > 20 && success_n > 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come_first_served),
        cmocka_unit_test(test_passes_over_full_servers),
        cmocka_unit_test(test_every_policy_passes_over),
        cmocka_unit_test(test_time_is_over),
        cmocka_unit_test(test_queue_is_full),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_changes_wake),
        cmocka_unit_test(test_server_comes_back),
        cmocka_unit_test(test_no_server_is_left),
        cmocka_unit_test(test_pool_is_deleted),
        cmocka_unit_test(test_drain_serves_who_waits),
        cmocka_unit_test(test_drain_limit_ends_the_wait),
        cmocka_unit_test(test_body_waits_unread),
        cmocka_unit_test(test_tunnel_has_a_place),
        cmocka_unit_test(test_retry_waits),
        cmocka_unit_test(test_unreachable_waits_for_full),
        cmocka_unit_test(test_no_memory_for_the_list),
        cmocka_unit_test(test_snapshot_keeps_who_waits),
        cmocka_unit_test(test_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
