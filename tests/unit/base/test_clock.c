#include "cm.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void test_print_wall(void **state)
{
    static const struct {
        uint64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999, "1970-01-01T00:00:00.000Z"},
        {86399999999, "1970-01-01T23:59:59.999Z"},
        {951782400000000, "2000-02-29T00:00:00.000Z"},
        {951868799999999, "2000-02-29T23:59:59.999Z"},
        {951868800000000, "2000-03-01T00:00:00.000Z"},
        {4107542400000000, "2100-03-01T00:00:00.000Z"},
        {1795446494123456, "2026-11-23T15:08:14.123Z"},
        {253402300799999999, "9999-12-31T23:59:59.999Z"},
        {253402300800000000, "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char buf[32];
        assert_int_equal(clock_print_wall(cases[i].wall_us, buf), 24);
        assert_string_equal(buf, cases[i].text);
    }
}

/* Every day of 500 years, at another time of the day each. */
static void test_every_day_as_the_c_library(void **state)
{
    (void)state;
    for (unsigned day = 0; day < 182621; day++) {
        time_t now = (time_t)day * 86400 + day * 7919 % 86400;
        struct tm tm;
        char buf[32], want[40];
        gmtime_r(&now, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.500Z", &tm);
        clock_print_wall((uint64_t)now * 1000000 + 500000, buf);
        assert_int_equal(strcmp(buf, want), 0);
    }
}

static void test_clocks_are_in_us(void **state)
{
    struct timespec mono, wall;
    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t first = clock_mono_us(), second = clock_mono_us(), wall_us = clock_wall_us();
    assert_true(second >= first);
    /* Within an hour of the other clock: right unit, right clock, however slow the machine. */
    assert_true(first / 1000000 - (uint64_t)mono.tv_sec < 3600);
    assert_true(wall_us / 1000000 - (uint64_t)wall.tv_sec + 1800 < 3600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_wall),
        cmocka_unit_test(test_every_day_as_the_c_library),
        cmocka_unit_test(test_clocks_are_in_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
