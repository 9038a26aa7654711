/* force.h - this node, which runs, becomes the whole cluster: after fence.h has allowed it.
 *
 * The engine ends, the directory is made the whole cluster (cluster/recover.h), and another
 * engine begins on it; what it hands over that is known already is passed over. All but the
 * first of that happens in one turn of the loop, which takes as long as a recovery does: some
 * tenths of a second, FORCE_LIMIT_MS at the most. The workers serve all along, and this node
 * holds no virtual IP then. Changes under way hear WERR_SHUTTING_DOWN: without a leader none of
 * them could be made.
 *
 * A recovery that fails leaves a node that goes on as before, or, when it was cut off, one that
 * serves and takes no changes until it is done again. Owner: struct start.
 */
#ifndef WELDR_MANAGER_FORCE_H
#define WELDR_MANAGER_FORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timers.h"
#include "base/werr.h"

enum { FORCE_LIMIT_MS = 5000 };

struct api_conn;
struct manager;

/* How it ended: 0, or WERR_*, of which the log says more. Called once. */
typedef void (*force_fn)(struct api_conn *waiter, int error);

struct force {
    struct manager *m;
    struct timer timer;
    int (*begin_again)(struct manager *m);
    bool is_under_way;
    bool is_again;  /* the engine is another one, which hands over what … */
    uint64_t known; /* … the one before has handed over up to here */
    force_fn fn;    /* NULL: nobody waits */
    struct api_conn *waiter;
};

/* begin_again: makes an engine of the same directory and starts it: 0, or WERR_*: it can't be
 * used, and takes no changes. */
void force_init(struct force *f, struct manager *m, int (*begin_again)(struct manager *m));
void force_fini(struct force *f); /* the engine is gone */
/* WERR_IN_USE: it is under way already. */
int force_begin(struct manager *m, force_fn fn, struct api_conn *waiter) MUST_USE;
/* Nobody waits any more; it goes on. */
void force_forget(struct manager *m, const struct api_conn *waiter);
/* Of the other engine: until it has settled … */
bool force_is_again(const struct manager *m);
/* … what it hands over as of this index is known; it gets no snapshot, for what is described is
 * more than it has handed over … */
bool force_knows(const struct manager *m, uint64_t index);
int force_on_snapshot(void *arg, char **bytes, size_t *len);
/* … and now it has. */
void force_note_settled(struct manager *m);

#endif
