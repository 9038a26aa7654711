/* What is compared of a request, which rule wins, and how weights are shared out. */
#include "route_fixture.h"

#define TO_BLUE "{\"forward\":[{\"pool\":\"blue\"}]}"

static void assert_normal(const char *path, const char *wanted)
{
    char buf[256];
    struct span got = rule_path_normal(span_from_str(path), buf);
    if (!span_is_equal(got, span_from_str(wanted)))
        fail_msg("%s: %.*s, not %s", path, (int)got.len, got.ptr, wanted);
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"//", "/"},
        {"/a//b", "/a/b"},
        {"/a/./b", "/a/b"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a/"},
        {"/a/b/.", "/a/b/"},
        {"/..", "/"},
        {"/../../a", "/a"},
        {"/a/..//../b/", "/b/"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
        {"/%61dmin", "/admin"},
        {"/x/%2e%2E/admin", "/admin"},
        {"/x/%2e./admin", "/admin"},
        {"/a%2fb", "/a%2Fb"},
        {"/a%2", "/a%2"},
        {"/a%", "/a%"},
        {"/a%zz", "/a%zz"},
        {"/a%%63e", "/a%%63e"}, /* no %ce, which nobody wrote */
        {"/a%6%33", "/a%6%33"},
        {"/a%%36%33", "/a%%363"},
        {"/a%%67", "/a%g"},
        {"/a%/%63", "/a%/c"},
        {"/a%00b", "/a%00b"},
        {"*", "*"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_normal(rows[i][0], rows[i][1]);
}

/* Of all short texts of what matters: what was made normal is normal. */
static void test_paths_are_normal_at_once(void **state)
{
    (void)state;
    static const char letters[] = "%36ce/.";
    enum { LETTERS = sizeof(letters) - 1, LENGTH = 7 };
    char path[LENGTH + 2] = "/";
    for (unsigned length = 1; length <= LENGTH; length++) {
        unsigned combinations = 1;
        for (unsigned i = 0; i < length; i++)
            combinations *= LETTERS;
        for (unsigned n = 0; n < combinations; n++) {
            char once[LENGTH + 2], twice[LENGTH + 2];
            unsigned rest = n;
            for (unsigned i = 1; i <= length; i++, rest /= LETTERS)
                path[i] = letters[rest % LETTERS];
            struct span first = rule_path_normal(span_from(path, length + 1), once);
            struct span second = rule_path_normal(first, twice);
            if (!span_is_equal(first, second))
                fail_msg("%s: %.*s, then %.*s", path, (int)first.len, first.ptr,
                         (int)second.len, second.ptr);
        }
    }
}

static bool takes(const char *conditions, const struct route_request *r)
{
    struct rule *rule = make_rule(1, conditions, TO_BLUE);
    struct rule_action other;
    assert_int_equal(rule_action_init_forward(&other, SPAN("default")), 0);
    struct route_table *t = route_table_new(&rule, 1, &other, 0, NULL);
    assert_non_null(t);
    struct route_hit hit = route_match(t, r);
    bool result = hit.rule != NULL;
    assert_true(rule_action_equal(hit.action, result ? &rule->action : &other));
    route_table_free(t);
    rule_action_fini(&other);
    rule_free(rule);
    return result;
}

static void assert_takes(const char *conditions, const char *host, const char *path,
                         const char *query, bool wanted)
{
    struct route_request r = make_request(host, path, query);
    if (takes(conditions, &r) != wanted)
        fail_msg("%s: %s %s ?%s: not %d", conditions, host, path, query, wanted);
}

static const struct condition_case {
    const char *conditions, *host, *path, *query;
    bool wanted;
} condition_cases[] = {
    {"{}", "", "/", "", true},
    {"{\"host\":\"shop.example\"}", "SHOP.example:8080", "/", "", true},
    {"{\"host\":\"shop.example\"}", "shop.example.", "/", "", true},
    {"{\"host\":\"shop.example\"}", "a.shop.example", "/", "", false},
    {"{\"host\":\"shop.example\"}", "", "/", "", false},
    {"{\"host\":\"*.shop.example\"}", "a.b.shop.example", "/", "", true},
    {"{\"host\":\"*.shop.example\"}", "shop.example", "/", "", false},
    {"{\"host\":\"*.shop.example\"}", "ashop.example", "/", "", false},
    {"{\"host\":\"[::1]\"}", "[::1]:80", "/", "", true},
    {"{\"host\":\"[::1]\"}", "[::1]", "/", "", true},
    {"{\"path\":\"/a\"}", "h", "/a", "", true},
    {"{\"path\":\"/a\"}", "h", "/a/", "", false},
    {"{\"path\":\"/a\"}", "h", "/b/../a", "", true},
    {"{\"path\":\"/b/..//%61\"}", "h", "/a", "", true},
    {"{\"path_prefix\":\"/a\"}", "h", "/a", "", true},
    {"{\"path_prefix\":\"/a\"}", "h", "/a/b", "", true},
    {"{\"path_prefix\":\"/a\"}", "h", "/ab", "", false},
    {"{\"path_prefix\":\"/a\"}", "h", "/%61//b", "", true},
    {"{\"path_prefix\":\"/a\"}", "h", "/a/../b", "", false},
    {"{\"path_prefix\":\"/a/\"}", "h", "/a", "", false},
    {"{\"path_prefix\":\"/a/\"}", "h", "/a/", "", true},
    {"{\"path_prefix\":\"/\"}", "h", "/x", "", true},
    {"{\"path_prefix\":\"/\"}", "h", "*", "", false},
    {"{\"path\":\"/a\",\"path_prefix\":\"/b\"}", "h", "/a", "", false},
    {"{\"path_prefix\":[\"/x\",\"/long/er\"]}", "h", "/long/er/y", "", true},
    {"{\"method\":[\"PUT\",\"GET\"]}", "h", "/", "", true},
    {"{\"method\":\"PUT\"}", "h", "/", "", false},
    {"{\"query\":{\"key\":\"a\",\"value\":\"1 2\"}}", "h", "/", "x=y&a=1%202", true},
    {"{\"query\":{\"key\":\"a\",\"value\":\"1 2\"}}", "h", "/", "a=1+2", true},
    {"{\"query\":{\"key\":\"a\",\"value\":\"1\"}}", "h", "/", "a=12&b=1&aa=1", false},
    {"{\"query\":{\"key\":\"a\",\"value\":\"\"}}", "h", "/", "b&a", true},
    {"{\"query\":{\"key\":\"a\",\"present\":true}}", "h", "/", "%61=%", true},
    {"{\"query\":{\"key\":\"a\",\"present\":true}}", "h", "/", "", false},
    {"{\"any\":[{\"host\":\"x\"},{\"path\":\"/y\"}]}", "h", "/y", "", true},
    {"{\"any\":[{\"host\":\"x\"},{\"path\":\"/y\"}]}", "h", "/z", "", false},
    {"{\"all\":[{\"host\":\"h\"},{\"any\":[{\"path\":\"/y\"}]}]}", "h", "/y", "", true},
    {"{\"all\":[{\"host\":\"h\"},{\"any\":[{\"path\":\"/y\"}]}]}", "i", "/y", "", false},
};

static void test_conditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(condition_cases) / sizeof(condition_cases[0]); i++)
        assert_takes(condition_cases[i].conditions, condition_cases[i].host,
                     condition_cases[i].path, condition_cases[i].query,
                     condition_cases[i].wanted);
}

