/* follow.h - what follows in the manager from a change of the description that was applied:
 * facts, checks, names, leaving, sockets, statistics, and the workers, who get the entry's very
 * bytes.
 *
 * Called by servers.c for each committed entry, in its order. What workers must know before
 * they hear of an object (a server's facts, the slot of a pool in the statistics) goes before
 * the entry, what would be too early (a listener's sockets) behind it.
 */
#ifndef WELDR_MANAGER_FOLLOW_H
#define WELDR_MANAGER_FOLLOW_H

#include "pool/pool_apply.h"

struct manager;

/* Takes what it keeps of what was removed; the caller finishes the change. */
void follow(struct manager *m, struct pool_change *change, struct span entry);
/* What there was no memory for when a server was added: names that are not looked up yet. */
void follow_repair(struct manager *m);

#endif
