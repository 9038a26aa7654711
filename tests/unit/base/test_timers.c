#include "cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "base/timers.h"

#define HOUR_MS UINT64_C(3600000)

static struct timers wheel;

/* A timer that counts, and does one thing to another when it fires. */
struct probe {
    struct timer timer;
    unsigned fired_n;
    struct timer *other;
    bool stops_other, sets_other;
    uint64_t other_due_ms;
};

static void on_probe(struct timer *t)
{
    struct probe *p = (struct probe *)t;
    p->fired_n++;
    assert_false(timer_is_set(t) && !p->sets_other);
    if (p->stops_other)
        timer_stop(&wheel, p->other);
    if (p->sets_other)
        timer_set(&wheel, p->other, p->other_due_ms);
}

static void setup(struct probe *probes, size_t n, uint64_t now_ms)
{
    timers_init(&wheel, now_ms);
    for (size_t i = 0; i < n; i++) {
        probes[i] = (struct probe){0};
        timer_init(&probes[i].timer, on_probe);
    }
}

static void test_fires_once_when_due(void **state)
{
    static const uint64_t deltas[] = {1,    2,      63,           64,         65,        4095,
                                      4096, 262144, 10 * HOUR_MS, 1ULL << 36, 1ULL << 50};
    static const uint64_t starts[] = {0, 1, 63, 64, 1000003, (1ULL << 36) - 1, (1ULL << 36)};
    (void)state;
    for (size_t i = 0; i < COUNT(deltas) * COUNT(starts); i++) {
        uint64_t now_ms = starts[i % COUNT(starts)];
        uint64_t due_ms = now_ms + deltas[i / COUNT(starts)];
        struct probe p;
        setup(&p, 1, now_ms);
        assert_true(timers_next_ms(&wheel) == UINT64_MAX);
        timer_set(&wheel, &p.timer, due_ms);
        assert_true(timer_is_set(&p.timer));
        assert_int_equal(timers_run(&wheel, due_ms - 1), 0);
        assert_true(timers_next_ms(&wheel) == due_ms);
        assert_int_equal(timers_run(&wheel, due_ms), 1);
        assert_false(timer_is_set(&p.timer));
        assert_true(timers_next_ms(&wheel) == UINT64_MAX);
        assert_int_equal(timers_run(&wheel, due_ms + HOUR_MS), 0);
        assert_int_equal(p.fired_n, 1);
    }
}

/* Sleeping till timers_next_ms again and again gets there, in few wake-ups, and not a ms late.
 */
static void test_next_ms_leads_to_the_due_time(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 63; bit++) {
        uint64_t now_ms = 12345, due_ms = now_ms + (1ULL << bit) + bit;
        unsigned wakeups = 0;
        struct probe p;
        setup(&p, 1, now_ms);
        timer_set(&wheel, &p.timer, due_ms);
        while (p.fired_n == 0) {
            now_ms = timers_next_ms(&wheel);
            assert_true(now_ms <= due_ms);
            (void)timers_run(&wheel, now_ms);
            assert_true(++wakeups <= TIMERS_LEVELS);
        }
        assert_true(now_ms == due_ms);
    }
}

static void test_past_and_present_fire_in_the_next_run(void **state)
{
    static const uint64_t dues[] = {0, 50, 100};
    (void)state;
    for (size_t i = 0; i < COUNT(dues); i++) {
        struct probe p;
        setup(&p, 1, 100);
        timer_set(&wheel, &p.timer, dues[i]);
        assert_true(timers_next_ms(&wheel) <= 100);
        assert_int_equal(timers_run(&wheel, 100), 1);
        assert_int_equal(p.fired_n, 1);
    }
}

static void test_time_does_not_go_back(void **state)
{
    struct probe p;
    (void)state;
    setup(&p, 1, 1000);
    timer_set(&wheel, &p.timer, 1500);
    assert_int_equal(timers_run(&wheel, 10), 0);
    timer_set(&wheel, &p.timer, 500);
    assert_int_equal(timers_run(&wheel, 20), 1); /* 500 is over */
    timer_set(&wheel, &p.timer, 1500);
    assert_int_equal(timers_run(&wheel, 1499), 0);
    assert_int_equal(timers_run(&wheel, 1500), 1);
}

static void test_moving(void **state)
{
    struct probe p;
    (void)state;
    setup(&p, 1, 1000);
    timer_set(&wheel, &p.timer, 2000);
    timer_set(&wheel, &p.timer, 1100); /* earlier */
    assert_int_equal(timers_run(&wheel, 1099), 0);
    timer_set(&wheel, &p.timer, 5000); /* later: only the number changes */
    assert_true(timers_next_ms(&wheel) <= 5000);
    assert_int_equal(timers_run(&wheel, 4999), 0);
    assert_int_equal(timers_run(&wheel, 5000), 1);
    timer_set(&wheel, &p.timer, 4000); /* late already */
    timer_set(&wheel, &p.timer, 6000); /* and then not */
    assert_int_equal(timers_run(&wheel, 5500), 0);
    assert_int_equal(timers_run(&wheel, 6000), 1);
    assert_int_equal(p.fired_n, 2);
}