/* A head with these field lines ("Name: value\n"), in buf. */
static struct msg make_head(const char *lines, struct msg_field *fields)
{
    struct msg m = {.base = lines, .fields = fields};
    for (const char *at = lines; *at != '\0';) {
        const char *colon = strchr(at, ':'), *end = strchr(at, '\n');
        fields[m.field_n++] = (struct msg_field){.name_off = (uint32_t)(at - lines),
                                                 .name_len = (uint16_t)(colon - at),
                                                 .value_off = (uint32_t)(colon + 2 - lines),
                                                 .value_len = (uint32_t)(end - colon - 2)};
        at = end + 1;
    }
    return m;
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *conditions;
        bool wanted;
    } rows[] = {
        {"{\"header\":{\"name\":\"X-Beta\",\"value\":\"on\"}}", true},
        {"{\"header\":{\"name\":\"x-beta\",\"value\":\"two\"}}", true},
        {"{\"header\":{\"name\":\"x-beta\",\"value\":\"o\"}}", false},
        {"{\"header\":{\"name\":\"x-beta\",\"value_prefix\":\"o\"}}", true},
        {"{\"header\":{\"name\":\"x-beta\",\"present\":true}}", true},
        {"{\"header\":{\"name\":\"x-bet\",\"present\":true}}", false},
        {"{\"header\":[{\"name\":\"no\",\"present\":true},{\"name\":\"a\",\"value\":\"\"}]}",
         true},
    };
    struct msg_field fields[8];
    struct msg head = make_head("x-BETA: on\nA: \nX-Beta: two\n", fields);
    struct route_request r = make_request("h", "/", "");
    r.head = &head;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(takes(rows[i].conditions, &r), rows[i].wanted);
    r.head = NULL;
    assert_false(takes(rows[0].conditions, &r));
}

