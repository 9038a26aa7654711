#include "../base/cm.h"

#include <string.h>

#include "pool/levels.h"

/* Rows are in use on disks: what a number means stays so for ever. */
static void test_the_numbers_are_fixed(void **state)
{
    (void)state;
    assert_int_equal(LEVEL_NONE, 0);
    assert_int_equal(LEVEL_FIRST, 1);
    assert_int_equal(LEVEL_PLACES, 2);
    assert_int_equal(LEVEL_HISTORY, 3);
    assert_int_equal(LEVEL_VIPS, 4);
    assert_int_equal(LEVEL_ORDERS, 5);
}

static void test_each_says_what_it_adds(void **state)
{
    (void)state;
    for (unsigned i = LEVEL_FIRST; i <= LEVEL_NEWEST; i++) {
        assert_true(strlen(level_version(i)) > 0);
        assert_true(strlen(level_text(i)) > 0);
    }
}

static void test_others_are_not_known(void **state)
{
    (void)state;
    assert_null(level_version(LEVEL_NONE));
    assert_null(level_text(LEVEL_NONE));
    assert_null(level_version(LEVEL_NEWEST + 1));
    assert_null(level_text(LEVEL_NEWEST + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_numbers_are_fixed),
        cmocka_unit_test(test_each_says_what_it_adds),
        cmocka_unit_test(test_others_are_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
