/* pool_int.h - what the files of pool/ share among themselves; nobody else includes this.
 */
#ifndef WELDR_POOL_POOL_INT_H
#define WELDR_POOL_POOL_INT_H

#include "pool/kind_ops.h"
#include "pool/pool_apply.h"
#include "pool/pool_command.h"
#include "pool/pool_error.h"
#include "pool/pool_mem.h"
#include "pool/pool_meta.h"
#include "pool/pool_policy.h"
#include "pool/table.h"

/* pool_command.c */
void pool_server_fini(struct pool_server *server);

/* server.c */
struct pool_server *pool_target_server(const struct pool_state *s, const struct pool_command *c,
                                       struct pool **pool);
/* pool_apply.c: why not, without looking at the values. */
int pool_judge(const struct pool_state *s, const struct pool_command *c) MUST_USE;
/* Usable servers that a guarded command would leave in its pool. */
uint32_t pool_guard_left(const struct pool_state *s, const struct pool_command *c);
/* As pool_apply, but leaves state->index alone; an object that is added gets this id. */
int pool_apply_command(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change) MUST_USE;

/* pool.c: a pool with the defaults, not in a state. NULL: no memory. */
struct pool *pool_new(struct span name);
/* Into the state, with its id; the digest is made. WERR_NOMEM leaves the state as it was. */
int pool_enter(struct pool_state *s, struct pool *p) MUST_USE;
/* listener.c: likewise; without a default action it forwards to "default". */
struct listener *listener_new(struct span name);
int listener_enter(struct pool_state *s, struct listener *l) MUST_USE;

/* pool_code_*.c: the payload of a command's log entry. NULL: no memory. */
char *pool_code_payload_json(const struct pool_command *c);
/* The document of kind_ops.json as an ADD; c->pool and c->listener get its name, but for
 * servers and rules, whose owner is not in it. WERR_INVALID, WERR_SYNTAX, WERR_NOMEM. */
int pool_code_read_stored(enum kind kind, struct span json, struct pool_command *c) MUST_USE;

#define POOL_NAME_WISH "name must be 1 to %d of the characters A-Z a-z 0-9 . _ -"

#endif
