/* pool_apply.h - the one function that changes a pool_state. Deterministic: same state, same
 * command, same index → same state and digest, in every process. */
#ifndef WELDR_POOL_POOL_APPLY_H
#define WELDR_POOL_POOL_APPLY_H

#include "pool/pool_command.h"

enum pool_change_type {
    POOL_CHANGE_NONE, /* nothing changed (added what was there, changed to the same) */
    POOL_CHANGE_SERVER_ADDED,
    POOL_CHANGE_SERVER_CHANGED,
    POOL_CHANGE_SERVER_REMOVED,
    POOL_CHANGE_POOL_SET,
    POOL_CHANGE_LAST = POOL_CHANGE_POOL_SET
};

struct pool_change {
    enum pool_change_type type;
    /* The server concerned, also for NONE on an add (the one that was there). */
    uint64_t server_id;
    struct pool *pool; /* the pool concerned */
    /* REMOVED: the server taken out; the caller frees it with pool_server_free after use. */
    struct pool_server *removed;
};

/* Applies; always moves state->index to index (must be greater), even when nothing changes.
 * Returns 0 or the logical refusal (WERR_NOT_FOUND, WERR_TOO_BIG: too many servers), the same
 * in every process; WERR_NOMEM leaves the state as it was, index included (reserve first, then
 * mutate). */
int pool_apply(struct pool_state *s, const struct pool_command *c, uint64_t index,
               struct pool_change *change) MUST_USE;
void pool_server_free(struct pool_server *server); /* NULL allowed */

#endif
