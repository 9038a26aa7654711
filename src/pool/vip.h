/* vip.h - a VIP of the description: an address that one node of the cluster holds at a time.
 *
 * The address is what it is known by, in one text for each address (addr_print_ip). Which
 * interface a node puts it on: that of `nodes` for this member, else `interface`, else (empty)
 * the one whose subnet contains the address, as the node finds it. Who holds it is no part of
 * the description (manager/vip_view.h). A plain value: nothing to free but itself. Pure.
 */
#ifndef WELDR_POOL_VIP_H
#define WELDR_POOL_VIP_H

#include "pool/pool.h"

enum vip_limits {
    VIP_MAX = 64,
    VIP_NODES_MAX = 32,
    VIP_INTERFACE_MAX = 15, /* IFNAMSIZ without its NUL */
    VIP_PREFIX_V4 = 32,
    VIP_PREFIX_V6 = 128
};

/* What its holder does when somebody else in the network has the address too. */
enum vip_conflict {
    VIP_CONFLICT_HOLD,     /* keeps it, and tells */
    VIP_CONFLICT_BACK_OFF, /* lets it go, and tells */
    VIP_CONFLICT_N
};

/* The interface of one member. */
struct vip_node {
    uint64_t member;
    char interface[VIP_INTERFACE_MAX + 1];
};

struct vip {
    uint64_t id;                 /* index of the entry that added it; shown as "v-<hex>" */
    struct addr addr;            /* port 0 */
    char address[ADDR_TEXT_MAX]; /* the same as text, without brackets; identity */
    char interface[VIP_INTERFACE_MAX + 1];
    uint8_t prefix;   /* 1 to 32 or 128 */
    uint8_t conflict; /* enum vip_conflict */
    uint8_t node_n;
    struct vip_node nodes[VIP_NODES_MAX]; /* ordered by member, each once */
    uint64_t digest;                      /* hash of its encoding */
};

/* NULL: none. The port plays no part. */
struct vip *vip_find(const struct pool_state *s, const struct addr *address);
/* Both forms of the address. WERR_INVALID: it is no address; *vip is as it was. */
int vip_set_address(struct vip *vip, struct span text) MUST_USE;
/* Why no node can hold this address for others ("is a loopback address"); NULL: one can. */
const char *vip_address_fault(const struct addr *address);
/* The longest, and the default. */
uint8_t vip_prefix_max(const struct addr *address);
#define VIP_INTERFACE_WISH \
    "an interface must have 1 to %d characters, none of them a blank, \"/\" or \":\""
/* As the kernel takes it. */
bool vip_interface_is_valid(struct span name);
/* That of the member, or of all; empty: the node is to find it. */
const char *vip_interface_of(const struct vip *vip, uint64_t member);
const char *vip_conflict_word(enum vip_conflict conflict); /* "back_off" */
bool vip_conflict_from_word(struct span word, uint8_t *conflict);
#define VIP_CONFLICT_WISH "conflict must be \"hold\" or \"back_off\""

#endif
