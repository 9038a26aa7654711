#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "manager/fresh.h"

/* Reads that wait for a barrier, with an engine that takes its time. */

static const struct delayed_options calm = {.seed = 1};

struct read {
    struct fresh_waiter w; /* first */
    unsigned told_n;
    int error;
    struct read *next; /* asked for when this one is told */
};

static struct manager *m;
static struct fresh fresh;

static void on_fresh(struct fresh_waiter *w, int error)
{
    struct read *r = (struct read *)w;

    r->told_n++;
    r->error = error;
    if (r->next != NULL)
        fresh_wait(m, &r->next->w, on_fresh);
}

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    fresh_init(&fresh, m);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timer_stop(loop_timers(m->loop), &fresh.timer);
    fixture_stop(m);
    return 0;
}

static void run_until_told(const struct read *r)
{
    for (unsigned n = 0; r->told_n == 0; n++) {
        assert_true(n < 100000);
        (void)loop_turn(m->loop, 1);
    }
}

/* Those that come while a barrier is on its way wait for the next one, together. */
static void test_share(void **state)
{
    struct read first = {.told_n = 0}, second = {.told_n = 0}, third = {.told_n = 0};

    (void)state;
    fresh_wait(m, &first.w, on_fresh);
    assert_true(fresh.is_asking && first.w.is_covered);
    fresh_wait(m, &second.w, on_fresh);
    fresh_wait(m, &third.w, on_fresh);
    assert_false(second.w.is_covered || third.w.is_covered);
    run_until_told(&first);
    assert_int_equal(first.error, 0);
    assert_int_equal(second.told_n + third.told_n, 0);
    run_until_told(&second);
    assert_int_equal(third.told_n, 1);
    assert_int_equal(second.error, 0);
    assert_true(TAILQ_EMPTY(&fresh.waiters));
}

/* Who asks anew when it is told is not covered by the barrier that has just ended. */
static void test_anew(void **state)
{
    struct read second = {.told_n = 0}, first = {.next = &second};

    (void)state;
    fresh_wait(m, &first.w, on_fresh);
    run_until_told(&first);
    assert_int_equal(second.told_n, 0);
    run_until_told(&second);
    assert_int_equal(second.error, 0);
}

static void test_without_a_leader(void **state)
{
    struct read r = {.told_n = 0};

    (void)state;
    delayed_lose(m->cluster);
    fresh_wait(m, &r.w, on_fresh);
    assert_int_equal(r.told_n, 0);
    r.w.since_ms -= change_patience_ms(m);
    timer_stop(loop_timers(m->loop), &fresh.timer);
    fresh.timer.on_fire(&fresh.timer);
    assert_int_equal(r.told_n, 1);
    assert_int_equal(r.error, WERR_NOT_LEADER);
}

/* A leader comes in time. */
static void test_tried_again(void **state)
{
    struct read r = {.told_n = 0};

    (void)state;
    delayed_lose(m->cluster);
    fresh_wait(m, &r.w, on_fresh);
    assert_false(r.w.is_covered);
    fixture_run_until_led(m);
    run_until_told(&r);
    assert_int_equal(r.error, 0);
}

static void test_cancelled(void **state)
{
    struct read r = {.told_n = 0};

    (void)state;
    fresh_wait(m, &r.w, on_fresh);
    fresh_cancel(m, &r.w);
    fresh_cancel(m, &r.w);
    fixture_turns(m, 100);
    assert_int_equal(r.told_n, 0);
}

static void test_at_once_with_solo(void **state)
{
    struct read r = {.told_n = 0};

    (void)state;
    m = fixture_start(ENGINE_SOLO, NULL);
    fresh_init(&fresh, m);
    fresh_wait(m, &r.w, on_fresh);
    assert_int_equal(r.told_n, 1);
    assert_int_equal(r.error, 0);
    fresh_fini(&fresh);
    fixture_stop(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_share, setup, teardown),
        cmocka_unit_test_setup_teardown(test_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_leader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
        cmocka_unit_test(test_at_once_with_solo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
