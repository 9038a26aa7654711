/* pool_turn.h - the requests of one worker that wait for a place at any server of a pool.
 *
 * First come, first served: whoever waits is asked in turn whether it finds a place now, until
 * one does not. One that may not go to every server (a further attempt) is passed over if it
 * finds none. They are asked when this worker gives a place back, and when the pool or one of
 * its servers changes.
 *
 * Other workers give places back without a word. So while somebody waits, and only then, this
 * worker looks every millisecond (less often, where there are hundreds of servers). Over all
 * workers the longest wait comes first, as far as that goes: a worker leaves a free place to
 * another one in which somebody has waited longer, and who comes new waits then too. Without
 * that a worker with much to do would take every place that it gives back. A worker that leaves
 * places lying may be stuck: after LIMIT_PASSED_N looks they are taken all the same.
 */
#ifndef WELDR_WORKER_POOL_TURN_H
#define WELDR_WORKER_POOL_TURN_H

#include <stdbool.h>

struct pool_runtime;
struct waiter;

/* May one more wait? */
bool pool_turn_has_room(const struct pool_runtime *pool);
/* on_turn is set; it comes until pool_turn_end, which it calls, or whoever waits no longer. */
void pool_turn_wait(struct pool_runtime *pool, struct waiter *w);
void pool_turn_end(struct pool_runtime *pool, struct waiter *w);
/* Somebody waits, here or in another worker: who comes new comes behind. */
bool pool_turn_is_contended(const struct pool_runtime *pool);

#endif
