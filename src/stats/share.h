/* share.h - how many clients each worker has, for the other workers to read (worker/spread.h).
 *
 * A cache line of its own in each worker's slot of the segment, written only when connections
 * come and go, so that readers do not disturb the counters of every request.
 */
#ifndef WELDR_STATS_SHARE_H
#define WELDR_STATS_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct stats_share {
    uint32_t open_n;    /* client connections; written by the owner */
    uint32_t takes;     /* 1: accepts clients, passed ones too; by the owner */
    uint32_t waiting_n; /* passed to the owner and not seen by it yet: the only number that all
                           write, in one atomic step */
} __attribute__((aligned(64)));

static inline void share_set_open(struct stats_share *s, uint32_t n)
{
    __atomic_store_n(&s->open_n, n, __ATOMIC_RELAXED);
}
static inline void share_set_takes(struct stats_share *s, bool takes)
{
    __atomic_store_n(&s->takes, takes, __ATOMIC_RELAXED);
}
static inline bool share_takes(const struct stats_share *s)
{
    return __atomic_load_n(&s->takes, __ATOMIC_RELAXED) != 0;
}
static inline uint32_t share_waiting(const struct stats_share *s)
{
    return __atomic_load_n(&s->waiting_n, __ATOMIC_RELAXED);
}
/* With those on their way. */
static inline uint32_t share_load(const struct stats_share *s)
{
    return __atomic_load_n(&s->open_n, __ATOMIC_RELAXED) + share_waiting(s);
}
static inline void share_add_waiting(struct stats_share *s)
{
    (void)__atomic_fetch_add(&s->waiting_n, 1, __ATOMIC_RELAXED);
}
/* Never below zero: what was forgotten may come after all. */
static inline void share_drop_waiting(struct stats_share *s)
{
    uint32_t n = __atomic_load_n(&s->waiting_n, __ATOMIC_RELAXED);

    while (n > 0 && !__atomic_compare_exchange_n(&s->waiting_n, &n, n - 1, true,
                                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}
static inline void share_forget_waiting(struct stats_share *s)
{
    __atomic_store_n(&s->waiting_n, 0, __ATOMIC_RELAXED);
}

#endif
