/* A snapshot is encoded by a child, and everything that can happen to one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/raft_engine.h"
#include "disk_fixture.h"
#include "net/loop.h"

enum { WAIT_MS = 60000, BATCH_N = 50, ENOUGH_N = 1100, BIG_BYTES = 8 * 1024 * 1024 };

static const uint8_t request_id[CLUSTER_ID_BYTES] = {1, 2, 3};

enum way { GOES_WELL, IS_KILLED, LACKS_MEMORY, HANGS, WAITS };

/* What the child shares with the test. */
struct shared {
    enum way ways[8]; /* of each that is asked, one after the other */
    unsigned asked_n;
    pid_t pid; /* of the last that was asked */
    sem_t is_asked, may_go;
};

static struct {
    struct disk disk;
    char path[80];
    struct data_dir dir;
    struct loop *loop;
    struct cluster *cluster;
    struct shared *shared;
    uint32_t snapshot_ms;
    size_t ballast_bytes; /* of the state, beside the count */
    /* the state: how many entries */
    uint64_t count, restored_count;
    unsigned restored_n, settled_n, done_n;
} node;

static int on_commit(void *arg, uint64_t index, struct span entry)
{
    (void)arg;
    (void)index;
    (void)entry;
    node.count++;
    return 0;
}

static void go(enum way way)
{
    if (way == IS_KILLED)
        (void)raise(SIGKILL);
    while (way == HANGS)
        (void)pause();
    if (way == WAITS)
        (void)sem_wait(&node.shared->may_go);
}

static int on_snapshot(void *arg, char **bytes, size_t *len)
{
    const enum way way = node.shared->ways[node.shared->asked_n++];

    (void)arg;
    node.shared->pid = getpid();
    (void)sem_post(&node.shared->is_asked);
    go(way);
    if (way == LACKS_MEMORY)
        return WERR_NOMEM;
    *len = sizeof(node.count) + node.ballast_bytes;
    *bytes = calloc(1, *len);
    memcpy(*bytes, &node.count, sizeof(node.count));
    return 0;
}

static int on_restore(void *arg, uint64_t index, struct span bytes)
{
    (void)arg;
    (void)index;
    assert_true(bytes.len == sizeof(node.count) + node.ballast_bytes);
    memcpy(&node.count, bytes.ptr, sizeof(node.count));
    node.restored_count = node.count;
    node.restored_n++;
    return 0;
}

static void on_role(void *arg, enum cluster_role role)
{
    (void)arg;
    (void)role;
}

static void on_settled(void *arg)
{
    (void)arg;
    node.settled_n++;
}

static void on_done(void *arg, int error, uint64_t index)
{
    (void)arg;
    (void)error;
    (void)index;
    node.done_n++;
}

