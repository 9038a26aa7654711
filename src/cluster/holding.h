/* holding.h - a member's side of virtual IPs: what it may hold, and until when.
 *
 * It asks its leader again and again (vip_messages.h). What the leader grants begins when the
 * question was sent, by this node's own clock: so it is over here not later than there, however
 * long the messages took, and wherever this node was stopped between. An address that it has
 * let go it does not take again under the same epoch, whatever comes; it tells so until it
 * hears of a later one.
 *
 * Times are of CLOCK_BOOTTIME, in ns. No I/O, no clock. Owner: the engine.
 */
#ifndef WELDR_CLUSTER_HOLDING_H
#define WELDR_CLUSTER_HOLDING_H

#include "cluster/cluster.h"
#include "cluster/vip_messages.h"

enum { HOLDING_ASKS_MAX = 16 }; /* questions that a response is awaited of */

struct holding_vip {
    struct addr address;
    uint64_t epoch;          /* of the last grant; 0: there was none */
    uint8_t cause;           /* of that assignment, … */
    uint64_t since_us;       /* … as the leader has said */
    uint64_t released_epoch; /* let go, up to this one */
    uint64_t end_ns;         /* of the lease; 0: it was taken back */
    bool is_parting;         /* of the last grant: it is to be released soon */
};

struct holding_ask {
    uint64_t sequence; /* 0: free */
    uint64_t sent_ns;
};

struct holding {
    uint8_t fitness; /* enum cluster_fitness */
    char why[VIP_WHY_MAX];
    uint64_t sequence;
    uint64_t stamp_term, stamp_ns;
    uint8_t leader_digest[VIP_DIGEST_BYTES]; /* of the one of stamp_term */
    uint64_t heard_ns;                       /* when a leader has responded last */
    struct holding_ask asks[HOLDING_ASKS_MAX];
    unsigned n;
    struct holding_vip vips[ROSTER_VIPS_MAX];
};

/* Zeroed: it holds nothing, and is not fit. why: longer than VIP_WHY_MAX is cut; NULL. True: it
 * is another thing than before. */
bool holding_set_fitness(struct holding *h, enum cluster_fitness fitness, const char *why);
/* A question, which is sent now; term: of this node. */
void holding_ask(struct holding *h, const struct roster *roster, uint64_t term, uint64_t now_ns,
                 struct vip_ask *out);
/* A response. True: a lease was given or taken back, or is to be parted with from now on, or
 * not any more. */
bool holding_take(struct holding *h, const struct roster *roster, const struct vip_grant *m,
                  uint64_t now_ns);
/* The leader is another one, or the link to it: older questions are not responded to. */
void holding_forget_asks(struct holding *h);
/* As cluster_ops.released. False: nothing was granted of it, it is known, or the lease has run
 * out: then the leader knows as well, and may go on with the same assignment. */
bool holding_release(struct holding *h, const struct addr *address, uint64_t now_ns);
/* This node is no member any more: it holds nothing. True: it did. */
bool holding_drop_all(struct holding *h);
/* The end of the lease that this node has of the address; 0: it has none. */
uint64_t holding_end(const struct holding *h, const struct addr *address);
/* What was granted of it last; NULL: nothing was. */
const struct holding_vip *holding_find(const struct holding *h, const struct addr *address);
/* The next time at which a lease ends; UINT64_MAX: none runs. */
uint64_t holding_next_end(const struct holding *h, uint64_t now_ns);

#endif
