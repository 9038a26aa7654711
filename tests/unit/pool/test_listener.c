/* Listeners as objects of the description. */
#include "pool_fixture.h"

#define FORWARD_DEFAULT "\"default_action\":{\"forward\":[{\"pool\":\"default\",\"weight\":1}]}"

static void test_default(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct listener *l = listener_default(s);
    assert_ptr_equal(listener_find(s, SPAN("default")), l);
    assert_ptr_equal(listener_find_id(s, 0), l);
    assert_null(listener_find(s, SPAN("two")));
    char *json = pool_code_listener_json(l);
    assert_string_equal(
        json,
        "{\"name\":\"default\",\"addresses\":[],\"protocol\":\"http\",\"proxy_protocol\":false,"
        "\"trusted_proxies\":null,\"timeouts\":{\"client_head_ms\":10000,"
        "\"client_body_ms\":30000,\"client_idle_ms\":75000,\"client_write_ms\":60000},"
        "\"limits\":{\"request_line_bytes\":8192,\"head_bytes\":32768,\"fields\":100,"
        "\"body_bytes\":0,\"chunk_extension_bytes\":4096,\"trailer_bytes\":8192,"
        "\"requests_per_connection\":0,\"connections\":0,\"connections_per_client\":0,"
        "\"min_rate_bytes\":100,\"hops\":10},"
        "\"tls\":{\"profile\":\"intermediate\",\"certificates\":null,"
        "\"default_certificate\":null,\"client_certificate\":\"none\",\"client_ca\":null,"
        "\"handshake_ms\":10000,\"hsts_max_age_s\":0,\"hsts_include_subdomains\":false,"
        "\"strict_sni\":false,\"redirect\":false},\"client_abort_on_fin\":false,"
        "\"request_id_to_client\":true," FORWARD_DEFAULT "}");
    free(json);
    pool_state_free(s);
}

static void test_add_and_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    uint64_t empty = s->digest;
    uint64_t id =
        add_listener(s, "{\"name\":\"two\",\"addresses\":[\"127.0.0.1:8081\",\":80\"],"
                        "\"trusted_proxies\":[\"10.0.0.0/8\",\"::1\"],\"proxy_protocol\":true,"
                        "\"timeouts\":{\"client_idle_ms\":5}}");
    struct listener *l = listener_find(s, SPAN("two"));
    assert_ptr_equal(listener_find_id(s, id), l);
    assert_int_equal(l->address_n, 2);
    assert_int_equal(l->addresses[0].port, 8081);
    assert_true(l->has_trusted && l->trusted.n == 2 && l->proxy_protocol);
    assert_int_equal(l->timeouts.client_idle_ms, 5);
    assert_int_equal(l->timeouts.client_head_ms, 10000);
    assert_string_equal(l->default_action.targets[0].pool, "default");
    char *json = pool_code_listener_json(l);
    assert_non_null(strstr(json, "\"addresses\":[\"127.0.0.1:8081\",\"[::]:80\"]"));
    assert_non_null(strstr(json, "\"trusted_proxies\":[\"10.0.0.0/8\",\"::1/128\"]"));
    free(json);
    uint64_t rule_id = add_rule(
        s, "two", "{\"priority\":1,\"action\":{\"forward\":[{\"pool\":\"default\"}]}}");
    assert_int_equal(pool_default(s)->ref_n, 3);
    pool_command_init(&c, POOL_REMOVE_LISTENER);
    set_text(c.listener, "two");
    assert_int_equal(pool_apply(s, &c, s->index + 1, &change), 0);
    assert_true(pool_change_is(&change, KIND_LISTENER, POOL_CHANGE_REMOVED));
    assert_true(change.id == id && change.removed_listener == l && change.listener == NULL);
    assert_int_equal(l->rule_n, 1);
    pool_change_fini(&change);
    pool_command_fini(&c);
    assert_null(listener_find_any_rule(s, rule_id, NULL));
    assert_null(listener_find_id(s, id));
    assert_true(s->digest == empty);
    assert_int_equal(pool_default(s)->ref_n, 1);
    pool_state_free(s);
}

