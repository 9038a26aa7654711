#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "manager/membership.h"

/* Changes of members that somebody asked for, with an engine that takes its time. */

static const struct delayed_options calm = {.seed = 1};
static struct manager *m;
static struct memberships all;

struct waiter {
    unsigned told_n;
    int error;
    char text[64];
};

static void on_end(struct membership *ms, int error, struct span text)
{
    struct waiter *w = ms->waiter;

    w->told_n++;
    w->error = error;
    assert_int_equal(span_to_str(text, w->text, sizeof(w->text)), 0);
}

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    memberships_init(&all, m);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    m->cluster->ops->free(m->cluster);
    m->cluster = NULL;
    memberships_fini(&all);
    assert_true(TAILQ_EMPTY(&all.list));
    fixture_stop(m);
    return 0;
}

static void on_done(void *arg, int error, uint64_t index)
{
    (void)index;
    assert_int_equal(error, 0);
    *(bool *)arg = true;
}

static void add(uint64_t id, enum cluster_place place)
{
    const struct cluster_member member = {.id = id, .place = (uint8_t)place};
    bool is_done = false;

    assert_int_equal(m->cluster->ops->add_member(m->cluster, &member, on_done, &is_done), 0);
    while (!is_done)
        (void)loop_turn(m->loop, 0);
}

static struct membership *run(enum membership_ask ask, uint64_t id, struct waiter *w)
{
    struct membership *ms;

    *w = (struct waiter){.told_n = 0};
    assert_int_equal(membership_new(m, ask, &ms), 0);
    ms->id = id;
    ms->lifetime_s = 60;
    membership_run(ms, on_end, w);
    return ms;
}

static int outcome(const struct waiter *w)
{
    for (unsigned n = 0; w->told_n == 0; n++) {
        assert_true(n < 100000);
        (void)loop_turn(m->loop, 1);
    }
    assert_int_equal(w->told_n, 1);
    return w->error;
}

static void test_what_the_engine_says(void **state)
{
    struct waiter w;

    (void)state;
    add(5, CLUSTER_STANDBY);
    (void)run(MEMBERSHIP_TOKEN, 0, &w);
    assert_int_equal(outcome(&w), 0);
    assert_true(w.text[0] != '\0');
    (void)run(MEMBERSHIP_PROMOTE, 5, &w);
    assert_int_equal(outcome(&w), 0);
    (void)run(MEMBERSHIP_PROMOTE, 5, &w);
    assert_int_equal(outcome(&w), WERR_EXISTS);
    (void)run(MEMBERSHIP_PROMOTE, 6, &w);
    assert_int_equal(outcome(&w), WERR_NOT_FOUND);
    (void)run(MEMBERSHIP_PLACE, 5, &w);
    assert_int_equal(outcome(&w), 0);
    (void)run(MEMBERSHIP_PLACE, 6, &w);
    assert_int_equal(outcome(&w), WERR_NOT_FOUND);
    (void)run(MEMBERSHIP_TRANSFER, 6, &w);
    assert_int_equal(outcome(&w), WERR_NOT_FOUND);
    (void)run(MEMBERSHIP_REMOVE, 5, &w);
    assert_int_equal(outcome(&w), 0);
    (void)run(MEMBERSHIP_REMOVE, 1, &w);
    assert_int_equal(outcome(&w), WERR_INVALID);
}

/* Nobody leads: it is tried until an election would be over. */
static void test_without_a_leader(void **state)
{
    struct membership *ms;
    struct waiter w;

    (void)state;
    delayed_lose(m->cluster);
    (void)run(MEMBERSHIP_TOKEN, 0, &w);
    assert_int_equal(w.told_n, 0);
    assert_int_equal(outcome(&w), 0); /* somebody leads again */
    delayed_lose(m->cluster);
    ms = run(MEMBERSHIP_TOKEN, 0, &w);
    ms->until_ms = loop_now_ms(m->loop);
    timer_stop(loop_timers(m->loop), &ms->timer);
    ms->timer.on_fire(&ms->timer);
    assert_int_equal(w.told_n, 1);
    assert_int_equal(w.error, WERR_NOT_LEADER);
}

/* A leader gives its part to another one first. */
static void test_leaves_in_two_steps(void **state)
{
    struct membership *ms;
    struct waiter w;

    (void)state;
    add(5, CLUSTER_VOTER);
    ms = run(MEMBERSHIP_LEAVE, 0, &w);
    assert_int_equal(w.told_n, 0);
    assert_int_equal(m->cluster->ops->role(m->cluster), CLUSTER_FOLLOWER);
    while (w.told_n == 0 && !ms->has_moved)
        (void)loop_turn(m->loop, 0);
    assert_int_equal(outcome(&w), WERR_INVALID); /* this engine does not let itself go */
}

/* ---- an engine that does not come about with it ---- */

static const struct cluster_ops *whole;
static struct cluster_ops bent;
static int bad_error;
static unsigned bad_n, asked_n; /* so many times it ends with that; tries */
static uint64_t leads_then;     /* behind them; 0: as the engine says */

static bool ends_badly(cluster_done_fn done, void *arg)
{
    if (++asked_n > bad_n)
        return false;
    done(arg, bad_error, 0);
    return true;
}

static int bent_transfer(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    return ends_badly(done, arg) ? 0 : whole->transfer(c, id, done, arg);
}

static int bent_remove(struct cluster *c, uint64_t id, cluster_done_fn done, void *arg)
{
    return ends_badly(done, arg) ? 0 : whole->remove_member(c, id, done, arg);
}

