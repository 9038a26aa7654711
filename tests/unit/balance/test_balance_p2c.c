#include "balance_fixture.h"

#include "base/fault.h"
#include "base/rand.h"

static struct rand_state chance;

static void begin(struct balance *b, const uint32_t *weights, unsigned n)
{
    clear_seats();
    rand_seed(&chance, 5);
    balance_init(b, BALANCE_P2C, 0);
    set_weights(b, weights, n);
}

static int pick_at(struct balance *b, uint64_t now_us)
{
    const struct balance_ask ask = {.rand = &chance, .now_us = now_us};
    return index_of(balance_pick(b, &ask));
}

static void count_picks(struct balance *b, uint64_t now_us, unsigned *counts, unsigned n)
{
    memset(counts, 0, TARGETS * sizeof(*counts));
    for (unsigned i = 0; i < n; i++)
        counts[pick_at(b, now_us)]++;
}

/* Idle servers of one latency, known or not: by weight. */
static void test_idle_shares(void **state)
{
    (void)state;
    static const uint32_t lists[][4] = {{1, 1, 1, 1}, {1, 2, 3, 4}, {100, 100, 200, 100}};
    unsigned counts[TARGETS];
    struct balance b;
    for (unsigned i = 0; i < 6; i++) {
        const uint32_t *weights = lists[i / 2];
        unsigned total = weights[0] + weights[1] + weights[2] + weights[3];
        begin(&b, weights, 4);
        for (unsigned k = 0; k < 4 && i % 2 == 1; k++)
            balance_seat_heard(&seats[k], 1000, 0);
        count_picks(&b, 0, counts, 20000);
        for (unsigned k = 0; k < 4; k++)
            assert_in_range(counts[k], 19000 * weights[k] / total, 21000 * weights[k] / total);
        balance_fini(&b);
    }
}

/* Two servers: the slow one is never better, until nobody remembers. */
static void test_avoids_the_slow(void **state)
{
    (void)state;
    unsigned counts[TARGETS];
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1}, 2);
    balance_seat_heard(&seats[0], 1000, 0);
    balance_seat_heard(&seats[1], 50000, 0);
    count_picks(&b, 1000, counts, 1000);
    assert_int_equal(counts[0], 1000);
    balance_seat_heard(&seats[0], 1000, 100000000);
    count_picks(&b, 100000000, counts, 1000);
    assert_true(counts[1] > 900);
    balance_fini(&b);
}

/* One fast server does not get everything: what is in flight there counts. */
static void test_load_counts(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1}, 2);
    balance_seat_heard(&seats[0], 1000, 0);
    balance_seat_heard(&seats[1], 4000, 0);
    for (unsigned i = 0; i < 100; i++)
        balance_taken(&b, &seats[pick_at(&b, 0)]);
    assert_in_range(seats[0].in_flight, 78, 82);
    balance_fini(&b);
}

/* Under load what is in flight follows the weights, in whatever unit they are. */
static void test_loaded_shares(void **state)
{
    (void)state;
    static const uint32_t lists[][3] = {{1, 2, 1}, {64, 128, 64}};
    for (unsigned i = 0; i < 2; i++) {
        struct balance b;
        begin(&b, lists[i], 3);
        for (unsigned k = 0; k < 400; k++)
            balance_taken(&b, &seats[pick_at(&b, 0)]);
        assert_in_range(seats[1].in_flight, 190, 210);
        assert_in_range(seats[0].in_flight, 90, 110);
        balance_fini(&b);
    }
}

/* A newcomer, of which nothing is known, is not flooded. */
static void test_newcomer(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1, 1}, 4);
    for (unsigned i = 0; i < 4; i++)
        balance_seat_heard(&seats[i], 1000, 0);
    const struct balance_entry newcomer = entry_of(4, 1);
    assert_true(balance_add(&b, &newcomer));
    for (unsigned k = 0; k < 100; k++)
        balance_taken(&b, &seats[pick_at(&b, 0)]);
    assert_in_range(seats[4].in_flight, 10, 30);
    balance_fini(&b);
}

