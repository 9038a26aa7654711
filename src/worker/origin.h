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

/* NEW (of facts that came before the description) → SERVING ⇄ EJECTED (eject.h); SERVING →
 * LEAVING (out of the pool: drains) → GONE (the manager has no more word on it: freed with its
 * last lane). Whom a later description names again is SERVING again. */
enum origin_state {
    ORIGIN_NEW,
    ORIGIN_LEAVING,
    ORIGIN_GONE,
    ORIGIN_SERVING, /* from here on: in the pool */
    ORIGIN_EJECTED,
    ORIGIN_STATES
};

/* How the pool counts it and whether its balance has it. */
enum origin_place {
    ORIGIN_UNWANTED, /* or the list is stale */
    ORIGIN_WANTED,
    ORIGIN_LISTED /* wanted too */
};

enum origin_scheme { ORIGIN_HTTP, ORIGIN_HTTPS };

enum { ORIGIN_MAGIC = 0x6f726967 };

struct origin {
    uint64_t server_id;
    struct worker *worker;
    struct pool_runtime *pool; /* NULL until the description has named it */
    LIST_ENTRY(origin) in_pool_entry;
    struct balance_seat seat; /* of its exchanges, for the policy */
    char *authority;          /* NULL until the pool has named it */
    char *tls_name;           /* https: its host, if that is a name; else NULL */
    struct addr_set *addrs;   /* NULL: its name is not resolved yet */
    uint32_t magic;
    uint32_t stats_slot;
    uint16_t weight;
    bool map_host;
    uint8_t scheme;         /* enum origin_scheme */
    uint32_t max_requests;  /* place.h; 0: no limit */
    uint8_t proxy_protocol; /* 2: its connections begin with a PROXY header */
    uint8_t state;          /* enum origin_state */
    uint8_t place;          /* enum origin_place: rotation.h, as last noted … */
    bool up;                /* as the checks say */
    bool is_untried;        /* no check has judged it: counted in the pool's untried_n */
    bool sends_large;       /* its last response was: LIMIT_LARGE_RESPONSE_BYTES */
    bool is_proven;         /* one of its lanes has carried many exchanges */
    uint64_t distrust_ms;   /* until then: it has closed an idle lane suddenly */
    uint16_t listed_weight; /* … LISTED with this weight */
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

static inline bool origin_is_https(const struct origin *o)
{
    return o->scheme == ORIGIN_HTTPS;
}
/* The one setter of its state. */
void origin_move(struct origin *o, enum origin_state next, const char *why);
const char *origin_state_name(const struct origin *o); /* "SERVING" */
const char *origin_place_name(const struct origin *o); /* "listed" */
static inline bool origin_is_in_pool(const struct origin *o)
{
    return o->state >= ORIGIN_SERVING;
}

#endif
