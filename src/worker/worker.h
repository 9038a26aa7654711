/* worker.h - the data plane of one process: its pool, origins, clients and what they share.
 *
 * Single-threaded, on any loop (loop_epoll in worker_main.c, loop_sim in tests). Owns
 * everything below it: listeners, clients, exchanges, origins and lanes come from its slabs.
 * The pool arrives as a snapshot, then as commands (the same bytes that every manager applied),
 * and what this node observed as local facts; all by way of channel.c. Here is what all files
 * of worker/ share; it is made, fed and drained by worker_life.h.
 */
#ifndef WELDR_WORKER_WORKER_H
#define WELDR_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cidr.h"
#include "base/rand.h"
#include "base/secret.h"
#include "base/slab.h"
#include "http/date.h"
#include "net/conn.h"
#include "pool/pool.h"
#include "stats/stats.h"
#include "wire/frame.h"
#include "worker/origin_tls.h"
#include "worker/stream_many.h"

struct client;
struct exchange;
struct origin;
struct pool_runtime;
struct acceptor;
struct listener_runtime;
struct access_log;
struct certificate_entry;
struct certificate_name;

LIST_HEAD(client_list, client);
TAILQ_HEAD(exchange_list, exchange);

/* reclaim.h */
struct reclaim {
    struct timer timer;
    size_t held_bytes;    /* by the allocator after the last heap_trim, or less */
    unsigned rounds_left; /* without clients; then the timer stops */
};

/* certificates.h */
struct certificates {
    struct certificate_entry *entries; /* uthash by id */
    struct certificate_name *names;    /* uthash by text */
    unsigned char *seal_key;           /* seal_memory; NULL: it has not come yet */
    unsigned char *ticket_keys;        /* seal_memory; NULL: none have come yet */
    size_t ticket_bytes;
    struct tlsio_tickets *tickets; /* made of them for the first context; NULL: before that */
};

/* spread.h */
struct spread {
    struct worker *worker;
    struct stats *stats;
    unsigned worker_n;  /* below 2: nothing is ever passed */
    int first_outbox;   /* that of worker 0; the others follow */
    unsigned from;      /* where the next look begins */
    uint64_t window_ms; /* begin of the time in which window_n were accepted; before: last_n */
    unsigned window_n, last_n;
    uint32_t stuck_n; /* waited for us at the begin of the window, and nothing came since */
    struct sock inbox;
};

/* departures.h */
enum { DEPARTURES_MAX = 64 };
struct departure {
    struct addr address; /* port 0 */
    uint8_t phase;       /* enum frame_part_phase; STAY: free */
    bool is_told;        /* by a PART since departures_forget_told */
    bool is_due;         /* the manager is to hear of it */
    uint32_t number;     /* of the last PART */
    uint32_t jitter_ms;  /* idle clients there close within so long */
    uint32_t before_n;   /* clients that were there when it began … */
    uint32_t later_n;    /* … and that came later */
};
struct departures {
    unsigned n; /* that leave */
    struct departure list[DEPARTURES_MAX];
    void (*on_due)(
        void *arg); /* departures_next_due has something to say; NULL: nobody hears */
    void *on_due_arg;
};

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
    struct stream_hub streams; /* where connections carry many */
    struct client_list clients;
    struct exchange_list exchanges;       /* the oldest first … */
    struct exchange *young;               /* … of those that the pace timer has not come to */
    struct timer pace_timer;              /* ex_pace.c */
    void (*on_clients)(struct worker *w); /* there is one more, or one less */

    uint64_t descriptor_max;      /* of the process; 0: not known */
    struct exchange_list keepers; /* those that keep a body for a further attempt, the oldest
                                     first */

    struct pool_state *pool_state;  /* NULL until the snapshot */
    struct origin *origins;         /* uthash by server id */
    struct pool_runtime *pools;     /* uthash by pool id */
    uint32_t pools_version;         /* another one when a pool comes or goes */
    struct authorities authorities; /* of the machine: origin_tls.h */

    struct listener_runtime *listeners; /* uthash by listener id */
    struct certificates certificates;
    struct cidr_list trusted; /* --trusted-proxies: of the listener "default" */
    uint64_t proxy_listeners; /* bit i: clients of socket i come behind a PROXY header */
    LIST_HEAD(, acceptor) acceptors;
    unsigned acceptor_n;
    uint32_t next_socket_no; /* greater than all that came */
    bool is_listening;       /* the first snapshot is in */
    struct spread spread;
    struct departures departures;

    struct timer drain_timer;
    struct loop_work drain_work;
    bool draining;
    bool takes_in;                 /* drains, and takes what has been accepted for it before */
    bool has_told_clients;         /* drains, and those that were there know it */
    uint32_t drain_jitter_ms;      /* idle connections close within so long */
    void (*on_drained)(void *arg); /* nothing is left to do */
    void *on_drained_arg;

    struct secrets secrets; /* tokens of the management API, as digests: ex_explain.c */
    uint64_t date_s;
    char date[DATE_TEXT_LEN + 1];
};

/* For the flight recorder. */
static inline void worker_note(struct worker *w, enum flight_what what, uint64_t a, uint64_t b)
{
    flight_note(&w->stats->flight, loop_now_us(w->loop), what, a, b);
}

/* Draining may be over, or go on. */
static inline void worker_acceptor_closed(struct worker *w)
{
    if (w->takes_in)
        loop_defer(w->loop, &w->drain_work);
}

/* Where a pool, or a listener, is counted; never NULL. */
struct stats_line *worker_pool_stats(struct worker *w, uint64_t pool_id);
uint32_t worker_pool_slot(const struct worker *w, uint64_t pool_id); /* STATS_NO_SLOT: none */
struct stats_line *worker_listener_stats(struct worker *w, uint64_t listener_id);
struct stats_served_pool *worker_pool_served(struct worker *w, uint64_t pool_id);
struct stats_classes *worker_listener_classes(struct worker *w, uint64_t listener_id);
/* It took one more request. */
void worker_count_rule(struct worker *w, uint64_t rule_id);
/* What is waited for takes up all the memory that it may: no newcomers. */
static inline bool worker_queues_are_full(const struct worker *w)
{
    return conn_queues_are_full(&w->shared);
}
/* IMF-fixdate of now. */
struct span worker_date(struct worker *w);

#endif
