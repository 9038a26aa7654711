#include "vip/stray.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"

/* The kernel puts what it knows of a packet's checksum before it, and takes it back so: one
 * that comes from a neighbour on the same machine has none yet, and would be sent on without.
 */
enum { KNOWN_BYTES = sizeof(struct virtio_net_hdr), AT_TO = KNOWN_BYTES };
enum { AT_FROM = AT_TO + VIP_MAC_BYTES, PACKET_BYTES = KNOWN_BYTES + STRAY_FRAME_MAX };
enum { PACKETS_MAX = 64 }; /* at a time, so that a flood lets other work be */

/* ---- the filter ---- */

enum { REJECT = 0xff }; /* a jump to the end, until that is known */
enum {
    AT_IP = ETH_HLEN,
    AT_IP6_NEXT = AT_IP + 6,
    AT_IP6_TO = AT_IP + 24,
    AT_TCP6 = AT_IP + 40
};
enum { AT_IP_FRAGMENT = AT_IP + 6, AT_IP_PROTOCOL = AT_IP + 9, AT_IP_TO = AT_IP + 16 };
enum { TCP_FLAGS = 13, FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10, FRAGMENT = 0x3fff };

struct program {
    struct sock_filter *f;
    size_t n;
};

static void add(struct program *p, uint16_t code, uint32_t k)
{
    p->f[p->n++] = (struct sock_filter)BPF_STMT(code, k);
}

/* Goes on only if what was loaded is k. */
static void need(struct program *p, uint32_t k)
{
    p->f[p->n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, REJECT);
}

static void need_of_packet(struct program *p)
{
    add(p, BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    need(p, PACKET_HOST);
    add(p, BPF_LD | BPF_W | BPF_LEN, 0);
    p->f[p->n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, STRAY_FRAME_MAX, REJECT, 0);
}

/* Leaves in X how far TCP's header lies behind that of IPv6 without options. */
static void need_ip4(struct program *p, const struct addr *a)
{
    uint32_t to;

    memcpy(&to, a->ip, sizeof(to));
    add(p, BPF_LD | BPF_B | BPF_ABS, AT_IP_PROTOCOL);
    need(p, IPPROTO_TCP);
    add(p, BPF_LD | BPF_H | BPF_ABS, AT_IP_FRAGMENT);
    add(p, BPF_ALU | BPF_AND | BPF_K, FRAGMENT);
    need(p, 0);
    add(p, BPF_LD | BPF_W | BPF_ABS, AT_IP_TO);
    need(p, ntohl(to));
    add(p, BPF_LDX | BPF_B | BPF_MSH, AT_IP);
    add(p, BPF_LD | BPF_B | BPF_IND, AT_IP + TCP_FLAGS);
}

static void need_ip6(struct program *p, const struct addr *a)
{
    uint32_t to[4];

    memcpy(to, a->ip, sizeof(to));
    add(p, BPF_LD | BPF_B | BPF_ABS, AT_IP6_NEXT);
    need(p, IPPROTO_TCP);
    for (unsigned i = 0; i < 4; i++) {
        add(p, BPF_LD | BPF_W | BPF_ABS, AT_IP6_TO + 4 * i);
        need(p, ntohl(to[i]));
    }
    add(p, BPF_LD | BPF_B | BPF_ABS, AT_TCP6 + TCP_FLAGS);
}

static void end_with_reject(struct program *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->f[i].jt == REJECT)
            p->f[i].jt = (uint8_t)(p->n - i - 1);
        if (p->f[i].jf == REJECT)
            p->f[i].jf = (uint8_t)(p->n - i - 1);
    }
    add(p, BPF_RET | BPF_K, 0);
}

size_t stray_filter(struct sock_filter *f, const struct addr *a)
{
    struct program p = {.f = f};

    need_of_packet(&p);
    if (a->family == AF_INET)
        need_ip4(&p, a);
    else
        need_ip6(&p, a);
    add(&p, BPF_ALU | BPF_AND | BPF_K, FIN | SYN | RST | ACK);
    need(&p, SYN);
    add(&p, BPF_RET | BPF_K, STRAY_FRAME_MAX);
    end_with_reject(&p);
    MUST(p.n <= STRAY_FILTER_MAX);
    return p.n;
}

/* ---- the socket ---- */

/* It gets nothing before it is bound. Where the longer queue is not permitted (a container
 * whose root is none outside) that of the system will do. */
static bool set_up(int fd, const struct plan_row *row)
{
    struct sock_filter code[STRAY_FILTER_MAX];
    const struct sock_fprog program = {.len = (uint16_t)stray_filter(code, &row->named.addr),
                                       .filter = code};
    const uint16_t protocol = row->named.addr.family == AF_INET ? ETH_P_IP : ETH_P_IPV6;
    const struct sockaddr_ll at = {
        .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = row->ifindex};
    const int bytes = STRAY_QUEUE_BYTES, on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 &&
           setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0 &&
           bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

int stray_open(const struct plan_row *row)
{
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && set_up(fd, row))
        return fd;
    const int rc = werr_from_errno(errno);

    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* ---- states ---- */

static void move(struct stray *s, enum stray_phase next)
{
    static const uint8_t from[] = {[STRAY_FREE] = 1U << STRAY_KEEPING | 1U << STRAY_LEFT |
                                                  1U << STRAY_PASSING,
                                   [STRAY_KEEPING] = 1U << STRAY_FREE,
                                   [STRAY_LEFT] = 1U << STRAY_KEEPING,
                                   [STRAY_PASSING] = 1U << STRAY_LEFT | 1U << STRAY_PASSING};

    MUST((from[next] & 1U << s->phase) != 0);
    s->phase = (uint8_t)next;
}

static struct stray *find(struct strays *s, const struct addr *a)
{
    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++)
        if (s->of[i].phase != STRAY_FREE && addr_is_equal(&s->of[i].addr, a))
            return &s->of[i];
    return NULL;
}

