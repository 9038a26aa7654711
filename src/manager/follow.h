/* follow.h - what follows in the manager from a change of the description that was applied:
 * facts, checks, names, leaving, sockets, statistics, and the workers, who get the entry's very
 * bytes.
 *
 * Called by servers.c for each committed entry, in its order; its parts, by restore.c for each
 * difference between a whole new state and the one before. What workers must know before
 * they hear of an object (a server's facts, the slot of a pool in the statistics) goes before
 * the entry, what would be too early (a listener's sockets) behind it.
 */
#ifndef WELDR_MANAGER_FOLLOW_H
#define WELDR_MANAGER_FOLLOW_H

#include "base/timers.h"
#include "pool/pool_apply.h"

struct manager;

struct follow {
    struct manager *m;
    struct timer repair; /* what there was no memory for is tried again */
};

void follow_init(struct follow *f, struct manager *m);
void follow_fini(struct follow *f);

/* Takes what it keeps of what was removed; the caller finishes the change. */
void follow(struct manager *m, struct pool_change *change, struct span entry);

/* Workers get this machine's authorities, once. */
void follow_authorities(struct manager *m, bool is_needed);

/* ---- for restore.c: before the workers hear of it … ---- */

/* It has its facts already, new ones. */
void follow_server_new(struct manager *m, const struct pool *p,
                       const struct pool_server *server);
void follow_pool_new(struct manager *m, const struct pool *p);
void follow_listener_new(struct manager *m, const struct listener *l);

/* ---- … and after ---- */

/* It may stand otherwise than the facts know, or be checked in another way. */
void follow_server(struct manager *m, const struct pool_server *server);
/* Takes the description; p: the pool that it was in. It is not checked any more. */
void follow_server_gone(struct manager *m, struct pool_server *removed, const struct pool *p);
/* Tells the log when its https servers are verified no more, or again. */
void follow_verify(struct manager *m, const struct pool *p);
/* Its servers are gone already. */
void follow_pool_gone(struct manager *m, const struct pool *removed);
/* Its counters; its sockets follow by listeners.h. */
void follow_listener_gone(struct manager *m, uint64_t id);

#endif
