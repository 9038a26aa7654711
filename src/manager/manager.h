/* manager.h - the parent process: owns the pool, the workers, the management API and the health
 * checks; moves no request itself. Single-threaded on one loop; nothing here blocks once it has
 * started.
 *
 * struct manager is what the rooms of this folder share, and stands below all that work on it:
 *
 *   manager_main.c   start, signals, end: the only file that knows all of them
 *   api*             what people ask for
 *   start            from an engine that knows nothing to a weldr that is ready
 *   servers, restore an entry, or a whole new state, was committed: what the pool is then
 *   follow           what follows from that
 *   change           a change on its way, from proposal to response
 *   applied          whether the workers of the other nodes have it
 *   listeners, names, leaving, views, usable
 *   states, events   transitions of servers; all that happens, told once
 *   manager.h        this
 *   publish, checks, own_address, supervisor, facts …: each knows its own part alone
 *
 * A part that knows nothing of the manager is in struct manager by value. A room that works on
 * all of the manager keeps its own struct and is known here by a pointer to it; it takes no
 * other room than those below it, and what it has to say upwards it says by a callback.
 *
 * Life: SERVING, from the start on → LEAVING (SIGTERM or SIGINT: /ready turns 503) → DRAINING
 * (after --ready-delay: the workers drain, the API lets its addresses go and answers reads on
 * the connections that are open) → all workers have ended → exit. A second signal ends at once.
 */
#ifndef WELDR_MANAGER_MANAGER_H
#define WELDR_MANAGER_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "cluster/cluster.h"
#include "cluster/data_dir.h"
#include "config/config.h"
#include "manager/ca_bundle.h"
#include "manager/checks.h"
#include "manager/facts.h"
#include "manager/machine.h"
#include "manager/own_address.h"
#include "manager/publish.h"
#include "manager/supervisor.h"
#include "net/conn.h"
#include "pool/pool.h"
#include "pool/pool_history.h"
#include "pool/pool_requests.h"
#include "stats/stats.h"

/* Exit codes of the program. */
enum manager_exit {
    MANAGER_EXIT_OK = 0,
    MANAGER_EXIT_FAILURE = 1, /* a second signal, or out of memory */
    MANAGER_EXIT_USAGE = 2,
    MANAGER_EXIT_ADDRESS = 3, /* an address is in use or can't be had */
    MANAGER_EXIT_NO_FD = 4
};

/* Of all the connections of this process, which are those of the management API: the more of it
 * is queued the less each read brings. */
enum { MANAGER_QUEUES_BYTES = 16 * 1024 * 1024 };

enum manager_phase { MANAGER_SERVING, MANAGER_LEAVING, MANAGER_DRAINING, MANAGER_PHASES };

struct applied;
struct changes;
struct certificate_files;
struct counters;
struct events;
struct expiry;
struct follow;
struct force;
struct fresh;
struct heir;
struct hints;
struct keyring;
struct leaving;
struct listeners;
struct memberships;
struct resolve;
struct sampler;
struct start;
struct states;
struct upgrade;
struct views;
struct vip_provider;
struct vips_here;

struct manager {
    const struct config *config;
    struct loop *loop;
    struct conn_shared shared;
    struct stats *stats;
    struct rand_state rand;
    struct machine machine;
    unsigned worker_n;
    uint64_t fd_limit;   /* descriptors that this process may have */
    uint64_t started_us; /* wall clock */
    /* what people want: changed by committed entries alone, in servers.c and restore.c */
    struct cluster *cluster;
    struct data_dir data_dir; /* path NULL: nothing is kept (--ephemeral) */
    struct pool_state *pool;
    struct pool_requests *requests;
    struct pool_history *history; /* with the pool, all that is replicated */
    uint64_t revision;            /* index of the last entry that changed something */
    struct node_settings node;
    /* what this node knows and does */
    struct facts facts;
    struct supervisor supervisor;
    struct publish publish;
    struct checks checks;
    struct own_addresses own;
    struct ca_bundle authorities; /* of this machine */
    struct resolve *resolve;
    /* rooms above, each of its own header; NULL until it is begun */
    struct events *events;
    struct states *states;
    struct views *views;
    struct leaving *leaving;
    struct listeners *listeners;
    struct changes *changes;
    struct memberships *memberships;
    struct force *force;
    struct fresh *fresh;
    struct applied *applied;
    struct hints *hints;
    struct counters *counters;
    struct sampler *sampler;
    struct follow *follow;
    struct keyring *keyring;
    struct certificate_files *certificate_files;
    struct expiry *expiry;
    struct start *start;
    const struct vip_provider *vip_provider; /* vip_view.h; NULL: VIPs are only described */
    struct upgrade *upgrade;
    struct heir *heir;                       /* of a predecessor, if there was one */
    uint64_t upgrades_done, upgrades_failed; /* of all generations */
    struct vips_here *vips_here;
    /* the end */
    uint8_t phase; /* enum manager_phase */
    bool is_done;
    int exit_code;
};

/* The one way to change the phase. */
void manager_move(struct manager *m, enum manager_phase next, const char *why);
/* Told to end: /ready says so, the workers follow after --ready-delay. */
static inline bool manager_is_leaving(const struct manager *m)
{
    return m->phase >= MANAGER_LEAVING;
}
static inline bool manager_is_draining(const struct manager *m)
{
    return m->phase == MANAGER_DRAINING;
}
/* Where what is described is kept; NULL: nowhere. */
static inline struct data_dir *manager_data_dir(struct manager *m)
{
    return m->data_dir.path != NULL ? &m->data_dir : NULL;
}
/* The program ends after this turn. */
void manager_finish(struct manager *m, int exit_code);
/* Tells the log; the exit code. */
int manager_fail_start(const char *what, int rc);
int manager_exit_code(int rc);

#endif
