#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "stats/histogram.h"

static void test_empty(void **state)
{
    struct histogram h = {0};

    (void)state;
    assert_int_equal(histogram_quantile_us(&h, 500), 0);
}

/* A single value: every quantile is its bucket's upper bound, at most an eighth above it. */
static void test_bucket_width(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 1ULL << 34; us = us * 9 / 8 + 1) {
        struct histogram h = {0};
        uint64_t top;

        histogram_add(&h, us);
        top = histogram_quantile_us(&h, 500);
        assert_true(top >= us);
        assert_true(top <= us + us / 8);
        assert_int_equal(histogram_quantile_us(&h, 1), top);
        assert_int_equal(histogram_quantile_us(&h, 1000), top);
        assert_int_equal(h.n, 1);
        assert_int_equal(h.sum_us, us);
    }
}

static void test_bucket_edges(void **state)
{
    static const struct {
        uint64_t us;
        uint64_t top_us;
    } cases[] = {{0, 0},   {1, 1},   {7, 7},      {8, 8},       {15, 15},
                 {16, 17}, {17, 17}, {18, 19},    {31, 31},     {32, 35},
                 {63, 63}, {64, 71}, {999, 1023}, {1000, 1023}, {1024, 1151}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct histogram h = {0};

        histogram_add(&h, cases[i].us);
        assert_int_equal(histogram_quantile_us(&h, 500), cases[i].top_us);
    }
}

static void test_beyond_the_end(void **state)
{
    struct histogram h = {0};

    (void)state;
    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, 1ULL << 40);
    assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 2);
    assert_int_equal(histogram_quantile_us(&h, 500), (1ULL << 35) - 1);
}

static void test_quantiles(void **state)
{
    struct histogram h = {0};
    struct histogram sum = {0};

    (void)state;
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&h, us);
    assert_in_range(histogram_quantile_us(&h, 500), 500, 562);
    assert_in_range(histogram_quantile_us(&h, 990), 990, 1100);
    assert_in_range(histogram_quantile_us(&h, 1000), 1000, 1100);
    for (int i = 0; i < 3000; i++)
        histogram_add(&sum, 2);
    histogram_merge(&sum, &h);
    assert_int_equal(sum.n, 4000);
    assert_int_equal(sum.sum_us, 6000 + 500500);
    assert_int_equal(histogram_quantile_us(&sum, 500), 2);
    assert_in_range(histogram_quantile_us(&sum, 999), 990, 1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),        cmocka_unit_test(test_bucket_width),
        cmocka_unit_test(test_bucket_edges), cmocka_unit_test(test_beyond_the_end),
        cmocka_unit_test(test_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
