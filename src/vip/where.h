/* where.h - on which interface a virtual IP belongs, found in what the kernel lists: the one
 * that its row names, or else the one whose subnet contains it.
 *
 * Of several subnets the narrowest counts, then the interface of the lowest number; never the
 * loopback, unless it is named. While there is none, it belongs where it did: an interface that
 * goes down loses its IPv6 addresses, and its subnets with them. VLANs and bonds are interfaces
 * like others. All addresses are put in first, then all links. Pure.
 */
#ifndef WELDR_VIP_WHERE_H
#define WELDR_VIP_WHERE_H

#include <stdbool.h>
#include <stdint.h>

#include "vip/plan.h"

struct where_address {
    struct addr addr; /* port 0 */
    uint8_t prefix;
    int ifindex;
    bool is_finite; /* its life has an end */
};

struct where_link {
    int ifindex;
    bool is_up; /* and has a carrier */
    bool has_mac;
    uint8_t mac[VIP_MAC_BYTES];
    char name[VIP_IFNAME_MAX];
};

/* One look at all interfaces. */
struct where {
    struct {
        int ifindex;    /* of the subnet; 0: none so far */
        uint8_t prefix; /* of the subnet */
        struct plan_place place;
    } of[PLAN_ROWS]; /* as the rows of the plan */
};

void where_begin(struct where *w);
/* One of ours that should not be there goes to plan_found. */
void where_see_address(struct where *w, struct plan *p, const struct where_address *a,
                       uint64_t now);
void where_see_link(struct where *w, const struct plan *p, const struct where_link *l);
/* All rows have their places (plan_place). */
void where_end(const struct where *w, struct plan *p, uint64_t now);

#endif
