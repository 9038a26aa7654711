#include "../base/cm.h"
#include "stats/flight.h"

static void test_the_last_events_are_there(void **state)
{
    static struct flight f;
    struct flight_event e;

    (void)state;
    assert_false(flight_read(&f, 0, &e));
    for (uint64_t i = 1; i <= 3ULL * FLIGHT_EVENTS; i++)
        flight_note(&f, i * 1024, FLIGHT_END, i % 7, i);
    for (unsigned i = 0; i < FLIGHT_EVENTS - 1; i++) {
        assert_true(flight_read(&f, i, &e));
        assert_int_equal(e.what, FLIGHT_END);
        assert_int_equal(e.b, 3 * FLIGHT_EVENTS - i);
        assert_int_equal(e.a, e.b % 7);
    }
    assert_false(flight_read(&f, FLIGHT_EVENTS - 1, &e));
}

/* Its writer died in the middle of an event: it was not counted yet. */
static void test_a_torn_event_is_not_seen(void **state)
{
    static struct flight f;
    struct flight_event e;

    (void)state;
    flight_note(&f, 0, FLIGHT_DRAIN, 1, 2);
    f.ring[1] = (struct flight_event){.what = FLIGHT_END, .b = 99};
    assert_true(flight_read(&f, 0, &e));
    assert_int_equal(e.what, FLIGHT_DRAIN);
    assert_false(flight_read(&f, 1, &e));
}

static void test_nonsense_is_left_out(void **state)
{
    static struct flight f = {.n = UINT64_MAX};
    struct flight_event e;

    (void)state;
    for (unsigned i = 0; i < FLIGHT_EVENTS; i++)
        f.ring[i].what = (uint16_t)(FLIGHT_KINDS + i);
    for (unsigned i = 0; i < FLIGHT_EVENTS + 2; i++)
        assert_false(flight_read(&f, i, &e));
}

static void test_ages(void **state)
{
    static struct flight f;
    struct flight_event e;
    const uint64_t late_us = (1ULL << 42) + 5; /* the clock of the ring has gone round */

    (void)state;
    flight_note(&f, late_us - 3000000, FLIGHT_SIGNAL, 1, 2);
    assert_true(flight_read(&f, 0, &e));
    assert_in_range(flight_age_ms(&e, late_us), 2998, 3002);
    assert_string_equal(flight_facts(&e)->text, "signal");
    assert_string_equal(flight_facts(&e)->a, "signal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_events_are_there),
        cmocka_unit_test(test_a_torn_event_is_not_seen),
        cmocka_unit_test(test_nonsense_is_left_out),
        cmocka_unit_test(test_ages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
