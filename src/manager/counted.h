/* counted.h - all that has counters on this node, one after the other, and which of them a
 * record of an earlier life means (stats/totals.h).
 *
 * An object is the same over restarts when its id and its name are: of a server the pool and
 * the URL, of a rule the listener. Ids are places in the log: an object that was made anew has
 * another one, and one of a log that was replaced another name. The walk goes by ids, so that
 * objects may come and go between two of its steps. Called by counters.h.
 */
#ifndef WELDR_MANAGER_COUNTED_H
#define WELDR_MANAGER_COUNTED_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/totals.h"

struct manager;

/* Zeroed: before the first. */
struct counted_walk {
    uint8_t phase;     /* counted.c */
    uint64_t owner_id; /* listener or pool … */
    uint64_t next; /* … 0: itself; else the least priority or id that it has yet to tell */
};

/* The next object with its numbers; false: there is none. */
bool counted_next(const struct manager *m, struct counted_walk *w, struct stats_total *out);
/* Is the object of this record here? *slot: where it counts. */
bool counted_find(const struct manager *m, const struct stats_total *one, uint32_t *slot);

#endif
