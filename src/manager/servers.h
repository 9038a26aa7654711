/* servers.h - what follows from a committed entry: the manager's one place where the pool
 * changes.
 *
 * The cluster hands over each committed entry; it is decoded and applied to the pool_state, and
 * what follows from the change is done (follow.h). The change that proposed the entry,
 * recognised by the request id, hears of its outcome (change.h).
 *
 * A server that was removed or stands down is on its way out: leaving.h.
 */
#ifndef WELDR_MANAGER_SERVERS_H
#define WELDR_MANAGER_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"

struct manager;

/* Hook of the cluster; arg is the manager. */
int servers_on_commit(void *arg, uint64_t index, struct span entry);
/* From now on the workers hear what the checks find. */
void servers_watch_health(struct manager *m);
/* Ends the checks. */
void servers_end_checks(struct manager *m);

#endif
