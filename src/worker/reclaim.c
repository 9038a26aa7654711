#include "worker/reclaim.h"

#include "base/heap.h"
#include "net/tlsio_memory.h"
#include "worker/limits.h"
#include "worker/worker.h"

/* One that still sees the end of the work, one that finds all of it unused, one for a slab
 * whose last object went late. */
enum { ROUNDS_AFTER = 3 };

/* What was held after the last heap_trim is what it could not give: only more is worth another.
 */
static void settle_heap(struct reclaim *r)
{
    size_t held = heap_held_bytes();

    if (held > r->held_bytes + LIMIT_RECLAIM_BYTES) {
        heap_trim();
        r->held_bytes = heap_held_bytes();
    } else if (held < r->held_bytes) {
        r->held_bytes = held;
    }
}

static void on_timer(struct timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, reclaim.timer));
    struct reclaim *r = &w->reclaim;

    (void)slab_settle(&w->clients_slab);
    (void)slab_settle(&w->exchanges_slab);
    (void)slab_settle(&w->origin_conns_slab);
    (void)slab_settle(&w->streams.slab);
    codec_shared_settle(w->shared.codecs);
    (void)bufq_store_settle(w->shared.store);
    (void)arena_store_settle(w->arenas, LIMIT_ARENA_RESERVE_N);
    tlsio_memory_settle();
    settle_heap(r);
    if (w->clients_slab.in_use > 0)
        r->rounds_left = ROUNDS_AFTER;
    else
        r->rounds_left--;
    if (r->rounds_left > 0)
        loop_timer_in(w->loop, t, LIMIT_RECLAIM_MS);
}

void reclaim_init(struct reclaim *r)
{
    timer_init(&r->timer, on_timer);
}

void reclaim_watch(struct worker *w)
{
    w->reclaim.rounds_left = ROUNDS_AFTER; /* it may have gone before the next round sees it */
    if (!timer_is_set(&w->reclaim.timer))
        loop_timer_in(w->loop, &w->reclaim.timer, LIMIT_RECLAIM_MS);
}
