#include "base/syn_filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The filter sees a segment from its TCP header on; SKF_NET_OFF is where the IP header begins.
 */
enum {
    NET = SKF_NET_OFF,
    IP4_TO = 16,
    IP6_TO = 24,
    TCP_FLAGS = 13,
    SYN = 0x02,
    ACK = 0x10,
    OTHERS_N = 13,  /* instructions that are of no address */
    EACH_IP4_N = 2, /* of one address */
    EACH_IP6_N = 9,
    CODE_MAX = OTHERS_N + SYN_FILTER_MAX * EACH_IP6_N
};

struct code {
    struct sock_filter at[CODE_MAX];
    unsigned short n;
};

static void add(struct code *c, uint16_t what, uint32_t k)
{
    MUST(c->n < CODE_MAX);
    c->at[c->n++] = (struct sock_filter)BPF_STMT(what, k);
}

/* Goes on if the accumulator is k, else skips so many. */
static void add_unless_skip(struct code *c, uint32_t k, uint8_t skip)
{
    MUST(c->n < CODE_MAX);
    c->at[c->n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip);
}

static void add_verdict(struct code *c, bool passes)
{
    add(c, BPF_RET | BPF_K, passes ? UINT32_MAX : 0);
}

static uint32_t word_of(const struct addr *a, unsigned i)
{
    uint32_t word;

    memcpy(&word, a->ip + i * sizeof(word), sizeof(word));
    return ntohl(word);
}

static unsigned short count(const struct addr *addrs, unsigned n, uint16_t family)
{
    unsigned short found = 0;

    for (unsigned i = 0; i < n; i++)
        found += addrs[i].family == family ? 1 : 0;
    return found;
}

static void add_ip4(struct code *c, const struct addr *addrs, unsigned n)
{
    add(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(NET + IP4_TO));
    for (unsigned i = 0; i < n; i++) {
        if (addrs[i].family != AF_INET)
            continue;
        add_unless_skip(c, word_of(&addrs[i], 0), 1);
        add_verdict(c, false);
    }
    add_verdict(c, true);
}

static void add_ip6(struct code *c, const struct addr *addrs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (addrs[i].family != AF_INET6)
            continue;
        for (unsigned k = 0; k < 4; k++) {
            add(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(NET + IP6_TO) + 4 * k);
            add_unless_skip(c, word_of(&addrs[i], k), (uint8_t)(EACH_IP6_N - 2 - 2 * k));
        }
        add_verdict(c, false);
    }
    add_verdict(c, true);
}

/* A dual-stack socket gets segments of both versions. */
static void make(struct code *c, const struct addr *addrs, unsigned n)
{
    add(c, BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS);
    add(c, BPF_ALU | BPF_AND | BPF_K, SYN | ACK);
    add_unless_skip(c, SYN, 1);
    add(c, BPF_JMP | BPF_JA, 1); /* … over the next */
    add_verdict(c, true);
    add(c, BPF_LD | BPF_B | BPF_ABS, (uint32_t)NET);
    add(c, BPF_ALU | BPF_RSH | BPF_K, 4);
    add_unless_skip(c, 4, 1);
    add(c, BPF_JMP | BPF_JA, 1);
    add(c, BPF_JMP | BPF_JA, 2U + EACH_IP4_N * count(addrs, n, AF_INET));
    add_ip4(c, addrs, n);
    add_ip6(c, addrs, n);
}

/* One that has none has nothing to lose. */
static int detach(int fd)
{
    const int none = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) == 0 ||
        errno == ENOENT)
        return 0;
    return werr_from_errno(errno);
}

int syn_filter_set(int fd, const struct addr *addrs, unsigned n)
{
    struct code code = {.n = 0};

    MUST(n <= SYN_FILTER_MAX);
    if (n == 0)
        return detach(fd);
    make(&code, addrs, n);
    const struct sock_fprog program = {code.n, code.at};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
        return 0;
    return werr_from_errno(errno);
}
