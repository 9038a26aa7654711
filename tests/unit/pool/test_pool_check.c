#include "pool_fixture.h"

static struct pool_state *new_state_with(const char *json, uint64_t *id)
{
    struct pool_state *s = pool_state_new();
    assert_non_null(s);
    *id = add_server(s, json);
    return s;
}

static uint64_t bit_of(const char *path)
{
    return setting_bit(&pool_settings_table, settings_find_path(&pool_settings_table, path));
}

static void assert_refused(const struct pool_state *s, const struct pool_command *c, int rc,
                           const char *code, const char *field)
{
    struct pool_error error = {.code = ""};
    assert_int_equal(pool_check(s, c, &error), rc);
    assert_string_equal(error.code, code);
    assert_string_equal(error.field, field);
    assert_true(strlen(error.detail) > 5);
}

static void test_good_commands(void **state)
{
    (void)state;
    struct rand_state r;
    struct pool_state *s = pool_state_new();
    rand_seed(&r, 3);
    for (unsigned i = 0; i < 300; i++) {
        struct pool_command c;
        struct pool_change change;
        struct pool_error error = {.code = ""};
        make_random_command(&r, s, &c);
        int rc = pool_check(s, &c, &error);
        assert_int_equal(rc != 0, error.code[0] != '\0' && error.detail[0] != '\0');
        assert_int_equal(apply_next(s, &c, &change), rc);
    }
    pool_state_free(s);
}

static void test_add(void **state)
{
    (void)state;
    uint64_t id = 0;
    struct pool_state *s = new_state_with("{\"url\":\"http://1.1.1.1\"}", &id);
    struct pool_command c;
    pool_command_init(&c, POOL_ADD_SERVER);
    assert_refused(s, &c, WERR_INVALID, "missing_field", "url");
    pool_command_fini(&c);

    make_add(&c, "{\"url\":\"http://1.1.1.1\",\"weight\":3,\"meta\":{\"a\":\"b\"}}");
    assert_refused(s, &c, WERR_EXISTS, "exists", "weight");
    c.is_put = true;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.server.weight = POOL_WEIGHT_MAX + 1;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "weight");
    c.server.weight = POOL_WEIGHT_MAX;
    c.server.health.set = POOL_HEALTH_SET_INTERVAL;
    c.server.health.interval_ms = 99;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "check.interval_ms");
    c.server.health.set = 0;
    c.server.meta[0].key[0] = '\n';
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "meta");
    c.server.meta[0].key[0] = 'a';
    snprintf(c.pool, sizeof(c.pool), "other");
    assert_refused(s, &c, WERR_NOT_FOUND, "not_found", "pool");
    pool_command_fini(&c);
    pool_state_free(s);
}

static void test_too_many(void **state)
{
    (void)state;
    uint64_t id = 0;
    struct pool_state *s = new_state_with("{\"url\":\"http://1.1.1.1\"}", &id);
    struct pool_command c;
    s->server_n = POOL_SERVERS_MAX;
    make_add(&c, "{\"url\":\"http://1.1.1.2\"}");
    assert_refused(s, &c, WERR_TOO_BIG, "too_many", "");
    pool_command_fini(&c);
    make_add(&c, "{\"url\":\"http://1.1.1.1\"}");
    assert_int_equal(pool_check(s, &c, NULL), 0);
    pool_command_fini(&c);
    s->server_n = 1;
    pool_state_free(s);
}

static void test_change_and_remove(void **state)
{
    (void)state;
    uint64_t id = 0;
    struct pool_state *s = new_state_with("{\"url\":\"http://1.1.1.1\"}", &id);
    struct pool_command c;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id + 1;
    assert_refused(s, &c, WERR_NOT_FOUND, "not_found", "");
    c.server_id = id;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.type = POOL_CHANGE_SERVER;
    c.server.weight = 300;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.set = POOL_SET_WEIGHT;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "weight");
    c.set = POOL_SET_HEALTH;
    c.server.health.set = POOL_HEALTH_SET_PATH;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "check.path");
    c.set = POOL_SET_META;
    c.server.meta_n = POOL_META_N + 1;
    assert_refused(s, &c, WERR_INVALID, "too_many", "meta");
    c.server.meta_n = 0;
    c.set = 0;
    c.server_id = 0;
    assert_refused(s, &c, WERR_NOT_FOUND, "not_found", "");
    pool_command_fini(&c);
    pool_state_free(s);
}

static void test_set_pool(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    pool_command_init(&c, POOL_SET_POOL);
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.given = bit_of("timeouts.connect_ms");
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "timeouts.connect_ms");
    c.settings.timeouts.connect_ms = 600001;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "timeouts.connect_ms");
    c.settings.timeouts.connect_ms = 600000;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.given = bit_of("timeouts.idle_ms");
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "timeouts.idle_ms");
    c.given = bit_of("limits.response_head_bytes");
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "limits.response_head_bytes");
    c.given = bit_of("timeouts.response_head_ms");
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "timeouts.response_head_ms");
    c.given = 0;
    c.set = POOL_SET_POLICY;
    c.policy = 9;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "policy");
    c.set = POOL_SET_HEALTH;
    c.server.health.set = POOL_HEALTH_SET_EXPECT;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "check.expect");
    pool_command_fini(&c);
    pool_state_free(s);
}

static void test_server_settings(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    make_add(&c, "{\"url\":\"http://1.1.1.2\",\"proxy_protocol\":2}");
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.server.proxy_protocol = 1;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "proxy_protocol");
    c.server.proxy_protocol = 0;
    c.server.max_requests = POOL_MAX_REQUESTS_MAX + 1;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "max_requests");
    c.server.max_requests = 0;
    c.server.admin = 3;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "admin");
    pool_command_fini(&c);
    pool_command_init(&c, POOL_CHANGE_SERVER);
    c.server_id = id;
    c.set = POOL_SET_PROXY_PROTOCOL;
    c.server.proxy_protocol = 3;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "proxy_protocol");
    pool_command_fini(&c);
    pool_state_free(s);
}

static void test_set_admin(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = id + 1;
    assert_refused(s, &c, WERR_NOT_FOUND, "not_found", "");
    c.server_id = id;
    c.server.admin = POOL_ADMIN_MAINTENANCE;
    c.server.drain_ms = POOL_DRAIN_MS_MAX;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    c.server.drain_ms++;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "drain_ms");
    c.server.drain_ms = 0;
    c.server.admin++;
    assert_refused(s, &c, WERR_INVALID, "invalid_value", "admin");
    pool_command_fini(&c);
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_commands), cmocka_unit_test(test_add),
        cmocka_unit_test(test_too_many),      cmocka_unit_test(test_change_and_remove),
        cmocka_unit_test(test_set_pool),      cmocka_unit_test(test_server_settings),
        cmocka_unit_test(test_set_admin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