static void test_stopping(void **state)
{
    struct probe p[2];
    (void)state;
    setup(p, 2, 0);
    timer_stop(&wheel, &p[0].timer);
    timer_set(&wheel, &p[0].timer, 10);
    timer_set(&wheel, &p[1].timer, 10);
    timer_stop(&wheel, &p[0].timer);
    timer_stop(&wheel, &p[0].timer);
    assert_false(timer_is_set(&p[0].timer));
    assert_int_equal(timers_run(&wheel, 20), 1);
    assert_int_equal(p[0].fired_n, 0);
    timer_set(&wheel, &p[0].timer, 20);
    timer_stop(&wheel, &p[0].timer);
    assert_true(timers_next_ms(&wheel) == UINT64_MAX);
    assert_int_equal(timers_run(&wheel, 1000), 0);
}

/* The slot of a stopped timer is forgotten when its time is over, also when nothing was set
 * meanwhile. */
static void test_stopped_timers_wake_nobody_later(void **state)
{
    struct probe p;
    (void)state;
    setup(&p, 1, 0);
    timer_set(&wheel, &p.timer, 10);
    timer_stop(&wheel, &p.timer);
    assert_int_equal(timers_run(&wheel, 1000), 0);
    timer_set(&wheel, &p.timer, 6000);
    assert_true(timers_next_ms(&wheel) > 1000);
    assert_int_equal(timers_run(&wheel, 5999), 0);
    assert_int_equal(timers_run(&wheel, 6000), 1);
}

/* Both are due in the same ms; whichever fires first stops the other. */
static void test_callback_stops_one_of_the_same_tick(void **state)
{
    struct probe p[2];
    (void)state;
    setup(p, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        p[i].stops_other = true;
        p[i].other = &p[1 - i].timer;
        timer_set(&wheel, &p[i].timer, 77);
    }
    assert_int_equal(timers_run(&wheel, HOUR_MS), 1);
    assert_int_equal(p[0].fired_n + p[1].fired_n, 1);
    assert_false(timer_is_set(&p[0].timer) || timer_is_set(&p[1].timer));
}

/* As before, but the other is put off. */
static void test_callback_moves_one_of_the_same_tick(void **state)
{
    struct probe p[2];
    (void)state;
    setup(p, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        p[i].sets_other = true;
        p[i].other = &p[1 - i].timer;
        p[i].other_due_ms = 500;
        timer_set(&wheel, &p[i].timer, 77);
    }
    assert_int_equal(timers_run(&wheel, 77), 1);
    p[0].sets_other = p[1].sets_other = false;
    assert_int_equal(timers_run(&wheel, 499), 0);
    assert_int_equal(timers_run(&wheel, 500), 1);
    assert_int_equal(p[0].fired_n + p[1].fired_n, 2);
}

/* Late is late: moving what waits for its turn to another time that is over does not put it
 * off. */
static void test_callback_moves_one_of_the_same_tick_earlier(void **state)
{
    struct probe p[2];
    (void)state;
    setup(p, 2, 0);
    for (size_t i = 0; i < 2; i++) {
        p[i].sets_other = true;
        p[i].other = &p[1 - i].timer;
        p[i].other_due_ms = 50;
        timer_set(&wheel, &p[i].timer, 77);
    }
    assert_int_equal(timers_run(&wheel, 100), 2);
    assert_int_equal(p[0].fired_n, 1);
    assert_int_equal(p[1].fired_n, 1);
}

/* A timer that sets itself to now must not keep timers_run from returning. */
static void test_callback_sets_itself_to_now(void **state)
{
    struct probe p;
    (void)state;
    setup(&p, 1, 0);
    p.sets_other = true;
    p.other = &p.timer;
    p.other_due_ms = 5;
    timer_set(&wheel, &p.timer, 5);
    for (unsigned run = 1; run <= 3; run++) {
        assert_int_equal(timers_run(&wheel, 10), 1);
        assert_int_equal(p.fired_n, run);
        assert_true(timers_next_ms(&wheel) <= 10);
    }
}

static void on_fire_free(struct timer *t)
{
    free(t);
}

static void test_callback_frees_its_timer(void **state)
{
    struct timer *t = malloc(sizeof(*t));
    (void)state;
    timers_init(&wheel, 0);
    timer_init(t, on_fire_free);
    timer_set(&wheel, t, 3);
    assert_int_equal(timers_run(&wheel, 3), 1);
}

/* The wheel against a plain table: hundreds of timers, near and far, moved, stopped, also by
 * callbacks. */
enum { MODEL_TIMERS = 300, MODEL_STEPS = 30000 };

