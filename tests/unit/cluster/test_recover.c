/* Most of the nodes are gone for good: one that is left becomes the cluster, and the others are
 * strangers to it. */
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/recover.h"
#include "cluster/set_aside.h"
#include "cluster/stored.h"
#include "cluster_fixture.h"

static struct addr address[NODES_MAX];

/* Three nodes with entries and a token that nobody has used, all stopped. */
static void stop_three(void)
{
    make_first();
    join_all(3);
    add(0, "one");
    add(2, "two");
    assert_equal(3, 2);
    get_token(0);
    for (unsigned i = 0; i < 3; i++)
        address[i] = status_of(i).address;
    for (unsigned i = 0; i < 3; i++)
        close_node(i);
}

static void start(unsigned i)
{
    open_node(i, &(struct cluster_options){.listen = address[i]});
}

static int recover(unsigned i, struct cluster_status *status)
{
    return recover_run(lab.nodes[i].path, "1.0", status, disk_wrong(&lab.disk));
}

static struct stored look(unsigned i)
{
    struct stored s;

    if (stored_look(lab.nodes[i].path, &s, disk_wrong(&lab.disk)) < 0)
        fail_msg("refused: %s", lab.disk.text);
    return s;
}

/* By this an operator chooses. */
static void test_directories_say_how_far_they_go(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    add(0, "one");
    assert_equal(3, 1);
    const struct cluster_status status = status_of(0);
    const unsigned behind = (leader_index(3) + 1) % 3, other = (behind + 1) % 3;
    close_node(behind);
    add(other, "two");
    add(other, "three");
    assert_equal(3, 3);
    for (unsigned i = 0; i < 3; i++)
        if (i != behind)
            close_node(i);

    const struct stored less = look(behind), more = look(other);
    assert_string_equal(more.cluster, status.id);
    assert_string_equal(less.cluster, status.id);
    assert_int_equal(more.others_n, 2);
    assert_int_equal(more.incarnation, 1);
    assert_true(more.term > 0 && more.term >= less.term);
    assert_true(more.index >= less.index + 2);
    assert_true(more.applied > less.applied && more.applied <= more.index);
    assert_false(more.was_removed || more.is_witness);
    assert_true(more.id != less.id);
    end_lab();
}

static void test_one_that_was_never_several(void **state)
{
    struct stored s;

    (void)state;
    make_lab();
    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    assert_int_equal(stored_look(lab.nodes[0].path, &s, disk_wrong(&lab.disk)), WERR_IN_USE);
    close_node(0);
    s = look(0);
    assert_int_equal(s.others_n, 0);
    assert_true(s.index > 0);
    assert_int_equal(stored_look("/nonexistent/weldr", &s, disk_wrong(&lab.disk)),
                     WERR_NOT_FOUND);
    end_lab();
}

/* It is a copy of the description like any other, and perhaps the only one that is left. */
static void test_a_witness_goes_on(void **state)
{
    struct cluster_status status;

    (void)state;
    make_first();
    join_all(2);
    get_token(0);
    open_node(2, &(struct cluster_options){.join = status_of(0).address,
                                           .token = span_from_str(lab.token),
                                           .is_witness = true});
    voters_wanted = 3;
    for (unsigned i = 0; i < 3; i++)
        AWAIT(has_voters, i);
    add(0, "one");
    assert_equal(3, 1);
    address[2] = status_of(2).address;
    for (unsigned i = 0; i < 3; i++)
        close_node(i);

    assert_true(look(2).is_witness);
    assert_int_equal(recover(2, &status), 0);
    assert_true(status.is_witness);
    start(2);
    AWAIT(has_settled, 2);
    get_token(2);
    join(3, 2);
    AWAIT(has_settled, 3);
    add(3, "two");
    texts_wanted = 2;
    assert_true(has_texts(3));
    end_lab();
}

