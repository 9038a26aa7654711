/* restore.h - a whole new state in place of the one that the manager has: its side of a
 * snapshot.
 *
 * The engine hands one over at the start, or at any moment when this node has fallen behind or
 * its leader says so. What follows is what would have followed from the entries in between:
 * servers that are new get facts, checks and look-ups, those that are gone drain as after a
 * DELETE, those that stay keep their health and what is in flight; a server under an id that
 * was another's begins anew. Pools and listeners get counters, or lose them; sockets are bound
 * and closed as their listeners say. It all goes by follow.h and listeners.h, in the order that
 * is theirs. The workers get a snapshot. Changes under way learn what became of
 * them. All memory is reserved first: a restore comes about or changes nothing.
 */
#ifndef WELDR_MANAGER_RESTORE_H
#define WELDR_MANAGER_RESTORE_H

#include "pool/pool_replica.h"

struct manager;

/* Takes the description over, unless it fails. WERR_NOMEM. Also for a change that goes back to
 * a revision of the history (servers.c). */
int servers_become(struct manager *m, struct pool_state *next) MUST_USE;
/* Takes over what is in *next, unless it fails. WERR_NOMEM. */
int servers_restore(struct manager *m, struct pool_replica *next) MUST_USE;
/* Hooks of the cluster; arg is the manager. */
int servers_on_restore(void *arg, uint64_t index, struct span bytes);
int servers_on_snapshot(void *arg, char **bytes, size_t *len);

#endif
