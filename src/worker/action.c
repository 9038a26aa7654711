#include "worker/action.h"

#include "base/fault.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

static void add(struct action *a, struct pool_runtime *pool, uint32_t weight)
{
    uint64_t below = a->target_n > 0 ? a->targets[a->target_n - 1].below : 0;

    pool_runtime_hold(pool);
    a->targets[a->target_n++] = (struct action_target){.pool = pool, .below = below + weight};
}

static void add_all(struct action *a, const struct worker *w,
                    const struct rule_action *described)
{
    for (uint32_t i = 0; i < described->target_n; i++) {
        const struct rule_target *target = &described->targets[i];
        const struct pool *p = pool_find(w->pool_state, span_from_str(target->pool));
        struct pool_runtime *pool = p != NULL ? pool_runtime_find(w, p->id) : NULL;

        if (pool != NULL && target->weight > 0)
            add(a, pool, target->weight);
    }
}

int action_follow(struct action *a, const struct worker *w, const struct rule_action *described)
{
    struct action next = {.described = described};

    if (described->type == RULE_FORWARD && described->target_n > 0) {
        next.targets = fault_malloc(described->target_n * sizeof(*next.targets));
        if (next.targets == NULL)
            return WERR_NOMEM;
        add_all(&next, w, described);
    }
    action_fini(a);
    *a = next;
    return 0;
}

void action_detach(struct action *a)
{
    a->described = NULL;
}

void action_fini(struct action *a)
{
    for (uint32_t i = 0; i < a->target_n; i++)
        pool_runtime_let_go(a->targets[i].pool);
    free(a->targets);
    *a = (struct action){0};
}

struct pool_runtime *action_choose(const struct action *a, struct rand_state *rand)
{
    uint64_t number;
    uint32_t i = 0;

    if (a->target_n == 0)
        return NULL;
    if (a->target_n == 1)
        return a->targets[0].pool;
    number = rand_below(rand, a->targets[a->target_n - 1].below);
    while (a->targets[i].below <= number)
        i++;
    return a->targets[i].pool;
}
