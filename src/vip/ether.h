/* ether.h - announcements of held addresses, and strangers' claims to them: two packet sockets.
 *
 * Nothing is received until ether_listen, and then only what an ARP host or a neighbour
 * advertises, which claims.h reads. Of the helper.
 */
#ifndef WELDR_VIP_ETHER_H
#define WELDR_VIP_ETHER_H

#include "base/werr.h"
#include "vip/plan.h"

struct ether {
    int arp, neighbour; /* descriptors; -1: closed */
    bool is_listening;
};

/* WERR_DENIED: without CAP_NET_RAW; WERR_NO_FD …; nothing to close then. */
int ether_open(struct ether *e) MUST_USE;
void ether_close(struct ether *e);
/* From now on claims come. */
void ether_listen(struct ether *e);
/* Says at its interface that the address is here. False: not all of it was taken. */
bool ether_announce(const struct ether *e, const struct plan_row *row);
/* Claims to held addresses go to plan_conflict. */
void ether_hear(const struct ether *e, struct plan *p, uint64_t now);

#endif
