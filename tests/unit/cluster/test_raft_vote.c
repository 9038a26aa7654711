/* A term or a vote that can't be stored: directories in the place of libraft's two files, or a
 * file of our own that is not to be written. */
#include "cluster_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raft_bent.h"

static void in_log(unsigned i, const char *name, unsigned number, char path[160])
{
    (void)snprintf(path, 160, "%s/log/%s%u", lab.nodes[i].path, name, number);
}

static void break_votes(unsigned i)
{
    char file[160], kept[160];

    for (unsigned n = 1; n <= 2; n++) {
        in_log(i, "metadata", n, file);
        in_log(i, "kept", n, kept);
        assert_int_equal(rename(file, kept), 0);
        assert_int_equal(mkdir(file, S_IRWXU), 0);
    }
}

static void mend_votes(unsigned i)
{
    char file[160], kept[160];

    for (unsigned n = 1; n <= 2; n++) {
        in_log(i, "metadata", n, file);
        in_log(i, "kept", n, kept);
        assert_int_equal(rmdir(file), 0);
        assert_int_equal(rename(kept, file), 0);
    }
}

static bool is_quiet(unsigned i)
{
    return engine_at(i)->ballot.is_owed;
}

static bool is_heard(unsigned i)
{
    return !is_quiet(i);
}

/* What libraft goes by is what is on disk, and nothing else was said. */
static void assert_stored(unsigned i)
{
    struct engine *e = engine_at(i);
    struct vote vote;

    assert_int_equal(segments_vote(e->log_fd, e->log_path, &vote, disk_wrong(&lab.disk)), 0);
    assert_int_equal(vote.term, raft_current_term(&e->raft));
    assert_int_equal(vote.voted_for, e->raft.voted_for);
    if (!e->vote_is_new)
        assert_memory_equal(&e->high_water.mark.vote, &vote, sizeof(vote));
}

static struct engine *listened_to;
static unsigned said_n;
static int (*usual_send)(struct raft_io *io, struct raft_io_send *req,
                         const struct raft_message *message, raft_io_send_cb cb);

static int send_and_count(struct raft_io *io, struct raft_io_send *req,
                          const struct raft_message *message, raft_io_send_cb cb)
{
    said_n += listened_to->ballot.is_owed;
    return usual_send(io, req, message, cb);
}

static void listen_to(unsigned i)
{
    listened_to = engine_at(i);
    said_n = 0;
    usual_send = listened_to->send;
    listened_to->send = send_and_count;
}

/* ---- a voter ---- */

/* Of three one is gone, so that nobody leads without the vote of this one. */
static void lose_the_leader(unsigned *bent, void (*bend)(unsigned i))
{
    make_first();
    join_all(3);
    AWAIT(has_leader, 3);
    const unsigned leader = leader_index(3);

    add(leader, "before");
    *bent = (leader + 1) % 3;
    bend(*bent);
    listen_to(*bent);
    close_node(leader);
    AWAIT(is_quiet, *bent);
}

static void assert_is_elected(unsigned bent)
{
    assert_int_equal(said_n, 0);
    assert_int_equal(engine_at(bent)->cluster.ops->role(cluster_of(bent)), CLUSTER_CANDIDATE);
    assert_false(has_leader(3));
}

static void test_a_vote_that_can_t_be_stored_is_not_given(void **state)
{
    unsigned bent;

    (void)state;
    lose_the_leader(&bent, break_votes);
    turn_for(3000); /* longer than an election takes */
    assert_true(is_quiet(bent));
    assert_is_elected(bent);
    mend_votes(bent);
    AWAIT(has_leader, 3);
    add(bent, "after");
    assert_equal(3, 2);
    assert_stored(bent);
    end_lab();
}

static int usual_fd;

static void break_high_water(unsigned i)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/high_water", lab.nodes[i].path);
    usual_fd = engine_at(i)->high_water.fd;
    engine_at(i)->high_water.fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(engine_at(i)->high_water.fd >= 0);
}

/* Our own copy is what tells a damaged vote from the one that was given. */
static void test_a_vote_that_can_t_be_noted_is_not_given(void **state)
{
    unsigned bent;

    (void)state;
    lose_the_leader(&bent, break_high_water);
    turn_for(3000);
    assert_is_elected(bent);
    (void)close(engine_at(bent)->high_water.fd);
    engine_at(bent)->high_water.fd = usual_fd;
    AWAIT(has_leader, 3);
    add(bent, "after");
    assert_stored(bent);
    end_lab();
}

