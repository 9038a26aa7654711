/* carried.h - what earlier lives of the manager have counted: added to what is counted now.
 *
 * A slot as that of a worker, with the same places for servers, pools and listeners, but in the
 * manager's own memory: workers neither see it nor add it up. All sums of stats.h go over it
 * too; a place that is given anew is cleared in it as well. Gauges in it are 0 for good.
 * Called by manager/counters.h.
 */
#ifndef WELDR_STATS_CARRIED_H
#define WELDR_STATS_CARRIED_H

#include "stats/stats.h"
#include "stats/totals.h"

/* What an object has counted, in all lives: the numbers of out. slot: where a server, pool or
 * listener counts; a rule is found by the id of out. All are 0 where there is no slot. */
void stats_total_get(const struct stats *s, uint32_t slot, struct stats_total *out);
/* These numbers were counted earlier. WERR_NOMEM. */
int stats_carry(struct stats *s, uint32_t slot, const struct stats_total *one) MUST_USE;

#endif
