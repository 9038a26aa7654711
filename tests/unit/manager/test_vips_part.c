/* Virtual IPs on a node: how it parts with them, and what it leaves behind. */
#include "vips_world.h"

/* ---- its will ---- */

static enum cluster_role role_now;

static enum cluster_role role(const struct cluster *c)
{
    (void)c;
    return role_now;
}

static void testament(const struct cluster *c, struct cluster_testament *out)
{
    (void)c;
    *out = (struct cluster_testament){.to_n = 1, .len = 3, .bytes = "xyz"};
    out->to[0] = address;
}

/* Who holds by a leader's grants needs another leader at once. */
static void test_a_leader_that_holds_none_leaves_a_will(void **state)
{
    (void)state;
    w.ops.role = role;
    w.ops.testament = testament;
    role_now = CLUSTER_FOLLOWER;
    vips_here_on_vips(&w.here);
    assert_false(hear());
    role_now = CLUSTER_LEADER;
    vips_here_on_vips(&w.here);
    hear_last();
    assert_int_equal(w.heard.type, VIP_WILL);
    assert_int_equal(w.heard.will.to_n, 1);
    role_now = CLUSTER_FOLLOWER;
    vips_here_on_vips(&w.here);
    hear_last();
    assert_int_equal(w.heard.type, VIP_WILL);
    assert_int_equal(w.heard.will.to_n, 0);
}

/* ---- parting ---- */

static void part(bool is_parting)
{
    w.vip.is_parting = is_parting;
    w.vip.lease_ns = clock_boot_ns() + LEASE_MS * UINT64_C(1000000);
    vips_here_on_vips(&w.here);
}

static void hear_until(uint8_t type)
{
    for (unsigned i = 0; i < 500; i++) {
        while (hear())
            if (w.heard.type == type)
                return;
        (void)loop_turn(w.m->loop, 20);
    }
    fail_msg("the helper hears no message of type %u", type);
}

/* Longer than it would take to part with it. */
static void assert_held_on(void)
{
    const uint64_t end_ms = loop_now_ms(w.m->loop) + 4ULL * PARTING_COMES_IN_MS;

    while (loop_now_ms(w.m->loop) < end_ms)
        (void)loop_turn(w.m->loop, 5);
    while (hear())
        assert_int_equal(w.heard.type, VIP_HOLD);
}

/* No worker has clients there. */
static void test_another_node_is_to_have_it(void **state)
{
    (void)state;
    take(3);
    part(true);
    assert_int_equal(w.here.list[0].state, VIP_PARTING);
    assert_shown("held", true);
    hear_until(VIP_PART);
    hear_until(VIP_DROP);
    assert_int_equal(w.released_n, 0);
    say_dropped(VIP_DROP_TOLD);
    assert_int_equal(w.released_n, 1);
    part(false);
    take(4);
    hear_last();
    assert_held_on();
}

static void test_it_stays_after_all(void **state)
{
    (void)state;
    take(3);
    part(true);
    part(false);
    assert_int_equal(w.here.list[0].state, VIP_HERE);
    assert_held_on();
    part(true); /* and once more */
    hear_until(VIP_DROP);
}

/* Its time is the leader's to give. */
static void test_the_lease_ends_while_it_parts(void **state)
{
    (void)state;
    take(3);
    part(true);
    grant(3, 0);
    hear_until(VIP_DROP);
    assert_int_equal(w.here.list[0].state, VIP_LEAVING);
    say_dropped(VIP_DROP_TOLD);
    assert_int_equal(w.released_n, 1);
}

/* Nobody has seen it here. */
static void test_what_is_only_asked_for_parts_at_once(void **state)
{
    (void)state;
    say_link(VIP_LINK_UP);
    grant(3, LEASE_MS);
    hear_last();
    part(true);
    hear_last();
    assert_int_equal(w.heard.type, VIP_DROP);
}

static void test_leaving_parts(void **state)
{
    (void)state;
    take(3);
    assert_true(vips_here_part(&w.here) > 0);
    part(true);
    w.here.parting_ms -= VIPS_HERE_PART_MS + 1; /* as if it had been long ago */
    assert_true(vips_here_part(&w.here) > 0);
    w.here.parting_ms -= CLUSTER_VIP_PART_MS;
    assert_int_equal(vips_here_part(&w.here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_leader_that_holds_none_leaves_a_will, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_another_node_is_to_have_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_stays_after_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lease_ends_while_it_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_only_asked_for_parts_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_leaving_parts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
