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

struct reclaim;
struct worker;

void reclaim_init(struct reclaim *r);
/* There is a client. */
void reclaim_watch(struct worker *w);

#endif
