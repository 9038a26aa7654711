/* What a member may hold, by what its leader says. */
#include "roster_fixture.h"

#include "cluster/holding.h"
#include "pool/levels.h"

static struct {
    struct roster *roster;
    struct holding h;
    struct vip_ask ask;
    struct vip_grant grant;
} s;

static const struct addr vip = {.family = AF_INET, .ip = {192, 0, 2, 1}};

static void assign(uint64_t epoch)
{
    const struct roster_command c = {.type = ROSTER_VIP,
                                     .vip = {.address = vip, .holder = 1, .epoch = epoch}};

    assert_int_equal(roster_apply(s.roster, &c), 0);
}

static int make(void **state)
{
    struct roster_command c = command_make();

    (void)state;
    memset(&s, 0, sizeof(s));
    s.roster = roster_new();
    assert_int_equal(roster_apply(s.roster, &c), 0);
    c = command_admit(1, 0, 1);
    c.member.level = LEVEL_NEWEST;
    assert_int_equal(roster_apply(s.roster, &c), 0);
    c = command_level(LEVEL_VIPS);
    assert_int_equal(roster_apply(s.roster, &c), 0);
    assign(1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    roster_free(s.roster);
    return 0;
}

static void ask_at(uint64_t now_ns)
{
    holding_ask(&s.h, s.roster, 5, now_ns, &s.ask);
}

/* A response to the last question, of 100 ns. */
static bool respond(uint64_t epoch, uint64_t now_ns)
{
    s.grant = (struct vip_grant){.sequence = s.ask.sequence,
                                 .term = 5,
                                 .stamp_ns = 77,
                                 .is_ready = true,
                                 .length_ns = 100,
                                 .n = epoch != 0};
    s.grant.claims[0] = (struct vip_claim){.address = vip, .epoch = epoch};
    return holding_take(&s.h, s.roster, &s.grant, now_ns);
}

static void test_a_lease_begins_with_the_question(void **state)
{
    (void)state;
    assert_int_equal(holding_end(&s.h, &vip), 0);
    ask_at(1000);
    assert_true(respond(1, 1090));
    assert_int_equal(holding_end(&s.h, &vip), 1100);
    assert_int_equal(holding_next_end(&s.h, 1090), 1100);
    assert_true(holding_next_end(&s.h, 1100) == UINT64_MAX);
}

static void test_a_response_that_is_late_gives_nothing(void **state)
{
    (void)state;
    ask_at(1000);
    assert_false(respond(1, 5000));
    assert_true(holding_end(&s.h, &vip) <= 5000);
}

static void test_it_is_extended_and_lapses(void **state)
{
    (void)state;
    ask_at(1000);
    (void)respond(1, 1010);
    ask_at(1050);
    assert_false(respond(1, 1060)); /* nothing new */
    assert_int_equal(holding_end(&s.h, &vip), 1150);
    ask_at(1200);
    assert_true(respond(1, 1210)); /* it had run out */
}

static void test_what_has_run_out_need_not_be_let_go(void **state)
{
    (void)state;
    assert_false(holding_release(&s.h, &vip, 1000)); /* it never had it */
    ask_at(1000);
    (void)respond(1, 1010);
    assert_false(holding_release(&s.h, &vip, 1100));
    ask_at(1200);
    assert_int_equal(s.ask.released_n, 0);
    assert_true(respond(1, 1210)); /* the same assignment goes on */
}

static void test_what_is_not_granted_is_taken_back(void **state)
{
    (void)state;
    ask_at(1000);
    (void)respond(1, 1010);
    ask_at(1050);
    assert_true(respond(0, 1060));
    assert_int_equal(holding_end(&s.h, &vip), 0);
}

static void test_a_leader_that_is_not_ready_says_nothing(void **state)
{
    (void)state;
    ask_at(1000);
    (void)respond(1, 1010);
    ask_at(1050);
    s.grant = (struct vip_grant){.sequence = s.ask.sequence, .term = 6, .stamp_ns = 88};
    assert_false(holding_take(&s.h, s.roster, &s.grant, 1060));
    assert_int_equal(holding_end(&s.h, &vip), 1100);
    ask_at(1070);
    assert_int_equal(s.ask.stamp_term, 6); /* it is acknowledged nevertheless */
    assert_int_equal(s.ask.stamp_ns, 88);
}

static void test_a_response_counts_once(void **state)
{
    (void)state;
    ask_at(1000);
    (void)respond(1, 1010);
    assert_true(holding_release(&s.h, &vip, 1015));
    assert_false(holding_take(&s.h, s.roster, &s.grant, 1020));
    s.grant.sequence = 0;
    assert_false(holding_take(&s.h, s.roster, &s.grant, 1020));
    ask_at(1030);
    holding_forget_asks(&s.h);
    assert_false(respond(2, 1040));
}

static void test_what_was_let_go_is_not_taken_again(void **state)
{
    (void)state;
    ask_at(1000);
    (void)respond(1, 1010);
    ask_at(1020); /* the response to this one is on its way when it is let go */
    assert_true(holding_release(&s.h, &vip, 1025));
    assert_false(holding_release(&s.h, &vip, 1025));
    assert_false(respond(1, 1030));
    assert_int_equal(holding_end(&s.h, &vip), 0);
    ask_at(1040);
    assert_int_equal(s.ask.released_n, 1);
    assert_int_equal(s.ask.released[0].epoch, 1);
    assert_true(respond(2, 1050)); /* another assignment */
    assert_int_equal(holding_end(&s.h, &vip), 1140);
}

/* The next assignment may be another member's, and known here before an older response is. */
static void test_a_grant_of_the_past_is_none(void **state)
{
    (void)state;
    ask_at(1000);
    (void)respond(1, 1010);
    ask_at(1020);
    assert_true(holding_release(&s.h, &vip, 1025));
    assign(2);
    ask_at(1030);
    assert_int_equal(s.ask.released_n, 0); /* of no matter any more */
    s.ask.sequence--;
    assert_false(respond(1, 1040));
    assert_int_equal(holding_end(&s.h, &vip), 0);
}

static void test_whether_it_is_fit(void **state)
{
    (void)state;
    ask_at(1000);
    assert_int_equal(s.ask.fitness, CLUSTER_UNFIT);
    assert_true(holding_set_fitness(&s.h, CLUSTER_FIT, NULL));
    assert_false(holding_set_fitness(&s.h, CLUSTER_FIT, "passed over"));
    ask_at(1010);
    assert_int_equal(s.ask.fitness, CLUSTER_FIT);
    assert_string_equal(s.ask.why, "");
    assert_true(holding_set_fitness(&s.h, CLUSTER_UNFIT, "link down"));
    ask_at(1020);
    assert_string_equal(s.ask.why, "link_down");
}

static void test_who_was_removed_holds_nothing(void **state)
{
    (void)state;
    assert_false(holding_drop_all(&s.h));
    ask_at(1000);
    (void)respond(1, 1010);
    ask_at(1020);
    assert_true(holding_drop_all(&s.h));
    assert_false(respond(1, 1030));
    assert_int_equal(holding_end(&s.h, &vip), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_lease_begins_with_the_question, make, end),
        cmocka_unit_test_setup_teardown(test_a_response_that_is_late_gives_nothing, make, end),
        cmocka_unit_test_setup_teardown(test_it_is_extended_and_lapses, make, end),
        cmocka_unit_test_setup_teardown(test_what_has_run_out_need_not_be_let_go, make, end),
        cmocka_unit_test_setup_teardown(test_what_is_not_granted_is_taken_back, make, end),
        cmocka_unit_test_setup_teardown(test_a_leader_that_is_not_ready_says_nothing, make,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_response_counts_once, make, end),
        cmocka_unit_test_setup_teardown(test_what_was_let_go_is_not_taken_again, make, end),
        cmocka_unit_test_setup_teardown(test_a_grant_of_the_past_is_none, make, end),
        cmocka_unit_test_setup_teardown(test_whether_it_is_fit, make, end),
        cmocka_unit_test_setup_teardown(test_who_was_removed_holds_nothing, make, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
