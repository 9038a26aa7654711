#include "../unit/base/cm.h"
#include "got.h"
#include "worker/limits.h"
#include "worker/origin.h"
#include "worker/origin_table.h"

static void test_round_robin(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    for (unsigned i = 1; i <= 10; i++) {
        world_say(c, GET("/len/1/1"));
        world_run_ms(w, 5);
        CHECK(w->origins[0].requests_n == (i + 1) / 2);
        CHECK(w->origins[1].requests_n == i / 2);
    }
    CHECK(w->origins[0].accepted_n == 1 && w->origins[1].accepted_n == 1);
    CHECK(world_stat(w, STATS_server_connections) == 2);
    CHECK(world_stat(w, STATS_server_idle) == 2);
    CHECK(world_stat(w, STATS_server_success) == 10);
    CHECK(w->stats->server[0].value[STATS_SERVER_success] == 5);
    world_end(w);
}

static void test_weights(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2, .weight = {3, 1}};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].requests_n == 6 && w->origins[1].requests_n == 2);
    CHECK(world_set_weight(w, 0, 0) == 0);
    world_say(c, GET("/len/1/1") GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].requests_n == 6 && w->origins[1].requests_n == 4);
    world_end(w);
}

static void test_empty_pool(void **state)
{
    struct world_setup setup = {.seed = 1};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 5);
    CHECK_TEXT(world_got(c),
               "HTTP/1.1 503 Service Unavailable\r\nDate: *\r\n"
               "Content-Type: text/plain\r\nWeldr-Error: no_server\r\nX-Request-Id: *\r\n"
               "Content-Length: 24\r\n\r\nNo server is available.\n");
    CHECK(world_add_server(w, 0, 1) == 0);
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 1) == 200);
    CHECK(world_stat(w, STATS_client_failed) == 1);
    CHECK(world_stat(w, STATS_client_success) == 1);
    world_end(w);
}

/* What is in flight finishes; nothing new goes there; then nothing of it is left. */
static void test_remove_in_flight(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *slow = world_ask(w, GET("/late/50/1"));
    struct world_client *c = world_client(w);
    uint64_t id = w->server_id[0];

    (void)state;
    world_run_ms(w, 10);
    CHECK(w->origins[0].requests_n == 1);
    CHECK(world_remove_server(w, 0) == 0);
    for (unsigned i = 0; i < 3; i++)
        world_say(c, GET("/len/1/1"));
    world_run_ms(w, 10);
    CHECK(status_of(c, 2) == 200);
    CHECK(w->origins[0].requests_n == 1 && w->origins[1].requests_n == 3);
    world_run_ms(w, 100);
    CHECK(status_of(slow, 0) == 200);
    CHECK(origin_find(&w->worker, id));
    CHECK(world_forget(w, id) == 0);
    CHECK(!origin_find(&w->worker, id));
    CHECK(fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    world_end(w);
}

/* The time to drain is over: who waits is told, whose response has begun sees it broken off. */
static void test_remove_at_once(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 1};
    struct world *w = world_open(&setup);
    struct world_client *waits = world_ask(w, GET("/stall/0/1"));
    struct world_client *reads = world_ask(w, GET("/half/10/2"));
    struct world_client *sends =
        world_ask(w, "POST /echo/0/3 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    uint64_t id = w->server_id[0];

    (void)state;
    world_run_ms(w, 10);
    CHECK(world_remove_server(w, 0) == 0);
    CHECK(world_forget(w, id) == 0);
    world_run_ms(w, 10);
    CHECK(status_of(waits, 0) == 503 && has_error(waits, "drained"));
    CHECK(status_of(sends, 0) == 503 && has_error(sends, "drained"));
    CHECK(status_of(reads, 0) == 0 && reads->peer.has_reset);
    CHECK(!origin_find(&w->worker, id));
    CHECK(world_stat(w, STATS_in_flight) == 0);
    world_end(w);
}

static void test_remove_idle(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/len/1/1"));
    uint64_t id = w->server_id[0];

    (void)state;
    world_run_ms(w, 5);
    CHECK(world_stat(w, STATS_server_idle) == 1);
    CHECK(world_remove_server(w, 0) == 0);
    CHECK(world_forget(w, id) == 0);
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 200 && status_of(c, 1) == 503);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    CHECK(!origin_find(&w->worker, id));
    CHECK(fake_origin_conn(&w->origins[0], 0)->peer.has_fin);
    world_end(w);
}

