/* Several nodes in one process: what comes of entries and snapshots that there is no memory
 * for, of large ones, and of a disk that is slower than the others'. */
#include "cluster_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "raft_bent.h"

/* ---- an owner without memory ---- */

static bool is_willing(unsigned i)
{
    return lab.nodes[i].unwilling == 0;
}

static bool holds_a_snapshot(unsigned i)
{
    return engine_at(i)->held.base != NULL;
}

static void propose_many(unsigned at, unsigned n)
{
    const unsigned before = lab.done_n;
    char text[TEXT_MAX];

    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text), "entry %u", i);
        assert_int_equal(propose(at, text), 0);
    }
    AWAIT(is_done, before + n);
    assert_int_equal(lab.error, 0);
}

/* It comes once. The entries behind it are not applied before it. */
static void test_a_snapshot_without_memory(void **state)
{
    enum { MANY = 3000, TIMES = 5 };

    (void)state;
    make_first();
    propose_many(0, MANY);
    cut_log(0, 1);
    get_token(0);
    lab.nodes[1].unwilling = TIMES;
    join(1, 0);
    AWAIT(has_raft, 1);
    AWAIT(holds_a_snapshot, 1);
    add(0, "behind it");
    assert_int_equal(lab.nodes[1].text_n, 0);
    assert_int_equal(lab.nodes[1].settled_n, 0);
    AWAIT(is_willing, 1);
    AWAIT(has_settled, 1);
    assert_int_equal(lab.nodes[1].restored_n, 1);
    assert_equal(2, MANY + 1);
    add(1, "after");
    assert_equal(2, MANY + 2);
    end_lab();
}

static void test_a_stop_with_a_snapshot_without_memory(void **state)
{
    enum { MANY = 3000 };

    (void)state;
    make_first();
    propose_many(0, MANY);
    cut_log(0, 1);
    get_token(0);
    lab.nodes[1].unwilling = UINT_MAX;
    join(1, 0);
    AWAIT(has_raft, 1);
    AWAIT(holds_a_snapshot, 1);
    end_lab();
}

/* An entry that nothing follows, and those that come with messages that have more. */
static void test_entries_without_memory(void **state)
{
    enum { MANY = 500, TIMES = 20 };

    (void)state;
    make_first();
    join_all(3);
    const unsigned leader = make_calm(3), other = (leader + 1) % 3;
    lab.nodes[other].unwilling = 2;
    add(leader, "alone");
    assert_equal(3, 1);
    lab.nodes[other].unwilling = TIMES;
    propose_many(leader, MANY);
    AWAIT(is_willing, other);
    assert_equal(3, MANY + 1);
    lab.nodes[leader].unwilling = TIMES;
    propose_many(leader, MANY);
    AWAIT(is_willing, leader);
    assert_equal(3, 2 * MANY + 1);
    end_lab();
}

/* libraft keeps all entries since a snapshot in memory, and counts no bytes. */
static void test_large_entries(void **state)
{
    enum { BYTES = 5 * 1024 * 1024, MANY = 10 };
    char *large = malloc(BYTES + 1);

    (void)state;
    assert_non_null(large);
    memset(large, 'x', BYTES);
    large[BYTES] = '\0';
    memcpy(large, "large\n", 6);
    make_first();
    for (unsigned i = 0; i < MANY; i++) {
        const unsigned before = lab.done_n;
        int rc;

        /* There is no room until a file is allocated for the next one. */
        while ((rc = propose(0, large)) == WERR_NO_SPACE)
            (void)loop_turn(lab.loop, 20);
        assert_int_equal(rc, 0);
        AWAIT(is_done, before + 1);
        assert_int_equal(lab.error, 0);
    }
    AWAIT(has_snapshot, 0);
    assert_int_equal(engine_at(0)->raft.legacy.snapshot_threshold, LOG_SIZES_N);
    assert_true(engine_at(0)->raft.legacy.snapshot_trailing < MANY);
    free(large);
    end_lab();
}

/* ---- libraft without memory ---- */

enum { EXIT_UNKNOWN = 3, EXIT_NO_MEMORY = 4 };

/* In a process of its own: the n-th piece that libraft wants for an entry is not there. */
static int end_without(unsigned n)
{
    const pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        fault_set(n);
        (void)propose(0, "too much");
        _exit(fault_is_armed() ? EXIT_SUCCESS : EXIT_UNKNOWN);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* It would go on with books that do not fit each other, and end at the next entry, somehow. */
static void test_libraft_without_memory(void **state)
{
    unsigned n = 1;
    int code;

    (void)state;
    make_first();
    add(0, "before");
    while ((code = end_without(n)) == EXIT_NO_MEMORY)
        n++;
    /* With all of it the kernel takes no writes of a child: libraft hears of that at once. */
    assert_true(code == EXIT_SUCCESS || code == EXIT_FAILURE);
    assert_true(n > 3); /* libraft wants some pieces for each */
    add(0, "behind");
    assert_equal(1, 2);
    end_lab();
}

/* ---- a disk that is slower than the others' ---- */

static struct {
    struct raft_io_append *req;
    const struct raft_entry *entries;
    unsigned n;
    raft_io_append_cb cb;
    int (*usual)(struct raft_io *io, struct raft_io_append *req,
                 const struct raft_entry entries[], unsigned n, raft_io_append_cb cb);
} slow;

static int append_never(struct raft_io *io, struct raft_io_append *req,
                        const struct raft_entry entries[], unsigned n, raft_io_append_cb cb)
{
    (void)io;
    assert_null(slow.req);
    slow.req = req;
    slow.entries = entries;
    slow.n = n;
    slow.cb = cb;
    return 0;
}

static bool is_noted(unsigned i)
{
    return engine_at(i)->high_water.mark.index == raft_last_applied(&engine_at(i)->raft);
}

/* A leader applies what the others have stored before it has itself. Were the process killed
 * now, its log would end below the mark, and its start be refused. */
static void test_what_is_not_stored_here_is_not_noted(void **state)
{
    (void)state;
    make_first();
    join_all(3);
    const unsigned leader = make_calm(3);
    add(leader, "before");
    assert_equal(3, 1);
    AWAIT(is_noted, leader);
    struct engine *e = engine_at(leader);
    const uint64_t before = e->high_water.mark.index;

    slow.usual = e->io.append;
    e->io.append = append_never;
    add(leader, "behind");
    assert_true(raft_last_applied(&e->raft) > before);
    turn_for(500);
    assert_int_equal(e->high_water.mark.index, before);
    e->io.append = slow.usual;
    assert_int_equal(e->io.append(&e->io, slow.req, slow.entries, slow.n, slow.cb), 0);
    AWAIT(is_noted, leader);
    assert_equal(3, 2);
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_without_memory),
        cmocka_unit_test(test_a_stop_with_a_snapshot_without_memory),
        cmocka_unit_test(test_entries_without_memory),
        cmocka_unit_test(test_large_entries),
        cmocka_unit_test(test_libraft_without_memory),
        cmocka_unit_test(test_what_is_not_stored_here_is_not_noted),
    };
    profile_wanted = ROSTER_WAN;    /* all nodes share one thread of a busy machine */
    (void)signal(SIGPIPE, SIG_IGN); /* as in the manager */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
