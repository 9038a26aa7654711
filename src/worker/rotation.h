/* rotation.h - which origins take part in the balance, and what happens when none would.
 *
 * Usable is a server of the pool that is enabled, has a weight, is up as far as this node knows
 * and is not ejected (eject.h). With none left, ejected ones come back, if their checks are
 * well: they are better than nothing. Without those either, the pool fails open: requests are
 * spread over all enabled servers, checked as down or not, since the checks may be wrong and an
 * error of a server is no worse than one of ours. A pool with fail_open false answers 503.
 *
 * Whatever changes of one server is told by rotation_note, which puts it into the list or takes
 * it out of it. Where that does not do, the list becomes stale (balance_spoil) and
 * is rebuilt before the next pick, so that a burst of changes costs one rebuild.
 */
#ifndef WELDR_WORKER_ROTATION_H
#define WELDR_WORKER_ROTATION_H

#include <stdbool.h>

struct pool_runtime;
struct origin;

/* Something has changed that can concern its part in the list. */
void rotation_note(struct origin *o);
/* A server of the pool is left alone for a while, or is so no more; the time is the caller's.
 */
void rotation_eject(struct origin *o);
void rotation_readmit(struct origin *o);
/* Rebuilds the list if it is stale. Short of memory it stays stale: nothing can be picked. */
void rotation_refresh(struct pool_runtime *pool);
/* Gets new requests as far as people decided: in the pool, enabled, with a weight; and it has
 * an address. */
bool rotation_is_wanted(const struct origin *o);
/* Whether a lane of it may wait for the next exchange. */
bool rotation_keeps_lanes(const struct origin *o);

#endif
