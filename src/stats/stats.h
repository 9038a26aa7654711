/* stats.h - counters in shared memory: one slot a worker, one writer a slot, readers sum.
 *
 * The manager makes the segment (a memfd) and hands the descriptor down; it outlives the
 * workers, so that counters survive a crash. Layout: header, the keys, then per worker a
 * cache-line-aligned slot: counters (counters.def), end reasons, a latency histogram, its
 * number of clients for the other workers (share.h), its last events (flight.h), and slots of
 * two cache lines each for servers, pools and listeners (server_counters.def,
 * pool_counters.def, listener_counters.def), and as many for how well they serve (served.h).
 * The segment has its largest size from the start, so that it grows without a restart: pages
 * that nobody touched cost nothing, and nobody reads or writes past the slots that were ever
 * given. Which slot a server has the manager tells with its facts (LOCAL); who has one of a
 * pool or listener stands in the keys, which the manager writes before it tells of the object
 * and a worker reads (stats_slot_find) when it hears of it. Writers add in place, an
 * instruction each: a number is a word, which is stored whole, and nobody else in this process
 * writes it. Readers use relaxed loads: each number is right, sums may be a moment apart.
 * Gauges of a worker that died are zeroed by the manager (stats_worker_reset_gauges) before its
 * successor starts.
 */
#ifndef WELDR_STATS_STATS_H
#define WELDR_STATS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/werr.h"
#include "stats/flight.h"
#include "stats/histogram.h"
#include "stats/rule_hits.h"
#include "stats/served.h"
#include "stats/share.h"

enum {
    STATS_SERVERS_MAX = 16384,
    STATS_POOLS_MAX = 4096,
    STATS_LISTENERS_MAX = 1024,
    STATS_ENDS_MAX = 64,
    STATS_TLS_FAILURES_MAX = 16,
    STATS_TLS_AGREED_MAX = 16,
    STATS_LINE = 16, /* numbers in two cache lines; what each request counts is in the first */
    STATS_NO_SLOT = 0xffffffffU
};

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
enum stats_pool_counter {
#define POOL_COUNTER(name, kind, help) STATS_POOL_##name,
#include "stats/pool_counters.def"
#undef POOL_COUNTER
    STATS_POOL_COUNTERS
};
enum stats_listener_counter {
#define LISTENER_COUNTER(name, kind, help) STATS_LISTENER_##name,
#include "stats/listener_counters.def"
#undef LISTENER_COUNTER
    STATS_LISTENER_COUNTERS
};
enum stats_tls_failure {
#define TLS_FAILURE(name, word, text) STATS_TLS_##name,
#include "stats/tls_failures.def"
#undef TLS_FAILURE
    STATS_TLS_FAILURES
};
enum stats_tls_agreed {
#define TLS_AGREED(name, version, cipher) STATS_TLS_AGREED_##name,
#include "stats/tls_agreed.def"
#undef TLS_AGREED
    STATS_TLS_AGREED_N
};
_Static_assert((int)STATS_SERVER_COUNTERS <= STATS_LINE &&
                   (int)STATS_POOL_COUNTERS <= STATS_LINE &&
                   (int)STATS_LISTENER_COUNTERS <= STATS_LINE,
               "a slot is two cache lines");

/* Of a server, a pool or a listener. */
struct stats_line {
    uint64_t value[STATS_LINE];
} __attribute__((aligned(64)));

struct stats_worker {
    uint64_t value[STATS_COUNTERS];
    uint64_t end[STATS_ENDS_MAX];                /* by stats/ends.def */
    uint64_t tls_failed[STATS_TLS_FAILURES_MAX]; /* by stats/tls_failures.def */
    uint64_t tls_agreed[STATS_TLS_AGREED_MAX];   /* by stats/tls_agreed.def */
    struct histogram latency_us; /* whole exchange, request head read to answer sent */
    struct times
        tls_handshake; /* of clients, from the connection to the end of the handshake */
    struct rule_hits rule_hits;
    struct stats_share share;
    struct flight flight;
    struct stats_line server[STATS_SERVERS_MAX];
    struct stats_line pool[STATS_POOLS_MAX];
    struct stats_line listener[STATS_LISTENERS_MAX];
    uint64_t queue_from_us[STATS_POOLS_MAX]; /* places.h */
    struct stats_served server_served[STATS_SERVERS_MAX];
    struct stats_served_pool pool_served[STATS_POOLS_MAX];
    struct stats_classes listener_classes[STATS_LISTENERS_MAX];
} __attribute__((aligned(64)));

struct stats; /* a mapping of the segment */

/* Makes the segment for so many workers at most. NULL with errno. *fd: for the workers,
 * close-on-exec, owned by the caller. */
struct stats *stats_new(unsigned worker_n, int *fd);
/* Maps an inherited segment and checks its header. NULL when it is none. */
struct stats *stats_open(int fd);
void stats_free(struct stats *s);
/* Manager: so many of them have been in use (all, until this is called); sums look at no
 * others. Never fewer than before: what a worker that has left counted stays. */
