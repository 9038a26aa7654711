#include "stats/stats.h"
#include "stats/stats_int.h"

static const struct {
    unsigned max;
    size_t keys; /* offset in struct stats_keys */
} kinds[STATS_KINDS] = {
    [STATS_OF_POOL] = {STATS_POOLS_MAX, offsetof(struct stats_keys, pool)},
    [STATS_OF_LISTENER] = {STATS_LISTENERS_MAX, offsetof(struct stats_keys, listener)},
};

static uint64_t *keys_of(const struct stats *s, enum stats_kind kind)
{
    MUST(kind < STATS_KINDS);
    return (uint64_t *)(void *)((char *)s->keys + kinds[kind].keys);
}

static uint32_t used_n(const struct stats *s, enum stats_kind kind)
{
    const uint32_t n = __atomic_load_n(&stats_header(s)->used_n[kind], __ATOMIC_ACQUIRE);

    return n < kinds[kind].max ? n : kinds[kind].max;
}

uint32_t stats_slot_find(const struct stats *s, enum stats_kind kind, uint64_t id)
{
    const uint64_t *keys = keys_of(s, kind);
    const uint32_t n = used_n(s, kind);

    for (uint32_t i = 0; i < n; i++)
        if (__atomic_load_n(&keys[i], __ATOMIC_RELAXED) == id + 1)
            return i;
    return STATS_NO_SLOT;
}

static uint64_t *values_of(const struct stats *s, enum stats_kind kind, unsigned worker,
                           uint32_t slot)
{
    struct stats_worker *w = stats_life(s, worker);

    return kind == STATS_OF_POOL ? w->pool[slot].value : w->listener[slot].value;
}

static void clear_served(struct stats *s, enum stats_kind kind, uint32_t slot)
{
    if (kind == STATS_OF_POOL)
        stats_served_clear_pool(s, slot);
    else
        stats_served_clear_listener(s, slot);
}

/* Whoever had it last has nothing running any more that it would count down. */
static bool is_quiet(const struct stats *s, enum stats_kind kind, uint32_t slot)
{
    return kind == STATS_OF_POOL ? stats_sum_pool(s, slot, STATS_POOL_in_flight) == 0
                                 : stats_sum_listener(s, slot, STATS_LISTENER_open) == 0;
}

/* A slot that was used stays unused as long as possible: the others come first. */
static uint32_t choose(struct stats *s, enum stats_kind kind)
{
    const uint64_t *keys = keys_of(s, kind);
    const unsigned max = kinds[kind].max;

    for (unsigned i = 0; i < max; i++) {
        const uint32_t slot = (s->next_slot[kind] + i) % max;

        if (keys[slot] == 0 && (slot >= used_n(s, kind) || is_quiet(s, kind, slot))) {
            s->next_slot[kind] = (slot + 1) % max;
            return slot;
        }
    }
    return STATS_NO_SLOT;
}

uint32_t stats_slot_take(struct stats *s, enum stats_kind kind, uint64_t id)
{
    uint32_t slot = stats_slot_find(s, kind, id);

    MUST(id != UINT64_MAX);
    if (slot == STATS_NO_SLOT)
        slot = choose(s, kind);
    else
        return slot;
    if (slot == STATS_NO_SLOT)
        return slot;
    for (unsigned i = 0; slot < used_n(s, kind) && i < stats_life_n(s); i++)
        for (unsigned c = 0; c < STATS_LINE; c++)
            __atomic_store_n(&values_of(s, kind, i, slot)[c], 0, __ATOMIC_RELAXED);
    if (slot < used_n(s, kind))
        clear_served(s, kind, slot);
    __atomic_store_n(&keys_of(s, kind)[slot], id + 1, __ATOMIC_RELAXED);
    if (slot >= used_n(s, kind))
        __atomic_store_n(&stats_header(s)->used_n[kind], slot + 1, __ATOMIC_RELEASE);
    return slot;
}

void stats_slot_give(struct stats *s, enum stats_kind kind, uint64_t id)
{
    const uint32_t slot = stats_slot_find(s, kind, id);

    if (slot != STATS_NO_SLOT)
        __atomic_store_n(&keys_of(s, kind)[slot], 0, __ATOMIC_RELAXED);
}
