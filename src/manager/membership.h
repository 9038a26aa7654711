/* membership.h - a change of who belongs to the cluster that somebody has asked this node for:
 * from the request to its end.
 *
 * An object of its own, for the engine owes it an end whether anybody still waits or not. Where
 * no leader is known, or nobody takes the lead in time, it is tried again for as long as a
 * change of the description is (change.h). To leave takes two steps: a leader first gives its
 * part to another member, so that nobody has to miss it. Of a node that leaves the leader may
 * be gone, or refuse it, before it has said so: to leave is tried again then, too, until this
 * node knows that it was removed (memberships_note_lost). To remove the node that is asked is
 * to leave. Owner: the manager.
 */
#ifndef WELDR_MANAGER_MEMBERSHIP_H
#define WELDR_MANAGER_MEMBERSHIP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/timers.h"
#include "base/werr.h"

enum membership_ask {
    MEMBERSHIP_TOKEN,
    MEMBERSHIP_REMOVE,
    MEMBERSHIP_PROMOTE,
    MEMBERSHIP_PLACE,
    MEMBERSHIP_TRANSFER,
    MEMBERSHIP_LEAVE
};

struct manager;
struct membership;
/* error: 0, or as in cluster.h; text: the token, borrowed for the call. The membership is gone
 * when it returns. */
typedef void (*membership_fn)(struct membership *ms, int error, struct span text);

struct membership {
    TAILQ_ENTRY(membership) entry;
    struct manager *m;
    uint8_t ask;         /* enum membership_ask */
    bool has_moved;      /* LEAVE: another one leads */
    bool is_asked;       /* the engine owes an end */
    bool may_be_done;    /* LEAVE: the outcome of one try is unknown */
    uint64_t led;        /* TRANSFER: who led when it was asked for first; 0: nobody yet */
    uint64_t id;         /* REMOVE, PROMOTE, PLACE, TRANSFER (0: whoever is fit) */
    struct addr address; /* PLACE; family 0: where the member tells */
    uint32_t lifetime_s; /* TOKEN */
    uint64_t until_ms;
    struct timer timer;
    membership_fn fn; /* NULL: nobody waits */
    void *waiter;
};

struct memberships {
    struct manager *m;
    TAILQ_HEAD(membership_list, membership) list;
    struct timer *parting; /* of membership_give_lead_away; NULL: it is not cut short */
};

void memberships_init(struct memberships *all, struct manager *m);
/* The engine is gone. */
void memberships_fini(struct memberships *all);
/* This node is no member any more: whoever asked it to leave has what was wished. */
void memberships_note_lost(struct manager *m);
/* WERR_NOMEM. */
int membership_new(struct manager *m, enum membership_ask ask,
                   struct membership **out) MUST_USE;
/* fn is called once, perhaps before this returns, unless membership_forget comes first. */
void membership_run(struct membership *ms, membership_fn fn, void *waiter);
/* Nobody waits any more; it goes on. */
void membership_forget(struct membership *ms);
/* This node ends, and the end of a leader would cost the others an election: if it leads,
 * another one is to. Returns how long to wait for that, and --ready-delay at least; 0: not at
 * all. t, when it is set and there is no --ready-delay, runs at once when that has come about
 * or failed. */
uint64_t membership_give_lead_away(struct manager *m, struct timer *t);
/* The same of a node whose successor is about to take its place, without --ready-delay. */
uint64_t membership_lend_lead(struct manager *m, struct timer *t);

#endif
