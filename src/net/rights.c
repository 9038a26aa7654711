#include "net/rights.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of a message with more of them the first is taken and the others are closed: the kernel has
 * made all of them ours. */
enum { RIGHTS_MAX = 8 };

union control {
    char bytes[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
    struct cmsghdr align;
};

static int send_error(int errnum)
{
    switch (errnum) {
    case EAGAIN:
        return WERR_AGAIN;
    case ETOOMANYREFS:
        return WERR_NO_FD;
    case EPIPE:
    case ECONNRESET:
        return WERR_CLOSED;
    default:
        return werr_from_errno(errnum);
    }
}

int64_t rights_send(int socket, const struct iovec *iov, unsigned n, int fd)
{
    union control control = {0};
    struct msghdr msg = {.msg_iov = (struct iovec *)iov,
                         .msg_iovlen = n,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(sizeof(fd))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    ssize_t taken;

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    do {
        taken = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (taken < 0 && errno == EINTR);
    return taken < 0 ? send_error(errno) : taken;
}

static int receive_error(int errnum)
{
    if (errnum == EAGAIN)
        return WERR_AGAIN;
    return errnum == ENOBUFS ? WERR_NOMEM : werr_from_errno(errnum);
}

static enum rights_got take_right(struct msghdr *msg, int *fd)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fds[RIGHTS_MAX];
    size_t n = 0;

    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fds[0]);
        memcpy(fds, CMSG_DATA(c), n * sizeof(fds[0]));
    }
    for (size_t i = 1; i < n; i++)
        (void)close(fds[i]);
    if (n > 0) {
        *fd = fds[0];
        return RIGHTS_ONE;
    }
    /* The kernel drops what the process has no descriptor left for. */
    return (msg->msg_flags & MSG_CTRUNC) != 0 ? RIGHTS_LOST : RIGHTS_NONE;
}

int64_t rights_receive(int socket, void *buf, size_t len, int *fd, enum rights_got *got)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    union control control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    *got = RIGHTS_NONE;
    do {
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return receive_error(errno);
    *got = take_right(&msg, fd);
    return n;
}
