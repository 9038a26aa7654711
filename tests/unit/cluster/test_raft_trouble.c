/* Several nodes in one process: what comes of members that are away for long, of disks that are
 * slow or full, and of what libraft can't bear. The engine is looked into and bent here. */
#include "cluster_fixture.h"

#include <limits.h>

#include "net/loop_int.h"
#include "raft_bent.h"

/* ---- members that are away ---- */

enum { AWAY_MS = 40 * 1000 }; /* longer than a newcomer has to come */

static struct loop_ops late_ops;
static const struct loop_ops *usual_ops;

static uint64_t late_wall_us(const struct loop *l)
{
    return usual_ops->wall_us(l) + AWAY_MS * 1000ULL;
}

/* As if the time had passed while this node led. */
static void let_time_pass(unsigned leader)
{
    usual_ops = lab.loop->ops;
    late_ops = *usual_ops;
    late_ops.wall_us = late_wall_us;
    lab.loop->ops = &late_ops;
    engine_at(leader)->led_since_ms -= AWAY_MS;
    turn_for(500); /* the steward looks each 100 ms */
}

static unsigned member_n(unsigned i)
{
    struct cluster_member list[NODES_MAX];

    return cluster_of(i)->ops->members(cluster_of(i), list, NODES_MAX);
}

static void test_a_standby_that_is_away_stays_a_member(void **state)
{
    struct addr at[2];

    (void)state;
    make_first();
    join_all(2);
    AWAIT(have_told, 0);
    stop_all(2, at);
    start_again(0, at);
    AWAIT(has_settled, 0);
    let_time_pass(0);
    assert_int_equal(member_n(0), 2);
    start_again(1, at);
    AWAIT(has_settled, 1);
    assert_false(is_lost(1));
    add(1, "back");
    assert_equal(2, 1);
    end_lab();
}

static bool is_admitted(unsigned at)
{
    return member_n(at) == 2;
}

static bool is_alone(unsigned at)
{
    return member_n(at) == 1;
}

/* It was admitted, and has never said what it runs. */
static void test_who_never_comes_is_forgotten(void **state)
{
    struct roster_command c = {.type = ROSTER_ADMIT};

    (void)state;
    make_first();
    get_token(0);
    const struct roster_token *t = roster_token_at(engine_at(0)->roster, 0);
    c.token = *t;
    c.member = (struct roster_member){.id = 77};
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:9"), &c.member.address), 0);
    c.member.joined_us = c.now_us = loop_wall_us(lab.loop);
    assert_int_equal(engine_propose_roster(engine_at(0), &c, NULL, NULL), 0);
    AWAIT(is_admitted, 0);
    turn_for(500);
    assert_int_equal(member_n(0), 2);
    let_time_pass(0);
    AWAIT(is_alone, 0);
    end_lab();
}

/* ---- strangers ---- */

static void test_a_stranger_writes_nothing_to_the_log(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    AWAIT(have_told, 0);
    const uint64_t index = cluster_of(0)->ops->index(cluster_of(0));
    join(2, 0); /* with the token that the second has used */
    AWAIT(is_lost, 2);
    assert_int_equal(lab.nodes[2].lost_error, WERR_STALE);
    assert_int_equal(cluster_of(0)->ops->index(cluster_of(0)), index);
    end_lab();
}

/* ---- snapshots ---- */

static unsigned snapshots_sent;
static int (*usual_send)(struct raft_io *io, struct raft_io_send *req,
                         const struct raft_message *message, raft_io_send_cb cb);

static int send_and_count(struct raft_io *io, struct raft_io_send *req,
                          const struct raft_message *message, raft_io_send_cb cb)
{
    snapshots_sent += message->type == RAFT_INSTALL_SNAPSHOT;
    return usual_send(io, req, message, cb);
}

/* The change of members that libraft's message does not outlive, made surely. */
static int send_without_address(struct raft_io *io, struct raft_io_send *req,
                                const struct raft_message *message, raft_io_send_cb cb)
{
    struct raft_message copy = *message;

    if (message->type == RAFT_INSTALL_SNAPSHOT)
        copy.server_address = NULL;
    return send_and_count(io, req, &copy, cb);
}

static unsigned snapshots_wanted;

