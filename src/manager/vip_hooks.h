/* vip_hooks.h - the operator's commands for when this node takes a virtual IP or lets it go
 * (--on-active, --on-passive): a cloud that moves an address only when its API is asked, a
 * speaker of BGP, a script of one's own.
 *
 * Of each address one command runs at a time, in a session of its own, by /bin/sh. What happens
 * meanwhile comes after it, and only the last of it: a command is told where things stand, not
 * how they came about. It has VIP_HOOKS_LIMIT_MS; then its session is killed. Each end is an
 * event (vip_command). The environment is the manager's, with WELDR_VIP (the address),
 * WELDR_STATE (active, passive), WELDR_NODE (id of this member) and WELDR_CAUSE. What it writes
 * goes where the manager's log goes. A manager that ends leaves its commands to themselves.
 */
#ifndef WELDR_MANAGER_VIP_HOOKS_H
#define WELDR_MANAGER_VIP_HOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/timers.h"
#include "cluster/cluster.h"

struct manager;

enum { VIP_HOOKS_LIMIT_MS = 10 * 1000, VIP_HOOKS_CAUSE_MAX = 32 };

/* Of one address. */
struct vip_hook {
    struct vip_hooks *hooks;
    struct addr address; /* family 0: free */
    pid_t pid;           /* of the command that runs, and of its session; 0: none */
    bool is_killed;      /* its time was over */
    bool is_active;      /* what that one is for */
    bool has_next, next_is_active;
    char next_cause[VIP_HOOKS_CAUSE_MAX];
    struct timer limit;
};

struct vip_hooks {
    struct manager *m;
    const char *on_active, *on_passive; /* NULL: none */
    uint32_t limit_ms;
    struct vip_hook list[CLUSTER_VIPS_MAX];
};

/* m->config has the commands. */
void vip_hooks_init(struct vip_hooks *h, struct manager *m);
/* Timers only: what runs goes on. */
void vip_hooks_fini(struct vip_hooks *h);
/* This node has the address from now on, or has it no more. cause: a word, copied. */
void vip_hooks_run(struct vip_hooks *h, const struct addr *address, bool is_active,
                   const char *cause);
/* SIGCHLD. */
void vip_hooks_reap(struct vip_hooks *h);

#endif
