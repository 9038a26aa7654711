/* Levels of features: nodes in one process that know different ones. */
#include "raft_bent.h"

static struct addr at[NODES_MAX];

static bool follows(unsigned i)
{
    return cluster_of(i)->ops->role(cluster_of(i)) == CLUSTER_FOLLOWER;
}

static void on_moved(void *arg, int error, uint64_t index)
{
    (void)arg;
    (void)error;
    (void)index;
}

/* Who has just led may be behind with its own disk. */
static bool has_noted_all(unsigned i)
{
    return engine_at(i)->high_water.mark.index == engine_at(i)->applied_mark.index;
}

/* Who leads gives that away first, as whoever upgrades it would: no election is waited for. */
static void stop_node(unsigned i)
{
    for (unsigned n = 0; leads(i) && n < 2000 / 20; n++) {
        if (n == 0)
            (void)cluster_of(i)->ops->transfer(cluster_of(i), 0, on_moved, NULL);
        (void)loop_turn(lab.loop, 20);
    }
    at[i] = status_of(i).address;
    AWAIT(has_noted_all, i);
    close_node(i);
}

/* Nobody who was started since says anything to this member; 0: to all. Messages to one that
 * is away wait for it otherwise, however old they are. */
static uint64_t silent_to;
static int (*usual_send)(struct raft_io *io, struct raft_io_send *req,
                         const struct raft_message *message, raft_io_send_cb cb);

static int send_to_others(struct raft_io *io, struct raft_io_send *req,
                          const struct raft_message *message, raft_io_send_cb cb)
{
    if (message->server_id != silent_to)
        return usual_send(io, req, message, cb);
    cb(req, RAFT_CANCELED);
    return 0;
}

static void start_node(unsigned i, uint8_t level)
{
    lab.nodes[i].level = level;
    open_node(i, &(struct cluster_options){.listen = at[i]});
    if (silent_to != 0) {
        usual_send = engine_at(i)->io.send;
        engine_at(i)->io.send = send_to_others;
    }
    AWAIT(has_settled, i);
}

/* Another Weldr on the same directory. */
static void change_weldr(unsigned i, uint8_t level)
{
    stop_node(i);
    start_node(i, level);
}

static uint8_t level_wanted;

static bool has_level(unsigned i)
{
    return status_of(i).level == level_wanted;
}

static void await_level(unsigned n, uint8_t level)
{
    level_wanted = level;
    for (unsigned i = 0; i < n; i++)
        if (cluster_of(i) != NULL)
            AWAIT(has_level, i);
}

/* So many members know that level, as far as node i was told. */
static unsigned knowing_wanted;

static bool has_knowing(unsigned i)
{
    struct cluster_member list[NODES_MAX];
    const unsigned n = cluster_of(i)->ops->members(cluster_of(i), list, NODES_MAX);
    unsigned knowing = 0;

    for (unsigned k = 0; k < n; k++)
        knowing += list[k].level == level_wanted;
    return knowing == knowing_wanted;
}

static void await_knowing(unsigned i, unsigned members, uint8_t level)
{
    level_wanted = level;
    knowing_wanted = members;
    AWAIT(has_knowing, i);
}

static bool is_halted(unsigned i)
{
    return status_of(i).halt.is_halted;
}

static void make_three(uint8_t level)
{
    make_first_at(level);
    join_all(3);
    await_level(3, level);
}

/* Until it is known what became of it: in the middle of an election it is not. */
static void end_somehow(unsigned i, const char *text)
{
    do {
        const unsigned before = lab.done_n;

        AWAIT(knows_leader, i);
        lab.error = propose(i, text);
        if (lab.error == 0)
            AWAIT(is_done, before + 1);
        (void)loop_turn(lab.loop, 20);
    } while (lab.error == WERR_NOT_LEADER || lab.error == WERR_OUTCOME_UNKNOWN);
}

static void refuse(unsigned i, const char *text, int error)
{
    end_somehow(i, text);
    assert_int_equal(lab.error, error);
}

/* How many texts there are then. */
static unsigned say(unsigned i, const char *text)
{
    end_somehow(i, text);
    assert_int_equal(lab.error, 0);
    return lab.nodes[i].text_n;
}