/* The cluster went on without it. It has heard that of a member, its own log knows nothing. */
static void test_one_that_was_removed_is_refused(void **state)
{
    struct cluster_status status;
    struct cluster_member list[NODES_MAX];
    const unsigned gone = 2;
    char path[160];
    uint64_t id = 0;

    (void)state;
    make_first();
    join_all(3);
    address[gone] = status_of(gone).address;
    const unsigned n = cluster_of(gone)->ops->members(cluster_of(gone), list, NODES_MAX);
    for (unsigned i = 0; i < n; i++)
        id = list[i].is_self ? list[i].id : id;
    close_node(gone);
    AWAIT(has_leader, gone);
    const unsigned leader = leader_index(gone), before = lab.done_n;
    AWAIT(knows_leader, leader);
    assert_int_equal(
        cluster_of(leader)->ops->remove_member(cluster_of(leader), id, on_done, NULL), 0);
    AWAIT(is_done, before + 1);
    start(gone);
    AWAIT(is_lost, gone);
    close_node(gone);

    assert_true(look(gone).was_removed);
    assert_int_equal(recover(gone, &status), WERR_NOT_FOUND);
    assert_non_null(strstr(lab.disk.text, "was removed from its cluster"));
    (void)snprintf(path, sizeof(path), "%s/recovering", lab.nodes[gone].path);
    assert_int_equal(access(path, F_OK), -1); /* nothing was begun */
    /* There is no other, and somebody takes what it has. */
    (void)snprintf(path, sizeof(path), "%s/" DATA_DIR_REMOVED, lab.nodes[gone].path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(recover(gone, &status), 0);
    end_lab();
}

static void test_one_goes_on(void **state)
{
    struct cluster_status status;
    struct cluster_member list[NODES_MAX];

    (void)state;
    stop_three();
    assert_int_equal(recover(2, &status), 0);
    assert_int_equal(status.incarnation, 2);
    assert_int_equal(status.voters, 1);

    start(2);
    AWAIT(has_settled, 2);
    assert_int_equal(status_of(2).incarnation, 2);
    assert_int_equal(cluster_of(2)->ops->members(cluster_of(2), list, NODES_MAX), 1);
    add(2, "three");
    texts_wanted = 3;
    assert_true(has_texts(2));
    join(3, 2); /* the token has ended */
    AWAIT(is_lost, 3);
    end_lab();
}

/* The two elect a leader among themselves, or hear first that they were removed. */
static bool have_settled_it(unsigned n)
{
    return has_leader(n) || (is_lost(0) && is_lost(1));
}

/* Two of the three are a majority of the cluster before: among themselves they may go on, and
 * neither is heard here. */
static void test_old_ones_are_strangers(void **state)
{
    struct cluster_status status;

    (void)state;
    stop_three();
    assert_int_equal(recover(2, &status), 0);
    start(2);
    AWAIT(has_settled, 2);
    add(2, "three");
    const uint64_t term = status_of(2).term;

    start(0);
    start(1);
    AWAIT(have_settled_it, 2);
    assert_int_equal(status_of(2).term, term);
    assert_int_equal(cluster_of(2)->ops->role(cluster_of(2)), CLUSTER_LEADER);
    add(2, "four");
    texts_wanted = 4;
    assert_true(has_texts(2));
    assert_int_equal(lab.nodes[0].text_n, 2);
    assert_int_equal(lab.nodes[1].text_n, 2);
    end_lab();
}

static void test_others_join_anew(void **state)
{
    struct cluster_status status;
    char name[SET_ASIDE_NAME_MAX], path[160];
    struct stat st;

    (void)state;
    stop_three();
    assert_int_equal(recover(0, &status), 0);
    start(0);
    AWAIT(has_settled, 0);
    for (unsigned i = 1; i < 3; i++) {
        lab.nodes[i].key_n = 0;
        assert_int_equal(set_aside_run(lab.nodes[i].path, 1, name, disk_wrong(&lab.disk)), 0);
        assert_string_equal(name, "old-19700101T000001Z");
        (void)snprintf(path, sizeof(path), "%s/%s/identity", lab.nodes[i].path, name);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(set_aside_run(lab.nodes[i].path, 2, name, disk_wrong(&lab.disk)),
                         WERR_NOT_FOUND);
    }
    join_all(3);
    add(1, "three");
    add(2, "four");
    assert_equal(3, 4);
    assert_int_equal(status_of(1).incarnation, 2);
    end_lab();
}

/* Killed behind its first step: the node does not start, and it can be done again. */
static void test_cut_off_it_is_done_again(void **state)
{
    struct cluster_status status;
    struct data_dir dir;
    char path[160];

    (void)state;
    stop_three();
    (void)snprintf(path, sizeof(path), "%s/recovering", lab.nodes[1].path);
    FILE *mark = fopen(path, "w");
    assert_non_null(mark);
    assert_int_equal(fclose(mark), 0);

    assert_int_equal(data_dir_open(&dir, lab.nodes[1].path, disk_wrong(&lab.disk)), 0);
    const struct cluster_hooks hooks = {.on_role = on_role, .arg = &lab.nodes[1]};
    const struct cluster_options options = {.conns = &lab.conns, .version = "1.0"};
    struct cluster *c = cluster_raft_new(lab.loop, &dir, &options, &hooks);
    assert_int_equal(c->ops->start(c), WERR_CORRUPT);
    c->ops->free(c);
    data_dir_close(&dir);

    assert_int_equal(recover(1, &status), 0);
    assert_int_equal(access(path, F_OK), -1);
    start(1);
    AWAIT(has_settled, 1);
    add(1, "three");
    end_lab();
}

static void test_what_is_refused(void **state)
{
    struct cluster_status status;
    char name[SET_ASIDE_NAME_MAX];

    (void)state;
    make_first();
    assert_int_equal(recover(0, &status), WERR_IN_USE);
    assert_int_equal(set_aside_run(lab.nodes[0].path, 1, name, disk_wrong(&lab.disk)),
                     WERR_IN_USE);
    close_node(0);
    assert_int_equal(recover(0, &status), WERR_GUARD); /* no others */
    assert_int_equal(recover_run("/nonexistent/weldr", "1.0", &status, disk_wrong(&lab.disk)),
                     WERR_NOT_FOUND);
    assert_int_equal(recover_run(lab.disk.path, "1.0", &status, disk_wrong(&lab.disk)),
                     WERR_EXISTS); /* somebody else's */
    open_node(0, &(struct cluster_options){0});
    AWAIT(has_settled, 0);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directories_say_how_far_they_go),
        cmocka_unit_test(test_one_that_was_never_several),
        cmocka_unit_test(test_a_witness_goes_on),
        cmocka_unit_test(test_one_that_was_removed_is_refused),
        cmocka_unit_test(test_one_goes_on),
        cmocka_unit_test(test_old_ones_are_strangers),
        cmocka_unit_test(test_others_join_anew),
        cmocka_unit_test(test_cut_off_it_is_done_again),
        cmocka_unit_test(test_what_is_refused),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
