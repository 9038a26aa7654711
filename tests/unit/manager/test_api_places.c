#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "manager/api_places.h"

static struct places all;
static struct place crowd[API_CONNS_MAX + 8];
static unsigned crowd_n;

static int start(void **state)
{
    (void)state;
    places_init(&all);
    memset(crowd, 0, sizeof(crowd));
    crowd_n = 0;
    return 0;
}

/* NULL: no room. *victim may be NULL. */
static struct place *come(bool is_known, uint64_t now_ms, struct place **victim)
{
    struct place *who = &crowd[crowd_n];

    if (!places_make_room(&all, is_known, now_ms, victim))
        return NULL;
    places_enter(&all, who, is_known, now_ms);
    crowd_n++;
    return who;
}

static void fill(unsigned n, bool is_known)
{
    struct place *victim;

    for (unsigned i = 0; i < n; i++) {
        assert_non_null(come(is_known, i, &victim));
        assert_null(victim);
    }
}

static void test_room_for_all(void **state)
{
    (void)state;
    fill(API_STRANGERS_MAX, false);
    fill(API_CONNS_MAX - API_STRANGERS_MAX, true);
    assert_int_equal(all.n, API_CONNS_MAX);
    for (unsigned i = 0; i < crowd_n; i++)
        places_leave(&all, &crowd[i]);
    places_leave(&all, &crowd[0]);
    assert_int_equal(all.n + all.stranger_n, 0);
}

static void test_strangers_displace_each_other(void **state)
{
    struct place *victim;

    (void)state;
    fill(API_STRANGERS_MAX, false);
    assert_non_null(come(false, 5000, &victim));
    assert_ptr_equal(victim, &crowd[0]);
    places_move(&all, &crowd[1], PLACE_BUSY, 6000);
    places_move(&all, &crowd[1], PLACE_IDLE, 6001); /* begins anew */
    assert_non_null(come(false, 6002, &victim));
    assert_ptr_equal(victim, &crowd[2]);
    assert_int_equal(all.stranger_n, API_STRANGERS_MAX);
}

static void test_strangers_displace_nobody_known(void **state)
{
    struct place *victim;

    (void)state;
    fill(API_CONNS_MAX, true);
    assert_null(come(false, 5000, &victim));
    assert_null(victim);
    assert_int_equal(all.n, API_CONNS_MAX);
}

static void test_known_displace_strangers_first(void **state)
{
    struct place *victim;

    (void)state;
    fill(API_CONNS_MAX - 2, true);
    fill(2, false);
    for (unsigned i = 0; i < 2; i++) {
        assert_non_null(come(true, 5000, &victim));
        assert_ptr_equal(victim, &crowd[API_CONNS_MAX - 2 + i]);
    }
    assert_non_null(come(true, 5000, &victim));
    assert_ptr_equal(victim, &crowd[0]);
}

static void test_a_token_makes_known(void **state)
{
    struct place *victim;

    (void)state;
    fill(API_STRANGERS_MAX, false);
    places_know(&all, &crowd[0]);
    places_know(&all, &crowd[0]);
    assert_int_equal(all.stranger_n, API_STRANGERS_MAX - 1);
    assert_non_null(come(false, 5000, &victim));
    assert_null(victim);
    assert_non_null(come(false, 5001, &victim));
    assert_ptr_equal(victim, &crowd[1]);
}

static void test_work_in_progress_stays(void **state)
{
    struct place *victim;

    (void)state;
    fill(API_CONNS_MAX, true);
    for (unsigned i = 0; i < API_CONNS_MAX; i++)
        places_move(&all, &crowd[i], i % 2 ? PLACE_BUSY : PLACE_SENDING, 10000);
    assert_null(come(true, 10000 + API_STUCK_MS - 1, &victim));
    places_move(&all, &crowd[0], PLACE_SENDING, 10500); /* takes something */
    assert_non_null(come(true, 10000 + API_STUCK_MS, &victim));
    assert_ptr_equal(victim, &crowd[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_room_for_all, start),
        cmocka_unit_test_setup(test_strangers_displace_each_other, start),
        cmocka_unit_test_setup(test_strangers_displace_nobody_known, start),
        cmocka_unit_test_setup(test_known_displace_strangers_first, start),
        cmocka_unit_test_setup(test_a_token_makes_known, start),
        cmocka_unit_test_setup(test_work_in_progress_stays, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
