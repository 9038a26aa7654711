/* vip_view.h - what this node knows of VIPs beside their description: who holds them, since
 * when, and how often they moved.
 *
 * All of it comes from a provider, which joins the engine (who may hold them) and the holder
 * (who puts them on interfaces) and is set as struct manager's vip_provider. Without one nobody
 * holds a VIP. The API, the metrics and the health of listeners ask here and know no more.
 * Whoever tells that a VIP was taken, let go, moved or met a conflict does so by
 * vip_events_tell. Times in milliseconds, wall clock in microseconds.
 */
#ifndef WELDR_MANAGER_VIP_VIEW_H
#define WELDR_MANAGER_VIP_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "manager/events.h"
#include "pool/vip.h"

enum { VIP_WHY_MAX = 128, VIP_STATE_MAX = 24, VIP_CAUSES_MAX = 16 };

struct vip_view {
    uint64_t holder;           /* id of a member; 0: nobody, or nobody is known */
    bool is_self;              /* this node holds it */
    uint64_t since_us;         /* of the holder, wall clock; 0: there is none */
    uint64_t epoch;            /* grows with each grant */
    bool has_lease;            /* this node has one ... */
    uint64_t lease_ms;         /* ... with so much left */
    uint64_t announcements;    /* that this node has sent for it */
    char state[VIP_STATE_MAX]; /* "held", "elsewhere", "unassigned" ... */
    char why[VIP_WHY_MAX];     /* for people; empty: nothing is to be said */
};

/* Since this process was started, of all VIPs. */
struct vip_counts {
    uint64_t conflicts;
    unsigned cause_n;
    struct {
        const char *cause; /* a word; static */
        uint64_t moves;
    } causes[VIP_CAUSES_MAX];
};

struct vip_move;
/* error: 0; WERR_NOT_FOUND: no such member; WERR_GUARD: that member may not hold it now;
 * WERR_NO_TARGET: no member may; else as of a change (cluster.h). why: for people, or NULL;
 * borrowed for the call. */
typedef void (*vip_move_fn)(struct vip_move *move, int error, const char *why);

/* One wish to move a VIP; lies in whoever waits. */
struct vip_move {
    bool is_asked; /* the provider owes an end */
    vip_move_fn done;
};

struct vip_provider_ops {
    /* Of a VIP that is described; *out is zero before. */
    void (*describe)(void *arg, const struct addr *address, struct vip_view *out);
    /* member 0: whoever is fit. Ends by vip_move_end, perhaps before it returns. */
    void (*move)(void *arg, const struct addr *address, uint64_t member, struct vip_move *move);
    /* Whoever waited has gone; the move goes on, and nobody is told of its end. */
    void (*forget)(void *arg, struct vip_move *move);
    void (*count)(void *arg, struct vip_counts *out); /* *out is zero before */
    void (*described)(void *arg);                     /* the VIPs of the description changed */
};

struct vip_provider {
    const struct vip_provider_ops *ops;
    void *arg;
};

struct manager;

void vip_view_of(const struct manager *m, const struct addr *address, struct vip_view *out);
/* Does this node hold one at least? *of: how many are described. */
bool vip_view_holds_any(const struct manager *m, unsigned *of);
void vip_view_count(const struct manager *m, struct vip_counts *out);
/* Tells the provider, and what listens at VIPs. Whoever changes the description calls it. */
void vip_view_described(struct manager *m);
/* There is a provider; done is called once, unless vip_move_forget comes first. */
void vip_move_start(struct manager *m, const struct addr *address, uint64_t member,
                    struct vip_move *move, vip_move_fn done);
void vip_move_forget(struct manager *m, struct vip_move *move); /* one that is not asked too */
/* Of the provider. */
void vip_move_end(struct vip_move *move, int error, const char *why);
/* kind: VIP_TAKEN, VIP_RELEASED, VIP_MOVED or VIP_CONFLICT; from and to: ids of members, 0:
 * nobody; cause: a word. */
void vip_events_tell(struct manager *m, enum event_kind kind, const struct addr *address,
                     uint64_t from, uint64_t to, const char *cause);

/* The operator's command for it has ended. outcome: "exit code 0". */
void vip_events_command(struct manager *m, const struct addr *address, bool is_active,
                        const char *outcome);

#endif
