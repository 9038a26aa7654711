/* fresh.h - reads that must not be stale (?consistent=true): what was committed before they
 * were asked for is here when they are told.
 *
 * A barrier of the engine (cluster.h) says so. Each costs an entry of the log, so that reads
 * share one: those that come while one is on its way share the next, for theirs may ask for
 * more than that one covers. Where no leader is known it is tried again for as long as a write
 * is (change.h), then they are told that there is no quorum. Owner: the manager.
 */
#ifndef WELDR_MANAGER_FRESH_H
#define WELDR_MANAGER_FRESH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timers.h"

enum { FRESH_MS = 10000 }; /* at most, when the engine takes its time */

struct manager;
struct fresh_waiter;
/* error: 0, or as in cluster.h. */
typedef void (*fresh_fn)(struct fresh_waiter *w, int error);

struct fresh_waiter {
    TAILQ_ENTRY(fresh_waiter) entry;
    fresh_fn fn; /* NULL: it does not wait */
    uint64_t since_ms;
    bool is_covered; /* by the barrier that is on its way */
};

struct fresh {
    struct manager *m;
    TAILQ_HEAD(fresh_waiters, fresh_waiter) waiters;
    struct timer timer; /* the next try, or the end of the patience */
    bool is_asking;     /* the engine owes an end */
};

void fresh_init(struct fresh *f, struct manager *m);
/* All are told WERR_SHUTTING_DOWN. The engine is gone. */
void fresh_fini(struct fresh *f);
/* fn is called once, perhaps before this returns. */
void fresh_wait(struct manager *m, struct fresh_waiter *w, fresh_fn fn);
/* No-op when it does not wait. */
void fresh_cancel(struct manager *m, struct fresh_waiter *w);

#endif
