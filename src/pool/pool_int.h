/* pool_int.h - what the files of pool/ share among themselves; nobody else includes this.
 *
 * Each kind of object (kinds.def) has a struct kind_ops; pool_apply, pool_check, digests and
 * snapshots go through it, so that they know no kind.
 */
#ifndef WELDR_POOL_POOL_INT_H
#define WELDR_POOL_POOL_INT_H

#include "pool/pool_apply.h"
#include "pool/pool_command.h"
#include "pool/pool_error.h"
#include "pool/pool_mem.h"
#include "pool/pool_meta.h"
#include "pool/pool_policy.h"
#include "pool/table.h"

/* pool_command.c */
void pool_server_fini(struct pool_server *server);

/* ---- kinds of objects ---- */

/* One object of a state. */
struct kind_object {
    enum kind kind;
    uint64_t id, owner; /* owner: id of its pool or listener, 0 for kinds that have none */
    const void *object;
};

/* Not 0 ends the visit and is its result. */
typedef int (*kind_visit_fn)(void *arg, const struct kind_object *o);

struct kind_ops {
    /* Are the values of an ADD, SET or SET_ADMIN within their limits? 0, WERR_INVALID. */
    int (*check)(const struct pool_command *c, struct pool_error *error);
    /* Would apply take it? 0 or a refusal of pool_apply.h; guards are judged elsewhere. */
    int (*judge)(const struct pool_state *s, const struct pool_command *c);
    /* Of what judge has let through; a new object gets this id. Only WERR_NOMEM, which leaves
     * the state as it was. */
    int (*apply)(struct pool_state *s, const struct pool_command *c, uint64_t id,
                 struct pool_change *change);
    /* Digest of the object that a command means; 0: there is none. WERR_NOMEM. */
    int (*target)(const struct pool_state *s, const struct pool_command *c, uint64_t *digest);
    /* All objects of the kind, in the order of their owners. */
    int (*visit)(const struct pool_state *s, kind_visit_fn fn, void *arg);
    /* As in pool_code.h. */
    char *(*json)(const void *object);
};

#define KIND(name, number, letter, word, list, family) \
    extern const struct kind_ops kind_ops_##family;
#include "pool/kinds.def"
#undef KIND

/* NULL: no such kind. */
const struct kind_ops *kind_ops(unsigned kind);
/* Digest of an object's encoding. Frees json; NULL is WERR_NOMEM. */
int kind_hash(enum kind kind, uint64_t id, uint64_t owner, char *json, uint64_t *hash) MUST_USE;

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
