/* hash_key.h - what of a request says which server of a pool with policy hash it goes to. Pure.
 */
#ifndef WELDR_WORKER_HASH_KEY_H
#define WELDR_WORKER_HASH_KEY_H

#include <stdint.h>

#include "base/addr.h"
#include "http/msg.h"
#include "pool/pool.h"

/* A request that lacks the field or the cookie goes by its client's address. Path: as received,
 * up to the query. The same key has the same hash in every worker and node. */
uint64_t hash_key_of(const struct pool_hash_key *key, const struct msg *request,
                     const struct addr *client);

#endif
