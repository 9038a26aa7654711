/* vips_here.h - virtual IPs on this node: joins what is described, who may hold (cluster.h) and
 * who puts addresses on interfaces (vip_link.h), and is the provider of vip_view.h.
 *
 * Of each address that is described: IDLE → ASKED, when the engine says that this node may hold
 * it and the helper was told → HERE, as the helper says → IDLE, when the helper says that it
 * was let go. When another node is to have it, it is PARTING first: held on, until those who
 * are connected there are served (parting.h). The helper is told to let go then, and at once
 * when the engine takes its word back, when the interface has no link and when the address is
 * described no more: LEAVING until it has said so. Then the engine hears it (released), so
 * that another node need not wait. A manager that ends parts with all that it has first.
 *
 * What can't be held here (no interface, no link, refused by the kernel, a stranger has it) is
 * released too, but not sooner than VIPS_HERE_AGAIN_MS after it was granted: with nobody else
 * the leader grants it here again, each time by an entry of the log.
 *
 * While anything is asked for or held the helper hears the end of the lease several times
 * within each. This node is fit to hold when its workers serve, it does not end, the helper may
 * do its work, and one of the addresses at least has an interface with a link.
 *
 * Owner: the manager, which has one.
 */
#ifndef WELDR_MANAGER_VIPS_HERE_H
#define WELDR_MANAGER_VIPS_HERE_H

#include <sys/queue.h>

#include "manager/vip_hooks.h"
#include "manager/vip_link.h"
#include "manager/vip_view.h"

enum { VIPS_HERE_AGAIN_MS = 1000, VIPS_HERE_PART_MS = 500 };

enum vip_here_state {
#define STATE(name, word) VIP_##name,
#include "manager/vip_here_states.def"
#undef STATE
    VIP_HERE_STATES
};

struct vip_here {
    struct addr address; /* family 0: free */
    uint8_t state;       /* enum vip_here_state */
    bool is_described;
    bool is_taken;        /* events have told that it is here */
    bool has_failed;      /* it can't be held here now … */
    const char *failure;  /* … why: a word; static */
    uint64_t epoch;       /* under which it was asked for last */
    uint64_t asked_ns;    /* when that was, CLOCK_BOOTTIME … */
    uint64_t until_ns;    /* … and until when it may be held; UINT64_MAX: for good */
    uint64_t told_epoch;  /* that events have told of … */
    uint64_t told_holder; /* … and who held it then */
};

struct vips_here {
    struct manager *m;
    struct vip_provider provider;
    struct vip_link link;
    struct vip_hooks hooks;
    struct vip_here list[CLUSTER_VIPS_MAX];
    struct timer tick;
    LIST_HEAD(, asked) asked; /* moves that the engine has under way */
    struct vip_counts counts;
    uint64_t parting_ms; /* since when the manager leaves, time of the loop; 0: it does not */
    const char *unfit;   /* why this node is not fit, a word; NULL: it is */
    bool is_told;        /* the engine knows that */
    bool is_following, must_follow; /* what follows is found out; and once more */
};

void vips_here_init(struct vips_here *h, struct manager *m);
/* The helper: that of a predecessor, or, before privileges are given up, one of its own.
 * exe_fd: this program. */
void vips_here_start(struct vips_here *h, int exe_fd);
/* A successor has the helper's socket (estate.c); what is held stays, while its lease lasts. */
void vips_here_yield(struct vips_here *h);
/* cluster_hooks.on_vips; and all that was stored is known now. */
void vips_here_on_vips(struct vips_here *h);
/* The manager is told to end: others get what they can hold. How many ms to wait until this is
 * asked again; 0: nothing is left, or VIPS_HERE_PART_MS are over since it was asked first, and
 * the time that parting may take, if that has begun. */
uint32_t vips_here_part(struct vips_here *h);
/* The engine goes; its words count no more. What this node alone could hold it holds until it
 * ends, for those whose requests are answered still. */
void vips_here_drain(struct vips_here *h);
/* SIGCHLD. */
void vips_here_reap(struct vips_here *h);
/* All is let go, and the helper has ended, when this returns. Zeroed is allowed. */
void vips_here_stop(struct vips_here *h);

#endif
