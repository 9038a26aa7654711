/* Virtual IPs on a node: what it takes, and lets go. How it parts: test_vips_part.c. */
#include "vips_world.h"

static void test_taken_and_let_go(void **state)
{
    (void)state;
    take(3);
    grant(3, 0);
    hear_last();
    assert_int_equal(w.heard.type, VIP_DROP);
    assert_int_equal(w.released_n, 0); /* not before it is gone */
    say_dropped(VIP_DROP_TOLD);
    assert_int_equal(w.released_n, 1);
    assert_shown("unassigned", false);
}

/* The helper has let it go by itself, and nobody else need wait. */
static void test_the_lease_runs_out(void **state)
{
    (void)state;
    take(3);
    w.vip.lease_ns = 1;
    say_dropped(VIP_DROP_LEASE_OVER);
    assert_int_equal(w.released_n, 1);
}

static void test_nothing_is_asked_for_without_a_link(void **state)
{
    (void)state;
    say_link(VIP_LINK_DOWN);
    assert_string_equal(w.unfit, "no_worker_serves"); /* the fixture has none */
    grant(3, LEASE_MS);
    hear_last();
    assert_int_equal(w.heard.type, 0);
    assert_int_equal(w.released_n, 0); /* not at once */
    w.here.list[0].asked_ns = 1;       /* as if it had been long ago */
    vips_here_on_vips(&w.here);
    assert_int_equal(w.released_n, 1);
    say_link(VIP_LINK_UP);
    grant(4, LEASE_MS);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
    say_held();
    say_link(VIP_LINK_DOWN);
    hear_last();
    assert_int_equal(w.heard.type, VIP_DROP);
}

/* It is not asked for again under the same grant. */
static void test_what_the_kernel_refuses(void **state)
{
    struct vip_view v;

    (void)state;
    say_link(VIP_LINK_UP);
    grant(3, LEASE_MS);
    say_dropped(VIP_DROP_FAILED);
    hear_last();
    assert_int_equal(w.heard.type, VIP_DROP); /* the helper doesn't try by itself */
    vips_here_on_vips(&w.here);
    hear_last();
    assert_int_equal(w.heard.type, 0);
    vip_view_of(w.m, &address, &v);
    assert_string_equal(v.why, "this node may hold it, and can't: refused by the kernel");
    grant(4, LEASE_MS);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
}

/* With nobody else it stays this node's, under the same grant. */
static void test_refused_with_nobody_else(void **state)
{
    (void)state;
    say_link(VIP_LINK_UP);
    grant(3, LEASE_MS);
    w.vip.lease_ns = UINT64_MAX;
    say_dropped(VIP_DROP_FAILED);
    w.here.list[0].asked_ns = 1; /* as if it had been long ago */
    vips_here_on_vips(&w.here);
    assert_int_equal(w.released_n, 1);
    hear_last();
    assert_int_equal(w.heard.type, VIP_DROP);
    vips_here_on_vips(&w.here);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
    say_held();
    assert_shown("held", true);
}

/* What a log says may be undone by what it says next, and is no news. */
static void test_what_is_stored_is_read(void **state)
{
    struct vip_counts counts;

    (void)state;
    w.m->events->is_replaying = true;
    say_link(VIP_LINK_UP);
    grant(3, LEASE_MS);
    hear_last();
    assert_int_equal(w.heard.type, 0);
    w.m->events->is_replaying = false;
    vips_here_on_vips(&w.here);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
    vip_view_count(w.m, &counts);
    assert_int_equal(counts.causes[CLUSTER_VIP_MOVED].moves, 0);
}

/* A successor has the directory, or the workers drain. */
static void test_the_engine_has_gone(void **state)
{
    struct cluster *c = w.m->cluster;

    (void)state;
    say_link(VIP_LINK_UP);
    grant(3, LEASE_MS);
    w.m->cluster = NULL;
    assert_shown("unassigned", false);
    say_held();
    assert_shown("held", true);
    vips_here_on_vips(&w.here);
    (void)vips_here_part(&w.here);
    say_dropped(VIP_DROP_LEASE_OVER);
    assert_shown("unassigned", false);
    assert_int_equal(w.released_n, 0);
    w.m->cluster = c;
}

