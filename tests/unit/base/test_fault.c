#include "cm.h"

#include <stdlib.h>

#include "base/fault.h"

static void test_nth_fails_once(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth <= 4; nth++) {
        fault_set(nth);
        for (unsigned i = 1; i <= 6; i++) {
            assert_int_equal(fault_is_armed(), i <= nth);
            void *p = fault_malloc(8);
            assert_int_equal(p == NULL, i == nth);
            free(p);
        }
        assert_false(fault_is_armed());
    }
}

static void test_disarm(void **state)
{
    (void)state;
    fault_set(1);
    assert_true(fault_is_armed());
    fault_set(0);
    assert_false(fault_is_armed());
    void *p = fault_malloc(8);
    assert_non_null(p);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nth_fails_once),
        cmocka_unit_test(test_disarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
