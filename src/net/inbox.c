#include "net/inbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"

/* Both ends are this very program, so the layout needs no encoding. */
struct message {
    uint32_t tag;
    struct addr peer;
};

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int inbox_open(int *inbox, int *outbox)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        return errno == EMFILE || errno == ENFILE ? WERR_NO_FD : werr_from_errno(errno);
    *inbox = fds[0];
    *outbox = fds[1];
    return 0;
}

static int send_error(int errnum)
{
    switch (errnum) {
    case EAGAIN:
    case ETOOMANYREFS: /* more descriptors are on their way than the process may have */
        return WERR_AGAIN;
    case EPIPE:
    case ECONNRESET:
        return WERR_CLOSED;
    default:
        return werr_from_errno(errnum);
    }
}

int inbox_send(int outbox, int fd, uint32_t tag, const struct addr *peer)
{
    struct message m = {.tag = tag, .peer = *peer};
    struct iovec iov = {.iov_base = &m, .iov_len = sizeof(m)};
    union control control = {0};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    ssize_t n;

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    do {
        n = sendmsg(outbox, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? send_error(errno) : 0;
}

static int receive_error(int errnum)
{
    if (errnum == EAGAIN)
        return WERR_AGAIN;
    return errnum == ENOMEM || errnum == ENOBUFS ? WERR_NOMEM : WERR_CLOSED;
}

static int fd_of(struct msghdr *msg)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fd = -1;

    if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

int inbox_receive(int inbox, int *fd, uint32_t *tag, struct addr *peer)
{
    struct message m = {0};
    struct iovec iov = {.iov_base = &m, .iov_len = sizeof(m)};
    union control control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    do {
        n = recvmsg(inbox, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n == 0 ? WERR_CLOSED : receive_error(errno);
    *fd = fd_of(&msg);
    if (*fd >= 0 && n == sizeof(m)) {
        *tag = m.tag;
        *peer = m.peer;
        return 0;
    }
    /* The kernel drops the connection when this process has no descriptor left for it. */
    log_warn("a connection that was passed on is lost",
             LOG_S("reason", msg.msg_flags & MSG_CTRUNC ? "no descriptor" : "bad message"));
    if (*fd >= 0)
        (void)close(*fd);
    return WERR_RESET;
}

void inbox_shut(int inbox)
{
    (void)shutdown(inbox, SHUT_RD);
}