static void test_add_request_remove(void **state)
{
    struct world_setup setup = {.seed = 1};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        uint64_t id;

        CHECK(world_add_server(w, 0, 1) == 0);
        id = w->server_id[0];
        world_say(c, GET("/len/1/1"));
        world_run_ms(w, 2);
        CHECK(status_of(c, i) == 200);
        CHECK(world_remove_server(w, 0) == 0);
        CHECK(world_forget(w, id) == 0);
        world_run_ms(w, 1);
        CHECK(!w->worker.origins);
    }
    world_end(w);
}

static void test_down(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(world_set_pool(w, "fail_open", 0) == 0);
    CHECK(world_set_up(w, 0, false) == 0);
    world_say(c, GET("/len/1/1") GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(w->origins[0].requests_n == 0 && w->origins[1].requests_n == 2);
    CHECK(world_set_up(w, 1, false) == 0);
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 2) == 503);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    CHECK(world_set_up(w, 0, true) == 0);
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 3) == 200 && w->origins[0].requests_n == 1);
    world_end(w);
}

/* A server that goes down keeps what it has, and its lane is not used again. */
static void test_down_in_flight(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, GET("/late/20/1"));

    (void)state;
    world_run_ms(w, 5);
    CHECK(world_set_up(w, 0, false) == 0);
    world_run_ms(w, 30);
    CHECK(status_of(c, 0) == 200);
    CHECK(world_stat(w, STATS_server_idle) == 0);
    world_end(w);
}

