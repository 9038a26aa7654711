/* rtnl.h - the kernel's addresses and links, by rtnetlink: asked for, changed, and heard of.
 *
 * Two sockets: one for requests, which the kernel answers within the call, and one on which it
 * tells of changes. Of the helper, and one for requests of its keeper. Blocks only as long as
 * the kernel is busy with others' changes.
 */
#ifndef WELDR_VIP_RTNL_H
#define WELDR_VIP_RTNL_H

#include "base/werr.h"
#include "vip/where.h"

struct rtnl {
    int fd; /* -1: closed */
    uint32_t sequence;
};

/* WERR_NO_FD …; nothing to close then. */
int rtnl_open(struct rtnl *r) MUST_USE;
void rtnl_close(struct rtnl *r);

/* The address lives so many seconds on that interface, there or not. 0; WERR_NOT_FOUND: there
 * is no such interface; WERR_TIMEOUT: the kernel gave no answer, and it may stand there;
 * WERR_*.
 */
int rtnl_put_address(struct rtnl *r, int ifindex, const struct addr *a, uint8_t prefix,
                     unsigned life_s) MUST_USE;
/* 0: it is gone; WERR_NOT_FOUND: it was not there; WERR_*. */
int rtnl_delete_address(struct rtnl *r, int ifindex, const struct addr *a,
                        uint8_t prefix) MUST_USE;
/* All addresses and links go to where_*. WERR_*: not all of them were heard. */
int rtnl_look(struct rtnl *r, struct where *w, struct plan *p, uint64_t now) MUST_USE;

/* The socket that tells of changes, non-blocking; WERR_*. */
int rtnl_open_monitor(void) MUST_USE;
/* Takes what it tells: what was removed goes to plan_removed. True: there is reason for a new
 * look. */
bool rtnl_hear(int monitor, struct plan *p, uint64_t now);

#endif