static struct stray *find_free(struct strays *s)
{
    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++)
        if (s->of[i].phase == STRAY_FREE)
            return &s->of[i];
    return NULL;
}

static void end(struct stray *s)
{
    struct tpacket_stats seen = {.tp_packets = 0};
    socklen_t len = sizeof(seen);
    char text[ADDR_TEXT_MAX];

    (void)getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &seen, &len);
    (void)addr_print_ip(&s->addr, text);
    log_debug("connections to a virtual IP on its way", LOG_S("address", text),
              LOG_U("kept", seen.tp_packets - seen.tp_drops), LOG_U("lost", seen.tp_drops),
              LOG_U("sent_on", s->passed_n));
    (void)close(s->fd);
    move(s, STRAY_FREE);
}

void strays_begin(struct strays *s, const struct plan_row *row, int fd, uint64_t now)
{
    struct stray *one = find(s, &row->named.addr);

    if (one != NULL)
        end(one);
    else
        one = find_free(s);
    MUST(one != NULL);
    one->fd = fd;
    one->addr = row->named.addr;
    one->ifindex = row->ifindex;
    memcpy(one->ours, row->place.mac, VIP_MAC_BYTES);
    one->end_ns = now + STRAY_KEEP_NS;
    one->passed_n = 0;
    move(one, STRAY_KEEPING);
}

void strays_held(struct strays *s, const struct addr *a)
{
    struct stray *one = find(s, a);

    if (one != NULL && one->phase != STRAY_KEEPING)
        end(one);
}

void strays_left(struct strays *s, const struct addr *a, bool is_told, uint64_t now)
{
    struct stray *one = find(s, a);

    if (one == NULL || one->phase != STRAY_KEEPING)
        return;
    if (!is_told) {
        end(one);
        return;
    }
    one->end_ns = now + STRAY_WAIT_NS;
    move(one, STRAY_LEFT);
}

/* Whoever announces it last has it. */
void strays_claimed(struct strays *s, const struct ether_claim *c)
{
    struct stray *one = find(s, &c->addr);
    const bool is_of_many = (c->mac[0] & 1) != 0;

    if (one == NULL || one->phase == STRAY_KEEPING || c->kind != CLAIM_OWN ||
        c->ifindex != one->ifindex || is_of_many ||
        memcmp(c->mac, one->ours, VIP_MAC_BYTES) == 0)
        return;
    memcpy(one->to, c->mac, VIP_MAC_BYTES);
    move(one, STRAY_PASSING);
}

void strays_follow(struct strays *s, struct plan *p)
{
    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++) {
        if (s->of[i].phase == STRAY_FREE)
            continue;
        const struct plan_row *row = plan_find(p, &s->of[i].addr);

        if (row == NULL || !row->is_named)
            end(&s->of[i]);
    }
}

/* ---- sending on ---- */

/* False: none waits. */
static bool pass_one(struct stray *s)
{
    char packet[PACKET_BYTES];
    const ssize_t n = recv(s->fd, packet, sizeof(packet), 0);

    if (n < 0)
        return errno == EINTR;
    if (n < AT_FROM + VIP_MAC_BYTES)
        return true;
    memcpy(packet + AT_TO, s->to, VIP_MAC_BYTES);
    memcpy(packet + AT_FROM, s->ours, VIP_MAC_BYTES);
    s->passed_n += send(s->fd, packet, (size_t)n, MSG_NOSIGNAL) == n;
    return true;
}

void strays_pass(struct strays *s, uint64_t now)
{
    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++) {
        struct stray *one = &s->of[i];

        for (unsigned k = 0; one->phase == STRAY_PASSING && k < PACKETS_MAX; k++)
            if (!pass_one(one))
                break;
        if (one->phase != STRAY_FREE && one->end_ns <= now)
            end(one);
    }
}

uint64_t strays_due_ns(const struct strays *s)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++)
        if (s->of[i].phase != STRAY_FREE && s->of[i].end_ns < first)
            first = s->of[i].end_ns;
    return first;
}

unsigned strays_poll(const struct strays *s, struct pollfd *fds)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++)
        if (s->of[i].phase == STRAY_PASSING)
            fds[n++] = (struct pollfd){s->of[i].fd, POLLIN, 0};
    return n;
}

void strays_end(struct strays *s)
{
    for (unsigned i = 0; i < VIP_ADDRS_MAX; i++)
        if (s->of[i].phase != STRAY_FREE)
            end(&s->of[i]);
}
