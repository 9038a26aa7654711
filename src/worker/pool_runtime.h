/* pool_runtime.h - the run-time side of one pool in one worker: who is next, who takes part,
 * what runs there.
 *
 * Made when the description names the pool (pool_runtime_follow) and told of each change of it.
 * It copies what requests need of the pool, so that they can finish when the pool is gone: then
 * it is freed with its last exchange and its last origin. An
 * origin joins when it becomes a server of the pool and stays to its own end. An exchange has a
 * pool from step ROUTE to DONE.
 *
 *     pool_runtime → origins (origin.h) → lanes
 *          ↑ rotation.h: which of them are in the balance; pick.h: which one is next;
 *            eject.h: which are left alone
 */
#ifndef WELDR_WORKER_POOL_RUNTIME_H
#define WELDR_WORKER_POOL_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "balance/balance.h"
#include "codec/codec.h"
#include "pool/pool.h"
#include "stats/stats.h"
#include "worker/origin_tls.h"
#include "worker/pool_queue.h"

struct worker;
struct origin;

enum { POOL_RUNTIME_MAGIC = 0x706f6f6c };

struct pool_runtime {
    uint32_t magic;
    bool is_described; /* else: it goes with the last that needs it */
    bool fail_open;    /* no server is usable: all that are wanted get requests */
    uint64_t id;
    struct worker *worker;
    char *name;
    struct pool_settings settings;       /* as of the last change */
    struct pool_hash_key hash_key;       /* policy hash */
    uint8_t policy;                      /* enum pool_policy */
    struct origin_tls tls;               /* to its https servers: origin_follow.h */
    struct codec_limits response_limits; /* of its lanes: what runs follows a change too */
    struct balance balance;              /* stale: rebuilt before the next pick */
    LIST_HEAD(, origin) origins;
    uint32_t origin_n;
    uint32_t wanted_n, usable_n; /* rotation.h: as of the last rebuild */
    uint32_t ejected_n;          /* eject.h */
    uint32_t untried_n;          /* origins that no check has judged yet: pick.h */
    uint32_t limited_n;          /* origins with max_requests: place.h */
    struct pool_queue queue;     /* pool_turn.h */
    uint32_t exchange_n;         /* that are at it */
    uint32_t retrying_n;         /* … of those: with a further attempt */
    struct stats_line *stats;    /* pool_counters.def … */
    uint32_t stats_slot;         /* … or STATS_NO_SLOT */
    struct stats_served_pool *served;
    UT_hash_handle hh;
};

struct pool_runtime *pool_runtime_find(const struct worker *w, uint64_t id); /* NULL: none */
/* Of the pool of the description, which is new or has changed. NULL: no memory, nothing has
 * changed. */
struct pool_runtime *pool_runtime_follow(struct worker *w, const struct pool *p);
/* It has left the description; all that are not in the worker's have. */
void pool_runtime_forget(struct worker *w, uint64_t id);
void pool_runtime_forget_absent(struct worker *w);

/* An origin has become one of its servers, or is about to be freed. */
void pool_runtime_join(struct pool_runtime *pool, struct origin *o);
void pool_runtime_part(struct origin *o);
/* An exchange is routed to it, or over. */
void pool_runtime_enter(struct pool_runtime *pool);
void pool_runtime_leave(struct pool_runtime *pool);
/* A response of it has begun, or did not begin, after so long. */
void pool_runtime_heard(const struct pool_runtime *pool, struct origin *o, uint64_t latency_us,
                        bool well);
/* No origin is left (worker_fini). */
void pool_runtime_free_all(struct worker *w);

#endif