static void test_raised_when_the_last_one_knows_it(void **state)
{
    (void)state;
    make_three(1);
    assert_int_equal(status_of(0).known_level, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(status_of(i).level, 1);
        refuse(i, "2:too early", WERR_UNSUPPORTED);
        change_weldr(i, 2);
        assert_equal(3, say(i, "old"));
        await_knowing(i, i + 1, 2);
    }
    await_level(3, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_equal(3, say(i, "2:new"));
    end_lab();
}

/* A witness and a standby are members too, and so is one that does not run. */
static void test_whoever_is_away_holds_it_back(void **state)
{
    (void)state;
    make_first_at(1);
    join_all(3);
    get_token(0);
    join(3, 0);
    AWAIT(has_settled, 3);
    stop_node(3);
    for (unsigned i = 0; i < 3; i++) {
        change_weldr(i, 2);
        (void)say(i, "text");
    }
    await_knowing(0, 3, 2);
    (void)say(0, "and more");
    assert_int_equal(status_of(0).level, 1);
    start_node(3, 2);
    await_level(4, 2);
    end_lab();
}

/* What a later Weldr has applied: to start without it would be to go back in time. */
static void test_an_older_one_does_not_start_on_it(void **state)
{
    (void)state;
    make_three(2);
    assert_equal(3, say(0, "2:new"));
    stop_node(2);
    lab.nodes[2].level = 1;
    assert_int_equal(try_node(2, &(struct cluster_options){.listen = at[2]}), WERR_UNSUPPORTED);
    close_node(2);
    const unsigned texts = say(0, "meanwhile");
    start_node(2, 2);
    assert_equal(3, texts);
    assert_int_equal(status_of(2).level, 2);
    end_lab();
}

static void test_a_newcomer_that_knows_less_is_refused(void **state)
{
    (void)state;
    make_first_at(2);
    get_token(0);
    assert_int_equal(status_of(0).level, 2);
    lab.nodes[1].level = 1;
    join(1, 0);
    AWAIT(is_lost, 1);
    assert_int_equal(lab.nodes[1].lost_error, WERR_UNSUPPORTED);
    assert_non_null(strstr(lab.nodes[1].lost_why, "level 2"));
    assert_non_null(strstr(lab.nodes[1].lost_why, "knows 1"));
    /* The token is good still. */
    close_node(1);
    lab.nodes[1].level = 2;
    join(1, 0);
    AWAIT(has_settled, 1);
    end_lab();
}

/* A token of before the upgrade is there, and the level is not raised yet. */
static void test_one_alone_uses_what_it_knows(void **state)
{
    (void)state;
    make_first_at(1);
    get_token(0);
    stop_node(0);
    lab.nodes[0].level = 2;
    open_node(0, &(struct cluster_options){.listen = at[0]});
    struct engine *e = (struct engine *)cluster_of(0);
    e->is_leveling = true;
    AWAIT(has_settled, 0);
    AWAIT(knows_itself, 0);
    assert_int_equal(roster_level(e->roster), 1);
    assert_int_equal(status_of(0).level, 2);
    (void)say(0, "2:alone");
    lab.nodes[1].level = 1;
    join(1, 0);
    AWAIT(is_lost, 1);
    assert_int_equal(lab.nodes[1].lost_error, WERR_UNSUPPORTED);
    assert_non_null(strstr(lab.nodes[1].lost_why, "level 2"));
    end_lab();
}

/* The third has told that it knows level 2, and comes back as a Weldr that does not, when the
 * others have agreed on it. */
static void agree_without_the_third(void)
{
    make_three(1);
    change_weldr(2, 2);
    await_knowing(0, 1, 2);
    assert_equal(3, say(2, "before"));
    silent_to = id_of(2);
    stop_node(2);
    for (unsigned i = 0; i < 2; i++) {
        change_weldr(i, 2);
        (void)say(i, "text");
    }
    await_level(2, 2);
    assert_equal(2, say(0, "2:new"));
}

static void assert_halted(unsigned i, const char *why, const char *version)
{
    const struct cluster_status s = status_of(i);

    assert_true(s.halt.is_halted);
    assert_int_equal(s.halt.level, 2);
    assert_string_equal(s.halt.version, version);
    assert_non_null(strstr(s.halt.why, why));
    assert_int_equal(s.known_level, 1);
    assert_true(s.halt.index > s.applied);
}

static void test_halts_where_it_can_not_read_on(void **state)
{
    (void)state;
    agree_without_the_third();
    silent_to = 0;
    start_node(2, 1);
    AWAIT(is_halted, 2);
    assert_halted(2, "needs level 2", "1.2");
    const uint64_t index = status_of(2).halt.index;
    const unsigned texts = lab.nodes[2].text_n;
    assert_true(texts >= 1 && texts < lab.nodes[0].text_n);
    assert_true(lab.nodes[2].members_n > 0);
    refuse(2, "no", WERR_HALTED);
    assert_int_equal(cluster_of(2)->ops->barrier(cluster_of(2), on_done, NULL), WERR_HALTED);
    for (unsigned i = 0; i < 2; i++)
        assert_equal(2, say(i, "2:more"));
    assert_int_equal(lab.nodes[2].text_n, texts);
    /* Started again it is no wiser. */
    change_weldr(2, 1);
    AWAIT(is_halted, 2);
    assert_int_equal(status_of(2).halt.index, index);
    assert_int_equal(lab.nodes[2].text_n, texts);
    change_weldr(2, 2);
    assert_equal(3, lab.nodes[0].text_n);
    assert_false(is_halted(2));
    assert_equal(3, say(2, "2:mine"));
    end_lab();
}

/* Its vote and its disk count: of three nodes another one may go. */
static void test_one_that_has_halted_votes(void **state)
{
    (void)state;
    agree_without_the_third();
    silent_to = 0;
    start_node(2, 1);
    AWAIT(is_halted, 2);
    const unsigned old = leader_index(3), other = old == 0 ? 1 : 0;
    assert_true(old < 2);
    stop_node(old);
    AWAIT(leads, other);
    (void)say(other, "2:of two");
    assert_true(is_halted(2));
    end_lab();
}

enum { MANY = 3000 };

static void test_a_snapshot_of_a_later_level(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    agree_without_the_third();
    const unsigned before = lab.done_n, had = lab.nodes[2].text_n;
    const uint64_t index = cluster_of(0)->ops->index(cluster_of(0));
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_int_equal(propose(leader_index(2), text), 0);
    }
    AWAIT(is_done, before + MANY);
    assert_equal(2, lab.nodes[leader_index(2)].text_n);
    for (unsigned i = 0; i < 2; i++)
        cut_log(i, index);
    silent_to = 0;
    start_node(2, 1);
    AWAIT(is_halted, 2);
    /* What it has heard of the others is older than their level. */
    assert_halted(2, "the snapshot of entry", "");
    assert_int_equal(lab.nodes[2].restored_n, 0);
    assert_int_equal(lab.nodes[2].text_n, had);
    assert_equal(2, say(0, "after"));
    assert_int_equal(lab.nodes[2].text_n, had);
    /* It has nothing else to begin with. */
    stop_node(2);
    assert_int_equal(try_node(2, &(struct cluster_options){.listen = at[2]}), WERR_UNSUPPORTED);
    close_node(2);
    start_node(2, 2);
    assert_equal(3, lab.nodes[0].text_n);
    end_lab();
}