struct modelled {
    struct timer timer;
    bool is_set;     /* the model's view */
    bool is_waiting; /* set and due when this run began, not yet fired or stopped */
    bool is_moved;   /* set again by a callback of this run: may fire in it or in the next */
    uint64_t due_ms;
    uint64_t order; /* due time when this run began; what was late then comes first */
};

static struct modelled table[MODEL_TIMERS];
static struct rand_state dice;
static uint64_t model_now_ms, last_order;
static unsigned model_fired_n;

static uint64_t roll_due_ms(void)
{
    uint64_t shift =
        24 + rand_below(&dice, 40); /* drawn first, so that a seed means one play */
    uint64_t delta = rand_u64(&dice) >> shift;
    bool is_late = rand_below(&dice, 16) == 0;
    return is_late ? model_now_ms - rand_below(&dice, model_now_ms) : model_now_ms + delta;
}

static void model_set(struct modelled *m)
{
    m->due_ms = roll_due_ms();
    m->is_set = m->is_moved = true;
    timer_set(&wheel, &m->timer, m->due_ms);
}

static void model_stop(struct modelled *m)
{
    m->is_set = m->is_waiting = false;
    timer_stop(&wheel, &m->timer);
}

static void on_modelled(struct timer *t)
{
    struct modelled *m = (struct modelled *)t;
    assert_true(m->is_set && m->is_waiting && m->due_ms <= model_now_ms);
    assert_true(m->order >= last_order);
    last_order = m->order;
    m->is_set = m->is_waiting = false;
    model_fired_n++;
    if (rand_below(&dice, 2) == 0)
        model_set(m);
    if (rand_below(&dice, 4) == 0)
        model_set(&table[rand_below(&dice, MODEL_TIMERS)]);
    if (rand_below(&dice, 4) == 0)
        model_stop(&table[rand_below(&dice, MODEL_TIMERS)]);
}

static void model_run(uint64_t now_ms)
{
    uint64_t old_now_ms = model_now_ms;
    model_now_ms = now_ms;
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        struct modelled *m = &table[i];
        m->is_waiting = m->is_set && m->due_ms <= now_ms;
        m->is_moved = false;
        m->order = m->due_ms > old_now_ms ? m->due_ms : old_now_ms;
    }
    model_fired_n = 0;
    last_order = 0;
    unsigned fired_n = timers_run(&wheel, now_ms);
    assert_int_equal(fired_n, model_fired_n);
    for (size_t i = 0; i < MODEL_TIMERS; i++)
        assert_false(table[i].is_waiting && !table[i].is_moved);
}

static void check_model(void)
{
    uint64_t earliest_ms = UINT64_MAX;
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        assert_int_equal(timer_is_set(&table[i].timer), table[i].is_set);
        if (table[i].is_set && table[i].due_ms < earliest_ms)
            earliest_ms = table[i].due_ms;
    }
    uint64_t next_ms = timers_next_ms(&wheel);
    if (earliest_ms == UINT64_MAX)
        assert_true(next_ms == UINT64_MAX);
    else
        assert_true(next_ms <= (earliest_ms > model_now_ms ? earliest_ms : model_now_ms));
}

static uint64_t roll_step_ms(void)
{
    uint64_t shift = 30 + rand_below(&dice, 34);
    return rand_u64(&dice) >> shift;
}

static void play(uint64_t seed)
{
    rand_seed(&dice, seed);
    uint64_t shift = 20 + rand_below(&dice, 40);
    model_now_ms = 1 + (rand_u64(&dice) >> shift);
    timers_init(&wheel, model_now_ms);
    for (size_t i = 0; i < MODEL_TIMERS; i++) {
        table[i] = (struct modelled){0};
        timer_init(&table[i].timer, on_modelled);
    }
    for (unsigned step = 0; step < MODEL_STEPS; step++) {
        struct modelled *m = &table[rand_below(&dice, MODEL_TIMERS)];
        uint64_t what = rand_below(&dice, 16);
        if (what < 10)
            model_set(m);
        else if (what < 13)
            model_stop(m);
        else if (what < 14 && timers_next_ms(&wheel) != UINT64_MAX)
            model_run(timers_next_ms(&wheel));
        else
            model_run(model_now_ms + roll_step_ms());
        if (step % 8 == 0)
            check_model();
    }
}

static void test_random_play_against_a_table(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        play(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_once_when_due),
        cmocka_unit_test(test_next_ms_leads_to_the_due_time),
        cmocka_unit_test(test_past_and_present_fire_in_the_next_run),
        cmocka_unit_test(test_time_does_not_go_back),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_stopping),
        cmocka_unit_test(test_stopped_timers_wake_nobody_later),
        cmocka_unit_test(test_callback_stops_one_of_the_same_tick),
        cmocka_unit_test(test_callback_moves_one_of_the_same_tick),
        cmocka_unit_test(test_callback_moves_one_of_the_same_tick_earlier),
        cmocka_unit_test(test_callback_sets_itself_to_now),
        cmocka_unit_test(test_callback_frees_its_timer),
        cmocka_unit_test(test_random_play_against_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
