/* plan.h - the virtual IPs of a helper: which may be taken, which are held, and what is to be
 * done next. Pure: no I/O and no clock, so that each decision is tested with a clock of the
 * test.
 *
 * The helper puts in what it has heard (from the manager, of the kernel, from the wire), asks
 * plan_next for one step after the other, each with the time of that moment, takes it and says
 * how it ended. So the lease is looked at before each refresh, also by a process that was
 * stopped for a while between two of them. Times are ns of CLOCK_BOOTTIME.
 *
 * A row: FREE → NAMED (may be taken) → DOUBTFUL (the kernel is asked for it) → HELD → DOUBTFUL
 * (to be deleted) → NAMED. DOUBTFUL is whatever may stand on an interface and shall not: it is
 * deleted, again and again, until the kernel says that it is not there. So nothing that went
 * wrong leaves an address that nobody watches. A row that is not named any more is FREE as soon
 * as its address is gone.
 *
 * The kernel is told that an address lives for PLAN_LIFE_S and is told so again every third of
 * that: it ends what a helper that was killed or stopped can't end. It counts in whole seconds:
 * an address goes 1.6 to 2.3 s after its last refresh. So the worst case is this: manager and
 * helper and keeper are all stopped (SIGSTOP, or a frozen machine) right after a refresh that
 * was the last within the lease; the address then stands for up to 2.3 s after the lease has
 * ended. Whoever has to reckon with that needs a hold-off of the lease and 2.3 s. In all other
 * cases (manager stopped, killed, helper killed or stopped, keeper alive) the address goes when
 * the lease ends, at the latest PLAN_GUARD_NS after it.
 *
 * struct plan lies in memory that the helper shares with its keeper (keeper.h), has no pointer
 * and outlives a helper that is killed: its successor goes on where that one was. Written by
 * the helper alone.
 */
#ifndef WELDR_VIP_PLAN_H
#define WELDR_VIP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/vip_message.h"

enum {
    PLAN_ROWS = 2 * VIP_ADDRS_MAX, /* those that are named, and as many that are on their way */
    PLAN_LIFE_S = 2
};
#define PLAN_MS          UINT64_C(1000000)
#define PLAN_REFRESH_NS  (2000 * PLAN_MS / 3)
#define PLAN_RETRY_NS    (200 * PLAN_MS)   /* a take that was refused */
#define PLAN_AGAIN_NS    (20 * PLAN_MS)    /* a deletion that was not confirmed */
#define PLAN_GUARD_NS    (100 * PLAN_MS)   /* after the lease the keeper deletes for itself */
#define PLAN_DEFEND_NS   (10000 * PLAN_MS) /* RFC 5227 2.4: an address is defended that often */
#define PLAN_TELL_NS     (1000 * PLAN_MS)  /* of a conflict the manager is told that often */
#define PLAN_ANNOUNCE_NS (60000 * PLAN_MS) /* when those after a take are over */

enum plan_phase { PLAN_FREE, PLAN_NAMED, PLAN_DOUBTFUL, PLAN_HELD };

/* What the manager is still to be told, in this order. */
enum plan_tell {
    PLAN_TELL_LINK = 1U << 0,
    PLAN_TELL_DROPPED = 1U << 1,
    PLAN_TELL_HELD = 1U << 2,
    PLAN_TELL_CONFLICT = 1U << 3,
    PLAN_TELL_ANNOUNCED = 1U << 4
};

/* An interface. */
struct plan_place {
    int ifindex;  /* 0: there is none */
    uint8_t link; /* enum vip_link_state */
    bool has_mac; /* announcements are known there */
    uint8_t mac[VIP_MAC_BYTES];
    char ifname[VIP_IFNAME_MAX];
};

struct plan_row {
    uint8_t phase;    /* enum plan_phase */
    bool is_named;    /* else it only waits for its end */
    bool is_placed;   /* where it belongs was looked for */
    bool is_off;      /* it has backed off: no hold counts until a drop */
    uint8_t why;      /* enum vip_drop; doubtful: of the end that is under way … */
    int error;        /* … and what went wrong */
    uint8_t tell;     /* enum plan_tell */
    uint8_t told_why; /* the same of the last end, to be told */
    int told_error;
    struct vip_named named;
    struct plan_place place; /* where it belongs */
    uint64_t until_ns;       /* the lease; 0: none */
    uint64_t due_ns;         /* next refresh, take or deletion */
    /* Where it is, or may be. */
    int ifindex;
    uint8_t prefix;
    /* Held: */
    uint64_t announce_ns; /* the next one */
    unsigned announce_step;
    uint64_t announced_n;
    uint64_t defended_ns, told_ns; /* of the last conflict */
    uint8_t stranger[VIP_MAC_BYTES];
};

struct plan {
    struct plan_row rows[PLAN_ROWS];
    struct vip_will will;
    bool is_alone; /* no other helper works in this network namespace: it may take and delete */
};

/* ---- what was heard ---- */

/* Exactly these may be taken from now on; what is held as they don't say it is let go, and
 * taken again if it may be held. */
void plan_configure(struct plan *p, const struct vip_named *named, unsigned n, uint64_t now);
/* WERR_NOT_FOUND: it is not named. */
int plan_hold(struct plan *p, const struct addr *a, uint64_t until_ns, uint64_t now) MUST_USE;
/* The drop is told, also of an address that was not held. WERR_NOT_FOUND. */
int plan_drop(struct plan *p, const struct addr *a, uint64_t now) MUST_USE;
void plan_drop_all(struct plan *p, enum vip_drop why, uint64_t now);
/* Where the address belongs is known, or has changed. */
void plan_place(struct plan_row *row, const struct plan_place *place, uint64_t now);
/* The address stands there, with an end of its life, though it is not held: of an earlier life
 * of ours. */
void plan_found(struct plan_row *row, int ifindex, uint8_t prefix, uint64_t now);
/* Somebody has removed what is held there. */
void plan_removed(struct plan_row *row, int ifindex, uint64_t now);
/* A stranger claims it at this interface. */
void plan_conflict(struct plan_row *row, const uint8_t *mac, uint64_t now);
/* A helper goes on where another one was: all is told again. */
void plan_take_over(struct plan *p, uint64_t now);

/* ---- what is to be done ---- */

enum plan_act { PLAN_WAIT, PLAN_DELETE, PLAN_PUT, PLAN_ANNOUNCE };

struct plan_step {
    enum plan_act act;
    struct plan_row *row; /* of its ifindex, prefix and named.addr; NULL: wait … */
    uint64_t wake_ns;     /* … until then (UINT64_MAX: until something is heard) */
};

struct plan_step plan_next(struct plan *p, uint64_t now);
/* How a step ended: 0, or WERR_*; of a deletion WERR_NOT_FOUND: it is not there. */
void plan_deleted(struct plan_row *row, int rc, uint64_t now);
void plan_put(struct plan_row *row, int rc, uint64_t now);
void plan_announced(struct plan_row *row, bool was_sent, uint64_t now);

/* ---- what is so ---- */

struct plan_row *plan_find(struct plan *p, const struct addr *a); /* NULL: it has no row */
/* May any address stand on an interface because of us? */
bool plan_is_clear(const struct plan *p);
/* Nothing is named, held or to be told. */
bool plan_is_idle(const struct plan *p);
/* Held or doubtful, and the lease has been over for PLAN_GUARD_NS: the helper should have
 * deleted it. */
bool plan_is_overdue(const struct plan_row *row, uint64_t now);
/* When the first of the held ones may become so; UINT64_MAX. */
uint64_t plan_overdue_ns(const struct plan *p);

#endif
