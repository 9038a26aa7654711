#include "manager/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A number at or above the limit is EINVAL to fcntl, EBADF to dup2: out of descriptors too. */
static int fail(void)
{
    return errno == EINVAL || errno == EBADF ? WERR_NO_FD : werr_from_errno(errno);
}

int handover_place(int *fds, unsigned n, int exe_fd)
{
    const int above = INHERIT_FD_CHANNEL + (int)n;

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
