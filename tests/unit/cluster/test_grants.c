#include "../base/cm.h"

#include "cluster/grants.h"

enum { MARGIN = 10, FLOOR = 100 };

static struct roster_vip vip(unsigned n, uint64_t epoch)
{
    return (struct roster_vip){.address = {.family = AF_INET, .ip = {192, 0, 2, (uint8_t)n}},
                               .holder = 1,
                               .epoch = epoch};
}

static void test_what_leaders_before_have_granted(void **state)
{
    const struct roster_vip v = vip(1, 1);
    struct grants g;

    (void)state;
    grants_reset(&g, FLOOR);
    assert_false(grants_is_held(&g, &v, 0));
    assert_false(grants_is_over(&g, &v, FLOOR + MARGIN - 1, MARGIN));
    assert_true(grants_is_over(&g, &v, FLOOR + MARGIN, MARGIN));
}

static void test_what_this_one_has_granted(void **state)
{
    const struct roster_vip v = vip(1, 1), other = vip(2, 1);
    struct grants g;

    (void)state;
    grants_reset(&g, FLOOR);
    grants_note(&g, &v, 300);
    grants_note(&g, &v, 200); /* the longer one stands */
    assert_true(grants_is_held(&g, &v, 299));
    assert_false(grants_is_held(&g, &v, 300));
    assert_false(grants_is_over(&g, &v, 300 + MARGIN - 1, MARGIN));
    assert_true(grants_is_over(&g, &v, 300 + MARGIN, MARGIN));
    assert_true(grants_is_over(&g, &other, FLOOR + MARGIN, MARGIN));
}

static void test_a_shorter_one_does_not_pass_the_floor(void **state)
{
    const struct roster_vip v = vip(1, 1);
    struct grants g;

    (void)state;
    grants_reset(&g, FLOOR);
    grants_note(&g, &v, 50);
    assert_false(grants_is_over(&g, &v, 50 + MARGIN, MARGIN));
}

static void test_released_is_over_at_once(void **state)
{
    const struct roster_vip v = vip(1, 4), next = vip(1, 5);
    struct grants g;

    (void)state;
    grants_reset(&g, FLOOR);
    grants_note(&g, &v, 300);
    grants_release(&g, &v);
    assert_true(grants_is_released(&g, &v));
    assert_false(grants_is_held(&g, &v, 0));
    assert_true(grants_is_over(&g, &v, 0, MARGIN));
    /* Of the epoch that it was said of, and of no other. */
    assert_false(grants_is_released(&g, &next));
    grants_note(&g, &next, 400);
    assert_true(grants_is_held(&g, &next, 0));
    assert_false(grants_is_over(&g, &next, 300, MARGIN));
}

static void test_there_is_room_for_all(void **state)
{
    struct grants g;

    (void)state;
    grants_reset(&g, FLOOR);
    for (unsigned i = 0; i < ROSTER_VIPS_MAX; i++) {
        const struct roster_vip v = vip(i, 1);

        grants_note(&g, &v, 200 + i);
    }
    for (unsigned i = 0; i < ROSTER_VIPS_MAX; i++) {
        const struct roster_vip v = vip(i, 1);

        assert_true(grants_is_held(&g, &v, 199 + i));
    }
    /* Another one is in the place of one that is no more: the one that ends first. */
    const struct roster_vip fresh = vip(200, 1), first = vip(0, 1), last = vip(63, 1);
    grants_note(&g, &fresh, 500);
    assert_true(grants_is_held(&g, &fresh, 499));
    assert_true(grants_is_held(&g, &last, 199));
    assert_false(grants_is_held(&g, &first, 199));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_leaders_before_have_granted),
        cmocka_unit_test(test_what_this_one_has_granted),
        cmocka_unit_test(test_a_shorter_one_does_not_pass_the_floor),
        cmocka_unit_test(test_released_is_over_at_once),
        cmocka_unit_test(test_there_is_room_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
