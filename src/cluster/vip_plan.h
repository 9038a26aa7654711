/* vip_plan.h - which member each virtual IP is to be assigned to.
 *
 * An address stays with its holder for as long as that may keep it. One without a holder goes
 * to a member that has the fewest, of those to the first by rendezvous hashing. Of members that
 * differ by two or more, the one with most gives to the one with fewest: so the death of one of
 * k members moves at most one kth of the addresses, rounded up. What an operator has placed is
 * counted, and not given away. Pure, and the same in the order of the same input.
 */
#ifndef WELDR_CLUSTER_VIP_PLAN_H
#define WELDR_CLUSTER_VIP_PLAN_H

#include "cluster/roster.h"

struct vip_plan_node {
    uint64_t id;
    bool may_get;    /* it is live and fit */
    bool may_keep;   /* it is not known to be lost or unfit */
    bool is_settled; /* it may get for long enough to be given what others have */
};

struct vip_plan_vip {
    uint64_t holder; /* 0: nobody */
    uint64_t wanted; /* an operator wants it there now; 0: nowhere */
    struct addr address;
    bool is_pinned; /* an operator wanted it where it is */
};

/* targets: one for each of the n virtual IPs, an id; 0: nobody may get it. At most
 * ROSTER_MEMBERS_MAX nodes. */
void vip_plan(const struct vip_plan_node *nodes, unsigned node_n,
              const struct vip_plan_vip *vips, unsigned n, uint64_t *targets);

#endif
