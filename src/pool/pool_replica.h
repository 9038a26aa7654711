/* pool_replica.h - all that a cluster replicates: the description, the requests that were
 * applied last, and the last changes (pool_history.h).
 *
 * What a snapshot of the log stands for. The manager keeps both and applies entries in steps of
 * its own (manager/servers.c); pool_replica_apply is the same without what a manager does
 * around it, for whoever only follows. Bytes: magic "WREP", u32 format, u64 length of the
 * requests, u64 xxh3 of them, the requests (pool_requests.h), a snapshot of the state
 * (pool_snapshot.h); all little-endian. Format 2 has the length and the xxh3 of the history
 * behind those of the requests, and the history behind the requests; format 1, which is written
 * as long as there is none, has neither. Pure.
 */
#ifndef WELDR_POOL_POOL_REPLICA_H
#define WELDR_POOL_POOL_REPLICA_H

#include "pool/pool_history.h"
#include "pool/pool_requests.h"

struct pool_replica {
    struct pool_state *state;
    struct pool_requests *requests;
    struct pool_history *history;
};

/* Empty. WERR_NOMEM leaves nothing to free. */
int pool_replica_init(struct pool_replica *r) MUST_USE;
void pool_replica_fini(struct pool_replica *r);
/* *out is malloc'd and the caller's. WERR_NOMEM. */
int pool_replica_encode(const struct pool_replica *r, char **out, size_t *len) MUST_USE;
/* Initialises *r. WERR_CORRUPT, WERR_UNSUPPORTED, WERR_NOMEM leave nothing to free. */
int pool_replica_decode(struct span bytes, struct pool_replica *r) MUST_USE;
/* 0: the entry was applied, refused or known already. WERR_NOMEM: nothing has changed;
 * WERR_CORRUPT, WERR_UNSUPPORTED: it can't be read. */
int pool_replica_apply(struct pool_replica *r, uint64_t index, struct span entry) MUST_USE;

#endif
