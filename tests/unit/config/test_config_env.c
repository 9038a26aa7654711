#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/config.h"

static void test_settings_and_others_are_no_matter(void **state)
{
    const char *const env[] = {
#define SETTING(name, flag, env, word, standard, help, read) env "=x",
#include "config/settings.def"
#undef SETTING
        "WELDR_LOG=debug",
        "WELDR_TEST_ENGINE=delayed",
        "PATH=/bin",
        "weldr_ip=x",
        "WELDR=x",
        "WELD_IP=x",
        "=",
        "",
        NULL};
    struct span name, meant;
    size_t at = 0;

    (void)state;
    assert_false(config_next_unknown((char *const *)env, &at, &name, &meant));
    at = 0;
    assert_false(config_next_unknown(NULL, &at, &name, &meant));
}

static void test_unknown_ones_are_named(void **state)
{
    static const struct {
        const char *line, *name, *meant;
    } cases[] = {
        {"WELDR_WORKER=4", "WELDR_WORKER", "WELDR_WORKERS"},
        {"WELDR_workers=4", "WELDR_workers", "WELDR_WORKERS"},
        {"WELDR_ADMIN_TOKN=secret", "WELDR_ADMIN_TOKN", "WELDR_ADMIN_TOKEN"},
        {"WELDR_ACCESSLOG=stdout", "WELDR_ACCESSLOG", "WELDR_ACCESS_LOG"},
        {"WELDR_DRAIN_TIME=1", "WELDR_DRAIN_TIME", "WELDR_DRAIN_TIMEOUT"},
        {"WELDR_LOGS=1", "WELDR_LOGS", "WELDR_LOG"},
        {"WELDR_QQQQQQ=1", "WELDR_QQQQQQ", NULL},
        {"WELDR_=1", "WELDR_", NULL},
        {"WELDR_IP2", "WELDR_IP2", "WELDR_IP"},
    };
    const char *env[2 * sizeof(cases) / sizeof(cases[0]) + 1] = {0};
    struct span name, meant;
    size_t at = 0, n = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        env[n++] = "WELDR_IP=:80";
        env[n++] = cases[i].line;
    }
    for (size_t i = 0; config_next_unknown((char *const *)env, &at, &name, &meant);
         i++, n -= 2) {
        assert_true(span_is_equal(name, span_from_str(cases[i].name)));
        if (cases[i].meant == NULL)
            assert_null(meant.ptr);
        else if (!span_is_equal(meant, span_from_str(cases[i].meant)))
            fail_msg("%s: %.*s", cases[i].line, (int)meant.len, meant.ptr);
    }
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings_and_others_are_no_matter),
        cmocka_unit_test(test_unknown_ones_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
