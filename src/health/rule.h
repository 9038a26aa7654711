/* rule.h - from results of health checks over time to up or down. Pure: time comes in as an
 * argument, jitter as a number.
 *
 * Counters are strictly consecutive: one pass resets the failures and the other way round. What
 * is new counts as up, on trust: until it has passed once, one failure is enough to mark it
 * down. What waits is down until its first pass, which is enough. What was down before a
 * restart (hint.h) is down; its first check decides alone, whatever it says. While it is
 * between states (up with failures, down with passes, never checked, or down for the first
 * failures of its life) the fast interval applies.
 */
#ifndef WELDR_HEALTH_RULE_H
#define WELDR_HEALTH_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct health_rule {
    bool up;
    bool waits;        /* down, since it never passed */
    bool was_down;     /* before a restart; no check has judged it since */
    bool has_passed;   /* ever */
    uint16_t failures; /* consecutive, capped at the limit */
    uint16_t passes;
};

struct health_limits {
    uint16_t failures, passes; /* at least 1 */
    uint32_t interval_ms, fast_interval_ms;
};

/* Counters 0; up, or waiting. */
void health_rule_init(struct health_rule *r, bool waits);
/* Counters 0; down, as before a restart. */
void health_rule_recall(struct health_rule *r);
/* Takes a result; true when up/down changed. */
bool health_rule_result(struct health_rule *r, const struct health_limits *limits, bool pass);
bool health_rule_is_between(const struct health_rule *r, const struct health_limits *limits);
/* Delay until the next check: interval, or between states the fast interval where it is
 * shorter; spread ±10 % by jitter (0 … UINT32_MAX maps to -10 … +10 %). */
uint32_t health_rule_delay_ms(const struct health_rule *r, const struct health_limits *limits,
                              uint32_t jitter);

#endif
