/* stats_int.h - the layout of the segment, and where numbers stand in a slot; only for this
 * room.
 *
 * One page of header, the keys, then the slots of the workers in a row. The header's first half
 * is written once by the manager, before any worker has the descriptor; a worker of another
 * build refuses the segment by version and slot size. The rest the manager writes as it goes.
 */
#ifndef WELDR_STATS_STATS_INT_H
#define WELDR_STATS_STATS_INT_H

#include <stddef.h>

#include "stats/stats.h"

enum { STATS_HEADER_BYTES = 4096, STATS_VERSION = 6 };
#define STATS_MAGIC 0x7374617472646c77ULL

struct stats_header {
    uint64_t magic;
    uint32_t version;
    uint32_t worker_n;
    uint64_t slot_bytes;
    uint32_t server_n;            /* slots that were ever given … */
    uint32_t used_n[STATS_KINDS]; /* … of each kind */
    uint32_t seat_n;              /* slots of workers that were ever in use */
};

/* Whose slot it is, its id and 1; 0: nobody's. */
struct stats_keys {
    uint64_t pool[STATS_POOLS_MAX];
    uint64_t listener[STATS_LISTENERS_MAX];
};

struct stats {
    char *map;
    size_t map_bytes;
    unsigned worker_n;
    uint32_t next_slot[STATS_KINDS]; /* manager: where to look for a free one */
    struct stats_keys *keys;
    struct stats_worker *worker;  /* worker_n of them, inside map */
    struct stats_worker *carried; /* of this process alone (carried.h); NULL: nothing is */
};

static inline struct stats_header *stats_header(const struct stats *s)
{
    return (struct stats_header *)(void *)s->map;
}

static inline unsigned stats_seat_n(const struct stats *s)
{
    return __atomic_load_n(&stats_header(s)->seat_n, __ATOMIC_RELAXED);
}

/* For sums: the slots of workers, and behind them what is carried. */
static inline unsigned stats_life_n(const struct stats *s)
{
    return stats_seat_n(s) + (s->carried != NULL);
}

static inline struct stats_worker *stats_life(const struct stats *s, unsigned i)
{
    return i < stats_seat_n(s) ? &s->worker[i] : s->carried;
}

#endif