static bool are_snapshots_sent(unsigned i)
{
    (void)i;
    return snapshots_sent >= snapshots_wanted;
}

/* libraft ends the process when its own is written, were it to hear of the other one. */
static void test_a_snapshot_that_comes_while_one_is_written(void **state)
{
    enum { MANY = 3000 };
    char text[TEXT_MAX];

    (void)state;
    make_first();
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_int_equal(propose(0, text), 0);
    }
    AWAIT(is_done, MANY);
    cut_log(0, 1);
    snapshots_sent = 0;
    usual_send = engine_at(0)->io.send;
    engine_at(0)->io.send = send_without_address;
    get_token(0);
    join(1, 0);
    AWAIT(has_raft, 1);
    engine_at(1)->raft.legacy.snapshot_taking = true;
    snapshots_wanted = 2; /* the first one came to nothing */
    AWAIT(are_snapshots_sent, 0);
    assert_int_equal(lab.nodes[1].restored_n, 0);
    assert_null(engine_at(1)->raft.legacy.snapshot_pending);
    engine_at(1)->raft.legacy.snapshot_taking = false;
    AWAIT(has_settled, 1);
    assert_true(lab.nodes[1].restored_n > 0);
    assert_equal(2, MANY);
    end_lab();
}

static void ask_for_barriers(unsigned at, unsigned n)
{
    enum { AT_ONCE = 50 };

    for (unsigned i = 0; i < n; i += AT_ONCE) {
        const unsigned before = lab.done_n;

        for (unsigned k = 0; k < AT_ONCE; k++)
            assert_int_equal(cluster_of(at)->ops->barrier(cluster_of(at), on_done, NULL), 0);
        AWAIT(is_done, before + AT_ONCE);
        assert_int_equal(lab.error, 0);
    }
}

