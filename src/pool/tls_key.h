/* tls_key.h - have a pool's settings of TLS to its servers changed?
 *
 * Whoever has made something of them (a worker's lanes, the manager's checks) keeps the key,
 * and makes it anew when the key is another one. Pure.
 */
#ifndef WELDR_POOL_TLS_KEY_H
#define WELDR_POOL_TLS_KEY_H

#include "pool/pool.h"

/* A hash of the members "tls" of the pool. */
uint64_t pool_tls_key(const struct pool *p);

#endif
