/* Conditions and actions of rules: JSON in, the same out; what is refused and where. */
#include <jansson.h>

#include "pool_fixture.h"

#include "base/fault.h"
#include "pool/rule_code.h"

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

static void assert_json(json_t *value, const char *wanted)
{
    assert_non_null(value);
    char *text = json_dumps(value, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(value);
}

static void assert_conditions(const char *text, const char *wanted)
{
    struct rule_conditions read, copy;
    struct pool_error error = {.code = ""};
    json_t *value = parse(text);
    assert_int_equal(rule_conditions_from_json(value, "conditions", &read, &error), 0);
    assert_json(rule_conditions_to_json(&read), wanted);
    assert_int_equal(rule_conditions_copy(&copy, &read), 0);
    assert_true(rule_conditions_equal(&copy, &read));
    assert_json(rule_conditions_to_json(&copy), wanted);
    rule_conditions_fini(&copy);
    rule_conditions_fini(&read);
    json_decref(value);
}

static void assert_action(const char *text, const char *wanted)
{
    struct rule_action read, copy;
    struct pool_error error = {.code = ""};
    json_t *value = parse(text);
    assert_int_equal(rule_action_from_json(value, "action", &read, &error), 0);
    assert_json(rule_action_to_json(&read), wanted);
    assert_int_equal(rule_action_copy(&copy, &read), 0);
    assert_true(rule_action_equal(&copy, &read));
    rule_action_fini(&copy);
    rule_action_fini(&read);
    json_decref(value);
}

static void test_conditions(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{}", "{}"},
        {"{\"host\":\"Shop.Example\"}", "{\"host\":\"shop.example\"}"},
        {"{\"host\":[\"*.a.b\"]}", "{\"host\":\"*.a.b\"}"},
        {"{\"path\":[\"/a\",\"/b\"],\"host\":\"x\"}",
         "{\"host\":\"x\",\"path\":[\"/a\",\"/b\"]}"},
        {"{\"path_prefix\":\"/canary\"}", "{\"path_prefix\":\"/canary\"}"},
        {"{\"host\":[\"[::1]\",\"shop.\"]}", "{\"host\":[\"[::1]\",\"shop\"]}"},
        {"{\"path\":[\"/a//b\",\"/a/../%7Eb\",\"/x%2fy\",\"/.../\"]}",
         "{\"path\":[\"/a/b\",\"/~b\",\"/x%2Fy\",\"/.../\"]}"},
        {"{\"method\":[\"GET\",\"PURGE\"]}", "{\"method\":[\"GET\",\"PURGE\"]}"},
        {"{\"header\":{\"value\":\"1\",\"name\":\"X-A\"}}",
         "{\"header\":{\"name\":\"x-a\",\"value\":\"1\"}}"},
        {"{\"header\":[{\"name\":\"a\",\"value_prefix\":\"b\"},{\"name\":\"c\",\"present\":"
         "true}]}",
         "{\"header\":[{\"name\":\"a\",\"value_prefix\":\"b\"},{\"name\":\"c\",\"present\":"
         "true}]}"},
        {"{\"query\":{\"key\":\"v\",\"value\":\"\"}}",
         "{\"query\":{\"key\":\"v\",\"value\":\"\"}}"},
        {"{\"source\":[\"10.0.0.0/8\",\"::1\"]}", "{\"source\":[\"10.0.0.0/8\",\"::1/128\"]}"},
        {"{\"any\":[{\"path\":\"/a\"},{\"all\":[{\"host\":\"h\"},{\"any\":[{}]}]}]}",
         "{\"any\":[{\"path\":\"/a\"},{\"all\":[{\"host\":\"h\"},{\"any\":[{}]}]}]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_conditions(rows[i][0], rows[i][1]);
}

static void test_actions(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"forward\":[{\"pool\":\"green\"}]}",
         "{\"forward\":[{\"pool\":\"green\",\"weight\":1}]}"},
        {"{\"forward\":[{\"pool\":\"a\",\"weight\":0},{\"weight\":1000,\"pool\":\"b\"}]}",
         "{\"forward\":[{\"pool\":\"a\",\"weight\":0},{\"pool\":\"b\",\"weight\":1000}]}"},
        {"{\"redirect\":{\"scheme\":\"https\"}}",
         "{\"redirect\":{\"status\":302,\"scheme\":\"https\"}}"},
        {"{\"redirect\":{\"status\":308,\"host\":\"www.{host}\",\"port\":\"8443\","
         "\"path\":\"/new/{path}\",\"query\":\"\"}}",
         "{\"redirect\":{\"status\":308,\"host\":\"www.{host}\",\"port\":\"8443\","
         "\"path\":\"/new/{path}\",\"query\":\"\"}}"},
        {"{\"fixed\":{\"status\":503,\"type\":\"text/html\",\"body\":\"<p>back soon\\n\"}}",
         "{\"fixed\":{\"status\":503,\"type\":\"text/html\",\"body\":\"<p>back soon\\n\"}}"},
        {"{\"fixed\":{\"status\":204}}", "{\"fixed\":{\"status\":204}}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_action(rows[i][0], rows[i][1]);
}

static void assert_conditions_refused(const char *text, const char *code, const char *field)
{
    struct rule_conditions read;
    struct pool_error error = {.code = ""};
    json_t *value = parse(text);
    assert_int_equal(rule_conditions_from_json(value, "conditions", &read, &error),
                     WERR_INVALID);
    assert_string_equal(error.code, code);
    assert_string_equal(error.field, field);
    assert_true(strlen(error.detail) > 5);
    json_decref(value);
}

static void test_refused_conditions(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"[]", "invalid_value", "conditions"},
        {"{\"hosts\":\"a\"}", "unknown_key", "conditions.hosts"},
        {"{\"host\":\"\"}", "invalid_value", "conditions.host"},
        {"{\"host\":[\"a\",\"b c\"]}", "invalid_value", "conditions.host[1]"},
        {"{\"host\":\"*.\"}", "invalid_value", "conditions.host"},
        {"{\"host\":\"a.*.b\"}", "invalid_value", "conditions.host"},
        {"{\"host\":\"shop..\"}", "invalid_value", "conditions.host"},
        {"{\"host\":\"shop..example\"}", "invalid_value", "conditions.host"},
        {"{\"host\":\"*..\"}", "invalid_value", "conditions.host"},
        {"{\"host\":[]}", "invalid_value", "conditions.host"},
        {"{\"path\":\"a\"}", "invalid_value", "conditions.path"},
        {"{\"path\":\"/a?b\"}", "invalid_value", "conditions.path"},
        {"{\"path_prefix\":7}", "invalid_value", "conditions.path_prefix"},
        {"{\"method\":\"G T\"}", "invalid_value", "conditions.method"},
        {"{\"header\":[{\"name\":\"a\",\"value\":\"\"},{\"value\":\"1\"}]}", "missing_field",
         "conditions.header[1].name"},
        {"{\"query\":{\"value\":\"1\"}}", "missing_field", "conditions.query.key"},
        {"{\"header\":{\"name\":\"a\",\"value\":\" x\"}}", "invalid_value",
         "conditions.header.value"},
        {"{\"method\":\"get\"}", "invalid_value", "conditions.method"},
        {"{\"host\":\"shop.example:80\"}", "invalid_value", "conditions.host"},
        {"{\"host\":\"[::1]:80\"}", "invalid_value", "conditions.host"},
        {"{\"header\":{\"name\":\"a\"}}", "invalid_value", "conditions.header"},
        {"{\"header\":{\"name\":\"a:\",\"value\":\"1\"}}", "invalid_value",
         "conditions.header.name"},
        {"{\"header\":{\"name\":\"a\",\"value\":\"1\",\"present\":true}}", "invalid_value",
         "conditions.header.present"},
        {"{\"header\":{\"name\":\"a\",\"present\":false}}", "invalid_value",
         "conditions.header.present"},
        {"{\"any\":[{\"header\":[{\"name\":\"a\",\"value\":\"1\"},{\"nome\":\"b\"}]}]}",
         "unknown_key", "conditions.any[0].header[1].nome"},
        {"{\"query\":{\"name\":\"a\"}}", "unknown_key", "conditions.query.name"},
        {"{\"source\":\"10.1.2.3/8\"}", "invalid_value", "conditions.source"},
        {"{\"all\":{}}", "invalid_value", "conditions.all"},
        {"{\"all\":[{\"all\":[{\"all\":[{\"all\":[{}]}]}]}]}", "invalid_value",
         "conditions.all[0].all[0].all[0].all[0]"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_conditions_refused(rows[i][0], rows[i][1], rows[i][2]);
}

static void test_bound_of_conditions(void **state)
{
    (void)state;
    struct rule_conditions read;
    struct pool_error error = {.code = ""};
    json_t *object = json_object(), *hosts = json_array();
    for (unsigned i = 0; i < RULE_CONDITIONS_MAX; i++)
        json_array_append_new(hosts, json_sprintf("h%u", i));
    json_object_set_new(object, "host", hosts);
    assert_int_equal(rule_conditions_from_json(object, "conditions", &read, &error), 0);
    rule_conditions_fini(&read);
    json_object_set_new(object, "path", json_string("/"));
    assert_int_equal(rule_conditions_from_json(object, "conditions", &read, &error),
                     WERR_INVALID);
    json_decref(object);
}

static void assert_action_refused(const char *text, const char *code, const char *field)
{
    struct rule_action read;
    struct pool_error error = {.code = ""};
    json_t *value = parse(text);
    assert_int_equal(rule_action_from_json(value, "action", &read, &error), WERR_INVALID);
    assert_string_equal(error.code, code);
    assert_string_equal(error.field, field);
    json_decref(value);
}

static void test_refused_actions(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"[]", "invalid_value", "action"},
        {"{}", "invalid_value", "action"},
        {"{\"drop\":{}}", "unknown_key", "action.drop"},
        {"{\"forward\":[]}", "invalid_value", "action.forward"},
        {"{\"forward\":[{\"weight\":1}]}", "invalid_value", "action.forward[0]"},
        {"{\"forward\":[{\"pool\":\"a b\"}]}", "invalid_value", "action.forward[0].pool"},
        {"{\"forward\":[{\"pool\":\"a\"},{\"pool\":\"a\"}]}", "invalid_value",
         "action.forward"},
        {"{\"forward\":[{\"pool\":\"a\",\"weight\":0}]}", "invalid_value", "action.forward"},
        {"{\"forward\":[{\"pool\":\"a\",\"weight\":1001}]}", "invalid_value",
         "action.forward[0].weight"},
        {"{\"forward\":[{\"pool\":\"a\",\"wight\":1}]}", "unknown_key",
         "action.forward[0].wight"},
        {"{\"redirect\":{}}", "invalid_value", "action.redirect"},
        {"{\"redirect\":{\"status\":303,\"path\":\"/\"}}", "invalid_value",
         "action.redirect.status"},
        {"{\"redirect\":{\"scheme\":\"ftp\"}}", "invalid_value", "action.redirect.scheme"},
        {"{\"redirect\":{\"host\":\"a/b\"}}", "invalid_value", "action.redirect.host"},
        {"{\"redirect\":{\"host\":\"{query}\"}}", "invalid_value", "action.redirect.host"},
        {"{\"redirect\":{\"host\":\"h:80\"}}", "invalid_value", "action.redirect.host"},
        {"{\"redirect\":{\"port\":\"0\"}}", "invalid_value", "action.redirect.port"},
        {"{\"redirect\":{\"port\":\"65536\"}}", "invalid_value", "action.redirect.port"},
        {"{\"redirect\":{\"path\":\"x\"}}", "invalid_value", "action.redirect.path"},
        {"{\"redirect\":{\"path\":\"/{nothing}\"}}", "invalid_value", "action.redirect.path"},
        {"{\"redirect\":{\"path\":\"/a b\"}}", "invalid_value", "action.redirect.path"},
        {"{\"redirect\":{\"path\":\"/a\\r\\nb\"}}", "invalid_value", "action.redirect.path"},
        {"{\"fixed\":{}}", "invalid_value", "action.fixed"},
        {"{\"fixed\":{\"status\":199}}", "invalid_value", "action.fixed.status"},
        {"{\"fixed\":{\"status\":204,\"body\":\"x\"}}", "invalid_value", "action.fixed"},
        {"{\"fixed\":{\"status\":200,\"type\":\"a\\nb\"}}", "invalid_value",
         "action.fixed.type"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_action_refused(rows[i][0], rows[i][1], rows[i][2]);
}

static bool read_and_copy(json_t *conditions, json_t *action)
{
    struct rule rule, copy;
    bool is_done = false;

    rule_init(&rule);
    if (rule_conditions_from_json(conditions, "conditions", &rule.conditions, NULL) == 0 &&
        rule_action_from_json(action, "action", &rule.action, NULL) == 0 &&
        rule_copy(&copy, &rule) == 0) {
        is_done = true;
        rule_fini(&copy);
    }
    rule_fini(&rule);
    return is_done;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    json_t *conditions =
        parse("{\"host\":[\"a\",\"b\"],\"path\":\"/x\",\"header\":{\"name\":\"n\","
              "\"value\":\"v\"},\"query\":{\"key\":\"k\",\"value\":\"\"},"
              "\"source\":\"::1\",\"any\":[{\"all\":[{\"method\":\"GET\"}]}]}");
    json_t *action = parse("{\"redirect\":{\"scheme\":\"https\",\"host\":\"h\",\"port\":\"1\","
                           "\"path\":\"/\",\"query\":\"\"}}");
    unsigned failed = 0;
    for (unsigned n = 1;; n++) {
        fault_set(n);
        bool is_done = read_and_copy(conditions, action);
        if (fault_is_armed()) {
            assert_true(is_done);
            break;
        }
        assert_false(is_done);
        failed++;
    }
    fault_set(0);
    assert_true(failed > 20);
    json_decref(conditions);
    json_decref(action);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),         cmocka_unit_test(test_actions),
        cmocka_unit_test(test_refused_conditions), cmocka_unit_test(test_bound_of_conditions),
        cmocka_unit_test(test_refused_actions),    cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