/* A peak counts at once and is forgotten by halves in 10 s. */
static void test_peak_ewma(void **state)
{
    (void)state;
    struct balance_seat seat = {0};
    balance_seat_heard(&seat, 1000, 1000000);
    assert_int_equal(seat.latency_us, 1000);
    balance_seat_heard(&seat, 9000, 1000001);
    assert_int_equal(seat.latency_us, 9000);
    balance_seat_heard(&seat, 1000, 1000001);
    assert_int_equal(seat.latency_us, 9000);
    balance_seat_heard(&seat, 1000, 11000001);
    assert_int_equal(seat.latency_us, 5000);
    balance_seat_heard(&seat, 1000, 16000001);
    assert_int_equal(seat.latency_us, 4000);
    balance_seat_heard(&seat, 1000, 16000000); /* a clock that goes back */
    assert_int_equal(seat.latency_us, 4000);
    balance_seat_heard(&seat, 1000, UINT64_MAX / 2);
    assert_int_equal(seat.latency_us, 1000);
    balance_seat_heard(&seat, UINT64_MAX, UINT64_MAX / 2);
    assert_int_equal(seat.latency_us, 1 << 30);
    balance_seat_heard(&seat, 0, UINT64_MAX);
    assert_int_equal(seat.latency_us, 1); /* known, not forgotten */
}

/* Random comings and goings: only members are picked, in other numbers than one. */
static void test_random_life(void **state)
{
    (void)state;
    enum { MEMBERS = 20 };
    struct rand_state r;
    struct balance b;
    uint32_t weights[MEMBERS] = {1, 1};
    unsigned gone_n = 0;
    rand_seed(&r, 9);
    begin(&b, weights, MEMBERS);
    for (unsigned round = 0; round < 3000; round++) {
        unsigned i = (unsigned)rand_below(&r, MEMBERS);
        uint32_t weight = 1 + (uint32_t)rand_below(&r, round < 1500 ? 1 : 3);
        const struct balance_entry entry = entry_of(i, weight);
        bool has_gone =
            weights[i] > 0 ? balance_remove(&b, entry.key) : balance_add(&b, &entry);
        weights[i] = weights[i] > 0 ? 0 : weight;
        if (!has_gone)
            set_weights(&b, weights, MEMBERS);
        gone_n += has_gone;
        unsigned counts[TARGETS] = {0};
        unsigned total = 0;
        for (unsigned k = 0; k < MEMBERS; k++)
            total += weights[k];
        for (unsigned k = 0; k < 200 && total > 0; k++)
            counts[pick_at(&b, 0)]++;
        for (unsigned k = 0; k < MEMBERS; k++)
            assert_true((weights[k] > 0 && total <= 20) ? counts[k] > 0
                                                        : weights[k] > 0 || counts[k] == 0);
    }
    assert_in_range(gone_n, 2900, 3000);
    balance_fini(&b);
}

static void test_pick_other(void **state)
{
    (void)state;
    const struct balance_ask ask = {.rand = &chance};
    unsigned counts[4] = {0};
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1, 1}, 4);
    for (unsigned i = 0; i < 3000; i++)
        counts[index_of(balance_pick_other(&b, &ask, is_not, &targets[1]))]++;
    assert_int_equal(counts[1], 0);
    assert_true(counts[0] > 600 && counts[2] > 600 && counts[3] > 600);
    for (unsigned i = 0; i < 4; i++)
        balance_seat_heard(&seats[i], i == 3 ? 1000 : 90000, 0);
    memset(counts, 0, sizeof(counts));
    for (unsigned i = 0; i < 1000; i++)
        counts[index_of(balance_pick_other(&b, &ask, is_not, &targets[1]))]++;
    assert_true(counts[3] > 600);
    set_weights(&b, (const uint32_t[]){0, 1}, 2);
    assert_null(balance_pick_other(&b, &ask, is_not, &targets[1]));
    assert_ptr_equal(balance_pick_other(&b, &ask, is_not, NULL), &targets[1]);
    balance_fini(&b);
}

static void test_pick_allocates_nothing(void **state)
{
    (void)state;
    const struct balance_ask ask = {.rand = &chance};
    struct balance b;
    begin(&b, (const uint32_t[]){1, 2, 3}, 3);
    fault_set(1);
    for (unsigned i = 0; i < 100; i++)
        assert_true(pick_at(&b, 0) >= 0);
    assert_non_null(balance_pick_other(&b, &ask, is_not, &targets[0]));
    assert_true(fault_is_armed());
    fault_set(0);
    balance_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_shares),
        cmocka_unit_test(test_avoids_the_slow),
        cmocka_unit_test(test_load_counts),
        cmocka_unit_test(test_loaded_shares),
        cmocka_unit_test(test_newcomer),
        cmocka_unit_test(test_peak_ewma),
        cmocka_unit_test(test_random_life),
        cmocka_unit_test(test_pick_other),
        cmocka_unit_test(test_pick_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
