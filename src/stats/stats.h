/* stats.h - counters in shared memory: one slot a worker, one writer a slot, readers sum.
 *
 * The manager makes the segment (a memfd) and hands the descriptor down; it outlives the
 * workers, so that counters survive a crash. Layout: header, then per worker a
 * cache-line-aligned slot: counters (counters.def), end reasons, a latency histogram, its
 * number of clients for the other workers (share.h), its last events (flight.h), and
 * STATS_SERVERS_MAX server slots (server_counters.def). Pages that nobody touched cost nothing.
 * Writers use relaxed stores, readers relaxed loads: each number is right, sums may be a moment
 * apart. Gauges of a worker that died are zeroed by the manager (stats_worker_reset_gauges)
 * before its successor starts.
 */
#ifndef WELDR_STATS_STATS_H
#define WELDR_STATS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/werr.h"
#include "stats/flight.h"
#include "stats/histogram.h"
#include "stats/share.h"

enum { STATS_SERVERS_MAX = 16384, STATS_ENDS_MAX = 64, STATS_NO_SLOT = 0xffffffffU };

enum stats_counter {
#define COUNTER(name, kind, help) STATS_##name,
#include "stats/counters.def"
#undef COUNTER
    STATS_COUNTERS
};
enum stats_server_counter {
#define SERVER_COUNTER(name, kind, help) STATS_SERVER_##name,
#include "stats/server_counters.def"
#undef SERVER_COUNTER
    STATS_SERVER_COUNTERS
};

struct stats_server {
    uint64_t value[STATS_SERVER_COUNTERS];
} __attribute__((aligned(64)));

struct stats_worker {
    uint64_t value[STATS_COUNTERS];
    uint64_t end[STATS_ENDS_MAX]; /* by stats/ends.def */
    struct histogram latency_us;  /* whole exchange, request head read to answer sent */
    struct stats_share share;
    struct flight flight;
    struct stats_server server[STATS_SERVERS_MAX];
} __attribute__((aligned(64)));

struct stats; /* a mapping of the segment */

/* Makes the segment for so many workers. NULL with errno. *fd: for the workers, close-on-exec,
 * owned by the caller. */
struct stats *stats_new(unsigned worker_n, int *fd);
/* Maps an inherited segment and checks its header. NULL when it is none. */
struct stats *stats_open(int fd);
void stats_free(struct stats *s);
unsigned stats_worker_n(const struct stats *s);
/* The slot that worker id writes. */
struct stats_worker *stats_worker(struct stats *s, unsigned id);

/* For the writer. */
static inline void stats_add(struct stats_worker *w, enum stats_counter c, uint64_t n)
{
    __atomic_store_n(&w->value[c], w->value[c] + n, __ATOMIC_RELAXED);
}
static inline void stats_sub(struct stats_worker *w, enum stats_counter c, uint64_t n)
{
    __atomic_store_n(&w->value[c], w->value[c] - n, __ATOMIC_RELAXED);
}
static inline void stats_server_add(struct stats_worker *w, uint32_t slot,
                                    enum stats_server_counter c, int64_t n)
{
    if (slot < STATS_SERVERS_MAX)
        __atomic_store_n(&w->server[slot].value[c], w->server[slot].value[c] + (uint64_t)n,
                         __ATOMIC_RELAXED);
}

/* stats_sum.c, for readers: over all workers. */
uint64_t stats_sum(const struct stats *s, enum stats_counter c);
uint64_t stats_sum_end(const struct stats *s, unsigned end);
uint64_t stats_sum_server(const struct stats *s, uint32_t slot, enum stats_server_counter c);
void stats_sum_latency(const struct stats *s, struct histogram *out);
/* Manager: before a server slot is used anew, in all workers. */
void stats_server_clear(struct stats *s, uint32_t slot);
/* Manager: after worker id has died. */
void stats_worker_reset_gauges(struct stats *s, unsigned id);
const char *stats_counter_name(enum stats_counter c);
bool stats_counter_is_gauge(enum stats_counter c);

#endif