static bool bent_leader(const struct cluster *c, struct cluster_member *out)
{
    if (asked_n < bad_n || leads_then == 0)
        return whole->leader(c, out);
    *out = (struct cluster_member){.id = leads_then, .is_leader = true};
    return true;
}

static void bend(int error, unsigned n)
{
    whole = m->cluster->ops;
    bent = *whole;
    bent.transfer = bent_transfer;
    bent.remove_member = bent_remove;
    bent.leader = bent_leader;
    m->cluster->ops = &bent;
    bad_error = error;
    bad_n = n;
    asked_n = 0;
    leads_then = 0;
}

/* The others are slow: nobody has taken the lead while the leader waits for that. */
static void test_a_lead_that_nobody_takes_is_given_again(void **state)
{
    struct waiter w;

    (void)state;
    add(5, CLUSTER_VOTER);
    bend(WERR_TIMEOUT, 3);
    (void)run(MEMBERSHIP_TRANSFER, 0, &w);
    assert_int_equal(outcome(&w), 0);
    assert_int_equal(asked_n, 4);
}

static void test_a_lead_that_is_never_taken(void **state)
{
    struct waiter w;

    (void)state;
    add(5, CLUSTER_VOTER);
    bend(WERR_TIMEOUT, UINT_MAX);
    (void)run(MEMBERSHIP_TRANSFER, 0, &w);
    assert_int_equal(outcome(&w), WERR_TIMEOUT);
    assert_true(asked_n > 1);
}

/* Else the one that asked might get it back. */
static void test_a_lead_that_has_gone_is_not_given_on(void **state)
{
    struct waiter w;

    (void)state;
    add(5, CLUSTER_VOTER);
    bend(WERR_NOT_LEADER, 1);
    leads_then = 5;
    (void)run(MEMBERSHIP_TRANSFER, 0, &w);
    assert_int_equal(outcome(&w), 0);
    assert_int_equal(asked_n, 1);
}

/* A leader that gives the lead away does not respond to who asked it any more. */
static void test_a_lead_whose_response_was_lost(void **state)
{
    struct waiter w;

    (void)state;
    add(5, CLUSTER_VOTER);
    bend(WERR_OUTCOME_UNKNOWN, 1);
    leads_then = 5;
    (void)run(MEMBERSHIP_TRANSFER, 0, &w);
    assert_int_equal(outcome(&w), 0);
    assert_int_equal(asked_n, 1);
}

/* The link to the leader was closed before its response came: this node was removed, which it
 * hears of later. */
static void lose_response(enum membership_ask ask, uint64_t id)
{
    struct membership *ms;
    struct waiter w;

    bend(WERR_OUTCOME_UNKNOWN, UINT_MAX);
    ms = run(ask, id, &w);
    assert_int_equal(w.told_n, 0);
    while (asked_n < 3)
        (void)loop_turn(m->loop, 1);
    bad_error = WERR_NOT_FOUND;
    while (asked_n < 6)
        (void)loop_turn(m->loop, 1);
    assert_int_equal(w.told_n, 0);
    memberships_note_lost(m);
    assert_int_equal(w.told_n, 1);
    assert_int_equal(w.error, 0);
    ms->until_ms = 0;
    while (!TAILQ_EMPTY(&all.list))
        (void)loop_turn(m->loop, 1);
    assert_int_equal(w.told_n, 1);
}

static void test_a_leave_whose_response_was_lost(void **state)
{
    (void)state;
    lose_response(MEMBERSHIP_LEAVE, 0);
}

/* … in other words. */
static void test_its_own_removal_whose_response_was_lost(void **state)
{
    (void)state;
    lose_response(MEMBERSHIP_REMOVE, 1);
}

static void test_a_leave_whose_outcome_stays_unknown(void **state)
{
    struct membership *ms;
    struct waiter w;

    (void)state;
    bend(WERR_OUTCOME_UNKNOWN, UINT_MAX);
    ms = run(MEMBERSHIP_LEAVE, 0, &w);
    bad_error = WERR_NOT_FOUND;
    ms->until_ms = 0;
    assert_int_equal(outcome(&w), WERR_OUTCOME_UNKNOWN);
}

/* Whether the engine ever says so or not. */
static void test_left_when_it_is_lost(void **state)
{
    struct waiter left, other;

    (void)state;
    add(5, CLUSTER_VOTER);
    (void)run(MEMBERSHIP_LEAVE, 0, &left);
    (void)run(MEMBERSHIP_REMOVE, 5, &other);
    memberships_note_lost(m);
    assert_int_equal(left.told_n, 1);
    assert_int_equal(left.error, 0);
    assert_int_equal(other.told_n, 0);
    (void)outcome(&other);
    assert_int_equal(left.told_n, 1);
}

static void test_forgotten(void **state)
{
    struct membership *ms;
    struct waiter w;

    (void)state;
    add(5, CLUSTER_VOTER);
    ms = run(MEMBERSHIP_REMOVE, 5, &w);
    membership_forget(ms);
    while (!TAILQ_EMPTY(&all.list))
        (void)loop_turn(m->loop, 0);
    assert_int_equal(w.told_n, 0);
    assert_int_equal(m->cluster->ops->members(m->cluster, NULL, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_the_engine_says, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_leader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaves_in_two_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lead_that_nobody_takes_is_given_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_lead_that_is_never_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lead_that_has_gone_is_not_given_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_lead_whose_response_was_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_leave_whose_response_was_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_its_own_removal_whose_response_was_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_leave_whose_outcome_stays_unknown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_left_when_it_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
