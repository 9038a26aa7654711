/* reconcile.h - the worker's objects follow the description: pools and listeners, their servers
 * and rules.
 *
 * Called behind each entry that was applied, with what it has changed, and behind each
 * snapshot. WERR_NOMEM: not all of it could be followed, and it takes a snapshot. */
#ifndef WELDR_WORKER_RECONCILE_H
#define WELDR_WORKER_RECONCILE_H

#include "pool/pool_apply.h"

struct worker;

int reconcile_change(struct worker *w, struct pool_change *change) MUST_USE;
/* n of the servers of a POOL_CHANGE_LIST, for those who follow it in parts. */
int reconcile_list(struct worker *w, const struct pool_change *change, uint32_t from,
                   uint32_t n) MUST_USE;
int reconcile_all(struct worker *w) MUST_USE;

#endif
