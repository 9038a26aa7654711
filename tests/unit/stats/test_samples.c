#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats/samples.h"

enum { FROM_S = 1000 };

static struct samples *begin(struct samples_counts *counts)
{
    struct samples *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    samples_begin(s, FROM_S, counts);
    return s;
}

static uint64_t sum_of(const struct samples *s, enum samples_step step)
{
    uint64_t first, end, sum = 0;

    samples_span(s, step, &first, &end);
    for (uint64_t i = first; i < end; i++)
        sum += samples_at(s, step, i)->requests;
    return sum;
}

/* What was counted before is nobody's; the rest is in each of the rings. */
static void test_a_second_is_in_all_rings(void **state)
{
    struct samples_counts c = {.requests = 500, .failed = 7, .bytes_out = 1u << 20};
    struct samples *s = begin(&c);
    uint64_t first, end;

    (void)state;
    c.requests += 3;
    c.failed += 1;
    c.bytes_out += 5000000000u;
    c.classes[2] = 2;
    c.latency[0] = 3;
    samples_add(s, FROM_S, &c);
    for (unsigned i = 0; i < SAMPLES_STEPS; i++) {
        samples_span(s, (enum samples_step)i, &first, &end);
        assert_int_equal(first, FROM_S / samples_step_s((enum samples_step)i));
        assert_int_equal(end, first + 1);
        const struct sample *one = samples_at(s, (enum samples_step)i, first);
        assert_int_equal(one->requests, 3);
        assert_int_equal(one->failed, 1);
        assert_int_equal(one->bytes_out, 5000000000u);
        assert_int_equal(one->classes[2], 2);
        assert_int_equal(one->latency[0], 3);
    }
    free(s);
}

/* Seconds that nobody told of are empty, however many; what is old has gone. */
static void test_gaps_and_the_end_of_a_ring(void **state)
{
    struct samples_counts c = {0};
    struct samples *s = begin(&c);
    uint64_t first, end;

    (void)state;
    for (uint64_t second = FROM_S; second < FROM_S + 10000; second += 1 + second % 7) {
        c.requests++;
        samples_add(s, second, &c);
        samples_span(s, SAMPLES_OF_1S, &first, &end);
        assert_int_equal(end, second + 1);
        assert_true(end - first <= SAMPLES_SECONDS);
        assert_int_equal(samples_at(s, SAMPLES_OF_1S, second)->requests, 1);
        assert_true(sum_of(s, SAMPLES_OF_1S) <= sum_of(s, SAMPLES_OF_10S));
    }
    c.requests += 9;
    samples_add(s, FROM_S + 1000000, &c);
    for (unsigned i = 0; i < SAMPLES_STEPS; i++)
        assert_int_equal(sum_of(s, (enum samples_step)i), 9);
    free(s);
}

/* Sums of a predecessor that told less than before, and numbers beyond 32 bits. */
static void test_no_sample_is_below_zero_or_wraps(void **state)
{
    struct samples_counts c = {.requests = 100};
    struct samples *s = begin(&c);

    (void)state;
    c.requests = 40;
    samples_add(s, FROM_S, &c);
    assert_int_equal(samples_at(s, SAMPLES_OF_1S, FROM_S)->requests, 0);
    c.requests = 40 + (UINT64_C(1) << 33);
    samples_add(s, FROM_S, &c);
    assert_int_equal(samples_at(s, SAMPLES_OF_1S, FROM_S)->requests, UINT32_MAX);
    free(s);
}

/* Every time lands below its bound, and not below the one before. */
static void test_latencies(void **state)
{
    (void)state;
    assert_int_equal(samples_below_us(0), 256);
    assert_int_equal(samples_below_us(SAMPLES_LATENCIES - 1), UINT64_MAX);
    for (uint64_t us = 1; us < UINT64_C(10000000000); us = us * 3 / 2 + 1) {
        struct histogram h = {.n = 0};
        uint64_t latency[SAMPLES_LATENCIES];
        unsigned i = 0;

        histogram_add(&h, us);
        samples_fold(&h, latency);
        while (us >= samples_below_us(i))
            i++;
        assert_int_equal(latency[i], 1);
    }
}

/* ---- lines ---- */

static void test_a_line(void **state)
{
    struct samples_line l;
    struct samples_line_counts c = {.success = 10, .sum_us = 100, .timed_n = 10};

    (void)state;
    samples_line_begin(&l, 5, &c);
    assert_int_equal(samples_line_at(&l, 5).requests, 0);
    c = (struct samples_line_counts){.success = 12, .failed = 1, .sum_us = 1000, .timed_n = 13};
    samples_line_add(&l, 6, &c);
    assert_int_equal(samples_line_at(&l, 6).requests, 3);
    assert_int_equal(samples_line_at(&l, 6).failed, 1);
    assert_int_equal(samples_line_at(&l, 6).mean_us, 300);
    c.success++;
    samples_line_add(&l, 9, &c);
    assert_int_equal(samples_line_at(&l, 9).requests, 1);
    assert_int_equal(samples_line_at(&l, 9).mean_us, 0);
    assert_int_equal(samples_line_at(&l, 8).requests, 0);
    assert_int_equal(samples_line_at(&l, 6).requests, 3);
    assert_int_equal(samples_line_at(&l, 10).requests, 0); /* yet to come */
    c.success++;
    samples_line_add(&l, 6 + SAMPLES_LINE_POINTS, &c); /* the place of 6 */
    assert_int_equal(samples_line_at(&l, 6 + SAMPLES_LINE_POINTS).requests, 1);
    assert_int_equal(samples_line_at(&l, 6).requests, 0);
    assert_int_equal(samples_line_at(&l, 9).requests, 1);
}

/* Another object counts there. */
static void test_a_line_whose_counters_went_back(void **state)
{
    struct samples_line l;
    struct samples_line_counts c = {.success = 10};

    (void)state;
    samples_line_begin(&l, 1, &(struct samples_line_counts){0});
    samples_line_add(&l, 2, &c);
    assert_int_equal(samples_line_at(&l, 2).requests, 10);
    c.success = 4;
    samples_line_add(&l, 3, &c);
    assert_int_equal(samples_line_at(&l, 2).requests, 0);
    assert_int_equal(samples_line_at(&l, 3).requests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_is_in_all_rings),
        cmocka_unit_test(test_gaps_and_the_end_of_a_ring),
        cmocka_unit_test(test_no_sample_is_below_zero_or_wraps),
        cmocka_unit_test(test_latencies),
        cmocka_unit_test(test_a_line),
        cmocka_unit_test(test_a_line_whose_counters_went_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
