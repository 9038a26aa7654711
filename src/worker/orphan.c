#include "worker/orphan.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { GRACE_S = 10 };

static volatile sig_atomic_t manager_pid;
static volatile sig_atomic_t limit_s = GRACE_S;

static void set_handler(int number, void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&sa.sa_mask);
    (void)sigaction(number, &sa, NULL);
}

/* Also when somebody has stopped the worker and lets it go on: then its manager is there. */
static void on_continue(int number)
{
    const int saved = errno;

    (void)number;
    if (getppid() != (pid_t)manager_pid) {
        set_handler(SIGALRM, SIG_DFL);
        (void)alarm((unsigned)limit_s);
    }
    errno = saved;
}

void orphan_watch(void)
{
    sigset_t set;

    manager_pid = (sig_atomic_t)getppid();
    set_handler(SIGCONT, on_continue);
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    sigaddset(&set, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGCONT);
}

void orphan_end(void)
{
    (void)prctl(PR_SET_PDEATHSIG, 0);
}

void orphan_limit(uint32_t drain_ms)
{
    limit_s = (sig_atomic_t)(drain_ms / 1000 + GRACE_S);
}
