/* kind_ops.h - what every kind of object in the description can do, by a table.
 *
 * Each row of kinds.def has a struct kind_ops, in the file of its family (pool_apply_*.c);
 * pool_apply, pool_check, digests and snapshots go through it, so that they know no kind. Pure.
 */
#ifndef WELDR_POOL_KIND_OPS_H
#define WELDR_POOL_KIND_OPS_H

#include <stdint.h>

#include "base/werr.h"
#include "pool/kinds.h"

struct pool_change;
struct pool_command;
struct pool_error;
struct pool_state;

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

#endif
