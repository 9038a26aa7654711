/* places.h - how many requests are at a server at once, over all workers, and who waits
 * longest.
 *
 * The in_flight gauges of a server, one in each worker's slot, are its places: each has one
 * writer, so that the share of a worker that was killed is given back when the manager zeroes
 * its gauges. A limit is kept exactly: a worker counts its own request first and then sums up
 * all gauges; whoever sees more than the limit takes its own back. Of two workers that take the
 * last place at once, the later one sees both, so that never both stay.
 *
 * Places are given back without a word. So each worker tells since when the first request of
 * each pool's queue has waited (queue_from_us), and leaves a free place to the worker whose
 * first request waits longest (worker/pool_queue.h).
 */
#ifndef WELDR_STATS_PLACES_H
#define WELDR_STATS_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/stats.h"

/* Would one more stay within max? A moment later it may be otherwise. */
bool stats_place_is_free(const struct stats *s, uint32_t slot, uint32_t max);
/* Counts one more of worker w. False: nothing was done, the server has max already. */
bool stats_place_take(const struct stats *s, struct stats_worker *w, uint32_t slot,
                      uint32_t max) MUST_USE;

/* Of worker w: its first waits since then, by CLOCK_MONOTONIC; 0: nobody waits. */
void stats_queue_tell(struct stats_worker *w, uint32_t pool_slot, uint64_t from_us);
/* The longest wait in all workers but w; 0: nobody waits there. */
uint64_t stats_queue_elsewhere(const struct stats *s, const struct stats_worker *w,
                               uint32_t pool_slot);

#endif
