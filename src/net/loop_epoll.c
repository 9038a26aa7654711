#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "net/inbox.h"
#include "net/loop_int.h"
#include "net/rights.h"

/* A pipe has a slot for each page of its size, and a received piece, however small, takes one.
 */
enum { EPOLL_BATCH = 256, PIPE_BYTES = 1024 * 1024 };

struct loop_epoll {
    struct loop loop;
    int epfd;
    int pipe[2];     /* for splice, made at its first use, empty between calls; -1: none yet */
    int alarm;       /* a timerfd; events come with data.ptr NULL */
    uint64_t due_ms; /* when it goes off; UINT64_MAX: not set */
    struct epoll_event events[EPOLL_BATCH];
};

static struct loop_epoll *from_loop(struct loop *l)
{
    return (struct loop_epoll *)(void *)l;
}

static uint32_t flags_from_events(uint32_t events)
{
    uint32_t seen = 0;

    if (events & EPOLLIN)
        seen |= SOCK_CAN_RECV;
    if (events & EPOLLOUT)
        seen |= SOCK_CAN_SEND;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        seen |= SOCK_HUP;
    if (events & EPOLLPRI)
        seen |= SOCK_URGENT | SOCK_CAN_RECV;
    /* EPOLLHUP alone is what is left of an orderly end in both directions. */
    if (events & EPOLLERR)
        seen |= SOCK_DEAD;
    return seen;
}

/* A time-out given to epoll_wait is a timer that the kernel sets and takes back each time. The
 * alarm stays set, over many waits as a rule, since what is due next is mostly moved away
 * before it comes; then it goes off in vain, once. */
static void set_alarm(struct loop_epoll *e, uint64_t due_ms)
{
    const struct itimerspec at = {
        .it_value = {(time_t)(due_ms / 1000), (long)(due_ms % 1000 * 1000000)}};

    MUST(timerfd_settime(e->alarm, TFD_TIMER_ABSTIME, &at, NULL) == 0);
    e->due_ms = due_ms;
}

static void wait_epoll(struct loop *l, int64_t max_wait_ms)
{
    struct loop_epoll *e = from_loop(l);

    if (max_wait_ms > 0 && loop_now_ms(l) + (uint64_t)max_wait_ms < e->due_ms)
        set_alarm(e, loop_now_ms(l) + (uint64_t)max_wait_ms);
    int n = epoll_wait(e->epfd, e->events, EPOLL_BATCH, max_wait_ms == 0 ? 0 : -1);

    loop_set_now(l, clock_mono_us());
    MUST(n >= 0 || errno == EINTR);
    if (n < EPOLL_BATCH)
        l->round_n++;
    for (int i = 0; i < n; i++) {
        if (e->events[i].data.ptr != NULL)
            loop_mark(e->events[i].data.ptr, flags_from_events(e->events[i].events));
        else
            e->due_ms = UINT64_MAX;
    }
}

static uint64_t wall_us_epoll(const struct loop *l)
{
    (void)l;
    return clock_wall_us();
}

