#include "health/rule.h"

void health_rule_init(struct health_rule *r, bool waits)
{
    *r = (struct health_rule){.up = !waits, .waits = waits};
}

void health_rule_recall(struct health_rule *r)
{
    *r = (struct health_rule){.was_down = true};
}

static uint16_t count_up(uint16_t n, uint16_t limit)
{
    return n < limit ? (uint16_t)(n + 1) : limit;
}

bool health_rule_result(struct health_rule *r, const struct health_limits *limits, bool pass)
{
    bool was_up = r->up;
    if (pass) {
        r->failures = 0;
        r->passes = count_up(r->passes, limits->passes);
        r->up = was_up || r->waits || r->was_down || r->passes >= limits->passes;
        r->waits = false;
        r->has_passed = true;
    } else {
        r->passes = 0;
        r->failures = count_up(r->failures, limits->failures);
        r->up = was_up && r->has_passed && r->failures < limits->failures;
    }
    r->was_down = false;
    return r->up != was_up;
}

/* Every result leaves exactly one counter above 0, so up without a pass is failing or was never
 * checked. What is down and never passed was perhaps added a moment before it began to listen.
 */
bool health_rule_is_between(const struct health_rule *r, const struct health_limits *limits)
{
    if (r->up)
        return r->passes == 0;
    return r->passes > 0 || (!r->has_passed && r->failures < limits->failures);
}

uint32_t health_rule_delay_ms(const struct health_rule *r, const struct health_limits *limits,
                              uint32_t jitter)
{
    uint64_t base_ms = limits->interval_ms;
    if (health_rule_is_between(r, limits) && limits->fast_interval_ms < base_ms)
        base_ms = limits->fast_interval_ms;
    uint64_t spread_ms = base_ms / 10;
    uint64_t delay_ms = base_ms - spread_ms + (((2 * spread_ms + 1) * jitter) >> 32);
    return delay_ms <= UINT32_MAX ? (uint32_t)delay_ms : UINT32_MAX;
}
