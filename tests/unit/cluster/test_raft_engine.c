#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "cluster/raft_engine.h"
#include "disk_fixture.h"
#include "net/loop.h"

enum { WAIT_MS = 20000, ENTRIES_MAX = 4096, TEXT_MAX = 24 };

static const uint8_t request_id[CLUSTER_ID_BYTES] = {1, 2, 3};

/* A node's directory, and the engine that works on it. */
struct node {
    struct disk disk;
    char path[80];
    struct data_dir dir;
    struct loop *loop;
    struct cluster *cluster;
    /* what the owner was told */
    char texts[ENTRIES_MAX][TEXT_MAX];
    unsigned text_n;
    uint64_t index;
    unsigned restored_n, settled_n, role_n;
    unsigned unwilling; /* so many times there is no memory */
    unsigned done_n;
    int error;
    uint64_t done_index;
    bool is_freed;
};

static struct node node;

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    struct node *n = arg;

    assert_false(n->is_freed);
    assert_true(index > n->index);
    if (n->unwilling > 0) {
        n->unwilling--;
        return WERR_NOMEM;
    }
    assert_true(n->text_n < ENTRIES_MAX);
    assert_int_equal(span_to_str(entry, n->texts[n->text_n++], TEXT_MAX), 0);
    n->index = index;
    return 0;
}

static int on_snapshot(void *arg, char **bytes, size_t *len)
{
    struct node *n = arg;

    *len = (size_t)n->text_n * TEXT_MAX;
    *bytes = malloc(*len + 1);
    assert_non_null(*bytes);
    memcpy(*bytes, n->texts, *len);
    return 0;
}

static int on_restore(void *arg, uint64_t index, struct span bytes)
{
    struct node *n = arg;

    assert_int_equal(n->settled_n, 0);
    assert_true(bytes.len % TEXT_MAX == 0 && bytes.len <= sizeof(n->texts));
    memcpy(n->texts, bytes.ptr, bytes.len);
    n->text_n = (unsigned)(bytes.len / TEXT_MAX);
    n->index = index;
    n->restored_n++;
    return 0;
}

static void on_role(void *arg, enum cluster_role role)
{
    struct node *n = arg;

    assert_false(n->is_freed);
    assert_int_equal(role, n->role_n == 0 ? CLUSTER_CANDIDATE : CLUSTER_LEADER);
    n->role_n++;
}

static void on_settled(void *arg)
{
    ((struct node *)arg)->settled_n++;
}

static void on_done(void *arg, int error, uint64_t index)
{
    struct node *n = arg;

    n->done_n++;
    n->error = error;
    n->done_index = index;
    if (error == 0)
        assert_true(n->index >= index);
}

static void make_node(void)
{
    memset(&node, 0, sizeof(node));
    disk_make(&node.disk);
    (void)snprintf(node.path, sizeof(node.path), "%s/node", node.disk.path);
}

static int open_node(void)
{
    const struct cluster_hooks hooks = {.on_commit = on_commit,
                                        .on_snapshot = on_snapshot,
                                        .on_restore = on_restore,
                                        .on_role = on_role,
                                        .on_settled = on_settled,
                                        .arg = &node};
    const struct cluster_options options = {.version = "1.0"};

    node.text_n = node.restored_n = node.settled_n = node.role_n = node.done_n = 0;
    node.index = 0;
    node.is_freed = false;
    assert_int_equal(data_dir_open(&node.dir, node.path, disk_wrong(&node.disk)), 0);
    node.loop = loop_epoll_new();
    assert_non_null(node.loop);
    node.cluster = cluster_raft_new(node.loop, &node.dir, &options, &hooks);
    assert_non_null(node.cluster);
    return node.cluster->ops->start(node.cluster);
}

static void turn_until(const unsigned *counter, unsigned wanted)
{
    const uint64_t end_ms = loop_now_ms(node.loop) + WAIT_MS;

    while (*counter < wanted) {
        (void)loop_turn(node.loop, 100);
        assert_true(loop_now_ms(node.loop) < end_ms);
    }
}

static void start_node(void)
{
    assert_int_equal(open_node(), 0);
    turn_until(&node.settled_n, 1);
    assert_int_equal(node.cluster->ops->role(node.cluster), CLUSTER_LEADER);
}

static void close_node(void)
{
    node.is_freed = true;
    node.cluster->ops->free(node.cluster);
    loop_free(node.loop);
    data_dir_close(&node.dir);
}

static int propose(const char *text)
{
    return node.cluster->ops->propose(node.cluster, span_from_str(text), request_id, on_done,
                                      &node);
}

static void add(unsigned from, unsigned n)
{
    const unsigned before = node.done_n;
    char text[TEXT_MAX];

    for (unsigned i = from; i < from + n; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_int_equal(propose(text), 0);
    }
    turn_until(&node.done_n, before + n);
    assert_int_equal(node.error, 0);
}

static void assert_entries(unsigned n)
{
    char text[TEXT_MAX];

    assert_int_equal(node.text_n, n);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_string_equal(node.texts[i], text);
    }
}

static void test_keeps_what_was_committed(void **state)
{
    (void)state;
    make_node();
    start_node();
    assert_int_equal(node.text_n, 0);
    add(0, 3);
    assert_entries(3);
    const uint64_t index = node.done_index;
    assert_int_equal(node.cluster->ops->index(node.cluster), index);
    close_node();

    start_node();
    assert_entries(3);
    assert_int_equal(node.index, index);
    assert_int_equal(node.role_n, 2);
    add(3, 1);
    close_node();

    start_node();
    assert_entries(4);
    assert_int_equal(node.settled_n, 1);
    close_node();
    disk_remove(&node.disk);
}

