/* Rules as objects of a listener; what they mean is tested in test_rule_code.c and in route/.
 */
#include "pool_fixture.h"

#define FIXED "\"action\":{\"fixed\":{\"status\":404}}"

static void test_order_and_look_ups(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct pool_state *s = pool_state_new();
    const struct listener *l = listener_default(s);
    struct listener *owner = NULL;
    uint64_t ids[N];
    for (unsigned i = 0; i < N; i++) {
        char json[100];
        snprintf(json, sizeof(json), "{\"priority\":%u," FIXED "}", (i * 7919) % N + 1);
        ids[i] = add_rule(s, "default", json);
    }
    for (uint32_t i = 0; i < l->rule_n; i++)
        assert_int_equal(l->rules[i]->priority, i + 1);
    for (unsigned i = 0; i < N; i++) {
        const struct rule *rule = listener_find_any_rule(s, ids[i], &owner);
        assert_ptr_equal(owner, l);
        assert_ptr_equal(listener_find_rule(s, l, ids[i]), rule);
        assert_ptr_equal(listener_find_priority(l, (i * 7919) % N + 1), rule);
    }
    assert_null(listener_find_priority(l, 0));
    assert_null(listener_find_priority(l, N + 1));
    assert_null(listener_find_any_rule(s, 0, NULL));
    pool_state_free(s);
}

static void test_set_and_remove(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    const struct listener *l = listener_default(s);
    struct pool_command c;
    struct pool_change change;
    uint64_t empty = s->digest;
    uint64_t id = add_rule(s, "default",
                           "{\"priority\":10,\"name\":\"n\",\"conditions\":{\"path_prefix\":"
                           "\"/canary\",\"host\":\"*.shop.example\"}," FIXED "}");
    uint64_t other = add_rule(s, "default", "{\"priority\":20," FIXED "}");
    const struct rule *old = l->rules[0];
    make_wish(&c, pool_code_set_rule_from_json, "{\"priority\":30,\"name\":null}");
    c.rule_id = id;
    assert_int_equal(pool_apply(s, &c, s->index + 1, &change), 0);
    assert_true(pool_change_is(&change, KIND_RULE, POOL_CHANGE_CHANGED) && change.id == id);
    assert_ptr_equal(change.listener, l);
    assert_ptr_equal(change.removed_rule, old);
    assert_int_equal(old->priority, 10);
    pool_change_fini(&change);
    pool_command_fini(&c);
    assert_true(l->rules[0]->id == other && l->rules[1]->id == id);
    assert_null(l->rules[1]->name);
    assert_int_equal(l->rules[1]->conditions.hosts.n, 1);
    assert_ptr_equal(listener_find_any_rule(s, id, NULL), l->rules[1]);
    char *json = pool_code_rule_json(l->rules[1]);
    assert_non_null(strstr(json, "{\"priority\":30,\"name\":null,\"conditions\":{"));
    free(json);
    make_wish(&c, pool_code_set_rule_from_json, "{\"priority\":30," FIXED "}");
    c.rule_id = id;
    assert_int_equal(apply_next(s, &c, &change), 0);
    assert_int_equal(change.type, POOL_CHANGE_NONE);
    for (unsigned i = 0; i < 2; i++) {
        pool_command_init(&c, POOL_REMOVE_RULE);
        c.rule_id = i == 0 ? id : other;
        assert_int_equal(apply_next(s, &c, &change), 0);
        assert_true(pool_change_is(&change, KIND_RULE, POOL_CHANGE_REMOVED));
    }
    assert_true(s->digest == empty && l->rule_n == 0);
    pool_state_free(s);
}

/* PUT means the rule with this priority, and keeps its id. */
static void test_put(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct pool_command c;
    uint64_t ids[2];
    for (unsigned i = 0; i < 2; i++) {
        make_wish(&c, pool_code_add_rule_from_json,
                  i == 0 ? "{\"priority\":5,\"name\":\"a\"," FIXED "}"
                         : "{\"priority\":5,\"action\":{\"redirect\":{\"status\":301,\"host\":"
                           "\"x.example\"}}}");
        c.is_put = true;
        ids[i] = apply_good(s, &c);
    }
    const struct listener *l = listener_default(s);
    assert_true(ids[0] == ids[1] && l->rule_n == 1);
    assert_null(l->rules[0]->name);
    assert_int_equal(l->rules[0]->action.type, RULE_REDIRECT);
    assert_true(s->digest == pool_state_digest_recompute(s));
    pool_state_free(s);
}

