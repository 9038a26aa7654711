/* Several pools, listeners and rules in one worker. */
#include "../unit/base/cm.h"
#include "base/fault.h"
#include "got.h"
#include "worker/acceptor.h"
#include "worker/ends.h"
#include "worker/origin.h"

enum { TWO_PORT = 8081, TWO_SOCKET = 7 };

/* Origin 0 serves the default pool, origins 1 and 2 are there for others. */
static struct world *open_with_green(void)
{
    struct world *w = world_open(NULL);

    world_add_pool(w, "green", 1);
    return w;
}

static struct pool_runtime *runtime_of(const struct world *w, const char *name)
{
    const struct pool *p = pool_find(w->pool, span_from_str(name));

    return p != NULL ? pool_runtime_find(&w->worker, p->id) : NULL;
}

static void ask_many(struct world *w, struct world_client *c, const char *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        world_say(c, text);
        world_run_ms(w, 2);
    }
}

static void test_rule_forwards(void **state)
{
    struct world *w = open_with_green();
    struct world_client *c = world_client(w);
    uint64_t rule;

    (void)state;
    ask_many(w, c, GET("/len/1/1"), 3);
    CHECK(w->origins[0].requests_n == 3 && w->origins[1].requests_n == 0);
    CHECK(world_describe(w, POOL_ADD_RULE, "default",
                         "{\"priority\":10,\"conditions\":{\"path_prefix\":\"/len\"},"
                         "\"action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                         &rule) == 0);
    ask_many(w, c, GET("/len/1/1") GET("/chunked/1/1"), 3);
    CHECK(w->origins[0].requests_n == 6 && w->origins[1].requests_n == 3);
    CHECK(world_undescribe(w, POOL_REMOVE_RULE, "default", rule) == 0);
    ask_many(w, c, GET("/len/1/1"), 3);
    CHECK(w->origins[0].requests_n == 9 && w->origins[1].requests_n == 3);
    world_end(w);
}

/* Canary, then blue/green in one change, then the old one goes: the split is exact, and nothing
 * fails. */
static void test_weights_of_pools(void **state)
{
    struct world *w = open_with_green();
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(
        world_describe(w, POOL_SET_LISTENER, "default",
                       "{\"default_action\":{\"forward\":[{\"pool\":\"default\",\"weight\":90},"
                       "{\"pool\":\"green\",\"weight\":10}]}}",
                       NULL) == 0);
    ask_many(w, c, GET("/len/1/1"), 200);
    CHECK(w->origins[0].requests_n == 180 && w->origins[1].requests_n == 20);
    CHECK(
        world_describe(w, POOL_SET_LISTENER, "default",
                       "{\"default_action\":{\"forward\":[{\"pool\":\"default\",\"weight\":0},"
                       "{\"pool\":\"green\",\"weight\":100}]}}",
                       NULL) == 0);
    ask_many(w, c, GET("/len/1/1"), 100);
    CHECK(w->origins[0].requests_n == 180 && w->origins[1].requests_n == 120);
    CHECK(world_stat(w, STATS_client_success) == 300);
    world_end(w);
}

static void test_pool_without_servers(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    CHECK(world_describe(w, POOL_ADD_POOL, NULL, "{\"name\":\"empty\"}", NULL) == 0);
    CHECK(world_describe(w, POOL_SET_LISTENER, "default",
                         "{\"default_action\":{\"forward\":[{\"pool\":\"empty\"}]}}",
                         NULL) == 0);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 503 && has_error(c, "no_server"));
    world_end(w);
}

static void test_redirect_and_fixed(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;
    char want[200];

    (void)state;
    CHECK(world_describe(w, POOL_ADD_RULE, "default",
                         "{\"priority\":1,\"conditions\":{\"path_prefix\":\"/old\"},"
                         "\"action\":{\"redirect\":{\"status\":301,\"host\":\"new.example\","
                         "\"path\":\"/new/{path}\"}}}",
                         NULL) == 0);
    CHECK(
        world_describe(w, POOL_ADD_RULE, "default",
                       "{\"priority\":2,\"conditions\":{\"path\":\"/down\"},\"action\":{"
                       "\"fixed\":{\"status\":503,\"type\":\"text/html\",\"body\":\"<p>x\"}}}",
                       NULL) == 0);
    c = world_ask(w, GET("/old/1?q=1"));
    world_run_ms(w, 5);
    (void)snprintf(want, sizeof(want),
                   "HTTP/1.1 301 Moved Permanently\r\n"
                   "Location: %s://new.example/new/old/1?q=1\r\nDate: *\r\n"
                   "X-Request-Id: *\r\nContent-Length: 0\r\n\r\n",
                   world_scheme());
    CHECK_TEXT(world_got(c), want);
    c = world_ask(w, GET("/down"));
    world_run_ms(w, 5);
    CHECK_TEXT(world_got(c), "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n"
                             "Date: *\r\nX-Request-Id: *\r\nContent-Length: 4\r\n\r\n<p>x");
    c = world_ask(w, "HEAD /down HTTP/1.1\r\nHost: h\r\n\r\n" GET("/len/3/1"));
    world_run_ms(w, 5);
    CHECK(strstr(world_got(c), "Content-Length: 4\r\n\r\nHTTP/1.1 200 OK") != NULL);
    c = world_ask(w, "POST /old/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345");
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 301);
    CHECK(w->stats->end[END_REDIRECT] == 2 && w->stats->end[END_FIXED] == 2);
    CHECK(w->origins[0].requests_n == 1);
    world_end(w);
}

