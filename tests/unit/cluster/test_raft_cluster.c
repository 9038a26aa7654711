/* Several nodes in one process, on one loop: a cluster is made, joined, written to, and loses
 * members. */
#include "cluster_fixture.h"

#include <sys/stat.h>

static void test_three_nodes(void **state)
{
    struct cluster_member list[NODES_MAX];

    (void)state;
    make_first();
    add(0, "before");
    join_all(3);
    add(0, "at the first");
    add(1, "at the second");
    add(2, "at the third");
    assert_equal(3, 4);
    for (unsigned i = 0; i < 3; i++) {
        AWAIT(have_told, i);
        assert_int_equal(cluster_of(i)->ops->members(cluster_of(i), list, NODES_MAX), 3);
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(list[k].place, CLUSTER_VOTER);
            assert_string_equal(list[k].version, "1.0");
        }
        assert_string_equal(status_of(i).id, status_of(0).id);
        assert_int_equal(status_of(i).quorum, 2);
    }
    end_lab();
}

static void test_the_second_of_two_has_no_vote(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    assert_int_equal(status_of(1).voters, 1);
    add(1, "at the standby");
    assert_equal(2, 1);
    end_lab();
}

/* Neither gives the lead to the standby, nor leaves it alone. */
static void test_the_one_that_votes_is_needed(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    const struct cluster_ops *ops = cluster_of(0)->ops;
    const uint64_t voter = id_of(0), standby = id_of(1);
    assert_int_equal(ops->transfer(cluster_of(0), 0, on_done, NULL), WERR_GUARD);
    assert_int_equal(ops->transfer(cluster_of(0), standby, on_done, NULL), WERR_GUARD);
    assert_int_equal(ops->transfer(cluster_of(0), 7, on_done, NULL), WERR_NOT_FOUND);
    assert_int_equal(ops->remove_member(cluster_of(0), voter, on_done, NULL), WERR_GUARD);
    const unsigned before = lab.done_n;
    assert_int_equal(ops->remove_member(cluster_of(1), voter, on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, WERR_GUARD);
    assert_int_equal(ops->remove_member(cluster_of(0), standby, on_done, NULL), 0);
    AWAIT(is_done, before + 2);
    assert_int_equal(lab.error, 0);
    end_lab();
}

static void test_a_leader_dies_and_comes_back(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    add(1, "one");
    const unsigned old = leader_index(3);
    const struct addr at = status_of(old).address;
    close_node(old);
    AWAIT(has_leader, 3);
    add((old + 1) % 3, "two");
    add((old + 2) % 3, "three");
    const struct cluster_tally one = status_of((old + 1) % 3).tally;
    const struct cluster_tally other = status_of((old + 2) % 3).tally;
    assert_true(one.elections_won + other.elections_won > 0);
    assert_true(one.leaders > 1 && other.leaders > 1);
    open_node(old, &(struct cluster_options){.listen = at});
    AWAIT(has_settled, old);
    assert_equal(3, 3);
    add(old, "four");
    assert_equal(3, 4);
    end_lab();
}

static void test_all_stop_and_start(void **state)
{
    struct addr at[3];

    (void)state;
    make_first();
    join_all(3);
    add(2, "one");
    for (unsigned i = 0; i < 3; i++)
        at[i] = status_of(i).address;
    for (unsigned i = 0; i < 3; i++)
        close_node(i);
    for (unsigned i = 0; i < 3; i++)
        open_node(i, &(struct cluster_options){.listen = at[i]});
    for (unsigned i = 0; i < 3; i++)
        AWAIT(has_settled, i);
    add(1, "two");
    assert_equal(3, 2);
    end_lab();
}

static void test_a_token_is_good_once(void **state)
{
    (void)state;
    make_first();
    get_token(0);
    join(1, 0);
    AWAIT(has_settled, 1);
    join(2, 0);
    AWAIT(is_lost, 2);
    assert_int_equal(lab.nodes[2].lost_error, WERR_STALE);
    assert_non_null(strstr(lab.nodes[2].lost_why, "used already"));
    end_lab();
}

static void test_joins_at_a_follower(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    get_token(1);
    join(3, 2);
    AWAIT(has_settled, 3);
    add(3, "at the fourth");
    assert_equal(4, 1);
    assert_int_equal(status_of(3).voters, 3);
    end_lab();
}

static unsigned members_wanted;

static bool has_members(unsigned i)
{
    struct cluster_member list[NODES_MAX];

    return cluster_of(i)->ops->members(cluster_of(i), list, NODES_MAX) == members_wanted;
}

/* Each one that is written is another file. */
static ino_t member_file_of(unsigned i)
{
    struct stat st;

    assert_int_equal(fstatat(lab.nodes[i].dir.fd, "member", &st, 0), 0);
    return st.st_ino;
}

static unsigned news_wanted;

static bool has_news(unsigned i)
{
    return lab.nodes[i].members_n >= news_wanted;
}

/* Writing it holds up the loop: that is done for what it has, not for each entry of the roster.
 */
static void test_the_member_file_is_written_when_it_changes(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    members_wanted = 2;
    AWAIT(has_members, 0);
    const ino_t with_two = member_file_of(0);

    for (unsigned i = 0; i < 3; i++) {
        news_wanted = lab.nodes[0].members_n + 1;
        get_token(0);
        AWAIT(has_news, 0); /* … behind which it would be written */
        assert_int_equal(member_file_of(0), with_two);
    }
    join(2, 0);
    AWAIT(has_settled, 2);
    members_wanted = 3;
    AWAIT(has_members, 0);
    while (member_file_of(0) == with_two)
        (void)loop_turn(lab.loop, 20);
    end_lab();
}

static bool is_led_by_nobody(unsigned i)
{
    return !status_of(i).has_quorum;
}

static void share(unsigned i, const char *text)
{
    cluster_of(i)->ops->share(cluster_of(i), span_from_str(text));
}

static bool reaches(unsigned i)
{
    return leader_index(3) == i || lab.nodes[i].reach_n > 0;
}

static bool has_heard(unsigned i)
{
    return lab.nodes[i].shared_n > 0;
}

/* What is shared comes to each other node, once, by way of who leads. */
static void test_what_is_shared(void **state)
{
    (void)state;
    make_first();
    share(0, "to nobody");
    join_all(3);
    for (unsigned i = 0; i < 3; i++)
        AWAIT(reaches, i);
    for (unsigned from = 0; from < 3; from++) {
        for (unsigned i = 0; i < 3; i++)
            lab.nodes[i].shared_n = 0;
        share(from, "health");
        for (unsigned i = 0; i < 3; i++) {
            if (i == from)
                continue;
            AWAIT(has_heard, i);
            assert_int_equal(lab.nodes[i].shared_from, id_of(from));
            assert_string_equal(lab.nodes[i].shared, "health");
        }
        add(from, "behind it"); /* so that one more would have come */
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(lab.nodes[i].shared_n, i != from);
    }
    end_lab();
}

/* Nobody leads: it comes to nobody, and is not kept. A new leader has new links. */
static void test_what_is_shared_needs_a_leader(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    for (unsigned i = 0; i < 3; i++)
        AWAIT(reaches, i);
    const unsigned old = leader_index(3), other = (old + 1) % 3, third = (old + 2) % 3;
    const unsigned before = lab.nodes[other].reach_n + lab.nodes[third].reach_n;
    close_node(old);
    AWAIT(is_led_by_nobody, other);
    share(other, "lost");
    AWAIT(has_leader, 3);
    const unsigned follower = leader_index(3) == other ? third : other;
    lab.nodes[follower].reach_n = 0;
    AWAIT(reaches, follower);
    assert_true(before > 0);
    share(other, "told");
    AWAIT(has_heard, third);
    assert_string_equal(lab.nodes[third].shared, "told");
    assert_int_equal(lab.nodes[third].shared_n, 1);
    end_lab();
}

static void test_who_is_removed_is_told(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned before = lab.done_n;
    const uint64_t id = id_of(2);
    assert_int_equal(cluster_of(1)->ops->remove_member(cluster_of(1), id, on_done, NULL), 0);
    AWAIT(is_lost, 2);
    assert_int_equal(lab.nodes[2].lost_error, WERR_DENIED);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    members_wanted = 2;
    AWAIT(has_members, 0);
    assert_int_equal(propose(2, "no"), WERR_NOT_LEADER);
    voters_wanted = 1;
    AWAIT(has_voters, 0);
    add(1, "after");
    assert_equal(2, 1);
    end_lab();
}

static bool was_removed(unsigned i)
{
    return status_of(i).was_removed;
}

/* It is out of reach for the others a little later only. */
static void test_who_is_removed_asks_for_nothing_more(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    assert_int_equal(cluster_of(0)->ops->remove_member(cluster_of(0), id_of(2), on_done, NULL),
                     0);
    /* What follows from its removal waits for this timer. */
    timer_stop(loop_timers(lab.loop), &((struct engine *)cluster_of(2))->tend);
    AWAIT(was_removed, 2);
    assert_false(is_lost(2));
    assert_int_equal(propose(2, "no"), WERR_NOT_LEADER);
    assert_int_equal(cluster_of(2)->ops->barrier(cluster_of(2), on_done, NULL),
                     WERR_NOT_LEADER);
    end_lab();
}

static void ask_as_if_nothing_was(void *arg, int error, uint64_t index)
{
    (void)index;
    assert_int_equal(error, 0);
    assert_false(was_removed(2));
    *(int *)arg = propose(2, "no");
}

/* … nor does the leader do what it has asked for before it knew. */
static void test_who_is_removed_is_not_listened_to(void **state)
{
    int asked = 1;

    (void)state;
    make_first();
    join_all(3);
    const unsigned before = lab.done_n;
    assert_int_equal(cluster_of(0)->ops->remove_member(cluster_of(0), id_of(2),
                                                       ask_as_if_nothing_was, &asked),
                     0);
    AWAIT(is_lost, 2);
    assert_int_equal(asked, 0);
    AWAIT(is_done, before + 1);
    assert_true(lab.error == WERR_NOT_LEADER || lab.error == WERR_OUTCOME_UNKNOWN);
    add(0, "after");
    assert_int_equal(lab.nodes[0].text_n, 1);
    end_lab();
}

/* It does not run when that is agreed on; its own log knows nothing of it. */
static void test_who_was_away_when_it_was_removed_is_told(void **state)
{
    const unsigned gone = 2;

    (void)state;
    make_first();
    join_all(3);
    add(1, "before");
    assert_equal(3, 1);
    const struct addr at = status_of(gone).address;
    const uint64_t id = id_of(gone);
    close_node(gone);
    AWAIT(has_leader, gone);
    const unsigned leader = leader_index(gone), before = lab.done_n;
    AWAIT(knows_leader, leader);
    assert_int_equal(
        cluster_of(leader)->ops->remove_member(cluster_of(leader), id, on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    open_node(gone, &(struct cluster_options){.listen = at});
    AWAIT(is_lost, gone);
    assert_int_equal(lab.nodes[gone].lost_error, WERR_DENIED);
    assert_true(status_of(gone).was_removed && !status_of(leader).was_removed);
    assert_int_equal(propose(gone, "no"), WERR_NOT_LEADER);
    AWAIT(has_settled, gone);
    const uint64_t term = status_of(gone).term;
    const uint64_t end_ms = loop_now_ms(lab.loop) + 3ULL * status_of(gone).election_ms;
    while (loop_now_ms(lab.loop) < end_ms)
        (void)loop_turn(lab.loop, 20);
    assert_int_equal(status_of(gone).term, term); /* it asks for no votes */
    assert_false(status_of(gone).has_quorum);
    assert_int_equal(lab.nodes[gone].lost_n, 1);
    add(leader, "after");
    assert_equal(gone, 2);
    end_lab();
}

static void test_the_leader_is_removed(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned old = leader_index(3);
    const unsigned other = (old + 1) % 3;
    const uint64_t id = id_of(old);
    assert_int_equal(
        cluster_of(other)->ops->remove_member(cluster_of(other), id, on_done, NULL), 0);
    AWAIT(is_lost, old);
    close_node(old);
    AWAIT(has_leader, 3);
    voters_wanted = 1;
    AWAIT(has_voters, other);
    add(other, "after");
    assert_equal(3, 1);
    end_lab();
}

static void test_leadership_is_handed_over(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned old = leader_index(3), other = (old + 1) % 3;
    const unsigned before = lab.done_n;
    assert_int_equal(
        cluster_of(old)->ops->transfer(cluster_of(old), id_of(other), on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    AWAIT(has_leader, 3);
    add(old, "after");
    assert_equal(3, 1);
    end_lab();
}

/* libraft ends it when somebody leads, which nobody does here. */
static void test_leadership_is_handed_to_nobody(void **state)
{
    struct addr at[3];

    (void)state;
    make_first();
    join_all(3);
    const unsigned old = leader_index(3), other = (old + 1) % 3, third = (old + 2) % 3;
    const uint64_t id = id_of(other);
    const unsigned before = lab.done_n;
    for (unsigned i = 0; i < 3; i++)
        at[i] = status_of(i).address;
    close_node(other);
    close_node(third);
    assert_int_equal(cluster_of(old)->ops->role(cluster_of(old)), CLUSTER_LEADER);
    assert_int_equal(cluster_of(old)->ops->transfer(cluster_of(old), id, on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, WERR_TIMEOUT);
    assert_int_not_equal(cluster_of(old)->ops->role(cluster_of(old)), CLUSTER_LEADER);
    open_node(other, &(struct cluster_options){.listen = at[other]});
    open_node(third, &(struct cluster_options){.listen = at[third]});
    AWAIT(has_leader, 3);
    assert_int_equal(lab.done_n, before + 1);
    end_lab();
}

static void test_a_barrier_at_a_follower(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    add(0, "one");
    const unsigned follower = (leader_index(3) + 1) % 3, before = lab.done_n;
    assert_int_equal(cluster_of(follower)->ops->barrier(cluster_of(follower), on_done, NULL),
                     0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    assert_int_equal(lab.nodes[follower].text_n, 1);
    end_lab();
}

static void propose_many(unsigned n)
{
    const unsigned before = lab.done_n;
    char text[TEXT_MAX];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_int_equal(propose(0, text), 0);
    }
    AWAIT(is_done, before + n);
}

/* More entries than the log keeps behind a snapshot. */
static void test_joins_by_snapshot(void **state)
{
    enum { MANY = 3000 };

    (void)state;
    make_first();
    propose_many(MANY);
    cut_log(0, 1);
    join_all(3);
    assert_true(lab.nodes[1].restored_n > 0);
    assert_true(status_of(1).tally.received.n > 0);
    assert_int_equal(status_of(0).tally.received.n, 0);
    add(2, "after");
    assert_equal(3, MANY + 1);
    end_lab();
}

/* The snapshot comes first, and then the entries behind it: a newcomer has settled when it has
 * both. */
static void test_settles_with_all_of_it(void **state)
{
    enum { BEFORE = 1200, BEHIND = 700 };

    (void)state;
    make_first();
    propose_many(BEFORE);
    cut_log(0, 1);
    propose_many(BEHIND);
    join_all(2);
    assert_int_equal(lab.nodes[1].restored_n, 1);
    assert_int_equal(lab.nodes[1].settled_text_n, BEFORE + BEHIND);
    end_lab();
}

static void test_five_nodes(void **state)
{
    (void)state;
    make_first();
    join_all(5);
    add(4, "one");
    close_node(leader_index(5));
    AWAIT(has_leader, 5);
    close_node(leader_index(5));
    AWAIT(has_leader, 5);
    add(leader_index(5), "two");
    assert_equal(5, 2);
    end_lab();
}

static void test_no_quorum(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned left = 2;
    close_node(0);
    close_node(1);
    while (status_of(left).has_quorum)
        (void)loop_turn(lab.loop, 20);
    assert_int_equal(propose(left, "no"), WERR_NOT_LEADER);
    assert_int_equal(cluster_of(left)->ops->barrier(cluster_of(left), on_done, NULL),
                     WERR_NOT_LEADER);
    end_lab();
}

/* What it had applied is there, though no other node is. */
static void test_starts_alone(void **state)
{
    struct addr at;

    (void)state;
    make_first();
    join_all(3);
    add(2, "one");
    add(2, "two");
    at = status_of(2).address;
    for (unsigned i = 0; i < 3; i++)
        close_node(i);
    open_node(2, &(struct cluster_options){.listen = at});
    AWAIT(has_settled, 2);
    assert_false(status_of(2).has_quorum);
    texts_wanted = 2;
    assert_true(has_texts(2));
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_nodes),
        cmocka_unit_test(test_the_second_of_two_has_no_vote),
        cmocka_unit_test(test_the_one_that_votes_is_needed),
        cmocka_unit_test(test_a_leader_dies_and_comes_back),
        cmocka_unit_test(test_all_stop_and_start),
        cmocka_unit_test(test_a_token_is_good_once),
        cmocka_unit_test(test_joins_at_a_follower),
        cmocka_unit_test(test_the_member_file_is_written_when_it_changes),
        cmocka_unit_test(test_what_is_shared),
        cmocka_unit_test(test_what_is_shared_needs_a_leader),
        cmocka_unit_test(test_who_is_removed_is_told),
        cmocka_unit_test(test_who_is_removed_asks_for_nothing_more),
        cmocka_unit_test(test_who_is_removed_is_not_listened_to),
        cmocka_unit_test(test_who_was_away_when_it_was_removed_is_told),
        cmocka_unit_test(test_the_leader_is_removed),
        cmocka_unit_test(test_leadership_is_handed_over),
        cmocka_unit_test(test_leadership_is_handed_to_nobody),
        cmocka_unit_test(test_a_barrier_at_a_follower),
        cmocka_unit_test(test_joins_by_snapshot),
        cmocka_unit_test(test_settles_with_all_of_it),
        cmocka_unit_test(test_five_nodes),
        cmocka_unit_test(test_no_quorum),
        cmocka_unit_test(test_starts_alone),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