static int try(const struct pool_state *s, struct pool_command *c, const char *code,
               const char *field)
{
    struct pool_error error = {.code = ""};
    int rc = pool_check(s, c, &error);
    assert_string_equal(error.code, code);
    assert_string_equal(error.field, field);
    pool_command_fini(c);
    return rc;
}

static void test_refusals(void **state)
{
    (void)state;
    struct pool_state *s = pool_state_new();
    struct listener *l = listener_default(s);
    struct pool_command c;
    uint64_t id = add_rule(s, "default", "{\"priority\":5," FIXED "}");
    add_rule(s, "default", "{\"priority\":6," FIXED "}");
    make_wish(&c, pool_code_add_rule_from_json, "{\"priority\":5," FIXED "}");
    assert_int_equal(try(s, &c, "exists", "priority"), WERR_EXISTS);
    make_wish(&c, pool_code_set_rule_from_json, "{\"priority\":6}");
    c.rule_id = id;
    assert_int_equal(try(s, &c, "exists", "priority"), WERR_EXISTS);
    make_wish(&c, pool_code_set_rule_from_json, "{\"priority\":7}");
    assert_int_equal(try(s, &c, "not_found", ""), WERR_NOT_FOUND);
    make_wish(&c, pool_code_add_rule_from_json, "{\"priority\":7," FIXED "}");
    set_text(c.listener, "two");
    assert_int_equal(try(s, &c, "not_found", "listener"), WERR_NOT_FOUND);
    make_wish(&c, pool_code_add_rule_from_json,
              "{\"priority\":7,\"action\":{\"forward\":[{\"pool\":\"x\"}]}}");
    assert_int_equal(try(s, &c, "invalid_value", "action.forward[0].pool"), WERR_NO_TARGET);
    make_wish(&c, pool_code_set_rule_from_json,
              "{\"action\":{\"forward\":[{\"pool\":\"default\"},{\"pool\":\"x\"}]}}");
    c.rule_id = id;
    assert_int_equal(try(s, &c, "invalid_value", "action.forward[1].pool"), WERR_NO_TARGET);
    pool_command_init(&c, POOL_ADD_RULE);
    assert_int_equal(try(s, &c, "invalid_value", "priority"), WERR_INVALID);
    pool_command_init(&c, POOL_ADD_RULE);
    c.rule.priority = 7;
    assert_int_equal(try(s, &c, "missing_field", "action"), WERR_INVALID);
    make_wish(&c, pool_code_add_rule_from_json, "{\"priority\":7," FIXED "}");
    uint32_t rule_n = l->rule_n;
    for (; l->rule_n < LISTENER_RULES_MAX;) {
        char json[100];
        snprintf(json, sizeof(json), "{\"priority\":%u," FIXED "}", l->rule_n + 100);
        add_rule(s, "default", json);
    }
    assert_true(rule_n < l->rule_n);
    assert_int_equal(try(s, &c, "too_many", ""), WERR_TOO_BIG);
    pool_state_free(s);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *body, *code, *field;
    } cases[] = {
        {"{" FIXED "}", "missing_field", "priority"},
        {"{\"priority\":1}", "missing_field", "action"},
        {"{\"priority\":0," FIXED "}", "invalid_value", "priority"},
        {"{\"priority\":1,\"name\":\"\"," FIXED "}", "invalid_value", "name"},
        {"{\"priority\":1,\"id\":\"r-1\"," FIXED "}", "unknown_key", "id"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pool_command c;
        struct pool_error error = {.code = ""};
        assert_int_equal(pool_code_add_rule_from_json(span_from_str(cases[i].body), &c, &error),
                         WERR_INVALID);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.field, cases[i].field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_look_ups),
        cmocka_unit_test(test_set_and_remove),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bad_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