/* HTTP/1.0 without Host: where to is not known, and that is no reason to die. */
static void test_redirect_without_a_host(void **state)
{
    struct world *w = world_open(NULL);
    struct world_client *c;

    (void)state;
    CHECK(world_describe(w, POOL_SET_LISTENER, "default",
                         "{\"default_action\":{\"redirect\":{\"status\":308,"
                         "\"scheme\":\"https\"}}}",
                         NULL) == 0);
    c = world_ask(w, "GET /a HTTP/1.0\r\n\r\n");
    world_run_ms(w, 5);
    CHECK(strstr(world_got(c), " 400 ") != NULL);
    c = world_ask(w, "GET /a HTTP/1.0\r\nHost: h\r\n\r\n");
    world_run_ms(w, 5);
    CHECK(strstr(world_got(c), "Location: https://h/a\r\n") != NULL);
    world_end(w);
}

/* A pool goes while a request is at it: the request ends well, then all of it is gone. */
static void test_pool_leaves_in_flight(void **state)
{
    struct world *w = open_with_green();
    struct world_client *c;
    uint64_t id, rule;

    (void)state;
    CHECK(world_describe(w, POOL_ADD_RULE, "default",
                         "{\"priority\":10,\"conditions\":{\"path_prefix\":\"/late\"},"
                         "\"action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                         &rule) == 0);
    c = world_ask(w, GET("/late/50/1"));
    world_run_ms(w, 5);
    CHECK(w->origins[1].requests_n == 1);
    id = runtime_of(w, "green")->id;
    CHECK(world_undescribe(w, POOL_REMOVE_RULE, "default", rule) == 0);
    CHECK(world_undescribe(w, POOL_REMOVE_POOL, "green", 0) == 0);
    CHECK(pool_runtime_find(&w->worker, id)->exchange_n == 1);
    world_run_ms(w, 100);
    CHECK(status_of(c, 0) == 200);
    CHECK(world_forget(w, w->server_id[1]) == 0);
    world_run_ms(w, 10);
    CHECK(pool_runtime_find(&w->worker, id) == NULL);
    world_say(c, GET("/late/1/1"));
    world_run_ms(w, 10);
    CHECK(status_of(c, 1) == 200 && w->origins[0].requests_n == 1);
    w->server_id[1] = 0;
    world_end(w);
}

/* What one pool is set to does not hold for the other. */
static void test_settings_are_of_their_pool(void **state)
{
    struct world *w = open_with_green();
    struct world_client *slow, *quick;

    (void)state;
    CHECK(world_describe(w, POOL_SET_POOL, "green", "{\"timeouts\":{\"response_head_ms\":100}}",
                         NULL) == 0);
    CHECK(world_describe(w, POOL_ADD_RULE, "default",
                         "{\"priority\":10,\"conditions\":{\"host\":\"green.example\"},"
                         "\"action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                         NULL) == 0);
    quick = world_ask(w, "GET /stall/1/1 HTTP/1.1\r\nHost: green.example\r\n\r\n");
    slow = world_ask(w, GET("/stall/1/1"));
    world_run_ms(w, 200);
    CHECK(status_of(quick, 0) == 504 && status_of(slow, 0) == 0);
    CHECK(world_pool(w)->exchange_n == 1 && runtime_of(w, "green")->exchange_n == 0);
    world_end(w);
}

/* With all servers of one pool down, the other one does not fail open. */
static void test_rotation_is_of_its_pool(void **state)
{
    struct world *w = open_with_green();
    struct world_client *c = world_client(w);

    (void)state;
    CHECK(world_set_up(w, 1, false) == 0);
    CHECK(world_describe(w, POOL_ADD_RULE, "default",
                         "{\"priority\":10,\"conditions\":{\"path_prefix\":\"/len\"},"
                         "\"action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                         NULL) == 0);
    ask_many(w, c, GET("/len/1/1") GET("/chunked/1/1"), 2);
    CHECK(runtime_of(w, "green")->fail_open && !world_pool(w)->fail_open);
    CHECK(w->origins[0].requests_n == 2 && w->origins[1].requests_n == 2);
    world_end(w);
}

/* ---- listeners ---- */

/* settings: members, each with a comma behind it. */
static int describe_two(struct world *w, const char *settings, uint64_t *id)
{
    char json[300];

    (void)snprintf(json, sizeof(json),
                   "{\"name\":\"two\",\"addresses\":[\"10.9.9.9:8081\"],"
                   "\"protocol\":\"%s\",%s"
                   "\"default_action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                   world_scheme(), settings);
    return world_describe(w, POOL_ADD_LISTENER, NULL, json, id);
}

static uint64_t add_two(struct world *w)
{
    uint64_t id;

    CHECK(describe_two(w,
                       "\"timeouts\":{\"client_idle_ms\":1000},"
                       "\"limits\":{\"request_line_bytes\":64},",
                       &id) == 0);
    return id;
}

static void test_second_listener(void **state)
{
    struct world *w = open_with_green();
    struct world_client *one = world_client(w), *two;
    const uint64_t id = add_two(w);

    (void)state;
    CHECK(world_listen(w, id, TWO_SOCKET, TWO_PORT) == 0);
    two = world_client(w);
    ask_many(w, one, GET("/len/1/1"), 2);
    ask_many(w, two, GET("/len/1/2"), 3);
    CHECK(w->origins[0].requests_n == 2 && w->origins[1].requests_n == 3);
    CHECK(listener_runtime_find(&w->worker, id)->client_n == 1);
    CHECK(listener_runtime_find(&w->worker, 0)->client_n == 1);
    world_run_ms(w, 1500); /* its idle clients have a second */
    CHECK(two->peer.has_fin && !one->peer.has_fin);
    two = world_ask(w, GET("/len/1/1?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    world_run_ms(w, 5);
    CHECK(status_of(two, 0) == 414);
    world_end(w);
}

/* Its socket may come before it is described, and does not accept until then. */
static void test_socket_before_the_description(void **state)
{
    struct world *w = open_with_green();
    const uint64_t id = w->pool->index + 1;
    struct world_client *c;

    (void)state;
    CHECK(world_listen(w, id, TWO_SOCKET, TWO_PORT) == 0);
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 20);
    CHECK(w->worker.clients_slab.in_use == 0);
    CHECK(add_two(w) == id);
    world_run_ms(w, 20);
    CHECK(status_of(c, 0) == 200 && w->origins[1].requests_n == 1);
    CHECK(world_listen(w, id, TWO_SOCKET, TWO_PORT + 1) == WERR_EXISTS);
    world_end(w);
}

/* One that is never described goes with its socket. */
static void test_socket_without_description(void **state)
{
    struct world *w = open_with_green();

    (void)state;
    CHECK(world_listen(w, 4711, TWO_SOCKET, TWO_PORT) == 0);
    CHECK(listener_runtime_find(&w->worker, 4711) != NULL);
    acceptor_leave(&w->worker, TWO_SOCKET);
    world_run_ms(w, 5);
    CHECK(listener_runtime_find(&w->worker, 4711) == NULL);
    CHECK(acceptor_find(&w->worker, TWO_SOCKET) == NULL);
    world_end(w);
}

/* A listener goes: idle clients close, a request in flight is answered and the last of its
 * connection, what waits at the socket is taken; the other listener does not notice. */
static void test_listener_leaves(void **state)
{
    struct world *w = open_with_green();
    struct world_client *one = world_client(w), *idle, *busy, *late;
    const uint64_t id = add_two(w);

    (void)state;
    world_calm_tls(); /* a connection lingers while the client has something to say */
    CHECK(world_listen(w, id, TWO_SOCKET, TWO_PORT) == 0);
    ask_many(w, one, GET("/len/1/1"), 1);
    idle = world_client(w);
    ask_many(w, idle, GET("/len/1/1"), 1);
    busy = world_ask(w, GET("/late/50/2"));
    world_run_ms(w, 5);
    late = world_ask(w, GET("/len/1/3")); /* not accepted yet */
    CHECK(world_undescribe(w, POOL_REMOVE_LISTENER, "two", 0) == 0);
    acceptor_leave(&w->worker, TWO_SOCKET); /* UNLISTEN, behind it */
    world_run_ms(w, 500);
    CHECK(idle->peer.has_fin);
    CHECK(status_of(busy, 0) == 200 && busy->peer.has_fin);
    CHECK(strstr(world_got(busy), "Connection: close") != NULL);
    CHECK(status_of(late, 0) == 200 && late->peer.has_fin);
    CHECK(listener_runtime_find(&w->worker, id) == NULL);
    CHECK(acceptor_find(&w->worker, TWO_SOCKET) == NULL);
    ask_many(w, one, GET("/len/1/1"), 1);
    CHECK(status_of(one, 1) == 200 && !one->peer.has_fin);
    world_end(w);
}

static bool is_refused(const struct world_client *c)
{
    if (!world_is_clear(ONLY_IN_CLEAR_told_why_refused))
        return c->peer.in.len == 0 && (c->peer.has_fin || c->peer.has_reset);
    return has_error(c, "too_many_connections");
}

/* Bounds of connections are of their listener. */
static void test_bounds_are_of_their_listener(void **state)
{
    struct world *w = open_with_green();
    struct world_client *c[2];
    const uint64_t id = add_two(w);

    (void)state;
    CHECK(world_describe(w, POOL_SET_LISTENER, "two", "{\"limits\":{\"connections\":1}}",
                         NULL) == 0);
    c[0] = world_ask(w, GET("/len/1/1"));
    c[1] = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c[0], 0) == 200 && status_of(c[1], 0) == 200);
    CHECK(world_listen(w, id, TWO_SOCKET, TWO_PORT) == 0);
    c[0] = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    c[1] = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c[0], 0) == 200 && is_refused(c[1]));
    world_end(w);
}

/* ---- policies ---- */

static struct world *open_with_policy(const char *json)
{
    struct world_setup setup = {.seed = 1, .server_n = 3};
    struct world *w = world_open(&setup);

    CHECK(world_describe(w, POOL_SET_POOL, "default", json, NULL) == 0);
    return w;
}

static void test_hash_by_header(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct world *w = open_with_policy("{\"policy\":\"hash\",\"hash_key\":\"header:X-Key\"}");
    struct world_client *c = world_client(w);
    unsigned used_n = 0;

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        unsigned before[3], moved_n = 0;
        char text[80];

        (void)snprintf(text, sizeof(text),
                       "GET /len/1/1 HTTP/1.1\r\nHost: h\r\nx-key: %s\r\n\r\n", keys[i]);
        for (unsigned n = 0; n < 3; n++)
            before[n] = w->origins[n].requests_n;
        ask_many(w, c, text, 5);
        for (unsigned n = 0; n < 3; n++)
            moved_n += w->origins[n].requests_n != before[n];
        CHECK(moved_n == 1); /* all five at one of them */
    }
    for (unsigned n = 0; n < 3; n++)
        used_n += w->origins[n].requests_n > 0;
    CHECK(used_n >= 2);
    world_end(w);
}

static void test_least_outstanding(void **state)
{
    struct world *w = open_with_policy("{\"policy\":\"least_outstanding\"}");
    struct world_client *c = world_client(w);

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        (void)world_ask(w, GET("/stall/1/1"));
    world_run_ms(w, 5);
    ask_many(w, c, GET("/len/1/1"), 10); /* all at the one that has nothing to do */
    CHECK((w->origins[0].requests_n == 10) + (w->origins[1].requests_n == 10) +
              (w->origins[2].requests_n == 10) ==
          1);
    world_end(w);
}

static void test_p2c_avoids_the_slow(void **state)
{
    struct world *w = open_with_policy("{\"policy\":\"p2c\"}");
    struct world_client *c = world_client(w);

    (void)state;
    w->origins[1].send_gap_ms = 0;
    ask_many(w, c, GET("/len/1/1"), 30);
    for (unsigned n = 0; n < 3; n++) {
        CHECK(w->origins[n].requests_n > 3);
        CHECK(world_origin_of(w, n)->seat.latency_us > 0);
        CHECK(world_origin_of(w, n)->seat.in_flight == 0);
    }
    world_origin_of(w, 1)->seat.latency_us = 1000000; /* as if it had been slow just now */
    w->origins[1].requests_n = 0;
    ask_many(w, c, GET("/len/1/1"), 30);
    CHECK(w->origins[1].requests_n == 0);
    world_end(w);
}

/* The policy changes while requests run, back and forth: the loads stay right. */
static void test_policy_changes(void **state)
{
    static const char *const policies[] = {
        "{\"policy\":\"least_outstanding\"}", "{\"policy\":\"hash\",\"hash_key\":\"path\"}",
        "{\"policy\":\"p2c\"}", "{\"policy\":\"round_robin\"}"};
    struct world *w = open_with_policy(policies[2]);
    struct world_client *c[4];

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        c[i % 4] = world_ask(w, GET("/late/20/1"));
        world_run_ms(w, 5);
        CHECK(world_describe(w, POOL_SET_POOL, "default", policies[i % 4], NULL) == 0);
    }
    world_run_ms(w, 100);
    for (unsigned i = 0; i < 4; i++)
        CHECK(status_of(c[i], 0) == 200);
    for (unsigned n = 0; n < 3; n++)
        CHECK(world_origin_of(w, n)->seat.in_flight == 0);
    CHECK(world_stat(w, STATS_client_success) == 40);
    world_end(w);
}

/* ---- no memory ---- */

static int describe_all(struct world *w, uint64_t *two)
{
    int rc = world_describe(w, POOL_ADD_POOL, NULL, "{\"name\":\"green\",\"policy\":\"hash\"}",
                            NULL);

    if (rc == 0)
        rc = world_add_server_of(w, "green", 1);
    if (rc == 0)
        rc = describe_two(w, "", two);
    if (rc == 0)
        rc = world_describe(w, POOL_ADD_RULE, "default",
                            "{\"priority\":10,\"conditions\":{\"path_prefix\":\"/chunked\"},"
                            "\"action\":{\"forward\":[{\"pool\":\"green\"}]}}",
                            NULL);
    if (rc == 0)
        rc = world_describe(w, POOL_SET_POOL, "default", "{\"policy\":\"hash\"}", NULL);
    return rc;
}

/* Each allocation of a change fails in turn: what ran goes on meanwhile, a snapshot makes it
 * good, and nothing is lost (the manager sends again what was lacked). */
static bool run_without_memory(unsigned n)
{
    struct world *w = world_open(NULL);
    struct world_client *c = world_ask(w, GET("/len/1/1"));
    uint64_t two = 0;
    bool was_struck;
    int rc;

    world_run_ms(w, 5);
    fault_set(n);
    rc = describe_all(w, &two);
    if (rc == 0)
        rc = world_listen(w, two, TWO_SOCKET, TWO_PORT);
    was_struck = !fault_is_armed();
    fault_set(0);
    CHECK(rc == 0 || (was_struck && rc == WERR_NOMEM));
    w->listen.port = 8080;
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 1) == 200);
    if (rc < 0) {
        CHECK(world_snapshot(w) == 0);
        world_say(c, GET("/len/1/1"));
        world_run_ms(w, 5);
        CHECK(status_of(c, 2) == 200);
    }
    world_end(w);
    return was_struck;
}

