/* Where members are called, as an operator says: nodes in one process. */
#include "cluster/moved.h"
#include "pool/levels.h"
#include "raft_bent.h"

static unsigned who;          /* the node that is placed … */
static struct addr elsewhere; /* … at an address where nobody is */

static const struct roster_member *seen_by(unsigned i)
{
    return roster_find(engine_at(i)->roster, id_of(who));
}

static bool is_elsewhere(unsigned i)
{
    return addr_is_equal(&seen_by(i)->address, &elsewhere);
}

static bool is_where_it_tells(unsigned i)
{
    return addr_is_equal(&seen_by(i)->address, &engine_at(who)->self.address);
}

static int try_place(unsigned i, uint64_t id, const struct addr *address)
{
    struct cluster *c = cluster_of(i);
    const unsigned before = lab.done_n;
    const int rc = c->ops->place_member(c, id, address, on_done, NULL);

    if (rc < 0)
        return rc;
    AWAIT(is_done, before + 1);
    return lab.error;
}

/* Asked of node i; what came of it. In the middle of an election that is not known. */
static int place_id(unsigned i, uint64_t id, const struct addr *address)
{
    int rc;

    do {
        AWAIT(knows_leader, i);
        rc = try_place(i, id, address);
        (void)loop_turn(lab.loop, 20);
    } while (rc == WERR_NOT_LEADER || rc == WERR_OUTCOME_UNKNOWN);
    return rc;
}

static int place(unsigned i, const struct addr *address)
{
    return place_id(i, id_of(who), address);
}

static void make_three(uint8_t level)
{
    make_first_at(level);
    join_all(3);
    who = 2;
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:9"), &elsewhere), 0);
}

static void assert_called_elsewhere(unsigned i)
{
    struct roster_command c;

    assert_true(addr_is_equal(link_self_find(&engine_at(i)->self, id_of(who)), &elsewhere));
    assert_false(moved_find(&engine_at(i)->self, 0, &c)); /* the next leader leaves it so */
}

static bool is_live(unsigned i)
{
    return engine_contact_is_live(engine_at(i), id_of(who), 200) &&
           link_self_told(&engine_at(i)->self, id_of(who)) != NULL;
}

/* By a follower, of a member that all hear and that tells another address. */
static void test_an_operator_knows_better(void **state)
{
    (void)state;
    make_three(LEVEL_PLACES);
    make_leader(0);
    AWAIT(is_live, 0);
    assert_int_equal(place(1, &elsewhere), 0);
    assert_true(is_elsewhere(1)); /* who asks sees it at once */
    for (unsigned i = 0; i < 3; i++)
        AWAIT(is_elsewhere, i);
    for (unsigned i = 0; i < 2; i++)
        assert_called_elsewhere(i);
    assert_true(addr_is_equal(&seen_by(0)->told, &engine_at(who)->self.address));
    make_leader(1);
    assert_called_elsewhere(1);
    assert_int_equal(place(0, NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        AWAIT(is_where_it_tells, i);
    assert_false(seen_by(0)->is_placed);
    end_lab();
}

static void test_what_is_refused(void **state)
{
    const struct addr none = {.family = AF_INET, .port = 9};

    (void)state;
    make_three(LEVEL_PLACES);
    make_leader(0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(place(i, &engine_at(0)->self.address), WERR_EXISTS);
        assert_int_equal(place(i, &none), WERR_INVALID);
        assert_int_equal(place_id(i, 77, &elsewhere), WERR_NOT_FOUND);
    }
    assert_true(is_where_it_tells(0));
    end_lab();
}

/* An older Weldr could not read that. */
static void test_not_before_all_know_it(void **state)
{
    (void)state;
    make_three(LEVEL_PLACES - 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(place(i, &elsewhere), WERR_UNSUPPORTED);
    assert_true(is_where_it_tells(0));
    end_lab();
}

/* It told this node so when it was there, and has moved while another one led. */
static void test_what_the_roster_says_is_newer_than_what_was_told(void **state)
{
    (void)state;
    make_three(LEVEL_PLACES);
    struct engine *e = engine_at(0);
    const struct roster_member before = *seen_by(0);
    struct roster_member now = before;

    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        e->self.told[i] = (struct link_told){i == 0 ? before.id : 0, before.address};
    engine_move_note(e, &before, &now);
    assert_non_null(link_self_told(&e->self, before.id));
    now.address = elsewhere;
    engine_move_note(e, &before, &now);
    assert_null(link_self_told(&e->self, before.id));
    engine_move_note(e, &before, NULL); /* it was removed */
    end_lab();
}

/* The first node leads before the cluster is made, and before its level is noted: it says where
 * it is, and who would place it is told to come again, not that it keeps nothing. */
static void test_right_after_the_first_start(void **state)
{
    struct cluster_member m;
    struct cluster_status s;

    (void)state;
    make_lab();
    lab.nodes[0].level = LEVEL_PLACES;
    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    struct cluster *c = cluster_of(0);
    assert_int_equal(roster_member_n(engine_at(0)->roster), 0);
    c->ops->status(c, &s);
    assert_int_not_equal(s.address.family, 0);
    assert_int_equal(c->ops->members(c, &m, 1), 1);
    assert_true(addr_is_equal(&m.address, &s.address));
    assert_true(c->ops->leader(c, &m));
    assert_true(addr_is_equal(&m.address, &s.address));
    who = 0;
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:9"), &elsewhere), 0);
    assert_int_equal(place(0, &elsewhere), 0);
    assert_true(is_elsewhere(0));
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_operator_knows_better),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_not_before_all_know_it),
        cmocka_unit_test(test_what_the_roster_says_is_newer_than_what_was_told),
        cmocka_unit_test(test_right_after_the_first_start),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
