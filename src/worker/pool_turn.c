#include "worker/pool_turn.h"

#include <stddef.h>

#include "stats/places.h"
#include "worker/limits.h"
#include "worker/place.h"

/* ---- over all workers ---- */

static uint64_t elsewhere_us(const struct pool_runtime *pool)
{
    const struct worker *w = pool->worker;

    return w->segment != NULL ? stats_queue_elsewhere(w->segment, w->stats, pool->stats_slot)
                              : 0;
}

static void tell(const struct pool_runtime *pool)
{
    const struct waiter *first = TAILQ_FIRST(&pool->queue.waiters);

    stats_queue_tell(pool->worker->stats, pool->stats_slot, first != NULL ? first->from_us : 0);
}

bool pool_turn_is_contended(const struct pool_runtime *pool)
{
    return pool->queue.n > 0 || elsewhere_us(pool) != 0;
}

static bool has_place(const struct pool_runtime *pool)
{
    const struct origin *o;

    LIST_FOREACH (o, &pool->origins, in_pool_entry)
        if (o->place == ORIGIN_LISTED && place_is_free(o))
            return true;
    return false;
}

/* The first of this worker is the next of all. A place that it leaves to another one's is seen
 * free once or twice, until that looks; one that lies there longer is taken, and so are all
 * others until something moves there. */
static bool is_next(struct pool_runtime *pool, bool is_look)
{
    struct pool_queue *q = &pool->queue;
    const uint64_t other_us = pool->limited_n > 0 ? elsewhere_us(pool) : 0;

    if (other_us == 0 || TAILQ_FIRST(&q->waiters)->from_us <= other_us)
        return true;
    if (q->passed_us != other_us) {
        q->passed_us = other_us;
        q->passed_n = 0;
    }
    if (is_look && q->passed_n < LIMIT_PASSED_N && has_place(pool))
        q->passed_n++;
    return q->passed_n >= LIMIT_PASSED_N;
}

/* ---- asking ---- */

/* Whoever is asked may be gone afterwards. */
static void ask(struct pool_runtime *pool, bool is_look)
{
    struct pool_queue *q = &pool->queue;
    struct waiter *w;

    q->round++;
    while ((w = pool_queue_next(q)) != NULL && is_next(pool, is_look)) {
        const bool may_be_passed = w->may_be_passed;
        const uint32_t left_n = q->left_n;

        w->round = q->round;
        w->on_turn(w);
        if (q->left_n == left_n && !may_be_passed)
            break;
    }
}

static void on_wake(struct pool_queue *q, bool is_look)
{
    struct pool_runtime *pool =
        (struct pool_runtime *)(void *)((char *)q - offsetof(struct pool_runtime, queue));

    MUST(pool->magic == POOL_RUNTIME_MAGIC);
    pool_runtime_enter(pool); /* stays to the end of this */
    ask(pool, is_look);
    pool_runtime_leave(pool);
}

/* ---- waiting ---- */

bool pool_turn_has_room(const struct pool_runtime *pool)
{
    return pool->queue.n < pool->settings.queue.requests;
}

void pool_turn_wait(struct pool_runtime *pool, struct waiter *w)
{
    MUST(pool->magic == POOL_RUNTIME_MAGIC);
    pool->queue.on_wake = on_wake;
    pool->queue.look_ms = 1 + pool->origin_n / LIMIT_SERVERS_PER_LOOK;
    pool_queue_add(&pool->queue, w);
    tell(pool);
    stats_line_add(pool->stats, STATS_POOL_waiting, 1);
    stats_line_add(pool->stats, STATS_POOL_queued, 1);
}

void pool_turn_end(struct pool_runtime *pool, struct waiter *w)
{
    MUST(pool->magic == POOL_RUNTIME_MAGIC);
    pool_queue_remove(&pool->queue, w);
    tell(pool);
    stats_line_add(pool->stats, STATS_POOL_waiting, -1);
}
