#include "vip/rtnl.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 32 * 1024, ASK_BYTES = 256, FOREVER = -1 };

struct ask {
    struct nlmsghdr head;
    union {
        struct ifaddrmsg address;
        struct ifinfomsg link;
        char bytes[ASK_BYTES];
    };
};

/* ---- sockets ---- */

static int open_socket(unsigned groups, int flags)
{
    const struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);

    if (fd < 0)
        return werr_from_errno(errno);
    if (bind(fd, (const struct sockaddr *)&self, sizeof(self)) < 0) {
        const int rc = werr_from_errno(errno);

        (void)close(fd);
        return rc;
    }
    return fd;
}

int rtnl_open(struct rtnl *r)
{
    r->sequence = 0;
    r->fd = open_socket(0, SOCK_NONBLOCK);
    return r->fd < 0 ? r->fd : 0;
}

void rtnl_close(struct rtnl *r)
{
    if (r->fd >= 0)
        (void)close(r->fd);
    r->fd = -1;
}

int rtnl_open_monitor(void)
{
    return open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, SOCK_NONBLOCK);
}

/* ---- a request and its answer ---- */

static int send_ask(struct rtnl *r, struct ask *q, uint16_t type, uint16_t flags)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    q->head.nlmsg_type = type;
    q->head.nlmsg_flags = NLM_F_REQUEST | flags;
    q->head.nlmsg_seq = ++r->sequence;
    if (sendto(r->fd, q, q->head.nlmsg_len, 0, (const struct sockaddr *)&kernel,
               sizeof(kernel)) < 0)
        return werr_from_errno(errno);
    return 0;
}

/* One packet of answers, of the kernel. WERR_TIMEOUT: there is none, and none will come, for
 * the kernel answers before the request's call returns. */
static int64_t receive(int fd, void *buf)
{
    struct sockaddr_nl from;
    struct iovec iov = {buf, ANSWER_BYTES};
    struct msghdr msg = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};

    for (;;) {
        const ssize_t n = recvmsg(fd, &msg, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? WERR_TIMEOUT : werr_from_errno(errno);
        if ((msg.msg_flags & MSG_TRUNC) != 0)
            return WERR_TOO_BIG;
        if (msg.msg_namelen == sizeof(from) && from.nl_pid == 0)
            return n;
    }
}

