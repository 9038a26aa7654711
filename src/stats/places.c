#include "stats/places.h"

#include "stats/stats_int.h"

/* Two that take the last place at once both give it back; then one of them is first. */
enum { TRIES = 8 };

static uint64_t sum(const struct stats *s, uint32_t slot)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < stats_seat_n(s); i++)
        n += __atomic_load_n(&s->worker[i].server[slot].value[STATS_SERVER_in_flight],
                             __ATOMIC_SEQ_CST);
    return n;
}

bool stats_place_is_free(const struct stats *s, uint32_t slot, uint32_t max)
{
    MUST(slot < STATS_SERVERS_MAX);
    return sum(s, slot) < max;
}

/* The sum that is judged is read after the own request was counted, in an order that all
 * workers agree on. With relaxed operations each of two could miss the other's. */
bool stats_place_take(const struct stats *s, struct stats_worker *w, uint32_t slot,
                      uint32_t max)
{
    uint64_t *mine = &w->server[slot].value[STATS_SERVER_in_flight];

    for (unsigned i = 0; i < TRIES && stats_place_is_free(s, slot, max); i++) {
        (void)__atomic_fetch_add(mine, 1, __ATOMIC_SEQ_CST);
        if (sum(s, slot) <= max)
            return true;
        (void)__atomic_fetch_sub(mine, 1, __ATOMIC_SEQ_CST);
    }
    return false;
}

void stats_queue_tell(struct stats_worker *w, uint32_t pool_slot, uint64_t from_us)
{
    if (pool_slot < STATS_POOLS_MAX)
        __atomic_store_n(&w->queue_from_us[pool_slot], from_us, __ATOMIC_RELAXED);
}

uint64_t stats_queue_elsewhere(const struct stats *s, const struct stats_worker *w,
                               uint32_t pool_slot)
{
    uint64_t oldest = 0;

    for (unsigned i = 0; pool_slot < STATS_POOLS_MAX && i < stats_seat_n(s); i++) {
        const struct stats_worker *other = &s->worker[i];
        const uint64_t from_us =
            __atomic_load_n(&other->queue_from_us[pool_slot], __ATOMIC_RELAXED);

        if (other != w && from_us != 0 && (oldest == 0 || from_us < oldest))
            oldest = from_us;
    }
    return oldest;
}