/* libraft makes a snapshot each 1,024 entries, and drops what is 1,024 before that. */
static void test_starts_from_a_snapshot(void **state)
{
    (void)state;
    make_node();
    start_node();
    for (unsigned i = 0; i < 2500; i += 50)
        add(i, 50);
    while (disk_snapshots(node.path) == 0)
        (void)loop_turn(node.loop, 100);
    close_node();

    start_node();
    assert_int_equal(node.restored_n, 1);
    assert_entries(2500);
    close_node();
    disk_remove(&node.disk);
}

static void test_comes_again_without_memory(void **state)
{
    (void)state;
    make_node();
    start_node();
    add(0, 1);
    node.unwilling = 3;
    assert_int_equal(propose("entry 1"), 0);
    assert_int_equal(propose("entry 2"), 0);
    turn_until(&node.done_n, 3);
    assert_int_equal(node.unwilling, 0);
    assert_entries(3);
    close_node();

    node.unwilling = 2;
    assert_int_equal(open_node(), 0);
    turn_until(&node.settled_n, 1);
    assert_entries(3);
    close_node();
    disk_remove(&node.disk);
}

static void test_owes_no_done(void **state)
{
    (void)state;
    make_node();
    start_node();
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(propose("late"), 0);
    assert_int_equal(node.cluster->ops->barrier(node.cluster, on_done, &node), 0);
    close_node();
    assert_int_equal(node.done_n, 11);
    assert_int_equal(node.error, WERR_SHUTTING_DOWN);
    disk_remove(&node.disk);
}

static void test_is_a_cluster_of_one(void **state)
{
    const struct cluster_member other = {.id = 1};
    struct cluster_member member;
    const struct cluster_ops *ops;
    char *big;

    (void)state;
    make_node();
    start_node();
    ops = node.cluster->ops;
    assert_string_equal(ops->name, "raft");
    assert_int_equal(ops->members(node.cluster, &member, 1), 1);
    assert_true(member.is_self && member.is_leader);
    assert_true(ops->leader(node.cluster, &member));
    assert_int_equal(ops->add_member(node.cluster, &other, on_done, &node), WERR_UNSUPPORTED);
    assert_int_equal(ops->add_member(node.cluster, &member, on_done, &node), WERR_EXISTS);
    assert_int_equal(ops->remove_member(node.cluster, member.id, on_done, &node), WERR_INVALID);
    assert_int_equal(ops->remove_member(node.cluster, 1, on_done, &node), WERR_NOT_FOUND);
    assert_int_equal(ops->transfer(node.cluster, 0, on_done, &node), 0);
    assert_int_equal(ops->barrier(node.cluster, on_done, &node), 0);
    turn_until(&node.done_n, 2);
    assert_int_equal(node.error, 0);
    big = calloc(1, 7 * 1024 * 1024);
    assert_int_equal(
        ops->propose(node.cluster, span_from(big, 7 * 1024 * 1024), request_id, on_done, &node),
        WERR_TOO_BIG);
    free(big);
    close_node();
    disk_remove(&node.disk);
}

/* In a process of its own: tells each acknowledged entry by a byte, until it is killed. */
static void write_on_and_on(unsigned from, int to)
{
    char text[TEXT_MAX];

    if (open_node() < 0)
        _exit(1);
    turn_until(&node.settled_n, 1);
    for (unsigned i = from;; i++) {
        const unsigned before = node.done_n;

        (void)snprintf(text, sizeof(text), "entry %u", i);
        if (propose(text) < 0)
            _exit(1);
        turn_until(&node.done_n, before + 1);
        if (node.error != 0 || write(to, "x", 1) != 1)
            _exit(1);
    }
}

static unsigned count_acknowledged(unsigned from, unsigned least)
{
    int ends[2], status;
    unsigned n = 0;
    char byte;

    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        write_on_and_on(from, ends[1]);
    }
    (void)close(ends[1]);
    while (n < least && read(ends[0], &byte, 1) == 1)
        n++;
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &byte, 1) == 1)
        n++;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    (void)close(ends[0]);
    return n;
}

static void test_killed_it_loses_nothing(void **state)
{
    unsigned n = 0;

    (void)state;
    make_node();
    for (unsigned round = 0; round < 10; round++) {
        const unsigned acknowledged = n + count_acknowledged(n, 1 + round * 7);

        start_node();
        n = node.text_n;
        assert_true(n == acknowledged || n == acknowledged + 1);
        assert_entries(n);
        close_node();
    }
    disk_remove(&node.disk);
}

/* A byte in the middle of what was acknowledged: libraft alone would start, without it. */
static void test_refuses_what_is_damaged(void **state)
{
    char command[256];

    (void)state;
    make_node();
    start_node();
    add(0, 100);
    close_node();
    (void)snprintf(
        command, sizeof(command),
        "cd %s/log && f=$(ls | grep -- '-0*[1-9][0-9]*$' | grep -v '^open\\|^snap' | "
        "tail -n 1) && printf '\\377' | dd of=$f bs=1 seek=2000 conv=notrunc 2>&1",
        node.path);
    assert_int_equal(system(command), 0);
    assert_int_equal(open_node(), WERR_CORRUPT);
    close_node();
    disk_remove(&node.disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_what_was_committed),
        cmocka_unit_test(test_starts_from_a_snapshot),
        cmocka_unit_test(test_comes_again_without_memory),
        cmocka_unit_test(test_owes_no_done),
        cmocka_unit_test(test_is_a_cluster_of_one),
        cmocka_unit_test(test_killed_it_loses_nothing),
        cmocka_unit_test(test_refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
