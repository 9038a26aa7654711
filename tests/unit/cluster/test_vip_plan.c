#include "../base/cm.h"

#include <string.h>

#include "base/rand.h"
#include "cluster/vip_plan.h"

enum { VIPS_MAX = 12, NODES = 3 };

static struct {
    struct vip_plan_node nodes[NODES];
    struct vip_plan_vip vips[VIPS_MAX];
    uint64_t targets[VIPS_MAX];
    unsigned n;
} p;

static void make(unsigned vips)
{
    memset(&p, 0, sizeof(p));
    p.n = vips;
    for (unsigned i = 0; i < NODES; i++)
        p.nodes[i] = (struct vip_plan_node){i + 1, true, true, true};
    for (unsigned i = 0; i < vips; i++)
        p.vips[i].address =
            (struct addr){.family = AF_INET, .ip = {192, 0, 2, (uint8_t)(i + 1)}};
}

static void lose(unsigned id)
{
    p.nodes[id - 1].may_get = p.nodes[id - 1].may_keep = false;
}

static void plan(void)
{
    vip_plan(p.nodes, NODES, p.vips, p.n, p.targets);
}

/* What was planned is so. Returns how many moved. */
static unsigned settle(void)
{
    unsigned moved = 0;

    plan();
    for (unsigned i = 0; i < p.n; i++) {
        moved += p.vips[i].holder != p.targets[i];
        p.vips[i].holder = p.targets[i];
    }
    return moved;
}

static unsigned load_of(uint64_t id)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p.n; i++)
        n += p.vips[i].holder == id;
    return n;
}

static void assert_spread(unsigned nodes)
{
    for (uint64_t id = 1; id <= NODES; id++) {
        if (p.nodes[id - 1].may_get)
            assert_in_range(load_of(id), p.n / nodes, (p.n + nodes - 1) / nodes);
        else
            assert_int_equal(load_of(id), 0);
    }
}

static void test_they_are_spread(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= VIPS_MAX; n++) {
        make(n);
        assert_int_equal(settle(), n);
        assert_spread(NODES);
        assert_int_equal(settle(), 0);
    }
}

static void test_one_death_of_three_moves_a_third(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= VIPS_MAX; n++) {
        for (uint64_t dead = 1; dead <= NODES; dead++) {
            make(n);
            (void)settle();
            const unsigned held = load_of(dead);
            lose((unsigned)dead);
            assert_in_range(held, 0, (n + NODES - 1) / NODES);
            assert_int_equal(settle(), held);
            assert_spread(NODES - 1);
        }
    }
}

static void test_who_returns_gets_no_more_than_its_part(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= VIPS_MAX; n++) {
        make(n);
        lose(2);
        (void)settle();
        p.nodes[1] = (struct vip_plan_node){2, true, true, false};
        assert_int_equal(settle(), 0); /* not settled yet */
        p.nodes[1].is_settled = true;
        assert_in_range(settle(), 0, n / NODES);
        assert_int_equal(load_of(2), n / NODES);
        assert_int_equal(settle(), 0);
    }
}

static void test_what_an_operator_has_placed_stays(void **state)
{
    (void)state;
    make(3);
    for (unsigned i = 0; i < 3; i++)
        p.vips[i] =
            (struct vip_plan_vip){.address = p.vips[i].address, .holder = 1, .is_pinned = true};
    assert_int_equal(settle(), 0);
    lose(1);
    assert_int_equal(settle(), 3);
}

static void test_where_an_operator_wants_it(void **state)
{
    (void)state;
    make(1);
    p.vips[0].holder = 1;
    p.vips[0].wanted = 3;
    plan();
    assert_int_equal(p.targets[0], 3);
    p.nodes[2].may_get = false; /* it can't */
    plan();
    assert_int_equal(p.targets[0], 1);
}

static void test_nobody_is_fit(void **state)
{
    (void)state;
    make(2);
    for (unsigned id = 1; id <= NODES; id++)
        lose(id);
    p.vips[0].holder = 1;
    plan();
    assert_int_equal(p.targets[0], 0);
    assert_int_equal(p.targets[1], 0);
    p.nodes[0].may_keep = true; /* not heard of yet: it keeps, and gets nothing */
    plan();
    assert_int_equal(p.targets[0], 1);
    assert_int_equal(p.targets[1], 0);
}

static void test_random_lives_end_spread(void **state)
{
    struct rand_state rand;

    (void)state;
    rand_seed(&rand, 14);
    for (unsigned run = 0; run < 500; run++) {
        make(1 + (unsigned)rand_below(&rand, VIPS_MAX));
        for (unsigned i = 0; i < 10; i++) {
            struct vip_plan_node *n = &p.nodes[rand_below(&rand, NODES)];

            n->may_get = rand_below(&rand, 2) == 0;
            n->may_keep = n->may_get || rand_below(&rand, 2) == 0;
            (void)settle();
        }
        for (unsigned i = 0; i < NODES; i++)
            p.nodes[i].may_get = p.nodes[i].may_keep = true;
        (void)settle();
        (void)settle();
        assert_spread(NODES);
        assert_int_equal(settle(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_they_are_spread),
        cmocka_unit_test(test_one_death_of_three_moves_a_third),
        cmocka_unit_test(test_who_returns_gets_no_more_than_its_part),
        cmocka_unit_test(test_what_an_operator_has_placed_stays),
        cmocka_unit_test(test_where_an_operator_wants_it),
        cmocka_unit_test(test_nobody_is_fit),
        cmocka_unit_test(test_random_lives_end_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
