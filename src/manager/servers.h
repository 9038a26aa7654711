/* servers.h - what follows from a committed entry: the manager's one place where the pool
 * changes.
 *
 * The cluster hands over each committed entry; it is decoded and applied to the pool_state, the
 * facts of the server concerned are made or set to draining, the workers get the very same
 * bytes (a new server's facts before its entry), and the health checks follow. Whoever proposed
 * the entry finds its outcome in its struct proposal, recognised by the request id.
 *
 * A server that was removed or stands down is on its way out: leaving.h.
 */
#ifndef WELDR_MANAGER_SERVERS_H
#define WELDR_MANAGER_SERVERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/timers.h"
#include "cluster/cluster.h"
#include "pool/pool_apply.h"

struct manager;

/* Embedded in whoever proposes; known to servers.c from servers_propose until done. */
struct proposal {
    TAILQ_ENTRY(proposal) entry;
    uint8_t request_id[16];
    struct manager *manager;
    int result; /* of pool_apply: 0 or WERR_* */
    enum pool_change_type change;
    uint64_t server_id;
    void (*done)(struct proposal *p, int error); /* error: of the agreement, 0 = committed */
};

struct servers {
    uint64_t revision;   /* index of the last entry that changed something */
    bool has_stopped;    /* an entry could not be read: nothing more is applied */
    struct timer repair; /* what there was no memory for is tried again */
    TAILQ_HEAD(proposals, proposal) proposals;
};

void servers_init(struct manager *m);
/* Ends the checks. */
void servers_fini(struct manager *m);
/* Hook of the cluster; arg is the manager. */
int servers_on_commit(void *arg, uint64_t index, struct span entry);
/* Gives the command a request id and proposes it. 0: p->done will be called, perhaps before
 * this returns; < 0: it will not. The command stays the caller's. */
int servers_propose(struct manager *m, struct pool_command *c, struct proposal *p) MUST_USE;
/* From now on the workers hear what the checks find. */
void servers_watch_health(struct manager *m);

#endif
