/* worker_life.h - a worker made, fed with what the manager says, drained and ended.
 *
 * The uppermost room of worker/: called by worker_main.c and channel.c, and by tests.
 */
#ifndef WELDR_WORKER_WORKER_LIFE_H
#define WELDR_WORKER_WORKER_LIFE_H

#include "pool/pool_apply.h"
#include "worker/worker.h"

/* stats: this worker's slot. seed: for request ids. WERR_NOMEM. */
int worker_init(struct worker *w, struct loop *loop, struct stats_worker *stats, uint32_t id,
                uint64_t seed) MUST_USE;
/* Everything must be closed. */
void worker_fini(struct worker *w);

/* Starts to listen on handles of the loop (descriptors; loop_sim handles in tests); before this
 * nothing is accepted. WERR_NOMEM. */
int worker_listen(struct worker *w, const int *handles, unsigned n) MUST_USE;

/* Replaces the pool. WERR_CORRUPT …: the old one stays. */
int worker_snapshot(struct worker *w, struct span bytes) MUST_USE;
/* Applies one committed entry. Logical refusals are no error; WERR_UNSUPPORTED and
 * WERR_CORRUPT are: the worker must be replaced; WERR_NOMEM: it needs a snapshot. */
int worker_apply(struct worker *w, uint64_t index, struct span entry) MUST_USE;
/* The same of a command that was read and judged already (pool_judge): what it has changed is
 * still to be followed, and the caller's to fini. */
int worker_apply_judged(struct worker *w, uint64_t index, const struct pool_command *c,
                        int verdict, struct pool_change *change) MUST_USE;
/* Is there a description, and is it older? */
static inline bool worker_takes_index(const struct worker *w, uint64_t index)
{
    return w->pool_state != NULL && index > w->pool_state->index;
}
/* Settings of this node. */
void worker_node(struct worker *w, const struct frame_node *node);
int worker_local(struct worker *w, const struct frame_local *facts) MUST_USE;
int worker_addrs(struct worker *w, const struct frame_addrs *found) MUST_USE;

/* Stops accepting, closes idle connections (each at a moment of its own, so that the clients do
 * not all come back at once), lets exchanges finish; after limit_ms closes what
 * is left. on_drained is called once, when nothing is left. */
void worker_drain(struct worker *w, uint32_t limit_ms, void (*on_drained)(void *arg),
                  void *arg);

#endif