static int64_t recv_epoll(struct loop *l, struct sock *s, char *buf, size_t len)
{
    ssize_t n;

    (void)l;
    do {
        n = recv(s->fd, buf, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    return errno == EAGAIN ? WERR_AGAIN : werr_from_errno(errno);
}

static bool has_input_epoll(struct loop *l, struct sock *s)
{
    char byte;

    (void)l;
    return recv(s->fd, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN;
}

static int64_t send_failed(struct sock *s, int errnum)
{
    if (errnum == EAGAIN)
        return WERR_AGAIN;
    if (errnum == EPIPE)
        return WERR_RESET;
    s->flags |= SOCK_RESET;
    return errnum == ECONNRESET ? WERR_RESET : werr_from_errno(errnum);
}

static int64_t send_epoll(struct loop *l, struct sock *s, const struct iovec *iov, unsigned n)
{
    struct msghdr m = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n};
    int flags = s->flags & SOCK_FIN_NEXT ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    ssize_t taken;

    (void)l;
    do {
        if (n == 1)
            taken = send(s->fd, iov->iov_base, iov->iov_len, flags);
        else
            taken = sendmsg(s->fd, &m, flags);
    } while (taken < 0 && errno == EINTR);
    return taken >= 0 ? taken : send_failed(s, errno);
}

static int64_t send_right_epoll(struct loop *l, struct sock *s, const struct iovec *iov,
                                unsigned n, int fd)
{
    (void)l;
    return rights_send(s->fd, iov, n, fd);
}

static int64_t recv_right_epoll(struct loop *l, struct sock *s, size_t len, int *fd,
                                bool *has_fd)
{
    enum rights_got got;
    const int64_t n = rights_receive(s->fd, l->scratch, len, fd, &got);

    *has_fd = got != RIGHTS_NONE;
    if (got == RIGHTS_LOST)
        *fd = -1;
    return n;
}

static uint32_t unacked_epoll(struct loop *l, const struct sock *s)
{
    int bytes = 0;

    (void)l;
    return ioctl(s->fd, SIOCOUTQ, &bytes) == 0 ? (uint32_t)bytes : 0;
}

static bool open_pipe(struct loop_epoll *e)
{
    if (e->pipe[0] >= 0)
        return true;
    if (pipe2(e->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
        return false;
    /* Smaller is slower, not wrong. */
    (void)fcntl(e->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
    return true;
}

static void close_pipe(struct loop_epoll *e)
{
    if (e->pipe[0] < 0)
        return;
    close(e->pipe[0]);
    close(e->pipe[1]);
}

/* What the target did not take: the pipe must be empty for whoever comes next. */
static struct span empty_pipe(struct loop_epoll *e, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = read(e->pipe[0], e->loop.scratch + done, n - done);

        MUST(got > 0 || (got < 0 && errno == EINTR));
        done += got > 0 ? (size_t)got : 0;
    }
    return span_from(e->loop.scratch, n);
}

/* Until nothing is left or the target says that it is full: only then will it be heard of. */
static size_t splice_from_pipe(struct loop_epoll *e, struct sock *to, size_t n, int *error)
{
    size_t done = 0;

    while (done < n) {
        ssize_t taken =
            splice(e->pipe[0], NULL, to->fd, NULL, n - done, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

        if (taken >= 0) {
            done += (size_t)taken;
        } else if (errno != EINTR) {
            int64_t rc = send_failed(to, errno);

            *error = rc == WERR_AGAIN ? 0 : (int)rc;
            break;
        }
    }
    return done;
}

/* Out of descriptors: by way of scratch then. */
static int64_t move_by_copy(struct loop *l, struct sock *from, struct sock *to, size_t max,
                            struct span *left, int *error)
{
    int64_t n = recv_epoll(l, from, l->scratch, max);
    struct iovec iov = {l->scratch, n > 0 ? (size_t)n : 0};
    int64_t sent = n > 0 ? send_epoll(l, to, &iov, 1) : 0;

    if (sent < 0 && sent != WERR_AGAIN)
        *error = (int)sent;
    *left = span_skip(span_from(l->scratch, iov.iov_len), sent > 0 ? (size_t)sent : 0);
    return n;
}

static int64_t splice_epoll(struct loop *l, struct sock *from, struct sock *to, size_t max,
                            struct span *left, int *error)
{
    struct loop_epoll *e = from_loop(l);
    ssize_t n;

    if (!open_pipe(e))
        return move_by_copy(l, from, to, max, left, error);
    do {
        n = splice(from->fd, NULL, e->pipe[1], NULL, max, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? WERR_AGAIN : werr_from_errno(errno);
    *left = empty_pipe(e, (size_t)n - splice_from_pipe(e, to, (size_t)n, error));
    return n;
}

static int connect_error(int errnum)
{
    switch (errnum) {
    case EINPROGRESS:
    case EINTR:
        return WERR_AGAIN;
    case EAGAIN: /* no free local port */
    case EADDRINUSE:
    case EADDRNOTAVAIL:
        return WERR_ADDR_UNAVAILABLE;
    case EMFILE:
    case ENFILE:
        return WERR_NO_FD;
    default:
        return werr_from_errno(errnum);
    }
}

/* EADDRNOTAVAIL has two meanings: all local ports towards the address are in use, or this host
 * has no address to reach it from (of ::1 when IPv6 is off). A datagram socket, whose ports are
 * others, finds out by the same route. */
static bool has_source_for(const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = addr_to_sockaddr(to, &sa);
    int fd = socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has =
        fd < 0 || connect(fd, (struct sockaddr *)&sa, sa_len) == 0 || errno != EADDRNOTAVAIL;

    if (fd >= 0)
        close(fd);
    return has;
}

/* The first option bounds the other two as well, so that the number of probes means nothing. A
 * socket that is none of TCP can do without. */
static void lose_after_epoll(struct loop *l, struct sock *s, uint32_t ms)
{
    enum { MS_A_S = 1000, IDLE_SHARE = 2 };
    const int on = 1, interval_s = 1;
    const int limit_ms = (int)ms;
    const int idle_s = ms > IDLE_SHARE * MS_A_S ? (int)(ms / IDLE_SHARE / MS_A_S) : 1;

    (void)l;
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static int connect_epoll(struct loop *l, struct sock *s, const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = addr_to_sockaddr(to, &sa);
    int on = 1;

    (void)l;
    s->fd = socket(to->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return connect_error(errno);
    if (setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        connect(s->fd, (struct sockaddr *)&sa, sa_len) == 0)
        return 0;
    int rc = connect_error(errno);
    if (rc != WERR_AGAIN) {
        close(s->fd);
        s->fd = -1;
    }
    if (rc == WERR_ADDR_UNAVAILABLE && !has_source_for(to))
        return WERR_UNREACHABLE;
    return rc;
}

static int connect_result_epoll(struct loop *l, struct sock *s)
{
    int errnum = 0;
    socklen_t len = sizeof(errnum);

    (void)l;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0)
        errnum = errno;
    return errnum == 0 ? 0 : connect_error(errnum);
}

static int accept_error(int errnum)
{
    switch (errnum) {
    case EAGAIN:
        return WERR_AGAIN;
    case EMFILE:
    case ENFILE:
        return WERR_NO_FD;
    case ENOBUFS:
    case ENOMEM:
        return WERR_NOMEM;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
        return WERR_INVALID;
    default: /* ECONNABORTED, EINTR and the errors that this connection had by itself */
        return WERR_RESET;
    }
}

static int accept_epoll(struct loop *l, struct sock *listener, int *fd, struct addr *peer)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    (void)l;
    *fd = accept4(listener->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*fd < 0)
        return accept_error(errno);
    addr_from_sockaddr((struct sockaddr *)&sa, peer);
    return 0;
}

static int receive_epoll(struct loop *l, struct sock *inbox, int *fd, uint32_t *tag,
                         struct addr *peer)
{
    (void)l;
    return inbox_receive(inbox->fd, fd, tag, peer);
}

static int pass_epoll(struct loop *l, int outbox, int fd, uint32_t tag, const struct addr *peer)
{
    (void)l;
    return inbox_send(outbox, fd, tag, peer);
}

static void shut_inbox_epoll(struct loop *l, struct sock *inbox)
{
    (void)l;
    inbox_shut(inbox->fd);
}

static void adopt_epoll(struct loop *l, int fd)
{
    int flags = fcntl(fd, F_GETFL);

    (void)l;
    if (flags >= 0 && !(flags & O_NONBLOCK))
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* No memory, or over the limit of watches. */

/* The connection can't be served, so its next read or send shall fail. */
static void fail_connection(struct sock *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    loop_mark(s, SOCK_RESET | SOCK_CAN_RECV | SOCK_CAN_SEND | SOCK_HUP);
}

/* Other processes have it too, now or later: to shut it down would be to do so for all. */
static void poll_listener(struct sock *s)
{
    s->flags &= ~(uint32_t)(SOCK_REGISTERED | SOCK_LEVEL);
    loop_mark(s, SOCK_CAN_RECV);
}

/* Other processes may watch the same queue: workers that share a socket, and both generations
 * in an upgrade. One of them is woken for a connection, not all; one that does not sleep, or is
 * stopped, is passed over. */
enum { LISTENER_EVENTS = EPOLLIN | EPOLLEXCLUSIVE };

static void register_epoll(struct loop *l, struct sock *s)
{
    struct epoll_event ev = {.data.ptr = s};

    if (!(s->flags & SOCK_LISTENS))
        ev.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    else if (s->flags & SOCK_INBOX)
        ev.events = EPOLLIN | EPOLLET;
    else
        ev.events = LISTENER_EVENTS;
    if (ev.events == LISTENER_EVENTS)
        s->flags |= SOCK_LEVEL;
    if (epoll_ctl(from_loop(l)->epfd, EPOLL_CTL_ADD, s->fd, &ev) == 0)
        return;
    log_error("socket can't be watched", LOG_S("reason", werr_word(werr_from_errno(errno))));
    if (s->flags & SOCK_LISTENS)
        poll_listener(s);
    else
        fail_connection(s);
}

static void watch_epoll(struct loop *l, struct sock *s, bool read, bool write)
{
    struct epoll_event ev = {.events = (read ? (uint32_t)EPOLLIN : 0) |
                                       (write ? (uint32_t)EPOLLOUT : 0),
                             .data.ptr = s};
    int op = s->flags & SOCK_REGISTERED ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    s->flags |= SOCK_REGISTERED;
    if (epoll_ctl(from_loop(l)->epfd, op, s->fd, &ev) < 0)
        log_error("descriptor can't be watched",
                  LOG_S("reason", werr_word(werr_from_errno(errno))));
}

static void unwatch_epoll(struct loop *l, struct sock *s)
{
    if (s->flags & SOCK_REGISTERED)
        (void)epoll_ctl(from_loop(l)->epfd, EPOLL_CTL_DEL, s->fd, NULL);
}

static void shutdown_epoll(struct loop *l, struct sock *s)
{
    (void)l;
    (void)shutdown(s->fd, SHUT_WR);
}

/* Taken out of the poller by name: a process that was forked a moment ago and has not come to
 * its exec yet may hold the same file, and then events for it would go on. */
static void close_epoll(struct loop *l, struct sock *s, bool abort)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    if (s->flags & SOCK_REGISTERED)
        (void)epoll_ctl(from_loop(l)->epfd, EPOLL_CTL_DEL, s->fd, NULL);
    if (abort)
        (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(s->fd);
}

static void close_handle_epoll(struct loop *l, int fd)
{
    (void)l;
    close(fd);
}

static int local_addr_epoll(const struct loop *l, const struct sock *s, struct addr *out)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);

    (void)l;
    if (getsockname(s->fd, (struct sockaddr *)&sa, &len) < 0)
        return werr_from_errno(errno);
    addr_from_sockaddr((struct sockaddr *)&sa, out);
    return 0;
}

static void free_epoll(struct loop *l)
{
    loop_fini(l);
    close_pipe(from_loop(l));
    close(from_loop(l)->alarm);
    close(from_loop(l)->epfd);
    free(l);
}

static const struct loop_ops epoll_ops = {
    .name = "epoll",
    .wait = wait_epoll,
    .wall_us = wall_us_epoll,
    .recv = recv_epoll,
    .has_input = has_input_epoll,
    .send = send_epoll,
    .send_right = send_right_epoll,
    .recv_right = recv_right_epoll,
    .splice = splice_epoll,
    .unacked = unacked_epoll,
    .lose_after = lose_after_epoll,
    .connect = connect_epoll,
    .connect_result = connect_result_epoll,
    .accept = accept_epoll,
    .receive = receive_epoll,
    .pass = pass_epoll,
    .shut_inbox = shut_inbox_epoll,
    .adopt = adopt_epoll,
    .register_sock = register_epoll,
    .watch = watch_epoll,
    .unwatch = unwatch_epoll,
    .shutdown = shutdown_epoll,
    .close = close_epoll,
    .close_handle = close_handle_epoll,
    .local_addr = local_addr_epoll,
    .free = free_epoll,
};

static int open_alarm(struct loop_epoll *e)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};

    e->due_ms = UINT64_MAX;
    e->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (e->alarm < 0)
        return -1;
    if (epoll_ctl(e->epfd, EPOLL_CTL_ADD, e->alarm, &ev) == 0)
        return 0;
    close(e->alarm);
    return -1;
}

struct loop *loop_epoll_new(void)
{
    struct loop_epoll *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return NULL;
    e->pipe[0] = e->pipe[1] = -1;
    e->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (e->epfd < 0)
        goto err_alloc;
    if (open_alarm(e) < 0)
        goto err_epfd;
    if (loop_init(&e->loop, &epoll_ops, clock_mono_us()) < 0)
        goto err_alarm;
    return &e->loop;
err_alarm:
    close(e->alarm);
err_epfd:
    close(e->epfd);
err_alloc:
    free(e);
    return NULL;
}
