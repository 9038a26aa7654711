/* Pools as objects: added, changed, replaced, removed; what refuses that; guards. */
#include "pool_fixture.h"

static int remove_pool(struct pool_state *s, const char *name, struct pool_change *change)
{
    struct pool_command c;
    pool_command_init(&c, POOL_REMOVE_POOL);
    set_text(c.pool, name);
    int rc = pool_apply(s, &c, s->index + 1, change);
    pool_command_fini(&c);
    return rc;
}

static void assert_refused(const struct pool_state *s, struct pool_command *c, int rc,
                           const char *code, const char *field, const char *detail)
{
    struct pool_error error = {.code = ""};
    assert_int_equal(pool_check(s, c, &error), rc);
    assert_string_equal(error.code, code);
    assert_string_equal(error.field, field);
    if (strstr(error.detail, detail) == NULL)
        fail_msg("%s", error.detail);
    pool_command_fini(c);
}

static void test_add_and_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_change change;
    uint64_t empty = s->digest;
    uint64_t id = add_pool(
        s,
        "{\"name\":\"green\",\"policy\":\"hash\",\"hash_key\":\"cookie:sid\",\"drain_ms\":7}");
    struct pool *p = pool_find(s, SPAN("green"));
    assert_ptr_equal(pool_find_id(s, id), p);
    assert_int_equal(p->policy, POOL_POLICY_HASH);
    assert_int_equal(p->hash_key.by, POOL_HASH_COOKIE);
    assert_string_equal(p->hash_key.name, "sid");
    assert_int_equal(p->drain_ms, 7);
    assert_int_equal(p->timeouts.connect_ms, 1500);
    assert_int_equal(p->health.set, POOL_HEALTH_SET_ALL);
    assert_int_equal(s->pool_n, 2);

    struct pool_command c;
    struct pool *owner = NULL;
    make_add(&c, "{\"url\":\"http://1.1.1.1\"}");
    set_text(c.pool, "green");
    uint64_t server_id = apply_good(s, &c);
    assert_ptr_equal(pool_find_any_server(s, server_id, &owner), p->servers[0]);
    assert_ptr_equal(owner, p);
    assert_null(pool_find_server(pool_default(s), server_id));
    /* The same URL in another pool is another server. */
    assert_true(add_server(s, "{\"url\":\"http://1.1.1.1\"}") != server_id);
    assert_int_equal(s->server_n, 2);

    assert_int_equal(remove_pool(s, "green", &change), 0);
    assert_true(pool_change_is(&change, KIND_POOL, POOL_CHANGE_REMOVED));
    assert_true(change.id == id && change.pool == NULL && change.removed_pool == p);
    assert_int_equal(p->server_n, 1);
    pool_change_fini(&change);
    assert_null(pool_find(s, SPAN("green")));
    assert_null(pool_find_id(s, id));
    assert_null(pool_find_any_server(s, server_id, NULL));
    assert_int_equal(s->server_n, 1);
    assert_int_equal(remove_server(s, pool_default(s)->servers[0]->id), 0);
    assert_true(s->digest == empty);
    pool_state_free(s);
}

static void test_put(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    make_named(&c, pool_code_add_pool_from_json, "blue",
               "{\"policy\":\"p2c\",\"drain_ms\":7,\"check\":{\"path\":\"/x\"}}");
    uint64_t id = apply_good(s, &c);
    make_named(&c, pool_code_add_pool_from_json, "blue", "{\"drain_ms\":8,\"name\":\"blue\"}");
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(pool_change_is(&change, KIND_POOL, POOL_CHANGE_CHANGED) && change.id == id);
    const struct pool *p = pool_find(s, SPAN("blue"));
    assert_ptr_equal(change.pool, p);
    assert_int_equal(p->policy, POOL_POLICY_ROUND_ROBIN);
    assert_int_equal(p->drain_ms, 8);
    assert_string_equal(p->health.path, "/");
    assert_true(s->digest == pool_state_digest_recompute(s));
    pool_state_free(s);
}

static void test_put_of_server(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    make_wish(&c, pool_code_put_server_from_json,
              "{\"url\":\"http://1.1.1.1\",\"weight\":5,\"meta\":{\"a\":\"1\"}}");
    uint64_t id = apply_good(s, &c);
    pool_command_init(&c, POOL_SET_SERVER_ADMIN);
    c.server_id = id;
    c.server.admin = POOL_ADMIN_MAINTENANCE;
    apply_good(s, &c);
    make_wish(&c, pool_code_put_server_from_json,
              "{\"url\":\"http://1.1.1.1\",\"check\":{\"type\":\"tcp\"}}");
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_true(pool_change_is(&change, KIND_SERVER, POOL_CHANGE_CHANGED) && change.id == id);
    const struct pool_server *server = pool_find_server(pool_default(s), id);
    assert_int_equal(server->weight, 1);
    assert_int_equal(server->meta_n, 0);
    assert_int_equal(server->health.set, POOL_HEALTH_SET_TYPE);
    assert_int_equal(server->admin, POOL_ADMIN_MAINTENANCE);
    assert_true(s->digest == pool_state_digest_recompute(s));
    pool_state_free(s);
}

