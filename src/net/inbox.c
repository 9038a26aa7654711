#include "net/inbox.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "net/rights.h"

/* Both ends are this very program, so the layout needs no encoding. */
struct message {
    uint32_t tag;
    struct addr peer;
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

int inbox_send(int outbox, int fd, uint32_t tag, const struct addr *peer)
{
    struct message m = {.tag = tag, .peer = *peer};
    const struct iovec iov = {.iov_base = &m, .iov_len = sizeof(m)};
    const int64_t n = rights_send(outbox, &iov, 1, fd);

    if (n >= 0)
        return 0;
    return n == WERR_NO_FD ? WERR_AGAIN : (int)n;
}

int inbox_receive(int inbox, int *fd, uint32_t *tag, struct addr *peer)
{
    struct message m = {0};
    enum rights_got got;
    const int64_t n = rights_receive(inbox, (char *)&m, sizeof(m), fd, &got);

    if (n <= 0)
        return n == WERR_AGAIN || n == WERR_NOMEM ? (int)n : WERR_CLOSED;
    if (got == RIGHTS_ONE && n == sizeof(m)) {
        *tag = m.tag;
        *peer = m.peer;
        return 0;
    }
    log_warn("a connection that was passed on is lost",
             LOG_S("reason", got == RIGHTS_LOST ? "no descriptor" : "bad message"));
    if (got == RIGHTS_ONE)
        (void)close(*fd);
    return WERR_RESET;
}

void inbox_shut(int inbox)
{
    (void)shutdown(inbox, SHUT_RD);
}
