/* totals_int.h - the groups of numbers that are kept, and where they stand in the slot of a
 * worker: one table, for the text (totals.c) and for the sums (carried.c). */
#ifndef WELDR_STATS_TOTALS_INT_H
#define WELDR_STATS_TOTALS_INT_H

#include "stats/stats.h"
#include "stats/totals.h"

struct stats_total_group {
    uint8_t kind; /* enum stats_total_kind */
    unsigned n;
    const char *name;         /* in the text */
    const char *const *words; /* of its numbers, NULL: a gauge; or no words at all */
    size_t offset, step; /* in the slot of a worker: the first one, and from one to the next */
    uint32_t slot_n;     /* 0: found otherwise */
};

/* The i-th of a kind; NULL: there are no more. */
const struct stats_total_group *stats_total_group(enum stats_total_kind kind, unsigned i);

static inline uint64_t *stats_group_numbers(struct stats_worker *w,
                                            const struct stats_total_group *g, uint32_t slot)
{
    return (uint64_t *)(void *)((char *)w + g->offset + slot * g->step);
}

#endif
