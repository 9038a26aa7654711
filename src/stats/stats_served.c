#include <string.h>

#include "stats/stats.h"
#include "stats/stats_int.h"

/* Where something stands in the slot of a worker: the first of max slots of step bytes each. */
struct place {
    size_t offset, step;
    uint32_t max;
};
#define SERVER(member)                                                                        \
    {                                                                                         \
        offsetof(struct stats_worker, server_served) + offsetof(struct stats_served, member), \
            sizeof(struct stats_served), STATS_SERVERS_MAX                                    \
    }
#define POOL(member)                                          \
    {                                                         \
        offsetof(struct stats_worker, pool_served) +          \
            offsetof(struct stats_served_pool, member),       \
            sizeof(struct stats_served_pool), STATS_POOLS_MAX \
    }

static const struct place classes_at[] = {
    [STATS_CLASSES_OF_SERVER] = SERVER(classes),
    [STATS_CLASSES_OF_POOL] = POOL(served.classes),
    [STATS_CLASSES_OF_LISTENER] = {offsetof(struct stats_worker, listener_classes),
                                   sizeof(struct stats_classes), STATS_LISTENERS_MAX},
};

static const struct place times_at[] = {
    [STATS_TIMES_SERVER_HEAD] = SERVER(head),
    [STATS_TIMES_SERVER_TOTAL] = SERVER(total),
    [STATS_TIMES_POOL_HEAD] = POOL(served.head),
    [STATS_TIMES_POOL_TOTAL] = POOL(served.total),
    [STATS_TIMES_POOL_ADDED] = POOL(added),
    [STATS_TIMES_TLS_HANDSHAKE] = {offsetof(struct stats_worker, tls_handshake), 0, 1},
};

/* Of the i-th slot that sums go over. */
static uint64_t *numbers_at(const struct stats *s, unsigned i, const struct place *p,
                            uint32_t slot)
{
    char *worker = (char *)stats_life(s, i);

    return (uint64_t *)(void *)(worker + p->offset + slot * p->step);
}

static void sum(const struct stats *s, const struct place *p, uint32_t slot, uint64_t *out,
                size_t n)
{
    memset(out, 0, n * sizeof(*out));
    for (unsigned i = 0; slot < p->max && i < stats_life_n(s); i++) {
        const uint64_t *numbers = numbers_at(s, i, p, slot);

        for (size_t k = 0; k < n; k++)
            out[k] += __atomic_load_n(&numbers[k], __ATOMIC_RELAXED);
    }
}

void stats_sum_classes(const struct stats *s, enum stats_classes_of of, uint32_t slot,
                       struct stats_classes *out)
{
    sum(s, &classes_at[of], slot, out->n, STATS_CLASS_CELLS);
}

void stats_sum_times(const struct stats *s, enum stats_times_of of, uint32_t slot,
                     struct times *out)
{
    _Static_assert(sizeof(*out) == (TIMES_BOUNDS + 2) * sizeof(uint64_t), "numbers only");
    sum(s, &times_at[of], slot, (uint64_t *)(void *)out, TIMES_BOUNDS + 2);
}

static void clear(struct stats *s, const struct place *p, uint32_t slot)
{
    for (unsigned i = 0; slot < p->max && i < stats_life_n(s); i++) {
        uint64_t *numbers = numbers_at(s, i, p, slot);

        for (size_t k = 0; k < p->step / sizeof(*numbers); k++)
            __atomic_store_n(&numbers[k], 0, __ATOMIC_RELAXED);
    }
}

void stats_served_clear_server(struct stats *s, uint32_t slot)
{
    clear(s, &classes_at[STATS_CLASSES_OF_SERVER], slot);
}

void stats_served_clear_pool(struct stats *s, uint32_t slot)
{
    clear(s, &classes_at[STATS_CLASSES_OF_POOL], slot);
}

void stats_served_clear_listener(struct stats *s, uint32_t slot)
{
    clear(s, &classes_at[STATS_CLASSES_OF_LISTENER], slot);
}
