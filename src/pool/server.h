/* server.h - making and freeing servers of a pool; struct pool_server is in pool.h. Pure. */
#ifndef WELDR_POOL_SERVER_H
#define WELDR_POOL_SERVER_H

#include "pool/pool.h"

/* What it owns, not itself. */
void pool_server_fini(struct pool_server *server);
void pool_server_free(struct pool_server *server); /* NULL allowed */
/* A copy without id and digest, in no pool. NULL: no memory. */
struct pool_server *server_copy(const struct pool_server *from);
/* Frees all servers of a pool, which is in no state any more, or in none that lives on. */
void server_free_all(struct pool *p);

#endif
