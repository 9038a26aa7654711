/* servers.h - what follows from a committed entry: the manager's one place where the pool
 * changes.
 *
 * The cluster hands over each committed entry; it is decoded and applied to the pool_state, the
 * facts of the server concerned are made or set to draining, the workers get the very same
 * bytes (a new server's facts before its entry), and the health checks follow. The change that
 * proposed the entry, recognised by the request id, hears of its outcome (change.h).
 *
 * A server that was removed or stands down is on its way out: leaving.h.
 */
#ifndef WELDR_MANAGER_SERVERS_H
#define WELDR_MANAGER_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/timers.h"
#include "cluster/cluster.h"

struct manager;
struct pool_server;
struct server_facts;

struct servers {
    uint64_t revision;   /* index of the last entry that changed something */
    bool has_stopped;    /* an entry could not be read: nothing more is applied */
    struct timer repair; /* what there was no memory for is tried again */
};

void servers_init(struct manager *m);
/* Ends the checks. */
void servers_fini(struct manager *m);
/* Hook of the cluster; arg is the manager. */
int servers_on_commit(void *arg, uint64_t index, struct span entry);
/* What follows from a server that is new, before the workers hear of it; f: its new facts. */
void servers_follow_new(struct manager *m, const struct pool_server *server,
                        struct server_facts *f);
/* It stands otherwise than the facts know, perhaps; the workers have heard of it. */
void servers_follow_admin(struct manager *m, const struct pool_server *server,
                          struct server_facts *f);
/* From now on the workers hear what the checks find. */
void servers_watch_health(struct manager *m);

#endif
