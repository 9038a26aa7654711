#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "cli/top_text.h"

static char text[1024];
static struct strb b;

static void expect(const char *want)
{
    assert_string_equal(text, want);
    strb_init(&b, text, sizeof(text));
}

static void test_numbers(void **state)
{
    static const struct {
        double n;
        const char *count, *small;
    } rows[] = {
        {0, "0", "0"},
        {7, "7", "7"},
        {0.25, "0", "0.2"},
        {99.94, "100", "99.9"},
        {100.4, "100", "100"},
        {999, "999", "999"},
        {1000, "1,000", "1000"},
        {9999, "9,999", "9999"},
        {10000, "10,000", "10.0k"},
        {123456, "123,456", "123k"},
        {999499, "999,499", "999k"},
        {1234567, "1,234,567", "1.23M"},
        {5e9, "5,000,000,000", "5.00G"},
        {-1234, "-1,234", "-1234"},
        {1e300, "1,000,000,000,000,000,000", "1000000000G"},
        {NAN, "\xe2\x80\x93", "\xe2\x80\x93"},
        {INFINITY, "\xe2\x80\x93", "\xe2\x80\x93"},
    };

    (void)state;
    strb_init(&b, text, sizeof(text));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        top_text_count(&b, rows[i].n);
        expect(rows[i].count);
        top_text_short(&b, rows[i].n);
        expect(rows[i].small);
    }
}

static void test_micro_and_percent(void **state)
{
    (void)state;
    strb_init(&b, text, sizeof(text));
    top_text_micro(&b, 0);
    expect("0\xc2\xb5s");
    top_text_micro(&b, 999.4);
    expect("999\xc2\xb5s");
    top_text_micro(&b, 1234);
    expect("1.23ms");
    top_text_micro(&b, 45678);
    expect("45.7ms");
    top_text_micro(&b, 2.5e6);
    expect("2.50s");
    top_text_percent(&b, 0);
    expect("0%");
    top_text_percent(&b, 0.01);
    expect("<0.1%");
    top_text_percent(&b, 12.34);
    expect("12.3%");
    top_text_percent(&b, 100);
    expect("100%");
}

static void test_times(void **state)
{
    static const struct {
        double s;
        const char *want;
    } rows[] = {{-5, "0s"},   {59.9, "59s"},   {60, "1m"},     {3599, "59m"},
                {3600, "1h"}, {172799, "47h"}, {172800, "2d"}, {NAN, "\xe2\x80\x93"}};

    (void)state;
    strb_init(&b, text, sizeof(text));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        top_text_span(&b, rows[i].s);
        expect(rows[i].want);
    }
    setenv("TZ", "UTC", 1);
    top_text_clock(&b, 1795886614.7);
    expect("17:23:34");
    assert_true(fabs(top_text_time("2026-11-28T17:23:34.709Z") - 1795886614.709) < 1e-3);
    assert_true(top_text_time("1970-01-01T00:00:00Z") == 0);
    assert_true(isnan(top_text_time("")));
    assert_true(isnan(top_text_time("2026-11-28T17:23:34")));
    assert_true(isnan(top_text_time("2026-11-28 17:23:34Z")));
    assert_true(isnan(top_text_time("2026-11-28T17:23:34.7+01:00")));
}

static void test_bars(void **state)
{
    const double values[] = {0, 1, 4, 8, NAN};

    (void)state;
    strb_init(&b, text, sizeof(text));
    top_text_bars(&b, values, 4, 6);
    expect("   \xe2\x96\x81\xe2\x96\x84\xe2\x96\x88");
    top_text_bars(&b, values, 4, 2);
    expect("\xe2\x96\x84\xe2\x96\x88");
    top_text_bars(&b, values, 1, 2);
    expect("  ");
    top_text_bars(&b, values, 0, 3);
    expect("   ");
    top_text_bars(&b, values + 3, 2, 2);
    expect("\xe2\x96\x88 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_micro_and_percent),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_bars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
