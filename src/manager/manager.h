/* manager.h - the parent process: owns the pool, the workers, the management API and the health
 * checks; moves no request itself.
 *
 * struct manager is what the rooms of this folder share: each has its part by value and its own
 * header. The pool_state changes only in servers.c, by committed entries. Single-threaded on
 * one loop; nothing here blocks once it has started.
 *
 * Life: start (loop, statistics, listeners, API, engine; then start.h) → ready → SIGTERM or
 * SIGINT: /ready turns 503, after --ready-delay the workers drain, the API lets its addresses
 * go and answers reads on the connections that are open → all workers have ended → exit. A
 * second signal ends at once.
 */
#ifndef WELDR_MANAGER_MANAGER_H
#define WELDR_MANAGER_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rand.h"
#include "cluster/cluster.h"
#include "config/config.h"
#include "manager/api.h"
#include "manager/change.h"
#include "manager/checks.h"
#include "manager/facts.h"
#include "manager/leaving.h"
#include "manager/own_address.h"
#include "manager/publish.h"
#include "manager/servers.h"
#include "manager/start.h"
#include "manager/supervisor.h"
#include "net/conn.h"
#include "pool/pool.h"
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

struct resolve;

struct manager {
    const struct config *config;
    struct loop *loop;
    struct conn_shared shared;
    struct stats *stats;
    struct cluster *cluster;
    struct pool_state *pool;
    struct node_settings node;
    struct pool_requests *requests; /* with the pool, all that is replicated */
    struct facts facts;
    struct servers servers;
    struct changes changes;
    struct leaving leaving;
    struct supervisor supervisor;
    struct publish publish;
    struct checks checks;
    struct resolve *resolve;
    struct own_addresses own;
    struct timer listeners_timer; /* listeners.h */
    struct api api;
    struct rand_state rand;
    unsigned worker_n;
    uint64_t fd_limit;   /* descriptors that this process may have */
    uint64_t started_us; /* wall clock */
    struct start start;
    bool is_leaving; /* told to end: /ready says so, the workers follow after --ready-delay */
    struct timer ready_delay;
    bool is_draining;
    bool is_done;
    int exit_code;
};

/* Runs until it is told to end; returns the exit code. */
int manager_main(const struct config *config);

/* ---- for the rooms of this folder ---- */

/* The program ends after this turn. */
void manager_finish(struct manager *m, int exit_code);
/* Tells the log; the exit code. */
int manager_fail_start(const char *what, int error);
int manager_exit_code(int error);

#endif
