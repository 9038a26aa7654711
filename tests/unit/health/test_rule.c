#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/rule.h"

static const struct health_limits limits = {
    .failures = 3, .passes = 2, .interval_ms = 30000, .fast_interval_ms = 2000};

/* results: + pass, - failure; states after each: U up, D down; between: b when between states,
 * else a point. */
static const struct {
    struct health_limits limits;
    const char *results, *states, *between;
    bool waits;
} runs[] = {
    {{3, 2, 0, 0}, "++++", "UUUU", "....", false},
    {{3, 2, 0, 0}, "+---", "UUUD", ".bb.", false},
    {{3, 2, 0, 0}, "+------", "UUUDDDD", ".bb....", false},
    {{3, 2, 0, 0}, "+---++", "UUUDDU", ".bb.b.", false},
    {{3, 2, 0, 0}, "+---+++---", "UUUDDUUUUD", ".bb.b..bb.", false},
    /* A flap resets the failures … */
    {{3, 2, 0, 0}, "+--+--", "UUUUUU", ".bb.bb", false},
    {{3, 2, 0, 0}, "+--+--+--+", "UUUUUUUUUU", ".bb.bb.bb.", false},
    {{3, 2, 0, 0}, "+--+---", "UUUUUUD", ".bb.bb.", false},
    /* … and the passes. */
    {{3, 2, 0, 0}, "+---+-+-+", "UUUDDDDDD", ".bb.b.b.b", false},
    {{3, 2, 0, 0}, "+---+-++", "UUUDDDDU", ".bb.b.b.", false},
    /* After coming back, down takes three again. */
    {{3, 2, 0, 0}, "+---++--", "UUUDDUUU", ".bb.b.bb", false},
    {{1, 1, 0, 0}, "-+-+", "DUDU", "....", false},
    {{1, 1, 0, 0}, "+--++", "UDDUU", ".....", false},
    {{1, 3, 0, 0}, "-++-+++", "DDDDDDU", ".bb.bb.", false},
    {{5, 1, 0, 0}, "+-----+", "UUUUUDU", ".bbbb..", false},
    /* What never passed is out with its first failure, and asked again soon for a while. */
    {{3, 2, 0, 0}, "-", "D", "b", false},
    {{3, 2, 0, 0}, "------", "DDDDDD", "bb....", false},
    {{3, 2, 0, 0}, "-++--", "DDUUU", "bb.bb", false},
    {{3, 2, 0, 0}, "-+--++", "DDDDDU", "bb..b.", false},
    {{3, 2, 0, 0}, "--++---", "DDDUUUD", "bbb.bb.", false},
    /* What waits is in with its first pass. */
    {{3, 2, 0, 0}, "+", "U", ".", true},
    {{3, 2, 0, 0}, "+---", "UUUD", ".bb.", true},
    {{3, 2, 0, 0}, "-+", "DU", "b.", true},
    {{3, 2, 0, 0}, "-----+", "DDDDDU", "bb....", true},
    {{3, 2, 0, 0}, "+---+", "UUUDD", ".bb.b", true},
};

static void test_runs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        struct health_rule r;
        health_rule_init(&r, runs[i].waits);
        for (unsigned k = 0; runs[i].results[k] != '\0'; k++) {
            bool was_up = r.up;
            bool has_changed =
                health_rule_result(&r, &runs[i].limits, runs[i].results[k] == '+');
            if (r.up != (runs[i].states[k] == 'U') ||
                health_rule_is_between(&r, &runs[i].limits) != (runs[i].between[k] == 'b'))
                fail_msg("%s: result %u", runs[i].results, k);
            assert_int_equal(has_changed, r.up != was_up);
        }
    }
}

static void test_new_is_up_and_between(void **state)
{
    (void)state;
    struct health_rule r;
    health_rule_init(&r, false);
    assert_true(r.up);
    assert_true(health_rule_is_between(&r, &limits));
}

