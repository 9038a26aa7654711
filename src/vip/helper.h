/* helper.h - the process that holds virtual IPs: takes, refreshes, announces and drops what
 * plan.h says, as the manager asks for.
 *
 * A child of the keeper (keeper.h), with which it shares the plan. It hears the manager
 * (wire/vip_message.h), the kernel (rtnl.h) and claims of strangers (ether.h), and nothing
 * else; packets that it sends on (stray.h) it does not read. It ends by itself when it has
 * nothing to do, or when the manager is gone: then all addresses are dropped first, and if that
 * is certain, the will of the manager is sent.
 *
 * Two helpers in one network namespace would take away each other's addresses: only the one
 * that has a socket of a certain abstract name takes or deletes any.
 */
#ifndef WELDR_VIP_HELPER_H
#define WELDR_VIP_HELPER_H

#include "vip/plan.h"

struct helper_ends {
    int manager; /* the manager's socket */
    int keeper;  /* ends when the keeper has died */
};

/* The keeper has died: somebody must take its place. Returns in a child, which goes on as the
 * helper with *keeper as its new end; the caller's process is the keeper from then on. */
typedef void (*helper_orphaned_fn)(void *arg, int *keeper);

/* The exit code of the process. */
int helper_run(struct plan *plan, struct helper_ends ends, helper_orphaned_fn on_orphaned,
               void *arg);

#endif
