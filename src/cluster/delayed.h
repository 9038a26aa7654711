/* delayed.h - an engine for tests that takes its time: builds with tests have it, the release
 * does not.
 *
 * One member that behaves as a member of many can. It commits later, on a timer, in batches,
 * not in the order in which callers proposed; calls done later still; refuses now and then with
 * NOT_LEADER; loses its leadership with entries under way: their dones hear OUTCOME_UNKNOWN,
 * and each entry is committed later, or never, or first and then restored from a snapshot
 * instead of handed over; asks for snapshots and restores them at any moment. Everything
 * happens by chance from a seed.
 *
 * The store is what would be on a disk. Given by its owner it survives the engine: the next
 * engine starts from it (restore, replay). An engine that is cut off does nothing more but for
 * free, as if the process had ended there.
 */
#ifndef WELDR_CLUSTER_DELAYED_H
#define WELDR_CLUSTER_DELAYED_H

#include <sys/queue.h>

#include "cluster/cluster.h"

/* An entry of the log, in memory of its own. */
struct delayed_entry {
    TAILQ_ENTRY(delayed_entry) entry;
    uint64_t index; /* 0: not committed */
    size_t len;
    char bytes[];
};
TAILQ_HEAD(delayed_entries, delayed_entry);

struct delayed_store {
    char *snapshot; /* NULL: none */
    size_t snapshot_len;
    uint64_t snapshot_index;
    uint64_t index;                 /* last committed */
    struct delayed_entries entries; /* committed, after the snapshot */
};

struct delayed_options {
    uint64_t seed;
    uint32_t delay_ms;           /* at most, until a batch is committed; 0: in the next turn */
    uint32_t batch_max;          /* entries; 0: 4 */
    uint32_t refuse;             /* percent of the proposals */
    uint32_t lose;               /* percent of the batches: leadership is lost instead */
    uint32_t restore;            /* percent of the batches: a snapshot is restored behind it */
    uint32_t cut_after;          /* steps (delayed_steps) until it is cut off; 0: never */
    struct delayed_store *store; /* NULL: one of its own, empty */
};

/* "delayed:seed=1,delay=5,refuse=2,lose=2,restore=5,batch=4,cut=100": each may be left out.
 * WERR_SYNTAX.
 */
int delayed_options_from_text(struct span text, struct delayed_options *out) MUST_USE;
/* NULL: no memory. */
struct cluster *cluster_delayed_new(struct loop *loop, const struct delayed_options *options,
                                    const struct cluster_hooks *hooks);
/* Boundaries passed so far: an entry was taken, committed, handed over, its done called. */
uint64_t delayed_steps(const struct cluster *c);
bool delayed_is_cut(const struct cluster *c);
/* For tests that want it now. */
void delayed_lose(struct cluster *c);
void delayed_restore(struct cluster *c);
/* From now on there is no space for a proposal, or there is again. */
void delayed_fill(struct cluster *c, bool is_full);

void delayed_store_init(struct delayed_store *s);
void delayed_store_fini(struct delayed_store *s);
/* Commits; takes the entry. */
void delayed_store_add(struct delayed_store *s, struct delayed_entry *e);
/* A snapshot as of the last committed entry, made from what is stored. WERR_NOMEM. */
int delayed_store_encode(const struct delayed_store *s, char **out, size_t *len) MUST_USE;
/* The snapshot, taken over, stands for all that is stored. */
void delayed_store_compact(struct delayed_store *s, char *snapshot, size_t len);

#endif