static void test_source(void **state)
{
    (void)state;
    struct addr source;
    struct route_request r = make_request("h", "/", "");
    const char *conditions = "{\"source\":[\"10.0.0.0/8\",\"::1\"]}";
    assert_false(takes(conditions, &r));
    assert_int_equal(addr_from_text(SPAN("10.1.2.3:99"), &source), 0);
    r.source = &source;
    assert_true(takes(conditions, &r));
    assert_int_equal(addr_from_text(SPAN("11.1.2.3:99"), &source), 0);
    assert_false(takes(conditions, &r));
}

static void test_first_by_priority(void **state)
{
    (void)state;
    struct rule *rules[] = {
        make_rule(1, "{\"path\":\"/never\"}", TO_BLUE),
        make_rule(2, "{\"host\":\"*.example\",\"path_prefix\":\"/a\"}", TO_BLUE),
        make_rule(3, "{\"host\":\"shop.example\"}", TO_BLUE),
        make_rule(4, "{}", TO_BLUE),
    };
    struct route_table *t = route_table_new(rules, 4, &rules[0]->action, 0, NULL);
    struct route_request r = make_request("shop.example", "/a/b", "");
    assert_int_equal(route_match(t, &r).rule->id, rules[1]->id);
    r.path = SPAN("/b");
    assert_int_equal(route_match(t, &r).rule->id, rules[2]->id);
    r.host = SPAN("other");
    assert_int_equal(route_match(t, &r).rule->id, rules[3]->id);
    r.path = SPAN("/never");
    assert_int_equal(route_match(t, &r).rule->id, rules[0]->id);
    route_table_free(t);
    for (unsigned i = 0; i < 4; i++)
        rule_free(rules[i]);
}

#define SPLIT                                                                      \
    "{\"forward\":[{\"pool\":\"a\",\"weight\":90},{\"pool\":\"b\",\"weight\":10}," \
    "{\"pool\":\"c\",\"weight\":0}]}"

static void test_weights(void **state)
{
    (void)state;
    struct rule *rule = make_rule(1, "{}", SPLIT);
    struct route_table *t = route_table_new(&rule, 1, &rule->action, 0, NULL);
    struct route_request r = make_request("h", "/", "");
    struct route_hit hit = route_match(t, &r);
    unsigned counts[3] = {0};
    unsigned since_b = 0, longest = 0;
    for (unsigned i = 0; i < 10000; i++) {
        const struct rule_target *next = route_peek(t, &hit);
        const struct rule_target *target = route_pick(t, &hit);
        assert_ptr_equal(next, target);
        counts[target - hit.action->targets]++;
        since_b = target->pool[0] == 'b' ? 0 : since_b + 1;
        longest = since_b > longest ? since_b : longest;
    }
    assert_int_equal(counts[0], 9000);
    assert_int_equal(counts[1], 1000);
    assert_int_equal(counts[2], 0);
    assert_true(longest < 20);
    route_table_free(t);
    rule_free(rule);
}

/* Ten picks, of which the table is made anew behind the fifth. */
static unsigned count_b_over_rebuild(struct rule *first, struct rule *second)
{
    struct route_table *t = route_table_new(&first, 1, &first->action, 0, NULL);
    struct route_request r = make_request("h", "/", "");
    struct route_hit hit = route_match(t, &r);
    unsigned count = 0;
    for (unsigned i = 0; i < 5; i++)
        count += route_pick(t, &hit)->pool[0] == 'b';
    struct route_table *after = route_table_new(&second, 1, &second->action, 0, t);
    route_table_free(t);
    hit = route_match(after, &r);
    for (unsigned i = 0; i < 5; i++)
        count += route_pick(after, &hit)->pool[0] == 'b';
    route_table_free(after);
    return count;
}

/* Of many workers that each pick once, a tenth picks b. */
static void test_workers_begin_apart(void **state)
{
    (void)state;
    struct rule *rule = make_rule(1, "{}", SPLIT);
    struct route_request r = make_request("h", "/", "");
    unsigned count = 0;
    for (unsigned worker = 0; worker < 100; worker++) {
        struct route_table *t = route_table_new(&rule, 1, &rule->action, worker, NULL);
        struct route_hit hit = route_match(t, &r);
        count += route_pick(t, &hit)->pool[0] == 'b';
        route_table_free(t);
    }
    assert_in_range(count, 8, 12);
    rule_free(rule);
}

