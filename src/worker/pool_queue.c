#include "worker/pool_queue.h"

#include <stddef.h>

#include "base/werr.h"

static void on_work(struct loop_work *work)
{
    struct pool_queue *q =
        (struct pool_queue *)(void *)((char *)work - offsetof(struct pool_queue, work));

    if (q->n > 0)
        q->on_wake(q, false);
}

/* Set anew first: after on_wake the queue may be gone. */
static void on_timer(struct timer *t)
{
    struct pool_queue *q =
        (struct pool_queue *)(void *)((char *)t - offsetof(struct pool_queue, timer));

    MUST(q->n > 0);
    loop_timer_in(q->loop, t, q->look_ms);
    q->on_wake(q, true);
}

void pool_queue_init(struct pool_queue *q, struct loop *loop)
{
    *q = (struct pool_queue){.loop = loop, .look_ms = 1, .work = {.run = on_work}};
    TAILQ_INIT(&q->waiters);
    timer_init(&q->timer, on_timer);
}

void pool_queue_fini(struct pool_queue *q)
{
    MUST(q->n == 0 && TAILQ_EMPTY(&q->waiters) && !timer_is_set(&q->timer));
    loop_undefer(q->loop, &q->work);
}

void pool_queue_add(struct pool_queue *q, struct waiter *w)
{
    MUST(q->on_wake != NULL && w->on_turn != NULL);
    w->magic = WAITER_MAGIC;
    w->round = q->round - 1;
    w->from_us = loop_now_us(q->loop);
    TAILQ_INSERT_TAIL(&q->waiters, w, entry);
    if (q->n++ == 0)
        loop_timer_in(q->loop, &q->timer, q->look_ms);
}

void pool_queue_remove(struct pool_queue *q, struct waiter *w)
{
    MUST(w->magic == WAITER_MAGIC && q->n > 0);
    w->magic = 0;
    TAILQ_REMOVE(&q->waiters, w, entry);
    q->left_n++;
    if (--q->n == 0)
        timer_stop(loop_timers(q->loop), &q->timer);
}

struct waiter *pool_queue_next(const struct pool_queue *q)
{
    struct waiter *w;

    TAILQ_FOREACH (w, &q->waiters, entry)
        if (w->round != q->round)
            break;
    MUST(w == NULL || w->magic == WAITER_MAGIC);
    return w;
}

void pool_queue_wake_slow(struct pool_queue *q)
{
    loop_defer(q->loop, &q->work);
}
