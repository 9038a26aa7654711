/* reclaim.h - memory goes back to the system when a burst is over.
 *
 * Slabs and stores keep what they once needed, so that a request allocates nothing. Every two
 * seconds, while there are clients and shortly after, each gives back what it has not needed
 * since the time before, but for a small reserve, and the allocator what it holds back: steady
 * work keeps its memory and a burst returns it two to four seconds after its end. Nothing of
 * this is on the path of a request.
 */
#ifndef WELDR_WORKER_RECLAIM_H
#define WELDR_WORKER_RECLAIM_H

#include <stddef.h>

#include "base/timers.h"

struct worker;

struct reclaim {
    struct timer timer;
    size_t held_bytes;    /* by the allocator after the last heap_trim, or less */
    unsigned rounds_left; /* without clients; then the timer stops */
};

void reclaim_init(struct reclaim *r);
/* There is a client. */
void reclaim_watch(struct worker *w);

#endif
