/* place.h - a place at a server for one request in flight, tunnels too.
 *
 * A server with max_requests has so many over all workers of the node (stats/places.h); others
 * have as many as are wanted. pick.h takes one together with the choice of the server, and the
 * exchange gives it back when it leaves the server, however that ends. Who finds none waits in
 * the pool's queue (pool_queue.h), which hears of each that is given back.
 */
#ifndef WELDR_WORKER_PLACE_H
#define WELDR_WORKER_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/werr.h"
#include "worker/origin.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

/* Is there one? It may be gone a moment later. */
bool place_is_free(const struct origin *o);
/* At a server without a limit. */
static inline void place_count(struct origin *o)
{
    MUST(o->magic == ORIGIN_MAGIC && o->pool != NULL && o->max_requests == 0);
    o->in_flight++;
    balance_taken(&o->pool->balance, &o->seat);
    stats_server_add(o->worker->stats, o->stats_slot, STATS_SERVER_in_flight, 1);
}
/* False: the server is at its limit. */
bool place_take(struct origin *o) MUST_USE;
/* The origin may be gone afterwards. */
void place_give(struct origin *o);
/* Its server has this limit from now on; 0: none. What is above it goes on. */
void place_set_max(struct origin *o, uint32_t max_requests);

#endif
