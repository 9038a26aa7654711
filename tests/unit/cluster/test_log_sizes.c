#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/log_sizes.h"

enum { MIB = 1024 * 1024 };

static void add_many(struct log_sizes *s, uint64_t n, size_t bytes)
{
    for (uint64_t i = 0; i < n; i++)
        log_sizes_add(s, s->last + 1, bytes);
}

static void test_small_entries_are_kept_by_their_number(void **state)
{
    struct log_sizes s = {0};

    (void)state;
    assert_int_equal(log_sizes_snapshot(&s), 1);
    add_many(&s, 10, 100);
    assert_false(log_sizes_is_over(&s));
    assert_int_equal(log_sizes_snapshot(&s), 10);
    add_many(&s, 3000, 100);
    assert_false(log_sizes_is_over(&s));
    assert_int_equal(log_sizes_snapshot(&s), LOG_SIZES_N);
}

static void test_large_ones_by_their_bytes(void **state)
{
    struct log_sizes s = {0};

    (void)state;
    add_many(&s, LOG_SIZES_MOST / MIB, MIB);
    assert_false(log_sizes_is_over(&s));
    add_many(&s, 1, 1);
    assert_true(log_sizes_is_over(&s));
    assert_int_equal(log_sizes_snapshot(&s), LOG_SIZES_TRAIL / MIB);
    assert_false(log_sizes_is_over(&s));
    add_many(&s, 1, LOG_SIZES_TRAIL + 1);
    assert_int_equal(log_sizes_snapshot(&s), 1);
}

/* Those of the engine itself count as entries. */
static void test_entries_that_are_left_out(void **state)
{
    struct log_sizes s = {0};

    (void)state;
    log_sizes_add(&s, 5, MIB);
    log_sizes_add(&s, 5, MIB);
    log_sizes_add(&s, 4, MIB);
    assert_int_equal(s.since, MIB);
    assert_int_equal(log_sizes_snapshot(&s), 5);
    add_many(&s, LOG_SIZES_N, MIB / 8);
    log_sizes_add(&s, 1000 * 1000, 8);
    assert_int_equal(log_sizes_snapshot(&s), LOG_SIZES_N);
}

/* Of what is before a snapshot nothing is known. */
static void test_a_snapshot_takes_the_place_of_the_log(void **state)
{
    struct log_sizes s = {0};

    (void)state;
    add_many(&s, 20, 2 * MIB);
    assert_true(log_sizes_is_over(&s));
    log_sizes_restart(&s, 500);
    assert_false(log_sizes_is_over(&s));
    log_sizes_add(&s, 503, 8);
    assert_int_equal(log_sizes_snapshot(&s), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_entries_are_kept_by_their_number),
        cmocka_unit_test(test_large_ones_by_their_bytes),
        cmocka_unit_test(test_entries_that_are_left_out),
        cmocka_unit_test(test_a_snapshot_takes_the_place_of_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
