/* action.h - what becomes of a request, as a rule or a listener's default says, with the pools
 * that it names found.
 *
 * Owned by a listener_runtime. It holds its pools, so that they stay while it may choose them.
 * What it says instead of forwarding stays the description's, and goes with that
 * (action_detach); forwarding goes on until the next action takes its place. */
#ifndef WELDR_WORKER_ACTION_H
#define WELDR_WORKER_ACTION_H

#include <stdint.h>

#include "base/rand.h"
#include "pool/rule.h"

struct worker;
struct pool_runtime;

struct action_target {
    struct pool_runtime *pool; /* held */
    uint64_t below;            /* sum of the weights up to here, its own included */
};

struct action {
    const struct rule_action *described; /* NULL: gone */
    struct action_target *targets;       /* NULL: it forwards to nobody */
    uint32_t target_n;
};

/* Takes the place of what *a was. WERR_NOMEM: it is still that. */
int action_follow(struct action *a, const struct worker *w,
                  const struct rule_action *described) MUST_USE;
void action_fini(struct action *a); /* an empty one is allowed */
/* The description is about to be another one. */
void action_detach(struct action *a);
/* Each as often as its weight says; NULL: there is none. */
struct pool_runtime *action_choose(const struct action *a, struct rand_state *rand);

#endif
