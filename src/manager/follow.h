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
struct pool_server;
struct server_facts;

/* Takes what it keeps of what was removed; the caller finishes the change. */
void follow(struct manager *m, struct pool_change *change, struct span entry);
/* A server that is new, before the workers hear of it; f: its new facts. */
void follow_new_server(struct manager *m, const struct pool *p,
                       const struct pool_server *server, struct server_facts *f);
/* It stands otherwise than the facts know, perhaps; the workers have heard of it. */
void follow_admin(struct manager *m, const struct pool_server *server, struct server_facts *f);
/* What there was no memory for when a server was added: names that are not looked up yet. */
void follow_repair(struct manager *m);

#endif
