#include "base/children.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cm.h"

/* Ended, and not collected. */
static pid_t make_ended(void)
{
    siginfo_t end;
    const pid_t pid = fork();

    if (pid == 0)
        _exit(7);
    assert_true(pid > 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
    return pid;
}

/* The child of a child that has ended: ours from then on, as everybody's is process 1's. */
static pid_t make_stranger(void)
{
    int ends[2];
    pid_t pid = 0;
    siginfo_t end;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(ends), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        const pid_t child = fork();

        if (child == 0)
            _exit(0);
        _exit(write(ends[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return pid;
}

static bool is_there(pid_t pid)
{
    siginfo_t end;

    return waitid(P_PID, (id_t)pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void strangers_are_collected(void **state)
{
    (void)state;
    const pid_t one = make_stranger(), two = make_stranger();

    children_collect_strangers();
    assert_false(is_there(one));
    assert_false(is_there(two));
}

static void ours_are_left(void **state)
{
    int status;

    (void)state;
    const pid_t own = make_ended();
    children_note(own);
    const pid_t stranger = make_stranger();
    children_collect_strangers();
    assert_true(is_there(own));
    assert_int_equal(children_wait(own, &status, WNOHANG), own);
    assert_int_equal(WEXITSTATUS(status), 7);
    children_collect_strangers();
    assert_false(is_there(stranger));
}

/* Its number may come again, as a stranger's. */
static void who_was_collected_is_forgotten(void **state)
{
    (void)state;
    const pid_t stranger = make_stranger();
    const pid_t own = make_ended();

    children_note(stranger);
    children_note(own);
    assert_int_equal(children_wait(own, NULL, 0), own);
    assert_int_equal(children_wait(stranger, NULL, 0), stranger);
    const pid_t next = make_ended();
    children_collect_strangers();
    assert_false(is_there(next));
}

static void nobody_is_no_child(void **state)
{
    (void)state;
    children_note(-1);
    children_note(0);
    children_collect_strangers();
    assert_int_equal(children_wait(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* The last test: it is for good. */
static void nobody_is_collected_when_count_is_lost(void **state)
{
    (void)state;
    const pid_t stranger = make_stranger();

    for (int i = 0; i <= CHILDREN_MAX; i++)
        children_note(1000000000 + i);
    children_collect_strangers();
    assert_true(is_there(stranger));
    assert_int_equal(children_wait(stranger, NULL, 0), stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_are_collected),
        cmocka_unit_test(ours_are_left),
        cmocka_unit_test(who_was_collected_is_forgotten),
        cmocka_unit_test(nobody_is_no_child),
        cmocka_unit_test(nobody_is_collected_when_count_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
