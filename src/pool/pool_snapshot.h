/* pool_snapshot.h - a whole pool_state as bytes, and back.
 *
 * Layout: magic "WSNP", u32 format (3), u64 index, u64 digest, u64 payload length, u64 xxh3 of
 * the payload seeded with the index; payload: a record for each object, owners first: u8 kind,
 * u64 id, u64 id of its owner (0: none, or "default"), u32 length, JSON (pool_code.h). All
 * little-endian. All lengths are checked; a flipped byte gives WERR_CORRUPT, never a crash. No
 * other format was ever stored, so none is read.
 */
#ifndef WELDR_POOL_POOL_SNAPSHOT_H
#define WELDR_POOL_POOL_SNAPSHOT_H

#include "pool/pool.h"

/* *out is malloc'd and the caller's. */
int pool_snapshot_encode(const struct pool_state *s, char **out, size_t *len) MUST_USE;
/* A new state with the same index and digest. WERR_CORRUPT, WERR_UNSUPPORTED, WERR_NOMEM. */
int pool_snapshot_decode(struct span bytes, struct pool_state **out) MUST_USE;

/* An object of a snapshot into a state that is being made: kinds in the order of kinds.def, the
 * state's index not below that of any id. 0, WERR_NOMEM; any other: it does not go in. */
int pool_snapshot_put(struct pool_state *s, enum kind kind, uint64_t id, uint64_t owner,
                      struct span json) MUST_USE;

/* A copy of all of it, *copy. WERR_NOMEM. */
int pool_state_copy(const struct pool_state *s, struct pool_state **copy) MUST_USE;

#endif
