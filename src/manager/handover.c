#include "manager/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/children.h"
#include "net/signals.h"

pid_t handover_fork(void)
{
    sigset_t held, before;

    sigfillset(&held);
    signals_release_faults(&held);
    (void)sigprocmask(SIG_SETMASK, &held, &before);
    const pid_t pid = fork();

    children_note(pid);
    if (pid != 0)
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

/* A number at or above the limit is EINVAL to fcntl, EBADF to dup2: out of descriptors too. */
static int fail(void)
{
    return errno == EINVAL || errno == EBADF ? WERR_NO_FD : werr_from_errno(errno);
}

static void sort(int *fds, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        for (unsigned k = i; k > 0 && fds[k - 1] > fds[k]; k--) {
            const int fd = fds[k];

            fds[k] = fds[k - 1];
            fds[k - 1] = fd;
        }
}

/* A kernel without close_range leaves them open until exec. */
static void close_gap(int first, int last)
{
    if (first <= last)
        (void)syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0U);
}

static void close_others(const int *fds, unsigned n, int exe_fd)
{
    int kept[HANDOVER_FDS_MAX + 1];
    int next = INHERIT_FD_CHANNEL;

    memcpy(kept, fds, n * sizeof(*fds));
    kept[n] = exe_fd;
    sort(kept, n + 1);
    for (unsigned i = 0; i <= n; i++) {
        close_gap(next, kept[i] - 1);
        next = kept[i] >= next ? kept[i] + 1 : next;
    }
    close_gap(next, INT_MAX);
}

int handover_place(int *fds, unsigned n, int exe_fd)
{
    const int above = INHERIT_FD_CHANNEL + (int)n;

    close_others(fds, n, exe_fd);
    /* First out of the way, so that no target overwrites a source. */
    exe_fd = fcntl(exe_fd, F_DUPFD_CLOEXEC, above);
    if (exe_fd < 0)
        return fail();
    for (unsigned i = 0; i < n; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, above);
        if (fds[i] < 0)
            return fail();
    }
    for (unsigned i = 0; i < n; i++)
        if (dup2(fds[i], INHERIT_FD_CHANNEL + (int)i) < 0)
            return fail();
    return exe_fd;
}

void handover_run(int *fds, unsigned n, int exe_fd, char *const *argv)
{
    const int fd = handover_place(fds, n, exe_fd);

    if (fd == WERR_NO_FD)
        _exit(HANDOVER_EXIT_NO_FD);
    /* A system without execveat(2), such as qemu-user, takes the way by /proc. */
    if (fd >= 0)
        (void)fexecve(fd, argv, environ);
    _exit(HANDOVER_EXIT_FAILED);
}
