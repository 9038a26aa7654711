/* served.h - how well requests are served: by class of status, and how long it takes. For each
 * server and pool, and the classes for each listener.
 *
 * Beside the counters of each (a cache line), in the same slots of the segment; five lines a
 * server. Memory of a slot that was never used is not touched, by readers neither: whose
 * counters say that nothing was served has nothing here.
 */
#ifndef WELDR_STATS_SERVED_H
#define WELDR_STATS_SERVED_H

#include "stats/times.h"

/* By the first digit of the status. */
enum stats_class {
    STATS_CLASS_NONE, /* no status, or the response was broken off */
    STATS_CLASS_5XX = 5,
    STATS_CLASS_OTHER, /* 600 and above */
    STATS_CLASSES
};
enum { STATS_CLASS_CELLS = 8 };

struct stats_classes {
    uint64_t n[STATS_CLASS_CELLS];
} __attribute__((aligned(64)));

struct stats_served {
    struct stats_classes classes;
    struct times head;  /* until the head of the response */
    struct times total; /* until its end */
};

struct stats_served_pool {
    struct stats_served served;
    struct times added; /* by Weldr; of some of them */
};

/* status 0: none, or broken off. */
static inline void stats_classes_add(struct stats_classes *c, unsigned status)
{
    const uint64_t first = status / 100;

    c->n[first <= STATS_CLASS_5XX ? first : STATS_CLASS_OTHER] += 1;
}

#endif
