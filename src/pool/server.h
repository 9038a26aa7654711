/* server.h - the servers of a pool: what only the files of pool/ do with them.
 *
 * struct pool_server is in pool.h. Pure.
 */
#ifndef WELDR_POOL_SERVER_H
#define WELDR_POOL_SERVER_H

#include "pool/pool_int.h"

/* Frees all servers of a pool, which is in no state any more, or in none that lives on. */
void server_free_all(struct pool *p);

#endif
