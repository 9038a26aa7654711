/* pool_snapshot.h - a whole pool_state as bytes, and back.
 *
 * Layout: magic "WSNP", u32 format, u64 index, u64 digest, u64 payload length, u64 xxh3 of
 * the payload, payload: per pool and server a length-prefixed JSON (pool_code) with ids. All
 * lengths are checked; a flipped byte gives WERR_CORRUPT, never a crash.
 *
 * Format 2 is written. Format 1 is from before the pool had all its settings and servers had
 * admin and proxy_protocol: it is read, with defaults for what it lacks; its digest is one of
 * those shorter documents and gives way to the one of the state that was read. The same holds
 * for one of format 2 that lacks settings which came later.
 */
#ifndef WELDR_POOL_POOL_SNAPSHOT_H
#define WELDR_POOL_POOL_SNAPSHOT_H

#include "pool/pool.h"

/* *out is malloc'd and the caller's. */
int pool_snapshot_encode(const struct pool_state *s, char **out, size_t *len) MUST_USE;
/* A new state with the same index and, if it lacks nothing, the same digest. WERR_CORRUPT,
 * WERR_UNSUPPORTED, WERR_NOMEM. */
int pool_snapshot_decode(struct span bytes, struct pool_state **out) MUST_USE;

#endif
