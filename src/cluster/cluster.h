/* cluster.h - agreement on commands: all that the manager sees of consensus.
 *
 * A table of operations with one engine for now: solo (solo.c), a cluster of one in memory: a
 * proposal is committed at once, its index is the next number. Another engine stands behind the
 * same table. Flow: propose(entry) → the engine commits → on_commit(index, entry) in every
 * manager, in index order, each once → then the proposer's done.
 */
#ifndef WELDR_CLUSTER_CLUSTER_H
#define WELDR_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

struct cluster;

/* Tells that the proposal was committed (error 0, index) or not. Comes after on_commit for that
 * index. */
typedef void (*cluster_done_fn)(void *arg, int error, uint64_t index);

struct cluster_hooks {
    /* A committed entry, borrowed for the call. */
    void (*on_commit)(void *arg, uint64_t index, struct span entry);
    void *arg;
};

struct cluster_ops {
    const char *name; /* "solo" */
    /* Copies the entry. 0: done will be called, perhaps before this returns; < 0: it will not.
     */
    int (*propose)(struct cluster *c, struct span entry, cluster_done_fn done, void *arg);
    bool (*is_leader)(const struct cluster *c);
    unsigned (*members)(const struct cluster *c); /* number of members */
    uint64_t (*index)(const struct cluster *c);   /* last committed */
    void (*free)(struct cluster *c);
};

struct cluster {
    const struct cluster_ops *ops;
    struct cluster_hooks hooks;
};

/* Starts after index 0. NULL: no memory. */
struct cluster *cluster_solo_new(const struct cluster_hooks *hooks);

#endif
