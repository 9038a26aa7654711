/* listeners_health.h - the addresses of listeners that clients can't reach on this node, and
 * why: one that could not be bound (a state that came from elsewhere has it, or memory was
 * short), and one that is bound but was taken from this host's interfaces since. The kernel
 * tells nobody of the latter, so each address is looked at when somebody asks, once a second at
 * most. VIPs of the description count as there, whichever node holds them, and so does all
 * where the kernel lets addresses be bound that are not there (net.ipv4.ip_nonlocal_bind).
 */
#ifndef WELDR_MANAGER_LISTENERS_HEALTH_H
#define WELDR_MANAGER_LISTENERS_HEALTH_H

#include "manager/listening.h"

struct manager;

enum { LISTENERS_LOOK_MS = 1000 };

struct listeners_missing {
    const char *listener;
    struct addr address;
    const char *state;  /* "pending", "failed", "lost" */
    const char *reason; /* in words */
};

/* "open", "pending", "failed", or "lost". */
const char *listening_word(const struct listening *l);
/* In words; NULL: it is well. */
const char *listening_reason(const struct listening *l);
/* Looks whether the addresses are there still, and tells the log what has changed. */
void listeners_look(struct manager *m);
/* Of the description, *of in all: how many of them clients can't reach; the first max of those
 * go to out. */
unsigned listeners_find_missing(const struct manager *m, struct listeners_missing *out,
                                unsigned max, unsigned *of);

#endif