/* "No such device", "no such address": it is not there. */
static int error_of(const struct nlmsghdr *head)
{
    const struct nlmsgerr *e = NLMSG_DATA(head);

    if (head->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
        return WERR_CORRUPT;
    switch (e->error) {
    case 0:
        return 0;
    case -ENODEV:
    case -ENXIO:
    case -EADDRNOTAVAIL:
        return WERR_NOT_FOUND;
    default:
        return werr_from_errno(-e->error);
    }
}

/* Answers of earlier requests, that came when nobody waited any more, are passed over. */
static int take_answer(struct rtnl *r)
{
    static _Alignas(struct nlmsghdr) char buf[ANSWER_BYTES];

    for (;;) {
        int64_t n = receive(r->fd, buf);

        if (n < 0)
            return (int)n;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
            if (h->nlmsg_seq == r->sequence && h->nlmsg_type == NLMSG_ERROR)
                return error_of(h);
    }
}

/* ---- one address ---- */

static void add_attribute(struct ask *q, uint16_t type, const void *bytes, size_t n)
{
    struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->head.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(n);
    memcpy(RTA_DATA(a), bytes, n);
    q->head.nlmsg_len = NLMSG_ALIGN(q->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static void begin_address(struct ask *q, int ifindex, const struct addr *a, uint8_t prefix)
{
    const size_t n = a->family == AF_INET ? 4 : 16;

    memset(q, 0, sizeof(*q));
    q->head.nlmsg_len = NLMSG_LENGTH(sizeof(q->address));
    q->address = (struct ifaddrmsg){.ifa_family = (uint8_t)a->family,
                                    .ifa_prefixlen = prefix,
                                    .ifa_index = (uint32_t)ifindex};
    add_attribute(q, IFA_LOCAL, a->ip, n);
    add_attribute(q, IFA_ADDRESS, a->ip, n);
}

int rtnl_put_address(struct rtnl *r, int ifindex, const struct addr *a, uint8_t prefix,
                     unsigned life_s)
{
    const struct ifa_cacheinfo life = {.ifa_prefered = life_s, .ifa_valid = life_s};
    const uint32_t flags = IFA_F_NODAD; /* to ask whether it is free would take a second */
    struct ask q;

    begin_address(&q, ifindex, a, prefix);
    add_attribute(&q, IFA_CACHEINFO, &life, sizeof(life));
    if (a->family == AF_INET6)
        add_attribute(&q, IFA_FLAGS, &flags, sizeof(flags));
    const int rc = send_ask(r, &q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);

    return rc < 0 ? rc : take_answer(r);
}

int rtnl_delete_address(struct rtnl *r, int ifindex, const struct addr *a, uint8_t prefix)
{
    struct ask q;

    begin_address(&q, ifindex, a, prefix);
    const int rc = send_ask(r, &q, RTM_DELADDR, NLM_F_ACK);

    return rc < 0 ? rc : take_answer(r);
}

/* ---- what there is ---- */

static const struct rtattr *find_attribute(const struct rtattr *at, size_t n, uint16_t type)
{
    for (; RTA_OK(at, n); at = RTA_NEXT(at, n))
        if ((at->rta_type & NLA_TYPE_MASK) == type)
            return at;
    return NULL;
}

/* IFA_LOCAL is the own address where there are two (IPv4, tunnels). */
static bool read_address(const struct nlmsghdr *h, struct where_address *out)
{
    const struct ifaddrmsg *m = NLMSG_DATA(h);

    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
        return false;
    const size_t n = IFA_PAYLOAD(h), bytes = m->ifa_family == AF_INET ? 4 : 16;
    const struct rtattr *a = find_attribute(IFA_RTA(m), n, IFA_LOCAL);
    const struct rtattr *life = find_attribute(IFA_RTA(m), n, IFA_CACHEINFO);

    if (a == NULL)
        a = find_attribute(IFA_RTA(m), n, IFA_ADDRESS);
    if ((m->ifa_family != AF_INET && m->ifa_family != AF_INET6) || a == NULL ||
        RTA_PAYLOAD(a) != bytes)
        return false;
    *out = (struct where_address){
        .addr.family = m->ifa_family, .prefix = m->ifa_prefixlen, .ifindex = (int)m->ifa_index};
    memcpy(out->addr.ip, RTA_DATA(a), bytes);
    if (life != NULL && RTA_PAYLOAD(life) >= sizeof(struct ifa_cacheinfo)) {
        struct ifa_cacheinfo c;

        memcpy(&c, RTA_DATA(life), sizeof(c));
        out->is_finite = c.ifa_valid != (uint32_t)FOREVER;
    }
    return true;
}

static bool read_link(const struct nlmsghdr *h, struct where_link *out)
{
    const struct ifinfomsg *m = NLMSG_DATA(h);

    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
        return false;
    const struct rtattr *name = find_attribute(IFLA_RTA(m), IFLA_PAYLOAD(h), IFLA_IFNAME);
    const struct rtattr *mac = find_attribute(IFLA_RTA(m), IFLA_PAYLOAD(h), IFLA_ADDRESS);

    if (name == NULL || RTA_PAYLOAD(name) == 0 || RTA_PAYLOAD(name) > VIP_IFNAME_MAX)
        return false;
    *out = (struct where_link){.ifindex = m->ifi_index,
                               .is_up = (m->ifi_flags & (IFF_UP | IFF_RUNNING)) ==
                                        (IFF_UP | IFF_RUNNING),
                               .has_mac = m->ifi_type == ARPHRD_ETHER && mac != NULL &&
                                          RTA_PAYLOAD(mac) == VIP_MAC_BYTES};
    memcpy(out->name, RTA_DATA(name), RTA_PAYLOAD(name) - 1);
    if (out->has_mac)
        memcpy(out->mac, RTA_DATA(mac), VIP_MAC_BYTES);
    return true;
}

struct look {
    struct where *where;
    struct plan *plan;
    uint64_t now;
};

static void see(const struct look *l, const struct nlmsghdr *h)
{
    struct where_address address;
    struct where_link link;

    if (h->nlmsg_type == RTM_NEWADDR && read_address(h, &address))
        where_see_address(l->where, l->plan, &address, l->now);
    else if (h->nlmsg_type == RTM_NEWLINK && read_link(h, &link))
        where_see_link(l->where, l->plan, &link);
}

/* A list comes in several packets, each of which is asked for by reading the one before. */
static int take_list(struct rtnl *r, const struct look *l)
{
    static _Alignas(struct nlmsghdr) char buf[ANSWER_BYTES];

    for (;;) {
        int64_t n = receive(r->fd, buf);

        if (n < 0)
            return (int)n;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, n);
             h = NLMSG_NEXT(h, n)) {
            if (h->nlmsg_seq != r->sequence)
                continue;
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return error_of(h);
            see(l, h);
        }
    }
}

static int list(struct rtnl *r, uint16_t type, const struct look *l)
{
    struct ask q;

    memset(&q, 0, sizeof(q));
    q.head.nlmsg_len = NLMSG_LENGTH(type == RTM_GETADDR ? sizeof(q.address) : sizeof(q.link));
    const int rc = send_ask(r, &q, type, NLM_F_DUMP);

    return rc < 0 ? rc : take_list(r, l);
}

int rtnl_look(struct rtnl *r, struct where *w, struct plan *p, uint64_t now)
{
    const struct look l = {w, p, now};

    where_begin(w);
    int rc = list(r, RTM_GETADDR, &l);

    if (rc == 0)
        rc = list(r, RTM_GETLINK, &l);
    if (rc == 0)
        where_end(w, p, now);
    return rc;
}

/* ---- what changes ---- */

/* What we do ourselves is told too: that an address that is held stands there is no news. */
static bool hear(const struct nlmsghdr *h, struct plan *p, uint64_t now)
{
    struct where_address a;

    if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK)
        return true;
    if ((h->nlmsg_type != RTM_NEWADDR && h->nlmsg_type != RTM_DELADDR) || !read_address(h, &a))
        return false;
    struct plan_row *row = plan_find(p, &a.addr);

    if (row == NULL)
        return true;
    if (h->nlmsg_type == RTM_DELADDR)
        plan_removed(row, a.ifindex, now);
    return false;
}

bool rtnl_hear(int monitor, struct plan *p, uint64_t now)
{
    static _Alignas(struct nlmsghdr) char buf[ANSWER_BYTES];
    bool is_news = false;

    for (;;) {
        int64_t n = receive(monitor, buf);

        if (n < 0)
            return is_news || n != WERR_TIMEOUT; /* else some were lost */
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
            is_news |= hear(h, p, now);
    }
}
