#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_json_body.h"

static uint64_t number;
static char text[8];
static const struct api_json_want wants[] = {
    {.key = "n", .number = &number, .min = 1, .max = 10},
    {.key = "t", .text = text, .size = sizeof(text), .must = "must be short"}};
static struct pool_error error;

static int read_body(const char *body)
{
    error = (struct pool_error){.code = NULL};
    number = 7;
    text[0] = '\0';
    return api_json_read_body(span_from_str(body), wants, 2, &error);
}

static void test_members(void **state)
{
    (void)state;
    assert_int_equal(read_body(""), 0);
    assert_int_equal(read_body("{}"), 0);
    assert_int_equal(number, 7);
    assert_int_equal(read_body("{\"n\": 10, \"t\": \"short\"}"), 0);
    assert_int_equal(number, 10);
    assert_string_equal(text, "short");
    assert_int_equal(read_body("{\"t\": null}"), 0);
    assert_string_equal(text, "");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body, *code, *field;
    } cases[] = {
        {"{\"n\": 0}", "invalid_value", "n"},
        {"{\"n\": 11}", "invalid_value", "n"},
        {"{\"n\": -1}", "invalid_value", "n"},
        {"{\"n\": 1.5}", "invalid_value", "n"},
        {"{\"n\": \"1\"}", "invalid_value", "n"},
        {"{\"n\": null}", "invalid_value", "n"},
        {"{\"t\": 1}", "invalid_value", "t"},
        {"{\"t\": \"too long\"}", "invalid_value", "t"},
        {"{\"x\": 1}", "unknown_key", "x"},
        {"[]", "invalid_value", ""},
        {"7", "invalid_value", ""},
        {"{\"n\": 1", "invalid_json", ""},
        {"{\"n\": 1, \"n\": 2}", "invalid_json", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (read_body(cases[i].body) >= 0)
            fail_msg("%s", cases[i].body);
        assert_string_equal(error.code, cases[i].code);
        assert_string_equal(error.field, cases[i].field);
        assert_true(error.detail[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