void stats_use(struct stats *s, unsigned seat_n);
unsigned stats_worker_n(const struct stats *s);
/* The slot that worker id writes. */
struct stats_worker *stats_worker(struct stats *s, unsigned id);

/* For the writer. */
static inline void stats_add(struct stats_worker *w, enum stats_counter c, uint64_t n)
{
    w->value[c] += n;
}
static inline void stats_sub(struct stats_worker *w, enum stats_counter c, uint64_t n)
{
    w->value[c] -= n;
}
static inline void stats_line_add(struct stats_line *line, unsigned c, int64_t n)
{
    line->value[c] += (uint64_t)n;
}
static inline void stats_server_add(struct stats_worker *w, uint32_t slot,
                                    enum stats_server_counter c, int64_t n)
{
    if (slot < STATS_SERVERS_MAX)
        stats_line_add(&w->server[slot], c, n);
}
static inline void stats_pool_add(struct stats_worker *w, uint32_t slot,
                                  enum stats_pool_counter c, int64_t n)
{
    if (slot < STATS_POOLS_MAX)
        stats_line_add(&w->pool[slot], c, n);
}
static inline void stats_listener_add(struct stats_worker *w, uint32_t slot,
                                      enum stats_listener_counter c, int64_t n)
{
    if (slot < STATS_LISTENERS_MAX)
        stats_line_add(&w->listener[slot], c, n);
}

/* stats_slots.c: who has which slot; id is that of the object, never UINT64_MAX. */
enum stats_kind { STATS_OF_POOL, STATS_OF_LISTENER, STATS_KINDS };
/* STATS_NO_SLOT: none; what is counted there is counted nowhere. */
uint32_t stats_slot_find(const struct stats *s, enum stats_kind kind, uint64_t id);
/* Manager: before anybody hears of the object. Its counters are 0, unless it has the slot
 * already. STATS_NO_SLOT: all are in use. */
uint32_t stats_slot_take(struct stats *s, enum stats_kind kind, uint64_t id);
/* Manager: the object is gone. What workers still count there does no harm: the slot is given
 * to another only when nothing runs in it. */
void stats_slot_give(struct stats *s, enum stats_kind kind, uint64_t id);

/* stats_sum.c, for readers: over all workers. */
uint64_t stats_sum(const struct stats *s, enum stats_counter c);
uint64_t stats_sum_end(const struct stats *s, unsigned end);
uint64_t stats_sum_tls_failed(const struct stats *s, enum stats_tls_failure failure);
const char *stats_tls_failure_word(enum stats_tls_failure failure);
/* Handshakes with clients that agreed on a version and a cipher suite. */
uint64_t stats_sum_tls_agreed(const struct stats *s, enum stats_tls_agreed agreed);
struct stats_tls_words {
    const char *version, *cipher;
};
struct stats_tls_words stats_tls_agreed_words(enum stats_tls_agreed agreed);
/* Which one that is; OTHER for words that no table has. */
enum stats_tls_agreed stats_tls_agreed_on(const char *version, const char *cipher);
uint64_t stats_sum_server(const struct stats *s, uint32_t slot, enum stats_server_counter c);
uint64_t stats_sum_pool(const struct stats *s, uint32_t slot, enum stats_pool_counter c);
uint64_t stats_sum_rule(const struct stats *s, uint64_t rule_id);
uint64_t stats_sum_listener(const struct stats *s, uint32_t slot,
                            enum stats_listener_counter c);
void stats_sum_latency(const struct stats *s, struct histogram *out);

/* stats_served.c, for readers: over all workers, zeros where there is no such slot. */
enum stats_classes_of {
    STATS_CLASSES_OF_SERVER,
    STATS_CLASSES_OF_POOL,
    STATS_CLASSES_OF_LISTENER
};
void stats_sum_classes(const struct stats *s, enum stats_classes_of of, uint32_t slot,
                       struct stats_classes *out);

enum stats_times_of {
    STATS_TIMES_SERVER_HEAD,
    STATS_TIMES_SERVER_TOTAL,
    STATS_TIMES_POOL_HEAD,
    STATS_TIMES_POOL_TOTAL,
    STATS_TIMES_POOL_ADDED,
    STATS_TIMES_TLS_HANDSHAKE /* of the node: slot 0 */
};
void stats_sum_times(const struct stats *s, enum stats_times_of of, uint32_t slot,
                     struct times *out);

/* Manager: before a slot that was used is used anew, in all workers. */
void stats_served_clear_server(struct stats *s, uint32_t slot);
void stats_served_clear_pool(struct stats *s, uint32_t slot);
void stats_served_clear_listener(struct stats *s, uint32_t slot);

/* Manager: before a server slot is used anew, in all workers. */
void stats_server_clear(struct stats *s, uint32_t slot);
/* Manager: after worker id has died. */
void stats_worker_reset_gauges(struct stats *s, unsigned id);
const char *stats_counter_name(enum stats_counter c);
bool stats_counter_is_gauge(enum stats_counter c);

#endif
