/* stray.h - connections that begin while a virtual IP moves: the helper of the node that it
 * leaves keeps their first packets, and sends them to the node that has it then.
 *
 * Before a planned move the workers of the old node stop to begin connections at the address;
 * a moment later it is taken off here and put on there, and announced. Whoever calls meanwhile
 * is still led here, by what switches and neighbours remember, and would call again only after
 * a second (RFC 6298 2.1). So, from VIP_PART on, a packet socket gets a copy of each such
 * packet. They wait in its queue, which the kernel bounds (STRAY_QUEUE_BYTES); what finds no
 * room is lost, as all of them would be without us. When the address has been let go because
 * the manager said so (VIP_DROP), and another MAC on the same link announces it, they go to
 * that one in their order, and so do those that still come, until STRAY_WAIT_NS after the drop.
 * If nobody announces it they are thrown away; so they are when the address ends otherwise, is
 * asked for again after the drop, or has not been dropped STRAY_KEEP_NS after VIP_PART. Before
 * the drop a VIP_HOLD says nothing: the lease goes on while the workers finish.
 *
 * The helper reads no more of the network than before: which packets are taken is judged by the
 * kernel with stray_filter alone, and nothing here looks at more than their length. They are
 * bytes that are moved, of which only the two MACs are written.
 *
 * States: FREE → KEEPING (the address is here) → LEFT (let go) → PASSING (somebody else has
 * announced it) → FREE; each but FREE has the socket. Times are ns of CLOCK_BOOTTIME.
 */
#ifndef WELDR_VIP_STRAY_H
#define WELDR_VIP_STRAY_H

#include <linux/filter.h>
#include <poll.h>

#include "base/werr.h"
#include "vip/ether.h"

enum {
    STRAY_FRAME_MAX = 256,          /* bytes of a packet with the link's header */
    STRAY_QUEUE_BYTES = 512 * 1024, /* doubled by the kernel: 256, each in a page of a driver */
    STRAY_FILTER_MAX = 32           /* instructions */
};
#define STRAY_KEEP_NS (10000 * PLAN_MS)
#define STRAY_WAIT_NS (1000 * PLAN_MS)

enum stray_phase { STRAY_FREE, STRAY_KEEPING, STRAY_LEFT, STRAY_PASSING };

struct stray {
    uint8_t phase; /* enum stray_phase */
    int fd;
    struct addr addr;
    int ifindex;
    uint8_t ours[VIP_MAC_BYTES], to[VIP_MAC_BYTES]; /* MACs; to: when passing */
    uint64_t end_ns;                                /* of this phase, at the latest */
    unsigned passed_n;
};

struct strays { /* zeroed: none */
    struct stray of[VIP_ADDRS_MAX];
};

/* Passes packets to the address that are for this host and begin a TCP connection (SYN without
 * ACK, RST and FIN): no fragments, IPv6 without extension headers. The number of instructions
 * in f (STRAY_FILTER_MAX). */
size_t stray_filter(struct sock_filter *f, const struct addr *a);
/* A socket that gets them at the row's interface. WERR_*. */
int stray_open(const struct plan_row *row) MUST_USE;

/* The held row is to be let go soon. Takes fd, of stray_open; what was kept for this address
 * before, when it stayed after all, is thrown away. */
void strays_begin(struct strays *s, const struct plan_row *row, int fd, uint64_t now);
/* The manager asks for the address (VIP_HOLD). */
void strays_held(struct strays *s, const struct addr *a);
/* The address is not here any more. is_told: because the manager said so. */
void strays_left(struct strays *s, const struct addr *a, bool is_told, uint64_t now);
/* Probes don't count. */
void strays_claimed(struct strays *s, const struct ether_claim *c);
/* Those whose address is not named any more end. */
void strays_follow(struct strays *s, struct plan *p);
/* Sends on what waits, not too much at a time, and ends those whose wait is over. */
void strays_pass(struct strays *s, uint64_t now);
/* When strays_pass is to be called if nothing is heard; UINT64_MAX. */
uint64_t strays_due_ns(const struct strays *s);
/* What to wait for; the number, VIP_ADDRS_MAX at the most. */
unsigned strays_poll(const struct strays *s, struct pollfd *fds);
/* All end. */
void strays_end(struct strays *s);

#endif
