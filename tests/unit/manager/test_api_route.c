#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_route.h"

static void handle_a(struct api_conn *ac)
{
    (void)ac;
}

static void handle_b(struct api_conn *ac)
{
    (void)ac;
}

static const struct api_route routes[] = {
    {{"GET", 3}, {"/", 1}, handle_a, "x"},
    {{"GET", 3}, {"/things", 7}, handle_a, "x"},
    {{"POST", 4}, {"/things", 7}, handle_b, "x"},
    {{"GET", 3}, {"/things/:id", 11}, handle_b, "x"},
    {{"DELETE", 6}, {"/things/:ip/:port", 17}, handle_b, "x"},
};
enum { ROUTES_N = sizeof(routes) / sizeof(routes[0]) };

static void test_normalize(void **state)
{
    static const struct {
        const char *target, *path;
        int error;
    } cases[] = {
        {"/", "", 0},
        {"/things", "/things", 0},
        {"/things/", "/things", 0},
        {"/things?wait=applied", "/things", 0},
        {"/?x", "", 0},
        {"/v1", "", 0},
        {"/v1/", "", 0},
        {"/v1/things/1", "/things/1", 0},
        {"/v1x/things", "/v1x/things", 0},
        {"/v10", "/v10", 0},
        {"http://other.example/things", "/things", 0},
        {"http://other.example", "", 0},
        {"/things/%5B::1%5d/80", "/things/[::1]/80", 0},
        {"*", "*", 0},
        {"things", NULL, WERR_SYNTAX},
        {"/a%", NULL, WERR_SYNTAX},
        {"/a%2", NULL, WERR_SYNTAX},
        {"/a%zz", NULL, WERR_SYNTAX},
        {"/a%00", NULL, WERR_SYNTAX},
    };
    char buf[API_PATH_MAX];
    struct span path;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const int error = api_route_normalize(span_from_str(cases[i].target), buf, &path);

        assert_int_equal(error, cases[i].error);
        if (error == 0)
            assert_true(span_is_equal(path, span_from_str(cases[i].path)));
    }
}

static void test_path_length(void **state)
{
    char target[API_PATH_MAX + 1];
    char buf[API_PATH_MAX];
    struct span path;

    (void)state;
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    assert_int_equal(api_route_normalize(span_from(target, API_PATH_MAX), buf, &path), 0);
    assert_int_equal(path.len, API_PATH_MAX);
    assert_int_equal(api_route_normalize(span_from(target, sizeof(target)), buf, &path),
                     WERR_TOO_BIG);
}

static void test_find(void **state)
{
    static const struct {
        const char *method, *path;
        int error;
        api_handler_fn handler;
        const char *params[API_PARAMS_MAX];
    } cases[] = {
        {"GET", "", 0, handle_a, {NULL}},
        {"HEAD", "", 0, handle_a, {NULL}},
        {"GET", "/things", 0, handle_a, {NULL}},
        {"POST", "/things", 0, handle_b, {NULL}},
        {"GET", "/things/s-1", 0, handle_b, {"s-1", NULL}},
        {"DELETE", "/things/[::1]/80", 0, handle_b, {"[::1]", "80"}},
        {"DELETE", "/things/s-1", WERR_INVALID, NULL, {NULL}},
        {"get", "/things", WERR_INVALID, NULL, {NULL}},
        {"PUT", "/things", WERR_INVALID, NULL, {NULL}},
        {"POST", "", WERR_INVALID, NULL, {NULL}},
        {"GET", "/thing", WERR_NOT_FOUND, NULL, {NULL}},
        {"GET", "/thingss", WERR_NOT_FOUND, NULL, {NULL}},
        {"GET", "/things//80", WERR_NOT_FOUND, NULL, {NULL}},
        {"GET", "/things/a/b/c", WERR_NOT_FOUND, NULL, {NULL}},
        {"GET", "*", WERR_NOT_FOUND, NULL, {NULL}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_match match;

        assert_int_equal(api_route_find(routes, ROUTES_N, span_from_str(cases[i].method),
                                        span_from_str(cases[i].path), &match),
                         cases[i].error);
        if (cases[i].error < 0)
            continue;
        assert_ptr_equal(match.handler, cases[i].handler);
        for (unsigned p = 0; p < API_PARAMS_MAX; p++) {
            const char *want = cases[i].params[p];

            assert_int_equal(match.param_n > p, want != NULL);
            if (want != NULL)
                assert_true(span_is_equal(match.params[p], span_from_str(want)));
        }
    }
}

static void test_allow(void **state)
{
    static const struct {
        const char *path, *allow;
    } cases[] = {
        {"", "GET, HEAD, OPTIONS"},
        {"/things", "GET, HEAD, POST, OPTIONS"},
        {"/things/1/2", "DELETE, OPTIONS"},
        {"/nothing", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        struct strb b;

        strb_init(&b, text, sizeof(text));
        api_route_allow(routes, ROUTES_N, span_from_str(cases[i].path), &b);
        assert_string_equal(text, cases[i].allow);
    }
}

static void test_allow_any(void **state)
{
    char text[64];
    struct strb b;

    (void)state;
    strb_init(&b, text, sizeof(text));
    api_route_allow_any(routes, ROUTES_N, &b);
    assert_string_equal(text, "GET, HEAD, POST, DELETE, OPTIONS");
}

static void test_query(void **state)
{
    static const struct {
        const char *target, *value;
    } cases[] = {
        {"/x?drain=0", "0"},     {"/x?a=1&drain=20&b", "20"},
        {"/x?drain", ""},        {"/x?drain=", ""},
        {"/x?drain=1=2", "1=2"}, {"/x", NULL},
        {"/x?", NULL},           {"/x?&", NULL},
        {"/x?drains=1", NULL},   {"/drain=1?a=drain", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct span value =
            api_route_query(span_from_str(cases[i].target), SPAN("drain"));

        assert_int_equal(value.ptr != NULL, cases[i].value != NULL);
        if (cases[i].value != NULL)
            assert_true(span_is_equal(value, span_from_str(cases[i].value)));
    }
}

static void test_params_by_name(void **state)
{
    struct api_match match;

    (void)state;
    assert_int_equal(
        api_route_find(routes, ROUTES_N, SPAN("DELETE"), SPAN("/things/::1/80"), &match), 0);
    assert_true(span_is_equal(api_match_param(&match, SPAN("ip")), SPAN("::1")));
    assert_true(span_is_equal(api_match_param(&match, SPAN("port")), SPAN("80")));
    assert_null(api_match_param(&match, SPAN("id")).ptr);
}

static void test_query_that_repeats(void **state)
{
    const struct span target = SPAN("/x?h=1&g=2&h=3");

    (void)state;
    assert_true(span_is_equal(api_route_query_nth(target, SPAN("h"), 0), SPAN("1")));
    assert_true(span_is_equal(api_route_query_nth(target, SPAN("h"), 1), SPAN("3")));
    assert_null(api_route_query_nth(target, SPAN("h"), 2).ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),      cmocka_unit_test(test_path_length),
        cmocka_unit_test(test_find),           cmocka_unit_test(test_allow),
        cmocka_unit_test(test_allow_any),      cmocka_unit_test(test_query),
        cmocka_unit_test(test_params_by_name), cmocka_unit_test(test_query_that_repeats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
