/* pool_apply.h - making a pool_state, and the one function that changes it. Deterministic: same
 * state, same command, same index → same state and digest, in every process. Pure. */
#ifndef WELDR_POOL_POOL_APPLY_H
#define WELDR_POOL_POOL_APPLY_H

#include "pool/pool_command.h"

enum pool_change_type {
    POOL_CHANGE_NONE, /* nothing changed (a server that was there, changed to the same) */
    POOL_CHANGE_ADDED,
    POOL_CHANGE_CHANGED,
    POOL_CHANGE_REMOVED,
    POOL_CHANGE_LIST /* servers of a pool, whose id it is: see list */
};

struct pool_change_item {
    enum pool_change_type type; /* ADDED, CHANGED, REMOVED */
    uint64_t id;
    struct pool_server *removed; /* as in struct pool_change */
};

struct pool_change {
    enum pool_change_type type;
    enum kind kind;            /* of the object concerned */
    uint64_t id;               /* its id, also for NONE on an add (the one that was there) */
    struct pool *pool;         /* KIND_POOL, KIND_SERVER: the pool concerned; NULL: removed */
    struct listener *listener; /* KIND_LISTENER, KIND_RULE: likewise */
    struct certificate *certificate; /* KIND_CERTIFICATE: likewise */
    struct vip *vip;                 /* KIND_VIP: likewise */
    /* What was taken out; pool_change_fini frees it, unless the caller takes it over and sets
     * NULL. A removed pool still has its servers, a removed listener its rules. A rule that was
     * changed is taken out too: a new one with the same id is in its place. */
    struct pool_server *removed;
    struct pool *removed_pool;
    struct listener *removed_listener;
    struct rule *removed_rule;
    struct certificate *removed_certificate;
    struct vip *removed_vip;
    /* Owned. LIST: each server once. A REMOVED certificate: listeners that have named it and do
     * not any more. */
    struct pool_change_item *list;
    uint32_t list_n;
};

/* Of this object and in this way? */
static inline bool pool_change_is(const struct pool_change *change, enum kind kind,
                                  enum pool_change_type type)
{
    return change->kind == kind && change->type == type;
}

/* Index 0, a pool and a listener "default" with the defaults of their settings, no server, no
 * address. NULL: no memory. */
struct pool_state *pool_state_new(void);
void pool_state_free(struct pool_state *s); /* NULL allowed */
/* From scratch; 0 when memory is short. */
uint64_t pool_state_digest_recompute(const struct pool_state *s);

/* Applies; always moves state->index to index (must be greater), even when nothing changes.
 * Returns 0 or the logical refusal, the same in every process:
 * WERR_NOT_FOUND  the object, or the pool or listener that it is in, is not there
 * WERR_EXISTS     the name or the priority is taken, or a server with this URL, a certificate
 *                 with this name, is there that says something else
 * WERR_IN_USE     a listener or a rule forwards to the pool; a listener has no other
 *                 certificate, or a pool shows it
 * WERR_BUILTIN    the pool or listener "default" can't be removed
 * WERR_ADDR_IN_USE  another listener has the address
 * WERR_NO_TARGET  an action forwards to a pool, or "tls" names a certificate, that is not there
 * WERR_NO_CERTIFICATE  a listener would speak TLS, and there is no certificate
 * WERR_INVALID    members of "tls" do not go together
 * WERR_TOO_BIG    no more servers, pools, listeners, rules or VIPs fit
 * WERR_GUARD      fewer usable servers than min_active would be left
 * WERR_STALE      the object, or the list, is not what if_digest, if_there or if_absent say
 * WERR_UNSUPPORTED  RESTORE, which is not applied here
 * WERR_NOMEM leaves the state as it was, index included (reserve first, then mutate). *change
 * is the caller's to fini, whatever the result. */
int pool_apply(struct pool_state *s, const struct pool_command *c, uint64_t index,
               struct pool_change *change) MUST_USE;
/* An entry that changes nothing: RESTORE to what is so, or refused. */
void pool_pass(struct pool_state *s, uint64_t index);
/* Its two halves, for those whom nobody may wait for: may it be, without looking at the values;
 * then all else. Nothing may change the state between them. */
int pool_judge(const struct pool_state *s, const struct pool_command *c) MUST_USE;
int pool_apply_judged(struct pool_state *s, const struct pool_command *c, uint64_t index,
                      int verdict, struct pool_change *change) MUST_USE;
void pool_change_fini(struct pool_change *change);
/* Values within their limits, and would pool_apply take it now? 0, WERR_INVALID
 * (a value, too many), or the refusal of pool_apply; *error filled. Adding a server that
 * is there and says the same is no error. */
int pool_check(const struct pool_state *s, const struct pool_command *c,
               struct pool_error *error) MUST_USE;
/* The words for a refusal: code, field, detail. "in_use" names who forwards to the pool. */
void pool_refusal(const struct pool_state *s, const struct pool_command *c, int rc,
                  struct pool_error *error);
/* The id of the k-th server that SET_SERVERS of this index adds, in the order of its list. */
uint64_t pool_list_id(uint64_t index, uint32_t k);
/* Does the command end that new requests go to a server? Then min_active guards it. */
bool pool_takes_out(const struct pool_command *c);
/* Digest of the object that a SET, REMOVE or PUT means, for if_digest; 0: it is not there.
 * WERR_NOMEM. */
int pool_target_digest(const struct pool_state *s, const struct pool_command *c,
                       uint64_t *digest) MUST_USE;
/* Digest of all pools, listeners, certificates or VIPs, of a pool's servers or of a listener's
 * rules; never 0. */
uint64_t pool_list_digest(const struct pool_state *s, enum kind kind, struct span owner);
/* What if_digest of the command is compared with: either of them, by its if_list. WERR_NOMEM.
 */
int pool_if_digest(const struct pool_state *s, const struct pool_command *c,
                   uint64_t *digest) MUST_USE;

#endif
