/* pool_requests.h - the requests that were applied last, so that none is applied twice.
 *
 * Whoever proposes a command and does not hear how it ended proposes it again, under the same
 * request id. The log may then hold it twice. Everyone who applies the log remembers the last
 * POOL_REQUESTS_N ids with their outcomes, by order of the log and not by time, so that all
 * remember the same: the second one changes nothing and has the outcome of the first. They are
 * a part of what is replicated (pool_replica.h). Workers need none: they get no entry twice.
 * Pure.
 */
#ifndef WELDR_POOL_POOL_REQUESTS_H
#define WELDR_POOL_POOL_REQUESTS_H

#include "pool/pool_apply.h"

enum { POOL_REQUESTS_N = 4096, POOL_REQUEST_ID_BYTES = 16 };

/* How a command ended. */
struct pool_outcome {
    int result; /* of pool_apply */
    enum pool_change_type change;
    enum kind kind;
    uint64_t
        id; /* as in struct pool_change; of a RESTORE that changes something its revision */
};

struct pool_requests;

/* NULL: no memory. All that it will ever need is allocated here. */
struct pool_requests *pool_requests_new(void);
void pool_requests_free(struct pool_requests *r); /* NULL allowed */
/* NULL: it is not among the last ones. */
const struct pool_outcome *pool_requests_find(const struct pool_requests *r,
                                              const uint8_t *request_id);
/* Must not be there yet; the oldest gives way. */
void pool_requests_note(struct pool_requests *r, const uint8_t *request_id,
                        const struct pool_outcome *outcome);
size_t pool_requests_bytes(const struct pool_requests *r);
/* Writes pool_requests_bytes: a record for each, the oldest first. */
void pool_requests_encode(const struct pool_requests *r, char *buf);
/* In place of what was remembered. WERR_CORRUPT leaves *r half done. */
int pool_requests_decode(struct pool_requests *r, struct span bytes) MUST_USE;

#endif
