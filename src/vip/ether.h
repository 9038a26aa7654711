/* ether.h - announcements of held addresses, and claims to addresses: two packet sockets.
 *
 * Nothing is received until ether_listen, and then only what an ARP host or a neighbour
 * advertises, which claims.h reads. Of the helper.
 */
#ifndef WELDR_VIP_ETHER_H
#define WELDR_VIP_ETHER_H

#include "base/werr.h"
#include "vip/claims.h"
#include "vip/plan.h"

struct ether {
    int arp, neighbour; /* descriptors; -1: closed */
    bool is_listening;
};

/* Somebody claims an address; what we announce ourselves is none. */
struct ether_claim {
    enum claim kind; /* not CLAIM_NONE */
    struct addr addr;
    int ifindex; /* where it was heard */
    uint8_t mac[VIP_MAC_BYTES];
};

typedef void (*ether_claim_fn)(void *arg, const struct ether_claim *c);

/* WERR_DENIED: without CAP_NET_RAW; WERR_NO_FD …; nothing to close then. */
int ether_open(struct ether *e) MUST_USE;
void ether_close(struct ether *e);
/* From now on claims come. */
void ether_listen(struct ether *e);
/* Says at its interface that the address is here. False: not all of it was taken. */
bool ether_announce(const struct ether *e, const struct plan_row *row);
/* Hands on what waits. */
void ether_hear(const struct ether *e, ether_claim_fn on_claim, void *arg);

#endif