/* An entry that names no level, of a kind that its owner does not know. */
static void test_a_leader_that_halts_gives_the_lead_away(void **state)
{
    (void)state;
    make_three(1);
    for (unsigned i = 1; i < 3; i++) {
        change_weldr(i, 2);
        lab.nodes[i].knows_riddle = true;
    }
    await_knowing(0, 2, 2);
    make_leader(0);
    (void)say(0, "before");
    assert_int_equal(propose(0, "riddle"), 0);
    AWAIT(is_halted, 0);
    assert_int_equal(status_of(0).halt.level, 0);
    assert_string_equal(status_of(0).halt.version, "1.2");
    assert_non_null(strstr(status_of(0).halt.why, "of a kind"));
    AWAIT(follows, 0);
    const unsigned texts = say(1, "after");
    assert_string_equal(lab.nodes[1].texts[texts - 2], "riddle");
    refuse(0, "no", WERR_HALTED);
    assert_string_equal(lab.nodes[0].texts[lab.nodes[0].text_n - 1], "before");
    lab.nodes[0].knows_riddle = true;
    change_weldr(0, 2);
    assert_equal(3, texts);
    await_level(3, 2);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raised_when_the_last_one_knows_it),
        cmocka_unit_test(test_whoever_is_away_holds_it_back),
        cmocka_unit_test(test_an_older_one_does_not_start_on_it),
        cmocka_unit_test(test_a_newcomer_that_knows_less_is_refused),
        cmocka_unit_test(test_one_alone_uses_what_it_knows),
        cmocka_unit_test(test_halts_where_it_can_not_read_on),
        cmocka_unit_test(test_one_that_has_halted_votes),
        cmocka_unit_test(test_a_snapshot_of_a_later_level),
        cmocka_unit_test(test_a_leader_that_halts_gives_the_lead_away),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    profile_wanted = ROSTER_WAN;    /* on a busy machine too the leader is one for long */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
