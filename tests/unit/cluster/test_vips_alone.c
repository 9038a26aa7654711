#include "../base/cm.h"

#include "cluster/vips_alone.h"

enum { SELF = 1 };

static struct cluster_vip_wish wishes[CLUSTER_VIPS_MAX + 1];
static struct vips_alone v;

static void make(void)
{
    v = (struct vips_alone){0};
    for (unsigned i = 0; i <= CLUSTER_VIPS_MAX; i++)
        wishes[i].address =
            (struct addr){.family = AF_INET, .ip = {192, 0, 2, (uint8_t)(i + 1)}};
}

static void test_it_holds_all_at_once(void **state)
{
    struct cluster_vip out[2];

    (void)state;
    make();
    assert_true(vips_alone_set(&v, wishes, 2, SELF, 1000));
    assert_int_equal(vips_alone_get(&v, out, 2), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(addr_is_equal(&out[i].address, &wishes[i].address));
        assert_true(out[i].is_self);
        assert_int_equal(out[i].holder, SELF);
        assert_int_equal(out[i].epoch, 1);
        assert_int_equal(out[i].since_ms, 1000);
        assert_int_equal(out[i].cause, CLUSTER_VIP_FIRST);
        assert_int_equal(out[i].wait, CLUSTER_VIP_HELD);
        assert_true(out[i].lease_ns == UINT64_MAX);
    }
    assert_int_equal(vips_alone_get(&v, out, 0), 2);
}

static void test_those_that_stay_keep_their_time(void **state)
{
    struct cluster_vip out[2];

    (void)state;
    make();
    (void)vips_alone_set(&v, wishes, 1, SELF, 1000);
    assert_false(vips_alone_set(&v, wishes, 1, SELF, 2000));
    assert_true(vips_alone_set(&v, wishes, 2, SELF, 3000));
    (void)vips_alone_get(&v, out, 2);
    assert_int_equal(out[0].since_ms, 1000);
    assert_int_equal(out[1].since_ms, 3000);
    assert_true(vips_alone_set(&v, wishes + 1, 1, SELF, 4000));
    assert_int_equal(vips_alone_get(&v, out, 2), 1);
    assert_true(addr_is_equal(&out[0].address, &wishes[1].address));
}

static void test_there_is_a_limit(void **state)
{
    (void)state;
    make();
    (void)vips_alone_set(&v, wishes, CLUSTER_VIPS_MAX + 1, SELF, 1000);
    assert_int_equal(vips_alone_get(&v, NULL, 0), CLUSTER_VIPS_MAX);
}

static void test_there_is_nowhere_to_move_to(void **state)
{
    (void)state;
    make();
    (void)vips_alone_set(&v, wishes, 1, SELF, 1000);
    assert_int_equal(vips_alone_move(&v, &wishes[0].address, SELF, SELF), 0);
    assert_int_equal(vips_alone_move(&v, &wishes[0].address, 0, SELF), WERR_GUARD);
    assert_int_equal(vips_alone_move(&v, &wishes[0].address, 9, SELF), WERR_NOT_FOUND);
    assert_int_equal(vips_alone_move(&v, &wishes[1].address, SELF, SELF), WERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_holds_all_at_once),
        cmocka_unit_test(test_those_that_stay_keep_their_time),
        cmocka_unit_test(test_there_is_a_limit),
        cmocka_unit_test(test_there_is_nowhere_to_move_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