static void test_no_memory(void **state)
{
    unsigned n = 1;

    (void)state;
    while (run_without_memory(n))
        n++;
    CHECK(n > 10);
}

/* A snapshot that can't be followed for want of memory: what ran goes on. */
static bool run_snapshot_without_memory(unsigned n)
{
    struct world *w = open_with_green();
    struct world_client *c;
    bool was_struck;
    int rc;

    (void)add_two(w);
    fault_set(n);
    rc = world_snapshot(w);
    was_struck = !fault_is_armed();
    fault_set(0);
    CHECK(rc == 0 || (was_struck && rc == WERR_NOMEM));
    c = world_ask(w, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 0) == 200);
    CHECK(world_snapshot(w) == 0);
    world_say(c, GET("/len/1/1"));
    world_run_ms(w, 5);
    CHECK(status_of(c, 1) == 200 && w->origins[0].requests_n == 2);
    world_end(w);
    return was_struck;
}

static void test_snapshot_without_memory(void **state)
{
    unsigned n = 1;

    (void)state;
    while (run_snapshot_without_memory(n))
        n++;
    CHECK(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule_forwards),
        cmocka_unit_test(test_weights_of_pools),
        cmocka_unit_test(test_pool_without_servers),
        cmocka_unit_test(test_redirect_and_fixed),
        cmocka_unit_test(test_redirect_without_a_host),
        cmocka_unit_test(test_pool_leaves_in_flight),
        cmocka_unit_test(test_settings_are_of_their_pool),
        cmocka_unit_test(test_rotation_is_of_its_pool),
        cmocka_unit_test(test_second_listener),
        cmocka_unit_test(test_socket_before_the_description),
        cmocka_unit_test(test_socket_without_description),
        cmocka_unit_test(test_listener_leaves),
        cmocka_unit_test(test_bounds_are_of_their_listener),
        cmocka_unit_test(test_hash_by_header),
        cmocka_unit_test(test_least_outstanding),
        cmocka_unit_test(test_p2c_avoids_the_slow),
        cmocka_unit_test(test_policy_changes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_snapshot_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
