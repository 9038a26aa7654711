/* When something that has failed is tried again, and what of it is told. */
#include "../base/cm.h"

#include "base/werr.h"
#include "cluster/retry.h"

static void test_at_once_at_first(void **state)
{
    const struct retry r = {.again_ms = 0};

    (void)state;
    assert_true(retry_may_begin(&r, 0));
    assert_true(retry_may_begin(&r, UINT64_MAX));
}

static void test_delays_double_up_to_a_limit(void **state)
{
    static const uint32_t wanted[] = {1000,  2000,   4000,   8000,   16000, 32000,
                                      64000, 128000, 256000, 300000, 300000};
    struct retry r = {.again_ms = 0};
    uint64_t now_ms = 5000;

    (void)state;
    for (size_t i = 0; i < COUNT(wanted); i++) {
        (void)retry_has_failed(&r, WERR_IO, now_ms);
        assert_false(retry_may_begin(&r, now_ms));
        assert_false(retry_may_begin(&r, now_ms + wanted[i] - 1));
        now_ms += wanted[i];
        assert_true(retry_may_begin(&r, now_ms));
    }
}

static void test_a_change_of_failure_is_told(void **state)
{
    struct retry r = {.again_ms = 0};

    (void)state;
    assert_true(retry_has_failed(&r, WERR_IO, 1));
    assert_false(retry_has_failed(&r, WERR_IO, 2));
    assert_true(retry_has_failed(&r, WERR_NOMEM, 3));
    assert_false(retry_has_failed(&r, WERR_NOMEM, 4));
    assert_true(retry_has_failed(&r, WERR_IO, 5));
}

static void test_success_begins_anew(void **state)
{
    struct retry r = {.again_ms = 0};

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        (void)retry_has_failed(&r, WERR_IO, 1);
    retry_has_succeeded(&r);
    assert_true(retry_may_begin(&r, 1));
    assert_true(retry_has_failed(&r, WERR_IO, 1));
    assert_true(retry_may_begin(&r, 1 + RETRY_FIRST_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once_at_first),
        cmocka_unit_test(test_delays_double_up_to_a_limit),
        cmocka_unit_test(test_a_change_of_failure_is_told),
        cmocka_unit_test(test_success_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
