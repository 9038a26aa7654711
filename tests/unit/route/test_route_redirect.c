/* Where redirects lead. */
#include "route_fixture.h"

struct redirect_case {
    const char *redirect, *host, *path, *query, *location;
};

static const struct redirect_case cases[] = {
    {"{\"scheme\":\"https\"}", "a.example", "/x/y", "q=1", "https://a.example/x/y?q=1"},
    {"{\"scheme\":\"https\"}", "a.example:8080", "/", "", "https://a.example/"},
    {"{\"scheme\":\"https\",\"port\":\"8443\"}", "a:8080", "/", "", "https://a:8443/"},
    {"{\"host\":\"www.{host}\"}", "a:8080", "/x", "", "http://www.a:8080/x"},
    {"{\"host\":\"b\",\"port\":\"{port}\"}", "a", "/x", "", "http://b/x"},
    {"{\"path\":\"/new/{path}\"}", "a", "/x/y", "q", "http://a/new/x/y?q"},
    {"{\"path\":\"/\",\"query\":\"\"}", "a", "/x", "q=1", "http://a/"},
    {"{\"query\":\"from={path}&{query}\"}", "a", "/x", "q=1", "http://a/x?from=x&q=1"},
    {"{\"path\":\"/y\"}", "", "/x", "", "/y"},
    {"{\"path\":\"/{path}\"}", "", "//evil.example/", "", "/evil.example/"},
    {"{\"query\":\"a\"}", "", "//evil.example/", "", "/evil.example/?a"},
    {"{\"scheme\":\"https\"}", "[::1]:80", "/", "", "https://[::1]/"},
    /* What a client sends can't end the field or begin another. */
    {"{\"scheme\":\"https\"}", "a", "/x\r\nSet-Cookie: y", "\"<>",
     "https://a/x%0D%0ASet-Cookie:%20y?%22%3C%3E"},
    {"{\"path\":\"/{path}\"}", "a", "/\x80", "", "http://a/%80"},
};

static int redirect(const char *json, const struct route_request *r, struct strb *out)
{
    char action[512];
    snprintf(action, sizeof(action), "{\"redirect\":%s}", json);
    struct rule *rule = make_rule(1, "{}", action);
    int rc = route_redirect(&rule->action.redirect, r, false, out);
    rule_free(rule);
    return rc;
}

static void test_locations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct redirect_case *c = &cases[i];
        struct route_request r = make_request(c->host, c->path, c->query);
        char buf[512];
        struct strb out;
        strb_init(&out, buf, sizeof(buf));
        assert_int_equal(redirect(c->redirect, &r, &out), 0);
        assert_string_equal(buf, c->location);
    }
}

static void test_no_location(void **state)
{
    (void)state;
    struct route_request r = make_request("", "/", "");
    char buf[64];
    struct strb out;
    strb_init(&out, buf, sizeof(buf));
    assert_int_equal(redirect("{\"scheme\":\"https\"}", &r, &out), WERR_NOT_FOUND);
    r = make_request(
        "a", "/0123456789012345678901234567890123456789012345678901234567890123456789", "");
    strb_init(&out, buf, sizeof(buf));
    assert_int_equal(redirect("{\"scheme\":\"https\"}", &r, &out), WERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locations),
        cmocka_unit_test(test_no_location),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
