#include "../base/cm.h"

#include "cluster/lease.h"

static const uint64_t three[] = {1, 2, 3}, four[] = {1, 2, 3, 4}, one[] = {7};

static void test_alone_it_is_now(void **state)
{
    struct lease l;

    (void)state;
    lease_start(&l);
    assert_int_equal(lease_base(&l, one, 1, 7, 500), 500);
    assert_int_equal(lease_base(&l, one, 1, 8, 500), 0); /* another one votes */
    assert_int_equal(lease_base(&l, one, 0, 7, 500), 0);
}

static void test_of_three_one_more_is_enough(void **state)
{
    struct lease l;

    (void)state;
    lease_start(&l);
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 0);
    lease_note(&l, 2, 100);
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 100);
    lease_note(&l, 3, 200);
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 200);
    lease_note(&l, 3, 150); /* late */
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 200);
}

static void test_of_four_two_more_are_needed(void **state)
{
    struct lease l;

    (void)state;
    lease_start(&l);
    lease_note(&l, 2, 300);
    assert_int_equal(lease_base(&l, four, 4, 1, 500), 0);
    lease_note(&l, 4, 100);
    assert_int_equal(lease_base(&l, four, 4, 1, 500), 100);
}

static void test_without_an_own_vote(void **state)
{
    struct lease l;

    (void)state;
    lease_start(&l);
    lease_note(&l, 2, 300);
    assert_int_equal(lease_base(&l, three, 3, 9, 500), 0);
    lease_note(&l, 3, 200);
    assert_int_equal(lease_base(&l, three, 3, 9, 500), 200);
}

static void test_strangers_count_for_nothing(void **state)
{
    struct lease l;

    (void)state;
    lease_start(&l);
    lease_note(&l, 77, 300);
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 0);
    for (uint64_t id = 100; id < 100 + ROSTER_MEMBERS_MAX; id++)
        lease_note(&l, id, 400);
    lease_note(&l, 2, 450);
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 450);
}

static void test_a_new_term_begins_with_nothing(void **state)
{
    struct lease l;

    (void)state;
    lease_start(&l);
    lease_note(&l, 2, 300);
    lease_start(&l);
    assert_int_equal(lease_base(&l, three, 3, 1, 500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone_it_is_now),
        cmocka_unit_test(test_of_three_one_more_is_enough),
        cmocka_unit_test(test_of_four_two_more_are_needed),
        cmocka_unit_test(test_without_an_own_vote),
        cmocka_unit_test(test_strangers_count_for_nothing),
        cmocka_unit_test(test_a_new_term_begins_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
