/* worker.h - the data plane of one process: its pool, origins, clients and what they share.
 *
 * Single-threaded, on any loop (loop_epoll in worker_main.c, loop_sim in tests). Owns
 * everything below it: listeners, clients, exchanges, origins and lanes come from its slabs.
 * The pool arrives as a snapshot, then as commands (the same bytes that every manager applied),
 * and what this node observed as local facts; all by way of channel.c.
 */
#ifndef WELDR_WORKER_WORKER_H
#define WELDR_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cidr.h"
#include "base/rand.h"
#include "base/slab.h"
#include "http/date.h"
#include "net/conn.h"
#include "pool/pool.h"
#include "stats/stats.h"
#include "wire/frame.h"
#include "worker/reclaim.h"
#include "worker/spread.h"

struct client;
struct exchange;
struct origin;
struct pool_runtime;
struct acceptor;
struct listener_runtime;
struct access_log;

LIST_HEAD(client_list, client);
TAILQ_HEAD(exchange_list, exchange);

struct worker {
    struct loop *loop;
    struct conn_shared shared;
    struct stats_worker *stats;
    const struct stats *segment; /* where it lies; NULL: pools and listeners have no slots */
    uint32_t id;
    struct access_log *access_log; /* NULL: off */
    struct rand_state rand;
    struct arena_store *arenas;
    struct reclaim reclaim;
    struct slab clients_slab, exchanges_slab, origin_conns_slab;
    struct client_list clients;
    struct exchange_list exchanges;       /* the oldest first … */
    struct exchange *young;               /* … of those that the pace timer has not come to */
    struct timer pace_timer;              /* ex_pace.c */
    void (*on_clients)(struct worker *w); /* there is one more, or one less */

    uint64_t descriptor_max;      /* of the process; 0: not known */
    struct exchange_list keepers; /* those that keep a body for a further attempt, the oldest
                                     first */

    struct pool_state *pool_state; /* NULL until the snapshot */
    struct origin *origins;        /* uthash by server id */
    struct pool_runtime *pools;    /* uthash by pool id */
    uint32_t pools_version;        /* another one when a pool comes or goes */

    struct listener_runtime *listeners; /* uthash by listener id */
    struct cidr_list trusted;           /* --trusted-proxies: of the listener "default" */
    uint64_t proxy_listeners; /* bit i: clients of socket i come behind a PROXY header */
    LIST_HEAD(, acceptor) acceptors;
    unsigned acceptor_n;
    uint32_t next_socket_no; /* greater than all that came */
    bool is_listening;       /* the first snapshot is in */
    struct spread spread;

    struct timer drain_timer;
    struct loop_work drain_work;
    bool draining;
    bool takes_in;                 /* drains, and takes what has been accepted for it before */
    bool has_told_clients;         /* drains, and those that were there know it */
    uint32_t drain_jitter_ms;      /* idle connections close within so long */
    void (*on_drained)(void *arg); /* nothing is left to do */
    void *on_drained_arg;

    uint64_t date_s;
    char date[DATE_TEXT_LEN + 1];
};

/* stats: this worker's slot. seed: for request ids. WERR_NOMEM. */
int worker_init(struct worker *w, struct loop *loop, struct stats_worker *stats, uint32_t id,
                uint64_t seed) MUST_USE;
/* Everything must be closed. */
void worker_fini(struct worker *w);

/* For the flight recorder. */
static inline void worker_note(struct worker *w, enum flight_what what, uint64_t a, uint64_t b)
{
    flight_note(&w->stats->flight, loop_now_us(w->loop), what, a, b);
}

/* Starts to listen on handles of the loop (descriptors; loop_sim handles in tests); before this
 * nothing is accepted. WERR_NOMEM. */
int worker_listen(struct worker *w, const int *handles, unsigned n) MUST_USE;

/* Replaces the pool. WERR_CORRUPT …: the old one stays. */
int worker_snapshot(struct worker *w, struct span bytes) MUST_USE;
/* Applies one committed entry. Logical refusals are no error; WERR_UNSUPPORTED and
 * WERR_CORRUPT are: the worker must be replaced; WERR_NOMEM: it needs a snapshot. */
int worker_apply(struct worker *w, uint64_t index, struct span entry) MUST_USE;
/* Settings of this node. */
void worker_node(struct worker *w, const struct frame_node *node);
int worker_local(struct worker *w, const struct frame_local *facts) MUST_USE;
int worker_addrs(struct worker *w, const struct frame_addrs *found) MUST_USE;

/* Stops accepting, closes idle connections (each at a moment of its own, so that the clients do
 * not all come back at once), lets exchanges finish; after limit_ms closes what
 * is left. on_drained is called once, when nothing is left. */
void worker_drain(struct worker *w, uint32_t limit_ms, void (*on_drained)(void *arg),
                  void *arg);
/* Draining may be over, or go on. */
static inline void worker_acceptor_closed(struct worker *w)
{
    if (w->takes_in)
        loop_defer(w->loop, &w->drain_work);
}

/* Where a pool, or a listener, is counted; never NULL. */
struct stats_line *worker_pool_stats(struct worker *w, uint64_t pool_id);
struct stats_line *worker_listener_stats(struct worker *w, uint64_t listener_id);
struct stats_served_pool *worker_pool_served(struct worker *w, uint64_t pool_id);
struct stats_classes *worker_listener_classes(struct worker *w, uint64_t listener_id);
/* What is waited for takes up all the memory that it may: no newcomers. */
static inline bool worker_queues_are_full(const struct worker *w)
{
    return conn_queues_are_full(&w->shared);
}
/* IMF-fixdate of now. */
struct span worker_date(struct worker *w);

#endif
