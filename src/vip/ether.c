#include "vip/ether.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAMES_MAX = 64, FRAME_BYTES = 128 }; /* at a time, so that a flood lets other work be */

/* Of IPv6 only neighbour solicitations and advertisements, straight behind the header. */
static struct sock_filter neighbours_only[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 135, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, FRAME_BYTES),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

int ether_open(struct ether *e)
{
    const struct sock_fprog program = {
        .len = sizeof(neighbours_only) / sizeof(neighbours_only[0]), .filter = neighbours_only};
    const int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

    *e = (struct ether){.arp = socket(AF_PACKET, type, 0), .neighbour = -1};
    if (e->arp >= 0)
        e->neighbour = socket(AF_PACKET, type, 0);
    if (e->neighbour >= 0 &&
        setsockopt(e->neighbour, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
        return 0;
    const int rc = werr_from_errno(errno);

    ether_close(e);
    return rc;
}

void ether_close(struct ether *e)
{
    if (e->arp >= 0)
        (void)close(e->arp);
    if (e->neighbour >= 0)
        (void)close(e->neighbour);
    e->arp = e->neighbour = -1;
}

static bool bind_to(int fd, uint16_t protocol)
{
    const struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};

    return bind(fd, (const struct sockaddr *)&all, sizeof(all)) == 0;
}

void ether_listen(struct ether *e)
{
    if (!e->is_listening)
        e->is_listening = bind_to(e->arp, ETH_P_ARP) && bind_to(e->neighbour, ETH_P_IPV6);
}

/* ---- announcing ---- */

static bool send_frame(int fd, uint16_t protocol, int ifindex, const uint8_t *to,
                       struct span frame)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(protocol),
                             .sll_ifindex = ifindex,
                             .sll_halen = VIP_MAC_BYTES};

    memcpy(at.sll_addr, to, VIP_MAC_BYTES);
    return sendto(fd, frame.ptr, frame.len, 0, (const struct sockaddr *)&at, sizeof(at)) ==
           (ssize_t)frame.len;
}

static bool announce_arp(const struct ether *e, const struct plan_row *row, bool is_reply)
{
    static const uint8_t everyone[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t buf[CLAIMS_BYTES_MAX];
    const size_t n = claims_put_arp(buf, &row->named.addr, row->place.mac, is_reply);

    return send_frame(e->arp, ETH_P_ARP, row->ifindex, everyone, span_from((char *)buf, n));
}

bool ether_announce(const struct ether *e, const struct plan_row *row)
{
    static const uint8_t all_nodes[] = {0x33, 0x33, 0, 0, 0, 1};
    uint8_t buf[CLAIMS_BYTES_MAX];

    if (row->named.addr.family == AF_INET) {
        const bool has_asked = announce_arp(e, row, false);

        return announce_arp(e, row, true) && has_asked;
    }
    const size_t n = claims_put_advertisement(buf, &row->named.addr, row->place.mac);

    return send_frame(e->neighbour, ETH_P_IPV6, row->ifindex, all_nodes,
                      span_from((char *)buf, n));
}

/* ---- hearing ---- */

/* What we send ourselves comes by here too. */
static bool receive(int fd, char *buf, struct sockaddr_ll *from, struct span *frame)
{
    socklen_t from_len = sizeof(*from);
    const ssize_t n = recvfrom(fd, buf, FRAME_BYTES, 0, (struct sockaddr *)from, &from_len);

    if (n < 0 || from->sll_pkttype == PACKET_OUTGOING)
        *frame = SPAN_NONE;
    else
        *frame = span_from(buf, (size_t)n);
    return n >= 0;
}

void ether_hear(const struct ether *e, ether_claim_fn on_claim, void *arg)
{
    char buf[FRAME_BYTES];
    struct sockaddr_ll from = {.sll_family = AF_PACKET};
    struct ether_claim c;
    struct span frame;

    for (unsigned i = 0; i < FRAMES_MAX && receive(e->arp, buf, &from, &frame); i++) {
        c.kind = claims_read_arp(frame, &c.addr, c.mac);
        c.ifindex = from.sll_ifindex;
        if (c.kind != CLAIM_NONE)
            on_claim(arg, &c);
    }
    for (unsigned i = 0; i < FRAMES_MAX && receive(e->neighbour, buf, &from, &frame); i++) {
        c.kind = claims_read_neighbour(frame, from.sll_addr, &c.addr, c.mac);
        c.ifindex = from.sll_ifindex;
        if (c.kind != CLAIM_NONE)
            on_claim(arg, &c);
    }
}
