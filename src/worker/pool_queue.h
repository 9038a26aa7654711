/* pool_queue.h - a list of those that wait for something of a pool, and when they are asked.
 *
 * First come, first served. on_wake, which asks them, is called from the loop: soon after
 * pool_queue_wake, and by a timer while somebody waits. Nobody waiting costs nothing.
 * pool_turn.h says what is waited for and who is next. A part of a pool_runtime; who waits
 * embeds a struct waiter.
 */
#ifndef WELDR_WORKER_POOL_QUEUE_H
#define WELDR_WORKER_POOL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timers.h"
#include "net/loop.h"

enum { WAITER_MAGIC = 0x77616974 };

struct waiter {
    uint32_t magic;     /* while it waits */
    uint32_t round;     /* in which it was asked last */
    uint64_t from_us;   /* since when it waits */
    bool may_be_passed; /* it can't use every place */
    /* It leaves the queue if it finds a place, or has nothing to wait for any more. */
    void (*on_turn)(struct waiter *w);
    TAILQ_ENTRY(waiter) entry;
};

struct pool_queue {
    struct loop *loop;
    TAILQ_HEAD(, waiter) waiters; /* the longest wait first */
    uint32_t n;
    uint32_t left_n; /* have left in all */
    uint32_t round;
    uint32_t passed_n;  /* looks that left a free place to another worker … */
    uint64_t passed_us; /* … whose first has waited since then */
    uint32_t look_ms;   /* how often the timer rings */
    struct timer timer;
    struct loop_work work;
    void (*on_wake)(struct pool_queue *q, bool is_look); /* is_look: by the timer */
};

void pool_queue_init(struct pool_queue *q, struct loop *loop);
/* Nobody waits. */
void pool_queue_fini(struct pool_queue *q);
void pool_queue_add(struct pool_queue *q, struct waiter *w);
void pool_queue_remove(struct pool_queue *q, struct waiter *w);
/* The next one that was not asked in this round; NULL: none. */
struct waiter *pool_queue_next(const struct pool_queue *q);
/* Something has changed: on_wake comes later in this turn of the loop, if anybody waits. */
void pool_queue_wake_slow(struct pool_queue *q);
static inline void pool_queue_wake(struct pool_queue *q)
{
    if (q->n > 0)
        pool_queue_wake_slow(q);
}

#endif
