#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats/times.h"

/* "0.0025" is 2500. */
static uint64_t us_of(const char *bound)
{
    return (uint64_t)(strtod(bound, NULL) * 1e6 + 0.5);
}

static unsigned slow_bucket_of(const struct times_scale *s, uint64_t us)
{
    unsigned i = 0;

    while (i < TIMES_BOUNDS && us > us_of(s->bounds[i]))
        i++;
    return i;
}

static void check(const struct times_scale *s, uint64_t us)
{
    if (times_bucket_of(s, us) != slow_bucket_of(s, us))
        fail_msg("%llu us", (unsigned long long)us);
}

/* The table says what the texts of the bounds say. */
static void test_every_time_has_its_bucket(void **state)
{
    const struct times_scale *const scales[] = {&times_long, &times_short};

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        const struct times_scale *s = scales[k];

        for (unsigned i = 0; i < TIMES_BOUNDS; i++)
            for (uint64_t us = us_of(s->bounds[i]) - 2; us < us_of(s->bounds[i]) + 3; us++)
                check(s, us);
        for (uint64_t us = 0; us < 70000; us++)
            check(s, us);
        for (unsigned bit = 0; bit < 64; bit++)
            for (int by = -1; by <= 1; by++)
                check(s, (UINT64_C(1) << bit) + (uint64_t)(int64_t)by);
        check(s, UINT64_MAX);
        assert_int_equal(times_bucket_of(s, us_of(s->bounds[TIMES_BOUNDS - 1])),
                         TIMES_BOUNDS - 1);
        assert_int_equal(times_bucket_of(s, UINT64_MAX), TIMES_BOUNDS);
    }
}

/* As /metrics prints them: the reader orders them as numbers. */
static void test_bounds_rise(void **state)
{
    (void)state;
    for (unsigned i = 1; i < TIMES_BOUNDS; i++) {
        assert_true(us_of(times_long.bounds[i - 1]) < us_of(times_long.bounds[i]));
        assert_true(us_of(times_short.bounds[i - 1]) < us_of(times_short.bounds[i]));
    }
}

static void test_adding(void **state)
{
    struct times h = {.sum_us = 0};

    (void)state;
    times_add(&h, &times_long, 0);
    times_add(&h, &times_long, 1000);
    times_add(&h, &times_long, 1001);
    times_add(&h, &times_long, 3600000000);
    assert_int_equal(h.bucket[0], 2);
    assert_int_equal(h.bucket[1], 1);
    assert_int_equal(h.bucket[TIMES_BOUNDS], 1);
    assert_int_equal(h.sum_us, 3600002001);
    assert_int_equal(sizeof(h), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_time_has_its_bucket),
        cmocka_unit_test(test_bounds_rise),
        cmocka_unit_test(test_adding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