/* Nobody hears that it was let go. */
static void test_never_taken(void **state)
{
    (void)state;
    say_link(VIP_LINK_UP);
    grant(3, LEASE_MS);
    const uint64_t before = w.m->events->ring.next;

    grant(3, 0);
    say_dropped(VIP_DROP_TOLD);
    assert_int_equal(w.here.list[0].state, VIP_IDLE);
    assert_int_equal(w.m->events->ring.next, before);
    take(4);
    assert_true(w.m->events->ring.next > before);
}

static void test_a_helper_that_is_lost(void **state)
{
    (void)state;
    take(3);
    (void)close(w.helper);
    fixture_turns(w.m, 2);
    w.helper = dup(0);
    assert_false(w.is_fit);
    /* It has never said hello: not permitted. */
    assert_string_equal(w.unfit, "helper");
    assert_shown("unassigned", false);
}

static void test_described_no_more(void **state)
{
    struct pool_command c = {.type = POOL_REMOVE_VIP};

    (void)state;
    take(3);
    assert_int_equal(vip_set_address(&c.vip, SPAN("192.0.2.10")), 0);
    assert_int_equal(fixture_change(w.m, &c, NULL), 0);
    hear_last();
    assert_int_equal(w.heard.type, VIP_CONFIGURE);
    assert_int_equal(w.heard.named_n, 0);
    assert_int_equal(w.here.list[0].address.family, 0);
}

static void test_leaving(void **state)
{
    (void)state;
    take(3);
    assert_true(vips_here_part(&w.here) > 0);
    grant(3, 0);
    say_dropped(VIP_DROP_TOLD);
    assert_int_equal(vips_here_part(&w.here), 0);
}

/* The helper of a predecessor has it already. */
static void test_taken_over(void **state)
{
    (void)state;
    say_link(VIP_LINK_UP);
    say_held();
    assert_shown("unassigned", false);
    grant(3, LEASE_MS);
    assert_shown("held", true);
    vips_here_yield(&w.here); /* to a successor: nothing is said any more */
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
    assert_false(hear());
}

/* Nobody else can have it: those whose requests are answered still need it. */
static void test_leaving_alone(void **state)
{
    (void)state;
    take(3);
    w.vip.lease_ns = UINT64_MAX;
    vips_here_on_vips(&w.here);
    assert_int_equal(vips_here_part(&w.here), 0);
    vips_here_drain(&w.here);
    assert_ptr_equal(w.here.m, w.m);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
}

static int ended_with;

static void on_moved(struct vip_move *move, int error, const char *why)
{
    (void)move;
    (void)why;
    ended_with = error;
}

static void test_moves(void **state)
{
    struct vip_move move = {.is_asked = false};

    (void)state;
    w.move_error = WERR_GUARD;
    vip_move_start(w.m, &address, OTHER, &move, on_moved);
    assert_int_equal(ended_with, WERR_GUARD);
    vip_move_start(w.m, &address, 0, &move, on_moved);
    assert_int_equal(ended_with, WERR_NO_TARGET); /* there is nobody */
    w.move_error = 0;
    ended_with = 1;
    vip_move_start(w.m, &address, OTHER, &move, on_moved);
    vip_move_forget(w.m, &move); /* who waited has gone */
    w.done(w.done_arg, 0, 9);
    assert_int_equal(ended_with, 1);
    vip_move_start(w.m, &address, OTHER, &move, on_moved);
    w.done(w.done_arg, 0, 9);
    assert_int_equal(ended_with, 0);
}

static void test_what_is_counted(void **state)
{
    struct vip_counts counts;

    (void)state;
    take(3);
    vip_view_count(w.m, &counts);
    assert_int_equal(counts.causes[CLUSTER_VIP_MOVED].moves, 1);
    assert_string_equal(counts.causes[CLUSTER_VIP_MOVED].cause, "moved");
    say(&(struct vip_message){
        .type = VIP_CONFLICT, .addr = address, .mac = {2, 0, 0, 0, 0, 9}});
    vip_view_count(w.m, &counts);
    assert_int_equal(counts.conflicts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_taken_and_let_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lease_runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_asked_for_without_a_link, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_the_kernel_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_with_nobody_else, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_stored_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_engine_has_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_helper_that_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_described_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_counted, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
