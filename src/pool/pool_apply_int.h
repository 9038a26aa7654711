/* pool_apply_int.h - what the files pool_apply_*.c share: each applies the commands of one kind
 * of object, by its struct kind_ops. Pure. */
#ifndef WELDR_POOL_POOL_APPLY_INT_H
#define WELDR_POOL_POOL_APPLY_INT_H

#include "pool/pool_apply.h"

/* The server that a command means, and its pool (pool may be NULL). NULL: none. */
struct pool_server *pool_target_server(const struct pool_state *s, const struct pool_command *c,
                                       struct pool **pool);
/* if_digest, if_there and if_absent. 0, WERR_STALE, WERR_NOMEM. */
int pool_judge_if(const struct pool_state *s, const struct pool_command *c) MUST_USE;
/* Usable servers that a guarded command would leave in its pool. */
uint32_t pool_guard_left(const struct pool_state *s, const struct pool_command *c);
/* As pool_apply, but leaves state->index alone; an object that is added gets this id. */
int pool_apply_command(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change) MUST_USE;

/* ---- all servers of a pool ---- */

int pool_judge_list(const struct pool_state *s, const struct pool_command *c) MUST_USE;
int pool_apply_list(struct pool_state *s, const struct pool_command *c, uint64_t index,
                    struct pool_change *change) MUST_USE;

/* ---- pools and listeners ---- */

/* A pool with the defaults, not in a state. NULL: no memory. */
struct pool *pool_new(struct span name);
/* Into the state, with its id; the digest is made. WERR_NOMEM leaves the state as it was. */
int pool_enter(struct pool_state *s, struct pool *p) MUST_USE;
void pool_free(struct pool *p); /* NULL allowed */
/* A pool that shows this certificate to its servers. NULL: none. */
const struct pool *pool_find_shower(const struct pool_state *s,
                                    const struct certificate *which);
/* Likewise; without a default action it forwards to "default". */
struct listener *listener_new(struct span name);
int listener_enter(struct pool_state *s, struct listener *l) MUST_USE;
void listener_free(struct listener *l); /* NULL allowed */

/* ---- listeners and certificates (pool_apply_listener_tls.c) ---- */

/* Do the members of "tls" and the protocol go together, with what self (NULL: it is new) has
 * already? 0, WERR_INVALID, WERR_NO_CERTIFICATE; WERR_NO_TARGET: one is named that is not
 * there. */
int listener_judge_tls(const struct pool_state *s, const struct pool_command *c,
                       const struct listener *self) MUST_USE;
/* The words for WERR_INVALID, and for WERR_NO_TARGET when it is for a certificate. */
void listener_tell_tls(const struct pool_state *s, const struct pool_command *c,
                       struct pool_error *error);
/* Counts (+1) or no longer counts (-1) those that it names as in use. */
void listener_count_certificates(const struct pool_state *s, const struct listener_tls *tls,
                                 int by);
/* A listener that can't do without this one: its list has no other, or it speaks TLS with all
 * that there are, and there is no other. NULL: none. */
const struct listener *listener_find_needy(const struct pool_state *s,
                                           const struct certificate *which);
/* Takes it off the lists that name it, and as a default; change->list tells of whom. WERR_NOMEM
 * leaves all as it was. */
int listener_forget_certificate(struct pool_state *s, const struct certificate *which,
                                struct pool_change *change) MUST_USE;

/* ---- actions and rules ---- */

/* Are the pools there that it forwards to? 0, WERR_NO_TARGET. */
int listener_judge_action(const struct pool_state *s,
                          const struct rule_action *action) MUST_USE;
/* Its pools: none for an action that does not forward. */
static inline uint32_t listener_target_n(const struct rule_action *action)
{
    return action->type == RULE_FORWARD ? action->target_n : 0;
}
/* Counts (+1) or no longer counts (-1) the action's pools as in use. */
void listener_count_action(struct pool_state *s, const struct rule_action *action, int by);
/* Frees the rules of a listener that is in no state. */
void listener_free_rules(struct listener *l);
/* Their share of the digest and of the tables goes; they stay in the listener. */
void listener_take_out_rules(struct pool_state *s, struct listener *l);

#endif
