#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096, LISTEN_DEFER_S = 1, LISTEN_UNSENT_BYTES = 128 * 1024 };

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* How a listener is made. */
struct way {
    bool reuse_port, defer_accept, may_be_absent;
};

/* No privilege is needed, and it is of the socket alone, not of the host as
 * net.ipv4.ip_nonlocal_bind is: since Linux 2.4, for IPv6 since 4.15. */
static int set_freebind(int fd, const struct addr *at)
{
    return at->family == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
                                  : set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

static int set_options(int fd, const struct addr *at, const struct way *way)
{
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    if (rc == 0 && way->may_be_absent)
        rc = set_freebind(fd, at);
    if (rc == 0 && way->reuse_port)
        rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && at->family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !addr_is_wildcard(at));
    if (rc == 0)
        rc = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    /* What a peer does not take would fill up to 4 MB of the kernel's memory for each, and when
     * that for TCP is used up (tcp_mem), the connections of all suffer. What is on its way does
     * not count, so that those who read fast lose nothing. */
    if (rc == 0)
        rc = set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, LISTEN_UNSENT_BYTES);
    if (rc == 0 && way->defer_accept)
        rc = set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, LISTEN_DEFER_S);
    return rc;
}

static int bind_and_listen(int fd, const struct addr *at, struct addr *bound)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(at, &sa);

    if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        return -1;
    len = sizeof(sa);
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        return -1;
    addr_from_sockaddr((struct sockaddr *)&sa, bound);
    return 0;
}

static int listen_error(int errnum)
{
    if (errnum == EACCES || errnum == EPERM)
        return WERR_DENIED;
    if (errnum == EADDRNOTAVAIL || errnum == EAFNOSUPPORT)
        return WERR_ADDR_UNAVAILABLE;
    return werr_from_errno(errnum);
}

static int open_at(const struct addr *at, const struct way *way, struct addr *bound)
{
    int fd = socket(at->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return listen_error(errno);
    if (set_options(fd, at, way) == 0 && bind_and_listen(fd, at, bound) == 0)
        return fd;
    int errnum = errno;
    close(fd);
    return listen_error(errnum);
}

int listen_open(const struct addr *at, bool reuse_port, bool defer_accept, struct addr *bound)
{
    const struct way way = {reuse_port, defer_accept, false};
    struct addr v4 = {.family = AF_INET, .port = at->port};
    int fd = open_at(at, &way, bound);

    /* A kernel without IPv6: "all addresses" means those of IPv4 there. */
    if (fd == WERR_ADDR_UNAVAILABLE && at->family == AF_INET6 && addr_is_wildcard(at))
        fd = open_at(&v4, &way, bound);
    return fd;
}

int listen_open_absent(const struct addr *at, bool reuse_port, bool defer_accept,
                       struct addr *bound)
{
    return open_at(at, &(struct way){reuse_port, defer_accept, true}, bound);
}

int listen_open_datagrams(const struct addr *at)
{
    struct sockaddr_storage sa;
    const socklen_t len = addr_to_sockaddr(at, &sa);
    const int fd = socket(at->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return listen_error(errno);
    int rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (rc == 0)
        rc = set_freebind(fd, at);
    if (rc == 0 && at->family == AF_INET6)
        rc = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !addr_is_wildcard(at));
    if (rc == 0 && bind(fd, (struct sockaddr *)&sa, len) == 0)
        return fd;
    const int errnum = errno;
    (void)close(fd);
    return listen_error(errnum);
}

static int accept_error(int errnum)
{
    if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM || errnum == ENOBUFS ||
        errnum == EAGAIN)
        return werr_from_errno(errnum);
    return WERR_RESET; /* the errors that this connection had by itself, and EINTR */
}

int listen_accept(int listener, struct addr *peer)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return accept_error(errno);
    addr_from_sockaddr((struct sockaddr *)&sa, peer);
    return fd;
}

void listen_adopt(int fd)
{
    const int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && !(flags & O_NONBLOCK))
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    (void)set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, LISTEN_UNSENT_BYTES);
}

/* The kernel's own judgement, with a socket that nobody hears of. */
bool listen_has_address(const struct addr *at)
{
    struct addr any_port = *at;
    struct sockaddr_storage sa;
    bool has = true;

    any_port.port = 0;
    if (addr_is_wildcard(at))
        return true;
    int fd = socket(at->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    socklen_t len = addr_to_sockaddr(&any_port, &sa);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0)
        has = errno != EADDRNOTAVAIL;
    close(fd);
    return has;
}

/* The kernel decides where packets would go out when the peer of a datagram socket is set. */
int listen_source(const struct addr *to, struct addr *from)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(to, &sa);
    const int fd = socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return listen_error(errno);
    int rc = connect(fd, (struct sockaddr *)&sa, len) < 0 ? werr_from_errno(errno) : 0;
    len = sizeof(sa);
    if (rc == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        rc = werr_from_errno(errno);
    close(fd);
    if (rc == 0)
        addr_from_sockaddr((struct sockaddr *)&sa, from);
    return rc;
}

int listen_steer(int fd, unsigned n)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0)
        return 0;
    return werr_from_errno(errno);
}

void listen_set_deferring(int fd, bool defers)
{
    (void)set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, defers ? LISTEN_DEFER_S : 0);
}

int listen_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0)
        return 0;
    return errno == EMFILE || errno == ENFILE ? WERR_NO_FD : werr_from_errno(errno);
}

unsigned long listen_raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return raised.rlim_cur;
    return limit.rlim_cur;
}
