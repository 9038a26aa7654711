#include "base/children.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t noted[CHILDREN_MAX];
static unsigned noted_n;
static bool has_lost_count; /* for good: one that is not noted may be ours */

void children_note(pid_t pid)
{
    if (pid <= 0)
        return;
    if (noted_n == CHILDREN_MAX)
        has_lost_count = true;
    else
        noted[noted_n++] = pid;
}

static unsigned find(pid_t pid)
{
    unsigned i = 0;

    while (i < noted_n && noted[i] != pid)
        i++;
    return i;
}

pid_t children_wait(pid_t pid, int *status, int options)
{
    const pid_t got = waitpid(pid, status, options);
    const unsigned i = got > 0 ? find(got) : noted_n;

    if (i == noted_n)
        return got;
    noted[i] = noted[--noted_n];
    if (getpid() == 1)
        children_collect_strangers();
    return got;
}

void children_collect_strangers(void)
{
    siginfo_t end;

    for (;;) {
        end.si_pid = 0;
        if (has_lost_count || waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) < 0 ||
            end.si_pid == 0 || find(end.si_pid) < noted_n)
            return;
        (void)waitpid(end.si_pid, NULL, WNOHANG);
    }
}
