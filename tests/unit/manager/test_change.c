#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "fixture.h"
#include "pool/pool_code.h"

/* A change from its proposal to its end, with an engine that does as it is told. */

static struct manager *m;
static const struct delayed_options calm = {.seed = 1};

struct waiter {
    unsigned told_n;
    int error;
    struct pool_outcome outcome;
    bool keeps; /* does not end the change when it is told */
};

static void on_change(struct change *ch)
{
    struct waiter *w = ch->waiter;

    w->told_n++;
    w->error = ch->error;
    w->outcome = ch->outcome;
    if (!w->keeps)
        change_end(ch);
}

static struct change *make(const char *body)
{
    struct pool_command c;
    struct pool_error refusal;
    struct change *ch;

    assert_int_equal(pool_code_add_from_json(span_from_str(body), &c, &refusal), 0);
    assert_int_equal(change_new(m, &c, &ch), 0);
    pool_command_fini(&c);
    return ch;
}

#define UNCHECKED(port) "{\"url\":\"http://127.0.0.1:" port "\",\"check\":{\"type\":\"none\"}}"

static uint32_t server_n(void)
{
    return m->pool->pools[0]->server_n;
}

static void run_until_told(const struct waiter *w)
{
    for (unsigned n = 0; w->told_n == 0; n++) {
        assert_true(n < 1000000);
        (void)loop_turn(m->loop, 0);
    }
    assert_int_equal(w->told_n, 1);
}

static int setup(void **state)
{
    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_stop(m);
    return 0;
}

static void fire(struct change *ch)
{
    timer_stop(loop_timers(m->loop), &ch->timer);
    ch->timer.on_fire(&ch->timer);
}

/* ---- tests ---- */

static void test_takes_as_long_as_it_takes(void **state)
{
    struct waiter w = {0};

    (void)state;
    change_propose(make(UNCHECKED("1")), on_change, &w);
    assert_int_equal(w.told_n, 0);
    assert_int_equal(server_n(), 0);
    run_until_told(&w);
    assert_int_equal(w.error, 0);
    assert_int_equal(w.outcome.change, POOL_CHANGE_ADDED);
    assert_int_equal(server_n(), 1);
    assert_int_equal(m->changes->n, 0);
}

static void test_at_once_with_solo(void **state)
{
    struct waiter w = {0};

    (void)state;
    m = fixture_start(ENGINE_SOLO, NULL);
    change_propose(make(UNCHECKED("1")), on_change, &w);
    assert_int_equal(w.told_n, 1);
    assert_int_equal(w.error, 0);
    assert_int_equal(m->changes->n, 0);
    fixture_stop(m);
}

/* Whoever leaves loses nothing, whenever that is. */
static void test_goes_on_alone(void **state)
{
    struct waiter w = {0};
    struct change *ch = make(UNCHECKED("1"));

    (void)state;
    change_propose(ch, on_change, &w);
    change_end(ch);
    for (unsigned n = 0; m->changes->n > 0; n++) {
        assert_true(n < 1000);
        (void)loop_turn(m->loop, 0);
    }
    assert_int_equal(server_n(), 1);
    assert_int_equal(w.told_n, 0);
    ch = make(UNCHECKED("2"));
    change_end(ch); /* never proposed */
    assert_int_equal(m->changes->n, 0);
}

/* Stored, and then there is no leader: proposed again, applied once. */
static void test_proposed_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct change *ch = make(i % 2 == 0 ? UNCHECKED("1") : UNCHECKED("2"));
        struct waiter w = {0};

        change_propose(ch, on_change, &w);
        delayed_lose(m->cluster);
        assert_int_equal(w.told_n, 0);
        while (w.told_n == 0 && ch->phase == CHANGE_PAUSED) {
            (void)loop_turn(m->loop, 0);
            if (w.told_n == 0 && ch->phase == CHANGE_PAUSED)
                fire(ch); /* at once, before anybody knows about the last try */
        }
        run_until_told(&w);
        assert_int_equal(w.error, 0);
        assert_int_equal(w.outcome.change, i < 2 ? POOL_CHANGE_ADDED : POOL_CHANGE_NONE);
    }
    fixture_turns(m, 1000);
    assert_true(m->cluster->ops->index(m->cluster) > 50); /* some were committed twice */
    assert_int_equal(server_n(), 2);
}

/* Its entry is committed after all while it pauses: that is noticed. */
static void test_committed_while_it_pauses(void **state)
{
    struct waiter w = {0};
    struct change *ch = make(UNCHECKED("1"));

    (void)state;
    change_propose(ch, on_change, &w);
    delayed_lose(m->cluster);
    assert_int_equal(ch->phase, CHANGE_PAUSED);
    assert_int_equal(servers_on_commit(m, 1, span_from(ch->bytes, ch->len)), 0);
    assert_int_equal(w.told_n, 0); /* not within a callback of the engine */
    run_until_told(&w);
    assert_int_equal(w.error, 0);
    assert_int_equal(w.outcome.change, POOL_CHANGE_ADDED);
}

