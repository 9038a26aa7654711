#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "stats/histogram.h"

/* The group that a time is counted in; the others are empty. */
static unsigned group_of(uint64_t us)
{
    struct histogram h = {0};
    unsigned found = HISTOGRAM_GROUPS;

    histogram_add(&h, us);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.sum_us, us);
    for (unsigned i = 0; i < HISTOGRAM_GROUPS; i++) {
        if (histogram_group(&h, i) == 0)
            continue;
        assert_int_equal(histogram_group(&h, i), 1);
        assert_int_equal(found, HISTOGRAM_GROUPS);
        found = i;
    }
    return found;
}

static void test_groups_are_powers_of_two(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 1ULL << 34; us = us * 9 / 8 + 1) {
        const unsigned i = group_of(us);

        assert_true(us < histogram_below_us(i));
        assert_true(i == 0 || us >= histogram_below_us(i - 1));
    }
}

static void test_edges(void **state)
{
    static const struct {
        uint64_t us;
        uint64_t below_us;
    } cases[] = {{0, 8},   {7, 8},      {8, 16},      {15, 16},    {16, 32},
                 {31, 32}, {999, 1024}, {1023, 1024}, {1024, 2048}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(histogram_below_us(group_of(cases[i].us)), cases[i].below_us);
}

static void test_beyond_the_end(void **state)
{
    (void)state;
    assert_int_equal(group_of(UINT64_MAX), HISTOGRAM_GROUPS - 1);
    assert_int_equal(group_of(1ULL << 40), HISTOGRAM_GROUPS - 1);
}

static void test_merge(void **state)
{
    struct histogram h = {0};
    struct histogram sum = {0};

    (void)state;
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&h, us);
    for (int i = 0; i < 3000; i++)
        histogram_add(&sum, 2);
    histogram_merge(&sum, &h);
    assert_int_equal(sum.n, 4000);
    assert_int_equal(sum.sum_us, 6000 + 500500);
    assert_int_equal(histogram_group(&sum, 0), 3007);
    assert_int_equal(histogram_group(&sum, 1), 8);
    assert_int_equal(histogram_group(&sum, 7), 489); /* 512 to 1000 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_are_powers_of_two),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_beyond_the_end),
        cmocka_unit_test(test_merge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
