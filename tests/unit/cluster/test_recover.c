/* Most of the nodes are gone for good: one that is left becomes the cluster, and the others are
 * strangers to it. */
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/recover.h"
#include "cluster/set_aside.h"
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
    AWAIT(has_leader, 2);
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
        cmocka_unit_test(test_one_goes_on),
        cmocka_unit_test(test_old_ones_are_strangers),
        cmocka_unit_test(test_others_join_anew),
        cmocka_unit_test(test_cut_off_it_is_done_again),
        cmocka_unit_test(test_what_is_refused),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
