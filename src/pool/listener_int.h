/* listener_int.h - what listener.c and listener_rules.c share. Pure. */
#ifndef WELDR_POOL_LISTENER_INT_H
#define WELDR_POOL_LISTENER_INT_H

#include "pool/pool_int.h"
#include "pool/rule.h"

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
