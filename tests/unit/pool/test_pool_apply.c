#include "pool_fixture.h"

#include "base/fault.h"

static int setup(void **state)
{
    *state = pool_state_new();
    return *state == NULL;
}

static int teardown(void **state)
{
    struct pool_state *s = *state;
    bool is_true = s->digest == pool_state_digest_recompute(s);
    pool_state_free(s);
    return !is_true;
}

static void test_add(void **state)
{
    struct pool_state *s = *state;
    struct pool_command c;
    struct pool_change change;
    uint64_t before = s->digest;
    make_add(&c, "{\"url\":\"http://127.0.0.1:12345\",\"weight\":7,\"meta\":{\"a\":\"b\"}}");
    assert_int_equal(pool_apply(s, &c, 41, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_ADDED);
    assert_int_equal(change.id, 41);
    assert_ptr_equal(change.pool, default_pool(s));
    assert_null(change.removed);
    assert_int_equal(s->index, 41);
    assert_true(s->digest != before);
    const struct pool_server *server = pool_find_server(change.pool, 41);
    assert_int_equal(server->weight, 7);
    assert_string_equal(server->meta[0].value, "b");
    assert_string_equal(server->authority, "127.0.0.1:12345");
    pool_command_fini(&c);
}

static void test_add_again(void **state)
{
    struct pool_state *s = *state;
    struct pool_command c;
    struct pool_change change;
    uint64_t id = add_server(s, "{\"url\":\"http://127.0.0.1\"}");
    uint64_t before = s->digest;
    make_add(&c, "{\"url\":\"HTTP://127.0.0.1:80/\",\"weight\":9}");
    assert_int_equal(pool_apply(s, &c, 49, &change), WERR_EXISTS);
    assert_true(s->digest == before);
    pool_command_fini(&c);
    make_add(&c, "{\"url\":\"HTTP://127.0.0.1:80/\"}");
    assert_int_equal(pool_apply(s, &c, 50, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    assert_int_equal(change.id, id);
    assert_true(s->digest == before);
    assert_int_equal(s->index, 50);
    assert_int_equal(pool_find_server(change.pool, id)->weight, 1);
    assert_int_equal(change.pool->server_n, 1);
    pool_command_fini(&c);
}

static void test_change(void **state)
{
    struct pool_state *s = *state;
    uint64_t id = add_server(
        s, "{\"url\":\"http://1.1.1.1\",\"check\":{\"path\":\"/a\"},\"meta\":{\"a\":\"1\"}}");
    const struct pool_server *server = pool_find_server(default_pool(s), id);
    assert_int_equal(change_server(s, id, "{\"weight\":5,\"map_host\":true}"),
                     POOL_CHANGE_CHANGED);
    assert_int_equal(server->weight, 5);
    assert_true(server->map_host);
    assert_string_equal(server->health.path, "/a");
    assert_int_equal(change_server(s, id, "{\"check\":{\"failures\":9}}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->health.set, POOL_HEALTH_SET_PATH | POOL_HEALTH_SET_FAILURES);
    assert_int_equal(change_server(s, id, "{\"check\":{\"path\":null}}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->health.set, POOL_HEALTH_SET_FAILURES);
    assert_int_equal(change_server(s, id, "{\"meta\":{\"b\":\"2\",\"a\":null}}"),
                     POOL_CHANGE_CHANGED);
    assert_int_equal(server->meta_n, 1);
    assert_string_equal(server->meta[0].key, "b");
    assert_int_equal(server->weight, 5);
    assert_ptr_equal(pool_find_url(default_pool(s), SPAN("http://1.1.1.1:80")), server);
}

static void test_change_to_the_same(void **state)
{
    struct pool_state *s = *state;
    static const char *const bodies[] = {
        "{}",
        "{\"weight\":3}",
        "{\"map_host\":false}",
        "{\"check\":{}}",
        "{\"check\":{\"type\":\"tcp\"}}",
        "{\"check\":{\"path\":null}}",
        "{\"meta\":{}}",
        "{\"meta\":{\"a\":\"1\",\"x\":null}}",
    };
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\",\"weight\":3,\"check\":{\"type\":"
                                "\"tcp\"},\"meta\":{\"a\":\"1\"}}");
    uint64_t before = s->digest;
    for (unsigned i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        uint64_t index = s->index;
        assert_int_equal(change_server(s, id, bodies[i]), POOL_CHANGE_NONE);
        assert_true(s->digest == before);
        assert_int_equal(s->index, index + 1);
    }
}

static void test_remove(void **state)
{
    struct pool_state *s = *state;
    struct pool_command c;
    struct pool_change change;
    uint64_t empty = s->digest;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    const struct pool_server *server = pool_find_server(default_pool(s), id);
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    assert_int_equal(pool_apply(s, &c, 9, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_REMOVED);
    assert_ptr_equal(change.removed, server);
    assert_string_equal(change.removed->url, "http://1.1.1.1:80");
    assert_true(s->digest == empty);
    pool_change_fini(&change);
    assert_int_equal(pool_apply(s, &c, 10, &change), WERR_NOT_FOUND);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    assert_null(change.removed);
    assert_int_equal(s->index, 10);
    pool_command_fini(&c);
    assert_true(add_server(s, "{\"url\":\"http://1.1.1.1\"}") != id);
}

static void test_set_pool(void **state)
{
    struct pool_state *s = *state;
    const struct pool *p = default_pool(s);
    uint64_t before = s->digest;
    assert_int_equal(set_pool(s, "{\"timeouts\":{\"connect_ms\":1500}}"), POOL_CHANGE_NONE);
    assert_int_equal(set_pool(s, "{\"policy\":\"round_robin\",\"check\":{}}"),
                     POOL_CHANGE_NONE);
    assert_int_equal(set_pool(s, "{\"timeouts\":{\"idle_ms\":5},\"check\":{\"path\":\"/x\"}}"),
                     POOL_CHANGE_CHANGED);
    assert_int_equal(p->timeouts.idle_ms, 5);
    assert_int_equal(p->timeouts.connect_ms, 1500);
    assert_string_equal(p->health.path, "/x");
    assert_true(s->digest != before);
    assert_int_equal(
        set_pool(s, "{\"timeouts\":{\"idle_ms\":60000},\"check\":{\"path\":null}}"),
        POOL_CHANGE_CHANGED);
    assert_true(s->digest == before);
    assert_int_equal(p->health.set, POOL_HEALTH_SET_ALL);
}

static void set_admin(struct pool_state *s, uint64_t id, enum pool_admin admin,
                      uint32_t drain_ms, enum pool_change_type want)
{
    struct pool_command c;
    struct pool_change change;
    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = id;
    c.server.admin = (uint8_t)admin;
    c.server.drain_ms = drain_ms;
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_int_equal(change.type, want);
    assert_int_equal(change.id, id);
}

static void test_set_admin(void **state)
{
    struct pool_state *s = *state;
    struct pool_command c;
    struct pool_change change;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\",\"meta\":{\"a\":\"1\"}}");
    const struct pool_server *server = pool_find_server(default_pool(s), id);
    uint64_t enabled = s->digest;
    set_admin(s, id, POOL_ADMIN_ENABLED, 5, POOL_CHANGE_NONE);
    set_admin(s, id, POOL_ADMIN_DRAINING, 5, POOL_CHANGE_CHANGED);
    assert_int_equal(server->admin, POOL_ADMIN_DRAINING);
    assert_int_equal(server->drain_ms, 5);
    assert_string_equal(server->meta[0].value, "1");
    set_admin(s, id, POOL_ADMIN_DRAINING, 5, POOL_CHANGE_NONE);
    set_admin(s, id, POOL_ADMIN_DRAINING, 6, POOL_CHANGE_CHANGED);
    set_admin(s, id, POOL_ADMIN_MAINTENANCE, 6, POOL_CHANGE_CHANGED);
    assert_int_equal(change_server(s, id, "{\"weight\":2}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->admin, POOL_ADMIN_MAINTENANCE);
    assert_true(s->digest == pool_state_digest_recompute(s));
    assert_int_equal(change_server(s, id, "{\"weight\":1}"), POOL_CHANGE_CHANGED);
    set_admin(s, id, POOL_ADMIN_ENABLED, 7, POOL_CHANGE_CHANGED);
    assert_int_equal(server->drain_ms, 0);
    assert_true(s->digest == enabled);
    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = id + 1;
    assert_int_equal(apply_next(s, &c, &change), WERR_NOT_FOUND);
    assert_true(s->digest == enabled);
}

static void test_max_requests(void **state)
{
    struct pool_state *s = *state;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\",\"max_requests\":3}");
    const struct pool_server *server = pool_find_server(default_pool(s), id);
    assert_int_equal(server->max_requests, 3);
    assert_int_equal(change_server(s, id, "{\"weight\":2}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->max_requests, 3);
    assert_int_equal(change_server(s, id, "{\"max_requests\":3}"), POOL_CHANGE_NONE);
    assert_int_equal(change_server(s, id, "{\"max_requests\":0}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->max_requests, 0);
}

static void test_proxy_protocol(void **state)
{
    struct pool_state *s = *state;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\",\"proxy_protocol\":2}");
    const struct pool_server *server = pool_find_server(default_pool(s), id);
    assert_int_equal(server->proxy_protocol, 2);
    assert_int_equal(change_server(s, id, "{\"weight\":2}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->proxy_protocol, 2);
    assert_int_equal(change_server(s, id, "{\"proxy_protocol\":2}"), POOL_CHANGE_NONE);
    assert_int_equal(change_server(s, id, "{\"proxy_protocol\":0}"), POOL_CHANGE_CHANGED);
    assert_int_equal(server->proxy_protocol, 0);
}

static void test_unknown_pool(void **state)
{
    struct pool_state *s = *state;
    struct pool_command c;
    struct pool_change change;
    make_add(&c, "{\"url\":\"http://1.1.1.1\"}");
    snprintf(c.pool, sizeof(c.pool), "other");
    assert_int_equal(pool_apply(s, &c, 3, &change), WERR_NOT_FOUND);
    assert_int_equal(s->index, 3);
    pool_command_fini(&c);
}

static void test_full_pool(void **state)
{
    struct pool_state *s = *state;
    struct pool *p = default_pool(s);
    struct pool_command c;
    struct pool_change change;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    uint32_t true_n = s->server_n;
    s->server_n = POOL_SERVERS_MAX;
    make_add(&c, "{\"url\":\"http://1.1.1.2\"}");
    assert_int_equal(pool_apply(s, &c, 7, &change), WERR_TOO_BIG);
    pool_command_fini(&c);
    make_add(&c, "{\"url\":\"http://1.1.1.1\"}");
    assert_int_equal(pool_apply(s, &c, 8, &change), 0);
    assert_int_equal(change.id, id);
    pool_command_fini(&c);
    s->server_n = true_n;
    assert_int_equal(p->server_n, 1);
    assert_int_equal(s->index, 8);
}

/* The same bytes in two processes: equal results, digests and changes, and the digest is the
 * true one. */
static void test_random_runs_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rand_state r;
        struct pool_state *a = pool_state_new();
        struct pool_state *b = pool_state_new();
        rand_seed(&r, seed);
        for (uint64_t index = 1; index <= 200; index++) {
            struct pool_command c;
            struct pool_command decoded;
            struct pool_change change_a;
            struct pool_change change_b;
            char *bytes = NULL;
            size_t len = 0;
            make_random_command(&r, a, &c);
            assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
            assert_int_equal(pool_code_decode(span_from(bytes, len), &decoded), 0);
            int rc = apply_next(a, &c, &change_a);
            assert_int_equal(apply_next(b, &decoded, &change_b), rc);
            assert_int_equal(change_a.type, change_b.type);
            assert_int_equal(change_a.id, change_b.id);
            assert_true(a->digest == b->digest && a->index == b->index);
            free(bytes);
        }
        assert_true(a->digest == pool_state_digest_recompute(a));
        assert_true(b->digest == pool_state_digest_recompute(b));
        pool_state_free(a);
        pool_state_free(b);
    }
}

/* Fails each allocation of each kind of command in turn: the state stays as it was, then the
 * command passes. */
static void test_out_of_memory_changes_nothing(void **state)
{
    (void)state;
    struct rand_state r;
    rand_seed(&r, 5);
    struct pool_state *s = pool_state_new();
    bool has_all = false; /* of each kind, at the same time */
    for (unsigned round = 0; round < 400; round++) {
        struct pool_command c;
        struct pool_change change;
        make_random_command(&r, s, &c);
        for (unsigned n = 1;; n++) {
            uint64_t digest = s->digest;
            uint64_t index = s->index;
            uint32_t server_n = s->server_n;
            fault_set(n);
            int rc = pool_apply(s, &c, index + 1, &change);
            bool has_passed = fault_is_armed();
            fault_set(0);
            if (has_passed)
                break;
            assert_int_equal(rc, WERR_NOMEM);
            pool_change_fini(&change);
            assert_true(s->digest == digest && s->index == index);
            assert_int_equal(s->server_n, server_n);
            assert_true(pool_state_digest_recompute(s) == digest);
        }
        pool_change_fini(&change);
        pool_command_fini(&c);
        has_all = has_all || (s->server_n > 5 && s->pool_n > 1 && s->listener_n > 1 &&
                              s->certificate_n > 1);
    }
    assert_true(has_all);
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_add, setup, teardown),
        cmocka_unit_test_setup_teardown(test_add_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_change_to_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_admin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_max_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proxy_protocol, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_pool, setup, teardown),
        cmocka_unit_test(test_random_runs_agree),
        cmocka_unit_test(test_out_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
