/* Smooth weighted round robin: at each pick every pool is due by its weight more, the one that
 * is due most is picked and owes the sum of all weights. Over as many picks as that sum each
 * has its share to the request, and no pool comes in bursts. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "route/route_int.h"

static uint64_t hash_targets(const struct rule_action *action)
{
    uint64_t hash = action->type;

    if (action->type != RULE_FORWARD)
        return hash;
    for (uint32_t i = 0; i < action->target_n; i++) {
        const struct rule_target *target = &action->targets[i];
        hash = XXH3_64bits_withSeed(target->pool, strlen(target->pool), hash + target->weight);
    }
    return hash;
}

bool route_turn_take(struct route_turn *turn, const struct route_turn *before)
{
    if (turn->rule_id != before->rule_id || turn->targets != before->targets)
        return false;
    memcpy(turn->due, before->due, sizeof(turn->due));
    return true;
}

uint32_t route_turn_peek(const struct route_turn *turn, const struct rule_action *action)
{
    uint32_t best = RULE_FORWARD_MAX;

    for (uint32_t i = 0; i < action->target_n; i++) {
        if (action->targets[i].weight == 0)
            continue;
        if (best == RULE_FORWARD_MAX ||
            turn->due[i] + (int32_t)action->targets[i].weight >
                turn->due[best] + (int32_t)action->targets[best].weight)
            best = i;
    }
    MUST(best < RULE_FORWARD_MAX);
    return best;
}

uint32_t route_turn_next(struct route_turn *turn, const struct rule_action *action)
{
    uint32_t best = route_turn_peek(turn, action);

    for (uint32_t i = 0; i < action->target_n; i++) {
        turn->due[i] += (int32_t)action->targets[i].weight;
        turn->due[best] -= (int32_t)action->targets[i].weight;
    }
    return best;
}

/* As many picks on as spread the workers evenly over a round: by the golden section. */
static uint32_t first_pick(const struct rule_action *action, unsigned worker)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < action->target_n; i++)
        sum += action->targets[i].weight;
    return sum > 0 ? (uint32_t)((uint64_t)worker * sum * 618 / 1000 % sum) : 0;
}

void route_turn_init(struct route_turn *turn, const struct rule *rule,
                     const struct rule_action *action, unsigned worker)
{
    *turn = (struct route_turn){.rule_id = rule != NULL ? rule->id : UINT64_MAX,
                                .targets = hash_targets(action)};
    if (action->type != RULE_FORWARD || action->target_n < 2)
        return;
    for (uint32_t n = first_pick(action, worker); n > 0; n--)
        route_turn_next(turn, action);
}