static void test_turns_carry_over(void **state)
{
    (void)state;
    struct rule *one = make_rule(1, "{}", SPLIT), *same = make_rule(1, "{}", SPLIT);
    struct rule *moved = make_rule(
        1, "{}", "{\"forward\":[{\"pool\":\"a\",\"weight\":0},{\"pool\":\"b\",\"weight\":1}]}");
    assert_int_equal(count_b_over_rebuild(one, same), 1);
    assert_true(count_b_over_rebuild(one, moved) >= 5);
    rule_free(one);
    rule_free(same);
    rule_free(moved);
}

/* The rule is the same, whatever stands before and behind it. */
static void test_turns_follow_a_rule(void **state)
{
    (void)state;
    struct rule *rules[] = {make_rule(10, "{}", SPLIT), make_rule(20, "{}", SPLIT)};
    struct rule *moved[] = {make_rule(5, "{}", SPLIT), make_rule(30, "{}", SPLIT)};
    struct route_request r = make_request("h", "/", "");
    struct route_table *t = route_table_new(rules, 2, &rules[0]->action, 0, NULL);
    struct route_table *after;
    struct route_hit hit = route_match(t, &r);
    unsigned count = 0;
    assert_int_equal(hit.rule->id, 1010);
    for (unsigned i = 0; i < 5; i++)
        count += route_pick(t, &hit)->pool[0] == 'b';
    moved[0]->id = 1020;
    moved[1]->id = 1010; /* the first is the last now … */
    after = route_table_new(moved, 2, &rules[0]->action, 0, t);
    route_table_free(t);
    t = route_table_new(&moved[1], 1, &rules[0]->action, 0, after); /* … and then alone */
    route_table_free(after);
    hit = route_match(t, &r);
    assert_int_equal(hit.rule->id, 1010);
    for (unsigned i = 0; i < 5; i++)
        count += route_pick(t, &hit)->pool[0] == 'b';
    assert_int_equal(count, 1);
    route_table_free(t);
    for (unsigned i = 0; i < 2; i++) {
        rule_free(rules[i]);
        rule_free(moved[i]);
    }
}

static void test_explain(void **state)
{
    (void)state;
    struct rule *rules[] = {make_rule(1, "{\"host\":\"x\"}", TO_BLUE),
                            make_rule(2, "{\"path_prefix\":\"/a\"}", TO_BLUE)};
    struct route_table *t = route_table_new(rules, 2, &rules[0]->action, 0, NULL);
    struct route_request r = make_request("H.example:80", "/a/./\x80", "");
    struct jtext out;
    jtext_init_compact(&out);
    jtext_open(&out, NULL, '{');
    route_explain(t, &r, &out);
    jtext_close(&out, '}');
    char *text = jtext_take(&out);
    assert_string_equal(
        text, "{\"host\":\"h.example\",\"path\":\"/a/%80\",\"rule\":{\"id\":\"r-3ea\","
              "\"priority\":2},\"passed_over\":[{\"id\":\"r-3e9\",\"priority\":1,"
              "\"does_not_hold\":\"host\"}],\"action\":\"forward\",\"pools\":["
              "{\"pool\":\"blue\",\"weight\":1}]}");
    free(text);
    route_table_free(t);
    rule_free(rules[0]);
    rule_free(rules[1]);
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    struct rule *rules[] = {
        make_rule(1, "{\"host\":[\"a\",\"*.b\"],\"path\":[\"/x\",\"/y\"]}", TO_BLUE),
        make_rule(2, "{\"host\":\"a\",\"path_prefix\":\"/z\"}", TO_BLUE),
        make_rule(3, "{}", TO_BLUE),
    };
    unsigned failed = 0;
    for (unsigned n = 1;; n++) {
        fault_set(n);
        struct route_table *t = route_table_new(rules, 3, &rules[0]->action, 0, NULL);
        if (t != NULL) {
            route_table_free(t);
            break;
        }
        failed++;
    }
    assert_true(fault_is_armed());
    fault_set(0);
    assert_true(failed > 10);
    for (unsigned i = 0; i < 3; i++)
        rule_free(rules[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_paths_are_normal_at_once),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_first_by_priority),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_workers_begin_apart),
        cmocka_unit_test(test_turns_carry_over),
        cmocka_unit_test(test_turns_follow_a_rule),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