static void test_refusals(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    add_pool(s, "{\"name\":\"green\"}");
    make_named(&c, pool_code_add_pool_from_json, "", "{\"name\":\"green\"}");
    assert_refused(s, &c, WERR_EXISTS, "exists", "name", "pool");
    pool_command_init(&c, POOL_REMOVE_POOL);
    assert_refused(s, &c, WERR_BUILTIN, "required", "", "default");
    pool_command_init(&c, POOL_REMOVE_POOL);
    set_text(c.pool, "blue");
    assert_refused(s, &c, WERR_NOT_FOUND, "not_found", "pool", "pool");
    make_named(&c, pool_code_add_pool_from_json, "", "{\"name\":\"blue\"}");
    s->pool_n = POOL_POOLS_MAX;
    assert_refused(s, &c, WERR_TOO_BIG, "too_many", "", "4096");
    s->pool_n = 2;
    pool_state_free(s);
}

/* Who forwards to it is named; when nobody does any more, it can go. */
static void test_in_use(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    struct pool_change change;
    add_pool(s, "{\"name\":\"green\"}");
    uint64_t rule_id = add_rule(
        s, "default", "{\"priority\":7,\"action\":{\"forward\":[{\"pool\":\"green\"}]}}");
    add_listener(
        s, "{\"name\":\"two\",\"addresses\":[\"127.0.0.1:1\"],"
           "\"default_action\":{\"forward\":[{\"pool\":\"green\"},{\"pool\":\"default\"}]}}");
    assert_int_equal(pool_find(s, SPAN("green"))->ref_n, 2);
    assert_int_equal(pool_default(s)->ref_n, 2);
    pool_command_init(&c, POOL_REMOVE_POOL);
    set_text(c.pool, "green");
    assert_refused(s, &c, WERR_IN_USE, "in_use", "", "listener default with priority 7");
    assert_int_equal(remove_pool(s, "green", &change), WERR_IN_USE);
    pool_change_fini(&change);

    make_wish(&c, pool_code_set_rule_from_json, "{\"action\":{\"fixed\":{\"status\":404}}}");
    c.rule_id = rule_id;
    apply_good(s, &c);
    pool_command_init(&c, POOL_REMOVE_POOL);
    set_text(c.pool, "green");
    assert_refused(s, &c, WERR_IN_USE, "in_use", "", "default action of listener two");
    pool_command_init(&c, POOL_REMOVE_LISTENER);
    set_text(c.listener, "two");
    apply_good(s, &c);
    assert_int_equal(remove_pool(s, "green", &change), 0);
    pool_change_fini(&change);
    assert_int_equal(pool_default(s)->ref_n, 1);
    pool_state_free(s);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *name, *body, *code, *field;
    } cases[] = {
        {"", "{}", "missing_field", "name"},
        {"", "{\"name\":\"\"}", "invalid_value", "name"},
        {"", "{\"name\":\"a b\"}", "invalid_value", "name"},
        {"", "{\"name\":1}", "invalid_value", "name"},
        {"", "{\"name\":\"x\",\"policy\":\"best\"}", "invalid_value", "policy"},
        {"", "{\"name\":\"x\",\"hash_key\":\"header:\"}", "invalid_value", "hash_key"},
        {"", "{\"name\":\"x\",\"servers\":[]}", "unknown_key", "servers"},
        {"a/b", "{}", "invalid_value", "name"},
        {"x", "{\"name\":\"y\"}", "invalid_value", "name"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        assert_int_equal(pool_code_add_pool_from_json(span_from_str(cases[i].body),
                                                      span_from_str(cases[i].name), &c, &error),
                         WERR_INVALID);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.field, cases[i].field);
    }
}

/* ---- guards ---- */

static void guard(struct pool_command *c, uint64_t unusable)
{
    c->has_guard = true;
    c->guard_unusable = malloc(sizeof(uint64_t));
    c->guard_unusable[0] = unusable;
    c->guard_n = unusable != 0;
}

static int try(const struct pool_state *s, enum pool_command_type type, uint64_t id,
               uint64_t unusable)
{
    struct pool_command c;
    struct pool_error error = {.code = ""};
    pool_command_init(&c, type);
    c.server_id = id;
    c.set = POOL_SET_WEIGHT;
    c.server.weight = 0;
    c.server.admin = POOL_ADMIN_DRAINING;
    guard(&c, unusable);
    int rc = pool_check(s, &c, &error);
    if (rc == WERR_GUARD) {
        assert_string_equal(error.code, "would_empty_pool");
        assert_string_equal(error.detail,
                            "1 usable servers would be left and the pool's min_active is 2; "
                            "?force=true does it all the same");
    }
    pool_command_fini(&c);
    return rc;
}

