#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "manager/events.h"
#include "manager/members.h"

/* What is told of members that come, go and lead. */

static const struct delayed_options calm = {.seed = 1};
static struct manager *m;
static struct members seen;

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    seen = (struct members){.n = 0};
    members_look(m, &seen, false);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(m);
    return 0;
}

static void on_done(void *arg, int error, uint64_t index)
{
    (void)index;
    *(int *)arg = error == 0 ? 1 : error;
}

static void run_until(const int *done)
{
    for (unsigned n = 0; *done == 0; n++) {
        assert_true(n < 100000);
        (void)loop_turn(m->loop, 0);
    }
    assert_int_equal(*done, 1);
}

static void add(uint64_t id, enum cluster_place place)
{
    const struct cluster_member member = {
        .id = id, .address = {AF_INET, 8688, {10, 0, 0, (uint8_t)id}}, .place = (uint8_t)place};
    int done = 0;

    assert_int_equal(m->cluster->ops->add_member(m->cluster, &member, on_done, &done), 0);
    run_until(&done);
}

static void look(void)
{
    members_look(m, &seen, true);
}

static unsigned events_n(void)
{
    return (unsigned)(m->events->ring.next - m->events->ring.first);
}

/* The last event but so many, as JSON. */
static bool says(unsigned back, const char *kind, const char *what)
{
    const struct span data = event_ring_data(&m->events->ring, m->events->ring.next - 1 - back);
    char text[2000];

    assert_int_equal(span_to_str(data, text, sizeof(text)), 0);
    return strstr(text, kind) != NULL && strstr(text, what) != NULL;
}

static void test_of_one_nothing_is_told(void **state)
{
    (void)state;
    const unsigned before = events_n();
    delayed_lose(m->cluster);
    look();
    fixture_run_until_led(m);
    look();
    assert_int_equal(events_n(), before);
    assert_null(members_warning(m->cluster));
    assert_string_equal(members_own_word(m->cluster), "leader");
    assert_int_equal(members_own_id(m->cluster), 1);
}

static void test_added_promoted_removed(void **state)
{
    int done = 0;

    (void)state;
    add(0x7a, CLUSTER_STANDBY);
    look();
    assert_true(says(0, "member_added", "\"member\":\"000000000000007a\""));
    assert_true(says(0, "10.0.0.122:8688", "\"to\":\"standby\""));
    assert_non_null(members_warning(m->cluster));
    const unsigned before = events_n();
    look();
    assert_int_equal(events_n(), before); /* it is no news */
    assert_int_equal(m->cluster->ops->promote(m->cluster, 0x7a, on_done, &done), 0);
    run_until(&done);
    look();
    assert_true(says(0, "member_changed", "\"from\":\"standby\",\"to\":\"follower\""));
    done = 0;
    const struct addr moved = {.family = AF_INET, .port = 9, .ip = {10, 0, 0, 9}};
    assert_int_equal(m->cluster->ops->place_member(m->cluster, 0x7a, &moved, on_done, &done),
                     0);
    run_until(&done);
    look();
    assert_true(says(0, "member_moved", "\"from\":\"10.0.0.122:8688\",\"to\":\"10.0.0.9:9\""));
    done = 0;
    assert_int_equal(m->cluster->ops->remove_member(m->cluster, 0x7a, on_done, &done), 0);
    run_until(&done);
    look();
    assert_true(says(0, "member_removed", "000000000000007a"));
    assert_int_equal(seen.n, 1);
}

static void status_of_halted(const struct cluster *c, struct cluster_status *out)
{
    (void)c;
    *out = (struct cluster_status){
        .applied = 56,
        .halt = {.is_halted = true, .index = 57, .version = "9.0.0", .why = "a riddle"}};
}

/* At the start too, of which nothing else is told. */
static void test_a_halt_is_told_once(void **state)
{
    const struct cluster_ops *const ops = m->cluster->ops;
    struct cluster_ops halted = *ops;
    const unsigned before = events_n();

    (void)state;
    halted.status = status_of_halted;
    m->cluster->ops = &halted;
    m->events->is_replaying = true; /* who looks while it is silent has not told it */
    members_look(m, &seen, false);
    m->events->is_replaying = false;
    members_look(m, &seen, false);
    assert_true(says(0, "node_halted", "\"to\":\"9.0.0\",\"reason\":\"a riddle\""));
    look();
    assert_int_equal(events_n(), before + 1);
    m->cluster->ops = ops;
    look();
    assert_false(seen.is_halted);
}

static void status_of_recovered(const struct cluster *c, struct cluster_status *out)
{
    (void)c;
    *out = (struct cluster_status){.incarnation = 3, .was_recovered = true};
}

static void test_a_recovery_is_told_once(void **state)
{
    const struct cluster_ops *const ops = m->cluster->ops;
    struct cluster_ops recovered = *ops;
    const unsigned before = events_n();

    (void)state;
    recovered.status = status_of_recovered;
    m->cluster->ops = &recovered;
    m->events->is_replaying = true;
    members_look(m, &seen, false);
    m->events->is_replaying = false;
    members_look(m, &seen, false);
    assert_true(says(0, "cluster_recovered", "\"to\":\"3\""));
    members_look(m, &seen, true);
    assert_int_equal(events_n(), before + 1);
    m->cluster->ops = ops;
}

static void test_leaders(void **state)
{
    (void)state;
    add(2, CLUSTER_VOTER);
    look();
    delayed_lose(m->cluster); /* the other one leads */
    look();
    assert_true(says(0, "leader_changed", "\"to\":\"0000000000000002\""));
    assert_true(says(0, "leader_changed", "\"from\":\"0000000000000001\""));
    assert_string_equal(members_own_word(m->cluster), "follower");
}

/* No leader is known, and then there is one again. */
static void test_quorum(void **state)
{
    (void)state;
    add(2, CLUSTER_VOTER);
    look();
    seen.leader_id = 0;
    look();
    assert_true(says(1, "quorum_back", ""));
    assert_true(says(0, "leader_changed", "\"to\":\"0000000000000001\""));
    int done = 0;
    assert_int_equal(m->cluster->ops->remove_member(m->cluster, 2, on_done, &done), 0);
    run_until(&done);
    delayed_lose(m->cluster); /* alone: it is a candidate */
    look();
    assert_true(says(0, "quorum_lost", "requests are served"));
    assert_string_equal(members_own_word(m->cluster), "candidate");
}

static void test_words_and_ids(void **state)
{
    const struct cluster_member witness = {.is_witness = true},
                                joining = {.place = CLUSTER_JOINING},
                                leader = {.is_witness = true, .is_leader = true};
    char text[MEMBERS_ID_TEXT];
    uint64_t id;

    (void)state;
    assert_string_equal(members_word(&witness), "witness");
    assert_string_equal(members_word(&joining), "joining");
    assert_string_equal(members_word(&leader), "leader");
    members_print_id(UINT64_C(0xfedcba9876543210), text);
    assert_string_equal(text, "fedcba9876543210");
    assert_int_equal(members_read_id(span_from_str(text), &id), 0);
    assert_true(id == UINT64_C(0xfedcba9876543210));
    assert_int_equal(members_read_id(SPAN("1"), &id), WERR_SYNTAX);
    assert_int_equal(members_read_id(SPAN("fedcba987654321g"), &id), WERR_SYNTAX);
    assert_int_equal(members_read_id(SPAN("0fedcba9876543210"), &id), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_of_one_nothing_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_added_promoted_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_halt_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_recovery_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leaders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quorum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words_and_ids, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