/* Nobody can say: that is said in time, and the engine may still answer. */
static void test_not_confirmed_in_time(void **state)
{
    struct waiter w = {.keeps = false};
    struct waiter kept = {.keeps = true};
    struct change *ch = make(UNCHECKED("1"));
    struct change *other = make(UNCHECKED("2"));

    (void)state;
    change_propose(ch, on_change, &w);
    change_propose(other, on_change, &kept);
    fire(ch);
    fire(other);
    assert_int_equal(w.error, WERR_OUTCOME_UNKNOWN);
    assert_int_equal(kept.error, WERR_OUTCOME_UNKNOWN);
    assert_int_equal(m->changes->n, 2);
    for (unsigned n = 0; m->changes->n > 1; n++) {
        assert_true(n < 1000);
        (void)loop_turn(m->loop, 0);
    }
    fixture_turns(m, 100);
    assert_int_equal(server_n(), 2);
    assert_int_equal(w.told_n + kept.told_n, 2);
    change_end(other);
    assert_int_equal(m->changes->n, 0);
}

/* What may be stored is not called refused because the last try was. */
static void test_unknown_stays_unknown(void **state)
{
    struct waiter w = {0};
    struct change *ch = make(UNCHECKED("1"));

    (void)state;
    change_propose(ch, on_change, &w);
    delayed_lose(m->cluster);
    assert_int_equal(ch->phase, CHANGE_PAUSED);
    fire(ch); /* refused: nobody leads */
    assert_int_equal(ch->phase, CHANGE_PAUSED);
    assert_int_equal(ch->error, WERR_NOT_LEADER);
    ch->until_ms = loop_now_ms(m->loop);
    fire(ch);
    assert_int_equal(w.error, WERR_OUTCOME_UNKNOWN);
}

static void test_refusals(void **state)
{
    struct waiter w = {0};

    (void)state;
    delayed_fill(m->cluster, true);
    change_propose(make(UNCHECKED("1")), on_change, &w);
    assert_int_equal(w.error, WERR_NO_SPACE);
    delayed_fill(m->cluster, false);
}

/* Nobody leads for so long that an election would be over: nothing was done, and that is said
 * long before a change's time is over. */
static void test_without_a_leader(void **state)
{
    struct waiter w = {0};
    struct change *ch;

    (void)state;
    delayed_lose(m->cluster);
    ch = make(UNCHECKED("1"));
    change_propose(ch, on_change, &w);
    assert_int_equal(ch->phase, CHANGE_PAUSED);
    assert_int_equal(w.told_n, 0);
    assert_true(ch->patient_until_ms - loop_now_ms(m->loop) <
                (uint64_t)CHANGE_ELECTIONS * CHANGE_ELECTION_MS + 1);
    ch->patient_until_ms = loop_now_ms(m->loop);
    fire(ch);
    assert_int_equal(w.told_n, 1);
    assert_int_equal(w.error, WERR_NOT_LEADER);
    assert_int_equal(server_n(), 0);
}

static void test_ends_with_the_engine(void **state)
{
    struct waiter proposed = {0}, paused = {0};

    (void)state;
    m = fixture_start(ENGINE_DELAYED, &calm);
    change_propose(make(UNCHECKED("1")), on_change, &paused);
    delayed_lose(m->cluster);
    fixture_run_until_led(m);
    change_propose(make(UNCHECKED("2")), on_change, &proposed);
    fixture_stop(m);
    assert_int_equal(proposed.told_n, 1);
    assert_int_equal(proposed.error, WERR_SHUTTING_DOWN);
    assert_int_equal(paused.told_n, 1);
}

static void test_as_many_as_are_remembered(void **state)
{
    static struct change *many[CHANGES_MAX];
    struct pool_command c;
    struct change *ch;

    (void)state;
    for (unsigned i = 0; i < CHANGES_MAX; i++)
        many[i] = make(UNCHECKED("1"));
    pool_command_init(&c, POOL_REMOVE_SERVER);
    assert_int_equal(change_new(m, &c, &ch), WERR_AGAIN);
    for (unsigned i = 0; i < CHANGES_MAX; i++)
        change_end(many[i]);
    assert_int_equal(change_new(m, &c, &ch), 0);
    change_end(ch);
    pool_command_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_takes_as_long_as_it_takes, setup, teardown),
        cmocka_unit_test(test_at_once_with_solo),
        cmocka_unit_test_setup_teardown(test_goes_on_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proposed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_committed_while_it_pauses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_confirmed_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_stays_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_leader, setup, teardown),
        cmocka_unit_test(test_ends_with_the_engine),
        cmocka_unit_test_setup_teardown(test_as_many_as_are_remembered, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