static void test_min_active(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    uint64_t a = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    uint64_t b = add_server(s, "{\"url\":\"http://1.1.1.2\"}");
    uint64_t lame = add_server(s, "{\"url\":\"http://1.1.1.3\",\"weight\":0}");
    assert_int_equal(try(s, POOL_REMOVE_SERVER, a, b), 0);
    set_pool(s, "{\"min_active\":2}");
    assert_int_equal(try(s, POOL_REMOVE_SERVER, a, 0), WERR_GUARD);
    assert_int_equal(try(s, POOL_CHANGE_SERVER, a, 0), WERR_GUARD);
    assert_int_equal(try(s, POOL_SET_SERVER_ADMIN, b, 0), WERR_GUARD);
    assert_int_equal(try(s, POOL_REMOVE_SERVER, lame, 0), 0);
    assert_int_equal(try(s, POOL_REMOVE_SERVER, a, a), 0);
    uint64_t third = add_server(s, "{\"url\":\"http://1.1.1.4\"}");
    assert_int_equal(try(s, POOL_REMOVE_SERVER, a, 0), 0);
    assert_int_equal(try(s, POOL_REMOVE_SERVER, a, third), WERR_GUARD);
    assert_int_equal(try(s, POOL_REMOVE_SERVER, third, third), 0);
    /* Without a guard, or when it leads back into the pool, nothing is judged. */
    struct pool_command c;
    struct pool_change change;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = a;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    guard(&c, third);
    uint64_t before = s->digest;
    assert_int_equal(apply_next(s, &c, &change), WERR_GUARD);
    assert_true(s->digest == before);
    pool_state_free(s);
}

static void test_if_digest(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    uint64_t id = add_server(s, "{\"url\":\"http://1.1.1.1\"}");
    struct pool_command c;
    uint64_t digest = 0;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    assert_int_equal(pool_target_digest(s, &c, &digest), 0);
    assert_true(digest == pool_default(s)->servers[0]->digest);
    c.if_digest = digest;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    change_server(s, id, "{\"weight\":9}");
    assert_refused(s, &c, WERR_STALE, "precondition_failed", "", "server");
    /* PUT of what is not there. */
    make_named(&c, pool_code_add_pool_from_json, "blue", "{}");
    c.if_digest = 1;
    assert_refused(s, &c, WERR_STALE, "precondition_failed", "", "pool");
    pool_command_init(&c, POOL_SET_LISTENER);
    c.if_digest = listener_default(s)->digest;
    assert_int_equal(pool_check(s, &c, NULL), 0);
    pool_command_fini(&c);
    pool_state_free(s);
}

/* ---- guards in an entry ---- */

static int decode_remove(const char *payload, struct pool_command *c)
{
    char entry[300] = {2, POOL_REMOVE_SERVER, 0, 0, (char)strlen(payload)};
    memcpy(entry + POOL_ENTRY_HEADER_BYTES, payload, strlen(payload));
    return pool_code_decode(span_from(entry, POOL_ENTRY_HEADER_BYTES + strlen(payload)), c);
}

static void test_guards_in_entries(void **state)
{
    static const char *const bad[] = {
        "\"guard\":[\"2\",\"1\"]",
        "\"guard\":[\"1\",\"1\"]",
        "\"guard\":[\"0\"]",
        "\"guard\":[1]",
        "\"guard\":[\"x\"]",
        "\"guard\":{}",
        "\"if\":\"0\"",
        "\"if\":1",
        "\"if\":\"\"",
        "\"if_there\":false",
        "\"if_absent\":1",
        "\"if_list\":null",
        "\"put\":true",
        "\"put\":false",
        "\"set\":{}",
        "\"listener\":\"default\"",
    };
    (void)state;
    struct pool_command c;
    char payload[200];
    const char *good = "{\"pool\":\"default\",\"id\":\"s-1\",\"if\":\"a0\",\"if_list\":true,"
                       "\"guard\":[\"1\",\"2f\"]}";
    char *bytes = NULL;
    size_t len = 0;
    assert_int_equal(decode_remove(good, &c), 0);
    assert_true(c.has_guard && c.guard_n == 2 && c.guard_unusable[1] == 0x2f);
    assert_true(c.if_digest == 0xa0 && c.if_list && !c.if_there && !c.if_absent);
    assert_int_equal(pool_code_encode(&c, &bytes, &len), 0);
    assert_int_equal(len, POOL_ENTRY_HEADER_BYTES + strlen(good));
    assert_memory_equal(bytes + POOL_ENTRY_HEADER_BYTES, good, strlen(good));
    free(bytes);
    pool_command_fini(&c);
    assert_int_equal(decode_remove("{\"pool\":\"default\",\"id\":\"s-1\",\"guard\":[]}", &c),
                     0);
    assert_true(c.has_guard && c.guard_n == 0);
    pool_command_fini(&c);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(payload, sizeof(payload), "{\"pool\":\"default\",\"id\":\"s-1\",%s}", bad[i]);
        if (decode_remove(payload, &c) != WERR_CORRUPT)
            fail_msg("%s", payload);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_put_of_server),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_min_active),
        cmocka_unit_test(test_if_digest),
        cmocka_unit_test(test_guards_in_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
