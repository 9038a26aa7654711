#include "vip/hear.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/werr.h"

enum { FDS_MAX = 4 }; /* the kernel closes what finds no room */

union control {
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    struct cmsghdr align;
};

static int take(struct msghdr *msg)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fds[FDS_MAX];

    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return -1;
    const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fds[0]);
    MUST(n <= FDS_MAX);
    memcpy(fds, CMSG_DATA(c), n * sizeof(fds[0]));
    if (n == 1)
        return fds[0];
    for (size_t i = 0; i < n; i++)
        (void)close(fds[i]);
    return -1;
}

ssize_t hear_packet(int manager, void *buf, size_t len, int *fd)
{
    union control control;
    struct iovec iov = {buf, len};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    const ssize_t n = recvmsg(manager, &msg, MSG_TRUNC | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *fd = n > 0 ? take(&msg) : -1;
    return n;
}