static void test_set_and_put(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    const struct listener *l = listener_default(s);
    uint64_t before = s->digest;
    add_pool(s, "{\"name\":\"green\"}");
    make_wish(&c, pool_code_set_listener_from_json,
              "{\"addresses\":[\"[::1]:81\"],\"trusted_proxies\":[],\"limits\":{\"hops\":3},"
              "\"default_action\":{\"forward\":[{\"pool\":\"green\"}]}}");
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(pool_change_is(&change, KIND_LISTENER, POOL_CHANGE_CHANGED));
    assert_ptr_equal(change.listener, l);
    assert_true(l->has_trusted && l->trusted.n == 0 && l->bounds.hops == 3);
    assert_int_equal(pool_find(s, SPAN("green"))->ref_n, 1);
    assert_int_equal(pool_default(s)->ref_n, 0);
    make_wish(&c, pool_code_set_listener_from_json, "{\"limits\":{\"hops\":3}}");
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    make_named(&c, pool_code_add_listener_from_json, "default",
               "{\"addresses\":[\"127.0.0.1:5\"]}");
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_CHANGED);
    assert_true(!l->has_trusted && l->bounds.hops == 10 && l->addresses[0].port == 5);
    assert_int_equal(pool_find(s, SPAN("green"))->ref_n, 0);
    assert_int_equal(pool_default(s)->ref_n, 1);
    assert_true(s->digest == pool_state_digest_recompute(s) && s->digest != before);
    pool_state_free(s);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *body, *code, *field;
    } cases[] = {
        {"{\"addresses\":[\"127.0.0.1:1\"]}", "missing_field", "name"},
        {"{\"name\":\"a/b\",\"addresses\":[]}", "invalid_value", "name"},
        {"{\"name\":\"x\",\"addresses\":1}", "invalid_value", "addresses"},
        {"{\"name\":\"x\",\"addresses\":[1]}", "invalid_value", "addresses[0]"},
        {"{\"name\":\"x\",\"addresses\":[\"127.0.0.1:1\",\"127.0.0.1\"]}", "invalid_value",
         "addresses[1]"},
        {"{\"name\":\"x\",\"addresses\":[\"127.0.0.1:0\"]}", "invalid_value", "addresses[0]"},
        {"{\"name\":\"x\",\"addresses\":[\"h:1\"]}", "invalid_value", "addresses[0]"},
        {"{\"name\":\"x\",\"protocol\":\"h2\"}", "invalid_value", "protocol"},
        {"{\"name\":\"x\",\"proxy_protocol\":2}", "invalid_value", "proxy_protocol"},
        {"{\"name\":\"x\",\"trusted_proxies\":\"10.0.0.0/8\"}", "invalid_value",
         "trusted_proxies"},
        {"{\"name\":\"x\",\"trusted_proxies\":[\"10.0.0.1/8\"]}", "invalid_value",
         "trusted_proxies[0]"},
        {"{\"name\":\"x\",\"default_action\":{\"forward\":[]}}", "invalid_value",
         "default_action.forward"},
        {"{\"name\":\"x\",\"rules\":[]}", "unknown_key", "rules"},
        {"{\"name\":\"x\",\"retry\":{}}", "unknown_key", "retry"},
        {"{\"name\":\"x\",\"limits\":{\"hops\":0}}", "invalid_value", "limits.hops"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        int rc = pool_code_add_listener_from_json(span_from_str(cases[i].body), SPAN_NONE, &c,
                                                  &error);
        if (rc != WERR_INVALID || strcmp(error.code, cases[i].code) != 0 ||
            strcmp(error.field, cases[i].field) != 0)
            fail_msg("%s: %d %s %s", cases[i].body, rc, error.code, error.field);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name, *body, *code, *field, *detail;
        int rc;
    } cases[] = {
        {"", "{\"name\":\"two\",\"addresses\":[\"127.0.0.1:2\"]}", "exists", "name", "listener",
         WERR_EXISTS},
        {"three", "{\"addresses\":[\"127.0.0.1:2\",\"127.0.0.1:1\"]}", "exists", "addresses",
         "listener two listens at 127.0.0.1:1 already", WERR_ADDR_IN_USE},
        {"three", "{}", "missing_field", "addresses", "missing", WERR_INVALID},
        {"three", "{\"addresses\":[]}", "invalid_value", "addresses", "1 to 16", WERR_INVALID},
        {"three", "{\"addresses\":[\"127.0.0.1:3\",\"127.0.0.1:3\"]}", "invalid_value",
         "addresses", "twice", WERR_INVALID},
        {"three", "{\"addresses\":[\"224.0.0.1:3\"]}", "invalid_value", "addresses", "listen",
         WERR_INVALID},
        {"three",
         "{\"addresses\":[\"127.0.0.1:3\"],\"default_action\":{\"forward\":[{\"pool\":"
         "\"default\"},{\"pool\":\"x\"}]}}",
         "invalid_value", "default_action.forward[1].pool", "there is no pool x",
         WERR_NO_TARGET},
    };
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    struct pool_error error = {.code = ""};
    add_listener(s, "{\"name\":\"two\",\"addresses\":[\"127.0.0.1:1\"]}");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_named(&c, pool_code_add_listener_from_json, cases[i].name, cases[i].body);
        assert_int_equal(pool_check(s, &c, &error), cases[i].rc);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.field, cases[i].field);
        assert_non_null(strstr(error.detail, cases[i].detail));
        int rc = cases[i].rc != WERR_INVALID ? apply_next(s, &c, &change) : 0;
        assert_int_equal(rc, cases[i].rc != WERR_INVALID ? cases[i].rc : 0);
        pool_command_fini(&c);
    }
    pool_state_free(s);
}

static void test_refusals_of_names(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    pool_command_init(&c, POOL_REMOVE_LISTENER);
    assert_int_equal(apply_next(s, &c, &change), WERR_BUILTIN);
    pool_command_init(&c, POOL_SET_LISTENER);
    set_text(c.listener, "three");
    assert_int_equal(apply_next(s, &c, &change), WERR_NOT_FOUND);
    make_named(&c, pool_code_add_listener_from_json, "three",
               "{\"addresses\":[\"127.0.0.1:3\"]}");
    s->listener_n = LISTENER_LISTENERS_MAX;
    assert_int_equal(apply_next(s, &c, &change), WERR_TOO_BIG);
    s->listener_n = 1;
    pool_state_free(s);
}

/* Port 0, any free one, is for flags: twice is no conflict. */
static void test_any_port(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    for (unsigned i = 0; i < 2; i++) {
        char *bytes = NULL;
        size_t len = 0;
        pool_command_init(&c, i == 0 ? POOL_SET_LISTENER : POOL_ADD_LISTENER);
        set_text(c.listener, i == 0 ? "default" : "two");
        c.set = POOL_SET_ADDRESSES;
        c.wanted.address_n = 2;
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(addr_from_text(SPAN("127.0.0.1:0"), &c.wanted.addresses[k]), 0);
        assert_int_equal(pool_check(s, &c, NULL), 0);
        assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
        pool_command_fini(&c);
        assert_int_equal(pool_code_decode(span_from(bytes, len), &c), 0);
        apply_good(s, &c);
        free(bytes);
    }
    pool_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),     cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_set_and_put), cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_refusals_of_names),
        cmocka_unit_test(test_any_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
