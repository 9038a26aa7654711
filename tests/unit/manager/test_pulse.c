#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "manager/pulse.h"
#include "net/listen.h"

/* Two slots with a process that nobody needs, whose other ends are read here, if at all. */

enum { SLOTS = 2 };

static struct loop *loop;
static struct slots slots;
static struct pulse pulse;
static int worker_fds[SLOTS];
static struct slot *silent;
static unsigned silent_n, change_n;

static void on_silent(void *arg, struct slot *slot)
{
    (void)arg;
    silent = slot;
    silent_n++;
}

static void on_change(void *arg)
{
    (void)arg;
    change_n++;
}

static const struct manager_channel_ops no_ops;

static int setup(void **state)
{
    const struct pulse_hooks hooks = {.on_silent = on_silent, .on_change = on_change};

    (void)state;
    loop = loop_epoll_new();
    assert_non_null(loop);
    slots = (struct slots){.loop = loop, .n = SLOTS};
    slots.list = calloc(SLOTS, sizeof(slots.list[0]));
    assert_non_null(slots.list);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &slots.list[i];
        int pair[2];

        assert_int_equal(listen_pair(pair), 0);
        worker_fds[i] = pair[1];
        slot_init(slot, &slots, i, &no_ops);
        manager_channel_open(&slot->channel, pair[0]);
        slot->state = SLOT_RUNNING;
        slot->pid = getpid();
    }
    silent = NULL;
    silent_n = change_n = 0;
    pulse_init(&pulse, &slots, &hooks);
    pulse_start(&pulse);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pulse_stop(&pulse);
    for (unsigned i = 0; i < SLOTS; i++) {
        manager_channel_close(&slots.list[i].channel);
        (void)close(worker_fds[i]);
    }
    (void)loop_turn(loop, 0);
    (void)loop_turn(loop, 0);
    free(slots.list);
    loop_free(loop);
    return 0;
}

/* A second has passed; the second worker says something in it, the first does not. */
static void beat(void)
{
    slots.list[1].channel.heard_n++;
    timer_stop(loop_timers(loop), &pulse.timer);
    pulse.timer.on_fire(&pulse.timer);
}

static void test_silent_worker(void **state)
{
    (void)state;
    beat(); /* asks for the first time */
    for (unsigned i = 0; i < SLOT_DOUBTFUL_N; i++) {
        assert_true(slot_serves(&slots.list[0]));
        beat();
    }
    assert_false(slot_serves(&slots.list[0]));
    assert_int_equal(slots_count_serving(&slots), 1);
    for (unsigned i = SLOT_DOUBTFUL_N; i < PULSE_SILENT_N; i++) {
        assert_int_equal(silent_n, 0);
        beat();
    }
    assert_int_equal(silent_n, 1);
    assert_ptr_equal(silent, &slots.list[0]);
    assert_int_equal(change_n, 1 + PULSE_SILENT_N);
}

static void test_answer_of_a_doubtful_one(void **state)
{
    (void)state;
    pulse_heard(&pulse, &slots.list[0]);
    assert_int_equal(change_n, 0); /* nobody had doubted it */
    for (unsigned i = 0; i <= SLOT_DOUBTFUL_N; i++)
        beat();
    change_n = 0;
    pulse_heard(&pulse, &slots.list[0]);
    assert_true(slot_serves(&slots.list[0]));
    assert_int_equal(change_n, 1);
}

static void test_new_worker_gets_longer(void **state)
{
    (void)state;
    slots.list[0].state = SLOT_SYNCING;
    for (unsigned i = 0; i < PULSE_NEW_SILENT_N; i++)
        beat();
    assert_int_equal(silent_n, 0);
    beat();
    assert_int_equal(silent_n, 1);
}

/* The machine was suspended: that second counts for nobody. */
static void test_late_pulse(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PULSE_SILENT_N; i++)
        beat();
    pulse.last_ms = 0;
    beat();
    assert_int_equal(silent_n, 0);
    assert_int_equal(slots.list[0].silent_n, 0);
}

static void test_condemned_is_left_alone(void **state)
{
    (void)state;
    slots.list[0].is_condemned = true;
    for (unsigned i = 0; i < 2 * PULSE_SILENT_N; i++)
        beat();
    assert_int_equal(silent_n, 0);
    assert_false(slot_serves(&slots.list[0]));
    assert_false(slot_takes_updates(&slots.list[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_silent_worker, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answer_of_a_doubtful_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_worker_gets_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_pulse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_condemned_is_left_alone, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
