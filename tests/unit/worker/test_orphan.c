#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cm.h"
#include "worker/orphan.h"

/* Three processes: this one sees by the end of a pipe that the grandchild has gone; the child
 * is the manager that dies. */

enum { GONE_MS = 20000 };

static void run_grandchild(int ready, bool stops)
{
    (void)signal(SIGALRM, SIG_IGN); /* as when it is watched: it must be taken back */
    orphan_watch();
    orphan_limit(0);
    (void)!write(ready, "r", 1);
    if (stops)
        (void)raise(SIGSTOP);
    for (;;) /* hangs */
        ;
}

/* Returns what is read to its end when the grandchild has gone. */
static int start_orphan(bool stops)
{
    int life[2], ready[2], status;
    pid_t child;
    char byte;

    assert_int_equal(pipe2(life, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        const pid_t grandchild = fork();

        (void)close(life[0]);
        if (grandchild == 0)
            run_grandchild(ready[1], stops);
        (void)!read(ready[0], &byte, 1);
        while (stops && waitpid(grandchild, &status, WUNTRACED) != grandchild)
            ;
        _exit(0);
    }
    (void)close(life[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(ready[0]);
    (void)close(ready[1]);
    return life[0];
}

static void wait_end(int life)
{
    struct pollfd gone = {.fd = life, .events = POLLIN};
    char byte;

    assert_int_equal(poll(&gone, 1, GONE_MS), 1);
    assert_int_equal(read(life, &byte, 1), 0);
    (void)close(life);
}

/* One that was stopped and one that was not; neither ever looks at anything. */
static void test_a_worker_that_hangs_ends(void **state)
{
    const int stopped = start_orphan(true);
    const int running = start_orphan(false);

    (void)state;
    wait_end(stopped);
    wait_end(running);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_that_hangs_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
