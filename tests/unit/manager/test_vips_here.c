/* Virtual IPs on a node: the engine's word and the helper's are the tests' own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "manager/events.h"
#include "manager/vips_here.h"
#include "pool/pool_code.h"

enum { OTHER = 0xb2, LEASE_MS = 400 };

static const struct addr address = {AF_INET, 0, {192, 0, 2, 10}};

static struct {
    struct manager *m;
    struct vips_here here;
    int helper; /* our end of its socket */
    struct cluster_ops ops;
    struct cluster_vip vip;
    unsigned released_n;
    bool is_fit;
    char unfit[32];
    int move_error;
    cluster_done_fn done; /* of a move that is under way */
    void *done_arg;
    struct vip_message heard; /* from the manager, last */
} w;

/* ---- the engine ---- */

static unsigned vips(const struct cluster *c, struct cluster_vip *out, unsigned max)
{
    (void)c;
    assert_int_equal(max, CLUSTER_VIPS_MAX);
    *out = w.vip;
    return w.m->pool->vip_n;
}

static void set_vips(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n)
{
    (void)c;
    assert_int_equal(n, w.m->pool->vip_n);
    assert_true(n == 0 || addr_is_equal(&wishes[0].address, &address));
}

static void set_fitness(struct cluster *c, enum cluster_fitness fitness, const char *why)
{
    (void)c;
    w.is_fit = fitness == CLUSTER_FIT;
    (void)snprintf(w.unfit, sizeof(w.unfit), "%s", why != NULL ? why : "");
}

static void released(struct cluster *c, const struct addr *a)
{
    (void)c;
    assert_true(addr_is_equal(a, &address));
    w.released_n++;
}

static int move_vip(struct cluster *c, const struct addr *a, uint64_t id, cluster_done_fn done,
                    void *arg)
{
    (void)c;
    (void)a;
    (void)id;
    w.done = done;
    w.done_arg = arg;
    return w.move_error;
}

static void status(const struct cluster *c, struct cluster_status *out)
{
    (void)c;
    *out = (struct cluster_status){.vip = {.lease_ms = LEASE_MS}};
}

/* This node may hold it from now on; ms 0: no more. */
static void grant(uint64_t epoch, uint64_t ms)
{
    w.vip = (struct cluster_vip){.address = address,
                                 .holder = 0xa1,
                                 .is_self = true,
                                 .epoch = epoch,
                                 .cause = CLUSTER_VIP_MOVED,
                                 .wait = ms > 0 ? CLUSTER_VIP_HELD : CLUSTER_VIP_HOLD_OFF,
                                 .lease_ns = clock_boot_ns() + ms * 1000000};
    vips_here_on_vips(&w.here);
}

/* ---- the helper ---- */

/* False: nothing was said. */
static bool hear(void)
{
    char buf[VIP_MESSAGE_MAX];
    const ssize_t n = recv(w.helper, buf, sizeof(buf), MSG_DONTWAIT);

    if (n <= 0)
        return false;
    assert_int_equal(vip_message_get(span_from(buf, (size_t)n), &w.heard), 0);
    return true;
}

static void hear_last(void)
{
    w.heard.type = 0;
    while (hear())
        continue;
}

static void say(struct vip_message *msg)
{
    char buf[VIP_MESSAGE_MAX];
    const size_t n = vip_message_put(buf, msg);

    assert_int_equal(send(w.helper, buf, n, 0), n);
    fixture_turns(w.m, 2);
}

static void say_link(enum vip_link_state state)
{
    say(&(struct vip_message){
        .type = VIP_LINK, .addr = address, .link = (uint8_t)state, .ifname = "lan0"});
}

static void say_held(void)
{
    say(&(struct vip_message){.type = VIP_HELD, .addr = address, .ifname = "lan0"});
}

static void say_dropped(enum vip_drop why)
{
    say(&(struct vip_message){.type = VIP_DROPPED, .addr = address, .why = (uint8_t)why});
}

/* ---- the world ---- */

static void describe_it(void)
{
    struct pool_command c;
    struct pool_error error;

    assert_int_equal(pool_code_add_vip_from_json(SPAN("{}"), SPAN("192.0.2.10"), &c, &error),
                     0);
    assert_int_equal(fixture_change(w.m, &c, NULL), 0);
    pool_command_fini(&c);
}

static int setup(void **state)
{
    int pair[2];

    (void)state;
    memset(&w, 0, sizeof(w));
    w.m = fixture_start(ENGINE_SOLO, NULL);
    w.ops = *w.m->cluster->ops;
    w.ops.vips = vips;
    w.ops.set_vips = set_vips;
    w.ops.set_fitness = set_fitness;
    w.ops.released = released;
    w.ops.move_vip = move_vip;
    w.ops.status = status;
    w.m->cluster->ops = &w.ops;
    vips_here_init(&w.here, w.m);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    w.helper = pair[1];
    vip_link_open(&w.here.link, pair[0]);
    describe_it();
    hear_last();
    assert_int_equal(w.heard.type, VIP_CONFIGURE);
    assert_int_equal(w.heard.named_n, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vips_here_stop(&w.here);
    assert_null(w.m->vip_provider);
    (void)close(w.helper);
    fixture_stop(w.m);
    return 0;
}

static void assert_shown(const char *what, bool is_self)
{
    struct vip_view v;

    vip_view_of(w.m, &address, &v);
    assert_string_equal(v.state, what);
    assert_int_equal(v.is_self, is_self);
}

static void take(uint64_t epoch)
{
    say_link(VIP_LINK_UP);
    grant(epoch, LEASE_MS);
    hear_last();
    assert_int_equal(w.heard.type, VIP_HOLD);
    assert_true(w.heard.number == w.vip.lease_ns);
    assert_shown("taking", false);
    say_held();
    assert_shown("held", true);
}

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
        cmocka_unit_test_setup_teardown(test_a_leader_that_holds_none_leaves_a_will, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_another_node_is_to_have_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_stays_after_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_lease_ends_while_it_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_only_asked_for_parts_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_leaving_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaving_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_counted, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