/* libraft stores the term again with each vote, and none for a moment. */
static void test_a_vote_stays_until_there_is_another_one(void **state)
{
    (void)state;
    make_first();
    struct engine *e = engine_at(0);

    e->raft.voted_for = e->self.id; /* as among several */
    assert_int_equal(e->io.set_vote(&e->io, e->raft.voted_for), 0);
    assert_stored(0);
    assert_int_equal(e->io.set_term(&e->io, raft_current_term(&e->raft)), 0);
    assert_stored(0);
    end_lab();
}

/* ---- one that follows ---- */

static unsigned standby_index(unsigned n, unsigned leader)
{
    const struct raft *r = &engine_at(leader)->raft;

    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < r->configuration.n; k++)
            if (r->configuration.servers[k].role == RAFT_STANDBY &&
                r->configuration.servers[k].id == engine_at(i)->self.id)
                return i;
    return n;
}

/* A standby is asked for no vote: of a new term it hears by the leader's entries. */
static void test_entries_of_a_term_that_can_t_be_stored(void **state)
{
    (void)state;
    make_first();
    join_all(4);
    const unsigned leader = make_calm(4), bent = standby_index(4, leader);

    assert_true(bent < 4);
    const unsigned next = (leader + 1) % 4 == bent ? (leader + 2) % 4 : (leader + 1) % 4;
    add(leader, "before");
    assert_equal(4, 1);
    break_votes(bent);
    listen_to(bent);
    const raft_index stored = raft_last_index(&engine_at(bent)->raft);
    const unsigned before = lab.done_n;
    assert_int_equal(cluster_of(leader)->ops->transfer(cluster_of(leader),
                                                       engine_at(next)->self.id, on_done, NULL),
                     0);
    AWAIT(is_done, before + 1);
    AWAIT(leads, next);
    AWAIT(is_quiet, bent);
    add(next, "without it");
    assert_int_equal(said_n, 0);
    assert_int_equal(raft_last_index(&engine_at(bent)->raft), stored);
    assert_int_equal(lab.nodes[bent].text_n, 1);
    mend_votes(bent);
    assert_equal(4, 2);
    assert_stored(bent);
    end_lab();
}

/* ---- one that leads ---- */

/* As a member that has a later term would. */
static void step_down(unsigned i)
{
    struct engine *e = engine_at(i);
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES_RESULT,
                                   .server_id = e->self.id,
                                   .server_address = e->raft.address};

    message.append_entries_result.term = raft_current_term(&e->raft) + 3;
    e->recv(&e->io, &message);
    assert_int_equal(raft_state(&e->raft), RAFT_FOLLOWER);
}

static void step_down_in_vain(void)
{
    make_first();
    add(0, "before");
    break_votes(0);
    step_down(0);
    assert_true(is_quiet(0));
    turn_for(3000); /* longer than it takes to elect itself */
    assert_true(is_quiet(0));
    assert_int_equal(raft_state(&engine_at(0)->raft), RAFT_FOLLOWER);
    assert_int_equal(propose(0, "no"), WERR_NOT_LEADER);
    assert_int_equal(cluster_of(0)->ops->barrier(cluster_of(0), on_done, NULL),
                     WERR_NOT_LEADER);
}

static void test_a_later_term_that_can_t_be_stored(void **state)
{
    (void)state;
    step_down_in_vain();
    mend_votes(0);
    AWAIT(is_heard, 0);
    AWAIT(leads, 0);
    add(0, "after");
    assert_equal(1, 2);
    assert_stored(0);
    end_lab();
}

static void test_a_stop_with_a_term_that_can_t_be_stored(void **state)
{
    (void)state;
    step_down_in_vain();
    close_node(0);
    mend_votes(0);
    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    AWAIT(leads, 0);
    add(0, "after");
    assert_equal(1, 2);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vote_that_can_t_be_stored_is_not_given),
        cmocka_unit_test(test_a_vote_that_can_t_be_noted_is_not_given),
        cmocka_unit_test(test_a_vote_stays_until_there_is_another_one),
        cmocka_unit_test(test_entries_of_a_term_that_can_t_be_stored),
        cmocka_unit_test(test_a_later_term_that_can_t_be_stored),
        cmocka_unit_test(test_a_stop_with_a_term_that_can_t_be_stored),
    };
    profile_wanted = ROSTER_WAN;    /* all nodes share one thread of a busy machine */
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