static void make_node(void)
{
    memset(&node, 0, sizeof(node));
    disk_make(&node.disk);
    (void)snprintf(node.path, sizeof(node.path), "%s/node", node.disk.path);
    node.shared = mmap(NULL, sizeof(*node.shared), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(node.shared != MAP_FAILED);
    assert_int_equal(sem_init(&node.shared->is_asked, 1, 0), 0);
    assert_int_equal(sem_init(&node.shared->may_go, 1, 0), 0);
}

static void remove_node(void)
{
    assert_int_equal(munmap(node.shared, sizeof(*node.shared)), 0);
    disk_remove(&node.disk);
}

static void turn(uint64_t end_ms)
{
    (void)loop_turn(node.loop, 100);
    assert_true(loop_now_ms(node.loop) < end_ms);
}

static void turn_until(const unsigned *counter, unsigned wanted)
{
    const uint64_t end_ms = loop_now_ms(node.loop) + WAIT_MS;

    while (*(const volatile unsigned *)counter < wanted)
        turn(end_ms);
}

static void start_node(void)
{
    const struct cluster_hooks hooks = {.on_commit = on_commit,
                                        .on_snapshot = on_snapshot,
                                        .on_restore = on_restore,
                                        .on_role = on_role,
                                        .on_settled = on_settled};
    const struct cluster_options options = {.version = "1.0", .snapshot_ms = node.snapshot_ms};

    node.count = node.restored_count = 0;
    node.restored_n = node.settled_n = node.done_n = 0;
    assert_int_equal(data_dir_open(&node.dir, node.path, disk_wrong(&node.disk)), 0);
    node.loop = loop_epoll_new();
    assert_non_null(node.loop);
    node.cluster = cluster_raft_new(node.loop, &node.dir, &options, &hooks);
    assert_non_null(node.cluster);
    assert_int_equal(node.cluster->ops->start(node.cluster), 0);
    turn_until(&node.settled_n, 1);
}

static void close_node(void)
{
    node.cluster->ops->free(node.cluster);
    loop_free(node.loop);
    data_dir_close(&node.dir);
}

static void add(unsigned n)
{
    while (n > 0) {
        const unsigned before = node.done_n;

        for (unsigned i = 0; i < BATCH_N; i++)
            assert_int_equal(node.cluster->ops->propose(node.cluster, span_from_str("entry"),
                                                        request_id, on_done, NULL),
                             0);
        turn_until(&node.done_n, before + BATCH_N);
        n -= BATCH_N;
    }
}

static void turn_until_stored(void)
{
    const uint64_t end_ms = loop_now_ms(node.loop) + WAIT_MS;

    while (disk_snapshots(node.path) == 0)
        turn(end_ms);
}

static struct cluster_snapshots taken(void)
{
    struct cluster_status s;

    node.cluster->ops->status(node.cluster, &s);
    return s.tally.taken;
}

/* That it is stored is counted behind that. */
static void turn_until_counted(void)
{
    const uint64_t end_ms = loop_now_ms(node.loop) + WAIT_MS;

    while (taken().n == 0)
        turn(end_ms);
}

static void assert_starts_with(uint64_t count, unsigned restored_n)
{
    start_node();
    assert_int_equal(node.count, count);
    assert_int_equal(node.restored_n, restored_n);
    close_node();
}

static void test_goes_on_while_a_child_encodes(void **state)
{
    (void)state;
    make_node();
    node.ballast_bytes = BIG_BYTES;
    node.shared->ways[0] = WAITS;
    start_node();
    add(ENOUGH_N);
    turn_until(&node.shared->asked_n, 1);
    assert_int_not_equal(node.shared->pid, getpid());
    const uint64_t count = node.count;
    add(500); /* the child has not answered yet */
    assert_int_equal(disk_snapshots(node.path), 0);
    assert_int_equal(node.shared->asked_n, 1);
    assert_int_equal(sem_post(&node.shared->may_go), 0);
    turn_until_stored();
    turn_until_counted();
    assert_int_equal(taken().n, 1);
    assert_int_equal(taken().failed_n, 0);
    close_node();
    assert_starts_with(count + 500, 1);
    assert_true(node.restored_count <= count);
    assert_int_equal(kill(node.shared->pid, 0), -1);
    remove_node();
}

/* The next one goes well; where each has little time that is nothing to rely on. */
static void outlive(enum way way)
{
    make_node();
    node.shared->ways[0] = way;
    node.snapshot_ms = way == HANGS ? 500 : 0;
    start_node();
    add(ENOUGH_N);
    turn_until(&node.shared->asked_n, 1);
    assert_int_not_equal(node.shared->pid, getpid());
    turn_until(&node.shared->asked_n, 2);
    assert_int_equal(disk_snapshots(node.path), 0);
    assert_true(taken().n == 0 && taken().failed_n == 1);
    if (way != HANGS)
        turn_until_stored();
    const uint64_t count = node.count;
    close_node();
    assert_int_equal(kill(node.shared->pid, 0), -1);
    assert_starts_with(count, way != HANGS);
    remove_node();
}

static void test_outlives_what_happens_to_a_child(void **state)
{
    (void)state;
    outlive(IS_KILLED);
    outlive(LACKS_MEMORY);
    outlive(HANGS);
}

static void test_ends_while_a_child_encodes(void **state)
{
    (void)state;
    make_node();
    node.shared->ways[0] = HANGS;
    start_node();
    add(ENOUGH_N);
    turn_until(&node.shared->asked_n, 1);
    const uint64_t count = node.count;
    close_node();
    assert_int_equal(kill(node.shared->pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(disk_snapshots(node.path), 0);
    assert_starts_with(count, 0);
    remove_node();
}

/* No descriptor is left for one. */
static void test_encodes_in_line_without_a_child(void **state)
{
    struct rlimit limit, none;

    (void)state;
    make_node();
    start_node();
    add(ENOUGH_N - 200);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    add(200);
    turn_until(&node.shared->asked_n, 1);
    assert_int_equal(node.shared->pid, getpid());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    turn_until_stored();
    const uint64_t count = node.count;
    close_node();
    assert_starts_with(count, 1);
    remove_node();
}

static void live_until_killed(void)
{
    start_node();
    for (;;)
        add(BATCH_N);
}

/* Neither it nor the lock of the directory outlives who has forked it. */
static void test_a_child_goes_with_its_parent(void **state)
{
    int status;

    (void)state;
    make_node();
    node.shared->ways[0] = HANGS;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    const pid_t parent = fork();
    assert_true(parent >= 0);
    if (parent == 0)
        live_until_killed();
    assert_int_equal(sem_wait(&node.shared->is_asked), 0);
    const pid_t child = node.shared->pid;
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    start_node();
    close_node();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    remove_node();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_while_a_child_encodes),
        cmocka_unit_test(test_outlives_what_happens_to_a_child),
        cmocka_unit_test(test_ends_while_a_child_encodes),
        cmocka_unit_test(test_encodes_in_line_without_a_child),
        cmocka_unit_test(test_a_child_goes_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
