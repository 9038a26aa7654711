/* origin.h - the run-time side of one server in one worker: its idle lanes, what is in flight,
 * this node's facts about it.
 *
 * Made by the first word about a server (local facts or the pool), obeys pool changes
 * (origin_follow.h), and goes when the server is out of the pool, the manager has forgotten it
 * (FRAME_LOCAL_GONE) and the last lane has closed. Copies what it needs of the pool's server,
 * so that it outlives it while it drains.
 */
#ifndef WELDR_WORKER_ORIGIN_H
#define WELDR_WORKER_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "balance/balance.h"
#include "base/timers.h"
#include "worker/addr_set.h"
#include "worker/lanes.h"

struct worker;
struct pool_runtime;

struct origin {
    uint64_t server_id;
    struct worker *worker;
    struct pool_runtime *pool; /* NULL until the description has named it */
    LIST_ENTRY(origin) in_pool_entry;
    struct balance_seat seat; /* of its exchanges, for the policy */
    char *authority;          /* NULL until the pool has named it */
    struct addr_set *addrs;   /* NULL: its name is not resolved yet */
    uint32_t stats_slot;
    uint16_t weight;
    bool map_host;
    uint8_t proxy_protocol; /* 2: its connections begin with a PROXY header */
    bool in_pool;           /* else: draining, or not yet there */
    bool up;
    bool is_untried;        /* no check has judged it: counted in the pool's untried_n */
    bool gone;              /* the manager has no more word on it */
    bool sends_large;       /* its last response was: LIMIT_LARGE_RESPONSE_BYTES */
    bool is_proven;         /* one of its lanes has carried many exchanges */
    uint64_t distrust_ms;   /* until then: it has closed an idle lane suddenly */
    bool is_ejected;        /* eject.h */
    bool is_wanted;         /* rotation.h, as last noted: counted as wanted … */
    bool is_listed;         /* … and in the list, … */
    uint16_t listed_weight; /* … with this weight */
    uint8_t admin;          /* enum pool_admin */
    uint16_t errors;        /* in a row */
    uint8_t error_kinds;    /* … and which there were (eject.c) */
    uint16_t ejections;     /* what the time of the next one is multiplied with */
    uint64_t readmitted_ms;
    struct timer eject_timer;
    struct lanes lanes;
    uint32_t in_flight;
    UT_hash_handle hh;
};

#endif