static void test_refused(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c = world_client(w);

    (void)state;
    fake_origin_close(&w->origins[0]);
    world_say(c, "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 200 && strstr(world_got(c), "\r\n\r\nhello"));
    CHECK(world_stat(w, STATS_retries) == 1);
    CHECK(world_stat(w, STATS_server_failed) == 1);
    CHECK(world_stat(w, STATS_server_success) == 1);
    CHECK(world_stat(w, STATS_client_success) == 1 && world_stat(w, STATS_client_failed) == 0);
    fake_origin_close(&w->origins[1]);
    world_run_ms(w, 5);
    world_say(c, GET("/len/1/2"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 1) == 502 && has_error(c, "connect_refused"));
    CHECK(world_stat(w, STATS_client_failed) == 1);
    CHECK(world_stat(w, STATS_server_failed) == 3);
    world_end(w);
}

static void test_refused_by_the_only_one(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    fake_origin_close(&w->origins[0]);
    c = world_ask(w, "POST /echo/0/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 502 && has_error(c, "connect_refused"));
    CHECK(world_stat(w, STATS_retries) == 0);
    world_end(w);
}

/* Two idle lanes, both dead without word: the request must still get through. */
static void test_stale(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *a = world_ask(w, GET("/late/5/1"));
    struct world_client *b = world_ask(w, GET("/late/5/2"));

    (void)state;
    world_run_ms(w, 20);
    CHECK(world_stat(w, STATS_server_idle) == 2);
    world_say(a, GET("/stale/3/3"));
    world_run_ms(w, 20);
    CHECK(status_of(a, 1) == 200);
    CHECK(world_stat(w, STATS_retries) == 1);
    CHECK(status_of(b, 0) == 200);
    world_end(w);
}

static void test_stale_goes_elsewhere(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 2};
    struct world *w = world_open(&setup);
    struct world_client *c = world_ask(w, GET("/len/1/1") GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 5);
    w->origins[1].close_after_n = 1;
    world_say(c, GET("/stale/3/3"));
    world_run_ms(w, 5);
    CHECK(world_stat(w, STATS_retries) == 1);
    CHECK(w->origins[0].requests_n == 2 && w->origins[1].requests_n == 2);
    world_end(w);
}

static void test_post_is_not_repeated(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/len/1/1"));

    (void)state;
    world_run_ms(w, 2 * LIMIT_SETTLED_MS);
    world_say(c, "POST /stale/1/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    world_run_ms(w, 5);
    CHECK(status_of(c, 1) == 502 && has_error(c, "origin_reset"));
    CHECK(world_stat(w, STATS_retries) == 0);
    CHECK(w->origins[0].requests_n == 2);
    world_end(w);
}

static void test_map_host(void **state)
{
    struct world_setup setup = {.seed = 1, .server_n = 1, .map_host = true};
    struct world *w = world_open(&setup);

    (void)state;
    world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK_TEXT(world_origin_got(w, 0, 0),
               "GET /len/1/1 HTTP/1.1\r\nVia: 1.1 weldr\r\nX-Forwarded-For: 127.0.0.1\r\n"
               "X-Forwarded-Host: h\r\nX-Forwarded-Proto: http\r\nX-Request-Id: *\r\n"
               "Host: 10.0.0.1\r\n\r\n");
    world_end(w);
}

/* ---- draining ---- */

static void test_drain(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *busy = world_ask(w, GET("/late/500/1"));
    struct world_client *idle = world_ask(w, GET("/len/1/2"));
    struct world_client *fresh = world_client(w);
    struct world_client *late;

    (void)state;
    world_run_ms(w, 10);
    world_drain(w, 30000);
    world_run_ms(w, 10);
    CHECK(!w->is_drained);
    CHECK(!fresh->peer.has_fin && !busy->peer.has_fin);
    late = world_client(w);
    world_say(fresh, GET("/len/1/3"));
    world_run_ms(w, 10);
    CHECK(late->peer.is_refused);
    CHECK(status_of(fresh, 0) == 200 && strstr(world_got(fresh), "\r\nConnection: close\r\n"));
    peer_close(&fresh->peer, false);
    world_run_ms(w, 460);
    CHECK(!w->is_drained);
    world_run_ms(w, 100);
    CHECK(status_of(busy, 0) == 200 && strstr(world_got(busy), "\r\nConnection: close\r\n"));
    CHECK(busy->peer.has_fin);
    peer_close(&busy->peer, false);
    world_run_ms(w, 500);
    CHECK(idle->peer.has_fin);
    peer_close(&idle->peer, false);
    world_run_ms(w, 5);
    CHECK(w->is_drained);
    CHECK(world_stat(w, STATS_client_success) == 3);
    world_end(w);
}

static void test_drain_of_nothing(void **state)
{
    struct world *w = world_open(NULL);

    (void)state;
    world_drain(w, 30000);
    world_run_ms(w, 1);
    CHECK(w->is_drained);
    world_end(w);
}

/* Who has connected but not been accepted yet is still served. */
static void test_drain_takes_the_queue(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/len/1/1"));

    (void)state;
    loop_turn(w->loop, 0);
    world_drain(w, 30000);
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 200);
    world_end(w);
}

static struct world *draining;
static struct world_client *last;

static void drain_then_come(struct loop_work *work)
{
    (void)work;
    world_drain(draining, 30000);
    last = world_ask(draining, GET("/len/1/2"));
}

/* That the only client goes in the turn in which draining begins does not end it: another may
 * wait by then. */
static void test_drain_as_the_last_one_goes(void **state)
{
    struct loop_work work = {.run = drain_then_come};
    struct world *w = world_open(NULL);
    struct world_client *first = world_ask(w, GET("/len/1/1"));

    (void)state;
    draining = w;
    world_run_ms(w, 10);
    peer_close(&first->peer, false);
    loop_defer(w->loop, &work);
    loop_turn(w->loop, 0);
    CHECK(w->worker.clients_slab.in_use == 0 && !w->is_drained);
    world_run_ms(w, 5);
    CHECK(status_of(last, 0) == 200 && !w->is_drained);
    peer_close(&last->peer, false);
    world_run_ms(w, 5);
    CHECK(w->is_drained);
    world_end(w);
}

static void test_drain_limit(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/stall/0/1"));

    (void)state;
    world_run_ms(w, 10);
    world_drain(w, 1000);
    world_run_ms(w, 980);
    CHECK(!w->is_drained && !c->peer.has_fin);
    world_run_ms(w, 100);
    CHECK(w->is_drained && (c->peer.has_fin || c->peer.has_reset));
    world_end(w);
}

/* The response must not be destroyed by the reset that closing upon an unread request makes. */
static void test_drain_while_pipelining(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/late/20/1"));

    (void)state;
    world_run_ms(w, 10);
    world_drain(w, 30000);
    world_say(c, GET("/len/1/2"));
    world_run_ms(w, 50);
    CHECK(status_of(c, 0) == 200 && status_of(c, 1) == 0);
    CHECK(c->peer.has_fin && !c->peer.has_reset);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_robin),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_empty_pool),
        cmocka_unit_test(test_remove_in_flight),
        cmocka_unit_test(test_remove_at_once),
        cmocka_unit_test(test_remove_idle),
        cmocka_unit_test(test_add_request_remove),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_down_in_flight),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_by_the_only_one),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_stale_goes_elsewhere),
        cmocka_unit_test(test_post_is_not_repeated),
        cmocka_unit_test(test_map_host),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_of_nothing),
        cmocka_unit_test(test_drain_takes_the_queue),
        cmocka_unit_test(test_drain_as_the_last_one_goes),
        cmocka_unit_test(test_drain_limit),
        cmocka_unit_test(test_drain_while_pipelining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
