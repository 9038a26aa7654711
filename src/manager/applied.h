/* applied.h - do the workers of the other nodes have a change? For `Prefer: wait=applied`.
 *
 * A node that wants to know asks the others for an index (WANTED). Each of them responds (HAS)
 * with the highest index that its own workers have acknowledged, at once or as soon as they
 * have acknowledged the one that was asked for. A node that has halted before that index
 * (cluster.h) responds that it stays behind (HALTED). All go as what is shared of health does
 * (cluster_ops.share): nothing is kept or sent again by the engine, so the question is
 * repeated. A Weldr that does not know a message drops it.
 *
 *     u64 magic, u8 WANTED, HAS or HALTED, u64 index      little-endian; no message of views.h
 * is as long
 *
 * Members that this node hears nothing of (views_hears), or that have said HALTED since the
 * wait began, are not waited for. A witness has no workers and responds when it has applied the
 * change itself. The wait ends after APPLIED_MS in any case: a change stands, whoever lacks it.
 * Owner: the manager.
 */
#ifndef WELDR_MANAGER_APPLIED_H
#define WELDR_MANAGER_APPLIED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/span.h"
#include "base/timers.h"
#include "manager/members.h"
#include "manager/publish.h"

enum {
    APPLIED_MS = 10000,     /* at most; a worker that hangs is replaced before */
    APPLIED_AGAIN_MS = 100, /* until the others are asked again */
    APPLIED_BYTES = 17,     /* of a message */
    APPLIED_TEXT_MAX = MEMBERS_MAX * (MEMBERS_ID_TEXT + 1)
};

struct manager;
struct applied_waiter;
typedef void (*applied_fn)(struct applied_waiter *w);

/* Embedded in whoever waits, all zero at first. */
struct applied_waiter {
    TAILQ_ENTRY(applied_waiter) entry;
    applied_fn fn; /* NULL: it does not wait */
    uint64_t index, until_ms;
    /* how it ended */
    bool is_everywhere; /* the workers of every member that is waited for have it */
    unsigned missing_n; /* members that are not known to have it, waited for or not … */
    uint64_t missing[MEMBERS_MAX]; /* … by their ids */
};

/* What another member has said. */
struct applied_other {
    uint64_t id, index; /* 0: free */
    bool has_halted;    /* … since somebody began to wait last */
};

struct applied {
    struct manager *m;
    TAILQ_HEAD(applied_waiters, applied_waiter) waiters;
    struct timer again;
    struct applied_other others[MEMBERS_MAX];
    /* what others want to know of this node */
    uint64_t wanted, asked, told; /* index: asked of the workers, and told last */
    struct publish_waiter workers;
};

void applied_init(struct applied *a, struct manager *m);
/* All are told, of nothing that is known. The engine is gone. */
void applied_fini(struct applied *a);
/* The workers of this node have what is applied at this index. fn is called once, perhaps
 * before this returns: at once where there are no other members. */
void applied_wait(struct manager *m, struct applied_waiter *w, uint64_t index, applied_fn fn);
/* No-op when it does not wait. */
void applied_cancel(struct manager *m, struct applied_waiter *w);
/* The ids of those that lack it, "0d2e61c3f4b0a817, e81f07a95b26cd34"; empty: none. */
void applied_print_missing(const struct applied_waiter *w, char buf[APPLIED_TEXT_MAX]);

/* What was shared (cluster.h); false: it is no message of this. */
bool applied_on_shared(struct manager *m, uint64_t from, struct span bytes);
/* An entry, or a whole new state, was applied here and published. */
void applied_note(struct manager *m);

#endif
