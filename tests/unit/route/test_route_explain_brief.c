/* What a response says of the way that its request took. */
#include "route_fixture.h"

#define TO_BLUE "{\"forward\":[{\"pool\":\"blue\"}]}"
#define TO_TWO \
    "{\"forward\":[{\"pool\":\"blue\",\"weight\":9},{\"pool\":\"green\",\"weight\":1}]}"

enum { RULES_N = 12 };

static void assert_brief(struct rule **rules, uint32_t n, const char *path, const char *wanted)
{
    struct rule_action other;
    struct route_request r = make_request("h.example", path, "");
    char text[1024];
    struct route_table *t;
    struct strb b;
    assert_int_equal(rule_action_init_forward(&other, SPAN("default")), 0);
    t = route_table_new(rules, n, &other, 0, NULL);
    assert_non_null(t);
    strb_init(&b, text, sizeof(text));
    route_explain_brief(t, &r, &b);
    assert_string_equal(text, wanted);
    route_table_free(t);
    rule_action_fini(&other);
}

static void test_rules_and_actions(void **state)
{
    (void)state;
    struct rule *rules[] = {
        make_rule(1, "{\"host\":\"x\"}", TO_BLUE),
        make_rule(2, "{\"path_prefix\":\"/a\"}", TO_TWO),
        make_rule(3, "{\"path_prefix\":\"/b\"}", "{\"fixed\":{\"status\":403}}"),
    };
    assert_brief(rules, 0, "/", "rule=default, action=forward");
    assert_brief(rules, 3, "/a",
                 "rule=2;id=\"r-3ea\", passed-over=(1;fails=host), action=forward, "
                 "pools=(\"blue\";weight=9 \"green\";weight=1)");
    assert_brief(rules, 3, "/b",
                 "rule=3;id=\"r-3eb\", passed-over=(1;fails=host 2;fails=path_prefix), "
                 "action=fixed");
    assert_brief(
        rules, 3, "/",
        "rule=default, passed-over=(1;fails=host 2;fails=path_prefix 3;fails=path_prefix), "
        "action=forward");
    for (unsigned i = 0; i < 3; i++)
        rule_free(rules[i]);
}

/* However many rules there are, it stays short: the last ones before the one that fits. */
static void test_many_rules(void **state)
{
    (void)state;
    struct rule *rules[RULES_N];
    for (unsigned i = 0; i < RULES_N; i++)
        rules[i] = make_rule(i + 1, "{\"host\":\"x\"}", TO_BLUE);
    assert_brief(rules, RULES_N, "/",
                 "rule=default, passed-over=(5;fails=host 6;fails=host 7;fails=host "
                 "8;fails=host 9;fails=host 10;fails=host 11;fails=host 12;fails=host), "
                 "action=forward");
    for (unsigned i = 0; i < RULES_N; i++)
        rule_free(rules[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_and_actions),
        cmocka_unit_test(test_many_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