static void test_waiting_is_down_and_between(void **state)
{
    (void)state;
    struct health_rule r;
    health_rule_init(&r, true);
    assert_false(r.up);
    assert_true(health_rule_is_between(&r, &limits));
}

/* What was down before a restart: its first check decides. */
static void test_recalled_is_down_until_it_passes(void **state)
{
    (void)state;
    struct health_rule r;
    health_rule_recall(&r);
    assert_true(!r.up && r.was_down && !r.waits);
    assert_true(health_rule_is_between(&r, &limits));
    assert_true(health_rule_result(&r, &limits, true));
    assert_true(r.up && !r.was_down);
    health_rule_recall(&r);
    assert_false(health_rule_result(&r, &limits, false));
    assert_true(!r.up && !r.was_down);
    assert_false(health_rule_result(&r, &limits, true)); /* as any other that is down */
    assert_true(health_rule_result(&r, &limits, true));
}

static void test_counters_are_capped(void **state)
{
    (void)state;
    struct health_rule r;
    health_rule_init(&r, false);
    for (unsigned i = 0; i < 100000; i++)
        (void)health_rule_result(&r, &limits, false);
    assert_int_equal(r.failures, limits.failures);
    assert_int_equal(r.passes, 0);
    for (unsigned i = 0; i < 100000; i++)
        (void)health_rule_result(&r, &limits, true);
    assert_int_equal(r.passes, limits.passes);
    assert_int_equal(r.failures, 0);
}

/* Limits may change between two results. */
static void test_limits_change(void **state)
{
    (void)state;
    struct health_rule r;
    struct health_limits looser = limits;
    looser.failures = 10;
    health_rule_init(&r, false);
    (void)health_rule_result(&r, &limits, true);
    assert_false(health_rule_result(&r, &looser, false));
    assert_false(health_rule_result(&r, &looser, false));
    assert_false(health_rule_result(&r, &looser, false));
    assert_false(health_rule_result(&r, &looser, false));
    assert_true(health_rule_result(&r, &limits, false));
    assert_false(r.up);
}

static void test_delays(void **state)
{
    (void)state;
    static const struct {
        uint32_t interval, fast, jitter;
        uint32_t steady, between;
    } cases[] = {
        {30000, 2000, 0, 27000, 1800},
        {30000, 2000, UINT32_MAX, 33000, 2200},
        {30000, 2000, 1U << 31, 30000, 2000},
        {100, 2000, 0, 90, 90},
        {100, 2000, UINT32_MAX, 110, 110},
        {3600000, 100, UINT32_MAX, 3960000, 110},
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {9, 9, UINT32_MAX, 9, 9},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct health_limits l = {3, 2, cases[i].interval, cases[i].fast};
        struct health_rule r;
        health_rule_init(&r, false);
        assert_int_equal(health_rule_delay_ms(&r, &l, cases[i].jitter), cases[i].between);
        (void)health_rule_result(&r, &l, true);
        assert_int_equal(health_rule_delay_ms(&r, &l, cases[i].jitter), cases[i].steady);
    }
}

/* Over the whole range of jitter the delay grows, stays within ten per cent and uses both ends.
 */
static void test_jitter_is_even(void **state)
{
    (void)state;
    struct health_rule r;
    uint32_t last = 0;
    uint64_t sum = 0;
    enum { STEPS = 4096 };
    health_rule_init(&r, false);
    for (uint64_t i = 0; i < STEPS; i++) {
        uint32_t delay =
            health_rule_delay_ms(&r, &limits, (uint32_t)(i * (UINT32_MAX / (STEPS - 1))));
        assert_in_range(delay, 1800, 2200);
        assert_true(delay >= last);
        last = delay;
        sum += delay;
    }
    assert_int_equal(last, 2200);
    assert_in_range(sum / STEPS, 1998, 2002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_new_is_up_and_between),
        cmocka_unit_test(test_waiting_is_down_and_between),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_recalled_is_down_until_it_passes),
        cmocka_unit_test(test_counters_are_capped),
        cmocka_unit_test(test_limits_change),
        cmocka_unit_test(test_jitter_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