/* The snapshot of who leads then ends with a barrier, which is no entry of anybody. */
static void test_a_barrier_behind_a_snapshot_of_barriers(void **state)
{
    enum { MANY = 1500, NODES = 3 };
    struct addr at[NODES];

    (void)state;
    make_first();
    join_all(NODES);
    const unsigned first = make_calm(NODES), other = (first + 1) % NODES;
    add(other, "one");
    assert_equal(NODES, 1);
    for (unsigned i = 0; i < NODES; i++)
        if (i != first)
            raft_set_snapshot_threshold(&engine_at(i)->raft, UINT_MAX);
    ask_for_barriers(first, MANY);
    AWAIT(has_snapshot, first);
    stop_all(NODES, at);
    for (unsigned i = 0; i < NODES; i++) {
        start_again(i, at);
        if (i != first)
            keep_calm(i);
    }
    AWAIT(leads, first);
    keep_calm(first);
    AWAIT(has_settled, first);
    assert_int_equal(lab.nodes[first].restored_n, 1);
    AWAIT(knows_leader, other);
    assert_true(cluster_of(other)->ops->index(cluster_of(other)) <
                cluster_of(first)->ops->index(cluster_of(first)));
    const unsigned before = lab.done_n;
    assert_int_equal(cluster_of(other)->ops->barrier(cluster_of(other), on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    end_lab();
}

static uint64_t applied_wanted;

static bool has_applied_all(unsigned i)
{
    return raft_last_applied(&engine_at(i)->raft) >= applied_wanted;
}

/* All that it has comes to a start at once, several changes of who votes among it, and is
 * enough for a snapshot. */
static void test_a_snapshot_behind_changes_of_votes(void **state)
{
    enum { MANY = 1500, NODES = 3 };

    (void)state;
    make_first();
    join_all(NODES);
    const unsigned leader = make_calm(NODES), other = (leader + 1) % NODES;
    const struct raft *r = &engine_at(other)->raft;
    const struct addr at = status_of(other).address;
    raft_set_snapshot_threshold(&engine_at(other)->raft, UINT_MAX);
    ask_for_barriers(leader, MANY);
    applied_wanted = raft_last_applied(&engine_at(leader)->raft);
    AWAIT(has_applied_all, other);
    const raft_index change = r->configuration_committed_index;
    for (unsigned i = 0; i < 2; i++) {
        close_node(other);
        open_node(other, &(struct cluster_options){.listen = at});
        AWAIT(has_raft, other);
        AWAIT(has_applied_all, other);
        AWAIT(has_snapshot, other);
        r = &engine_at(other)->raft;
        assert_int_equal(r->configuration_committed_index, change);
        assert_int_equal(r->configuration_uncommitted_index, 0);
    }
    end_lab();
}

/* ---- a change that libraft refuses ---- */

static uint64_t find_standby(const struct engine *e)
{
    for (unsigned i = 0; i < e->raft.configuration.n; i++)
        if (e->raft.configuration.servers[i].role == RAFT_STANDBY)
            return e->raft.configuration.servers[i].id;
    return 0;
}

/* What each of the members has told of its room has been heard. */
static bool is_refused(unsigned leader)
{
    return propose(leader, "no") == WERR_NO_SPACE;
}

/* All have all. */
static bool is_level(unsigned leader)
{
    struct raft *r = &engine_at(leader)->raft;
    raft_index stored;

    for (unsigned i = 0; i < r->configuration.n; i++)
        if (raft_match_index(r, r->configuration.servers[i].id, &stored) != 0 ||
            stored != raft_last_index(r))
            return false;
    return true;
}

/* libraft itself loses the bytes of a change that it refuses. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer looks for this name */
const char *__lsan_default_suppressions(void);
/* NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer looks for this name */
const char *__lsan_default_suppressions(void)
{
    return "leak:clientChangeConfiguration\n";
}

static bool is_idle(unsigned leader)
{
    return !engine_at(leader)->is_changing;
}

/* libraft keeps such a change, and would end it once more when this node leads no more. */
static void test_a_promotion_without_room(void **state)
{
    (void)state;
    make_first();
    join_all(4);
    const unsigned leader = make_calm(4);
    AWAIT(is_idle, leader);
    struct engine *e = engine_at(leader);
    const uint64_t standby = find_standby(e);

    assert_true(standby != 0);
    raft_set_capacity_threshold(&e->raft, USHRT_MAX); /* nobody has so much room */
    AWAIT(is_refused, leader);
    AWAIT(is_level, leader);
    const unsigned before = lab.done_n;
    assert_int_equal(
        cluster_of(leader)->ops->promote(cluster_of(leader), standby, on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, WERR_NO_SPACE);
    assert_null(e->raft.legacy.change);
    end_lab(); /* libraft ends what it still has */
    assert_int_equal(lab.done_n, before + 1);
}

static bool has_tried_to_move(unsigned leader)
{
    return engine_at(leader)->unmoved != 0;
}

static struct addr address_wanted;

static bool has_moved(unsigned leader)
{
    return addr_is_equal(
        &roster_find(engine_at(0)->roster, engine_at(leader)->unmoved)->address,
        &address_wanted);
}

/* It would be tried, and told, ten times a second. */
static void test_a_move_without_room(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    AWAIT(have_told, 0);
    struct engine *e = engine_at(0);
    const unsigned short threshold = e->raft.capacity_threshold;
    raft_set_capacity_threshold(&e->raft, USHRT_MAX);
    AWAIT(is_refused, 0);
    assert_int_equal(addr_from_text(SPAN("127.0.0.1:9"), &address_wanted), 0);
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        if (e->self.told[i].id == engine_at(1)->self.id)
            e->self.told[i].address = address_wanted;
    AWAIT(has_tried_to_move, 0);
    const uint64_t again_ms = e->move_ms;
    turn_for(500);
    assert_int_equal(e->move_ms, again_ms); /* each try sets it */
    raft_set_capacity_threshold(&e->raft, threshold);
    e->move_ms = 0;
    AWAIT(has_moved, 0);
    end_lab();
}

static unsigned promoted;

static bool is_voter_of_three(unsigned leader)
{
    struct cluster_member list[NODES_MAX];
    const unsigned n = cluster_of(leader)->ops->members(cluster_of(leader), list, NODES_MAX);

    for (unsigned i = 0; i < n; i++)
        if (list[i].id == engine_at(promoted)->self.id && list[i].place == CLUSTER_VOTER)
            return status_of(leader).voters == 3;
    return false;
}

/* Another one gives its vote up for it, whoever that is. */
static void test_who_was_promoted_keeps_its_vote(void **state)
{
    (void)state;
    make_first();
    join_all(4);
    const unsigned leader = make_calm(4);
    AWAIT(is_idle, leader);
    const uint64_t standby = find_standby(engine_at(leader));

    for (promoted = 0; engine_at(promoted)->self.id != standby; promoted++)
        continue;
    const unsigned before = lab.done_n;
    assert_int_equal(
        cluster_of(leader)->ops->promote(cluster_of(leader), standby, on_done, NULL), 0);
    /* It looks like one that is about to die. */
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        if (engine_at(leader)->contacts[i].id == standby)
            engine_at(leader)->contacts[i].at_ms -= 900;
    AWAIT(is_voter_of_three, leader);
    turn_for(500);
    assert_true(is_voter_of_three(leader));
    end_lab();
}

static void test_of_two_one_votes(void **state)
{
    (void)state;
    make_first();
    join_all(2);
    assert_int_equal(
        cluster_of(0)->ops->promote(cluster_of(0), find_standby(engine_at(0)), on_done, NULL),
        WERR_GUARD);
    end_lab();
}

/* ---- changes of who votes ---- */

static void remove_member(unsigned at, uint64_t id)
{
    const unsigned before = lab.done_n;

    assert_int_equal(cluster_of(at)->ops->remove_member(cluster_of(at), id, on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    assert_int_equal(lab.error, 0);
}

static bool has_no_fourth(unsigned i)
{
    return engine_at(i)->raft.configuration.n == 3;
}

/* A follower that was away gets a change behind other entries, in one message. It leads later,
 * and changes who votes. */
static void test_a_change_among_other_entries(void **state)
{
    (void)state;
    make_first();
    join_all(4);
    make_leader(0);
    const struct addr at = status_of(2).address;
    close_node(2);
    add(0, "before it");
    remove_member(0, id_of(3));
    AWAIT(has_no_fourth, 0);
    open_node(2, &(struct cluster_options){.listen = at});
    AWAIT(has_settled, 2);
    AWAIT(has_no_fourth, 2);
    make_leader(2);
    remove_member(2, id_of(1));
    voters_wanted = 1; /* of two */
    AWAIT(has_voters, 2);
    end_lab();
}

/* ---- a lone write ---- */

/* No heartbeat is due while the leader's clock ticks, so nobody has said anything. */
static void test_a_lone_entry_waits_for_no_heartbeat(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned leader = make_calm(3);
    raft_set_heartbeat_timeout(&engine_at(leader)->raft, 2 * WAIT_MS);
    add(leader, "before it");
    turn_for(3ULL * roster_heartbeat_ms(ROSTER_WAN));
    add(leader, "alone");
    end_lab();
}

static bool are_told(unsigned text_n)
{
    bool all = true;

    for (unsigned i = 0; i < 3; i++)
        all &= lab.nodes[i].text_n == text_n;
    return all;
}

/* No heartbeat is due, and nothing else is written. */
static void test_all_hear_at_once_what_is_committed(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned leader = make_calm(3);
    raft_set_heartbeat_timeout(&engine_at(leader)->raft, 2 * WAIT_MS);
    add(leader, "by the leader");
    AWAIT(are_told, 1);
    add((leader + 1) % 3, "by another one");
    AWAIT(are_told, 2);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_standby_that_is_away_stays_a_member),
        cmocka_unit_test(test_who_never_comes_is_forgotten),
        cmocka_unit_test(test_a_stranger_writes_nothing_to_the_log),
        cmocka_unit_test(test_a_snapshot_that_comes_while_one_is_written),
        cmocka_unit_test(test_a_barrier_behind_a_snapshot_of_barriers),
        cmocka_unit_test(test_a_snapshot_behind_changes_of_votes),
        cmocka_unit_test(test_a_promotion_without_room),
        cmocka_unit_test(test_a_move_without_room),
        cmocka_unit_test(test_who_was_promoted_keeps_its_vote),
        cmocka_unit_test(test_of_two_one_votes),
        cmocka_unit_test(test_a_change_among_other_entries),
        cmocka_unit_test(test_a_lone_entry_waits_for_no_heartbeat),
        cmocka_unit_test(test_all_hear_at_once_what_is_committed),
    };
    profile_wanted = ROSTER_WAN;    /* all nodes share one thread of a busy machine */
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
