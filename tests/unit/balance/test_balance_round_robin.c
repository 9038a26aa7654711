#include "balance_fixture.h"

static void test_equal_weights_alternate(void **state)
{
    (void)state;
    for (uint32_t weight = 1; weight <= 256; weight += 85) {
        for (unsigned n = 1; n <= 5; n++) {
            const uint32_t weights[5] = {weight, weight, weight, weight, weight};
            struct balance b;
            balance_init(&b, BALANCE_ROUND_ROBIN, 0);
            set_weights(&b, weights, n);
            for (unsigned i = 0; i < 20; i++)
                assert_int_equal(pick(&b), i % n);
            balance_fini(&b);
        }
    }
}

struct mix {
    uint32_t weights[6];
    unsigned longest; /* most picks of the same in a row, as smooth weighted round robin has */
};

static const struct mix mixes[] = {
    {{5, 1, 1}, 4},
    {{2, 1}, 2},
    {{3, 2}, 2},
    {{1, 2, 3}, 2},
    {{4, 3, 2, 1}, 2},
    {{256, 1}, 256},
    {{256, 128, 64, 32}, 2},
    {{1, 1, 1, 1, 1, 5}, 2},
    {{7, 3}, 3},
};

static unsigned count_weights(const uint32_t *weights, uint32_t *total)
{
    unsigned n = 0;
    *total = 0;
    for (unsigned i = 0; i < 6; i++) {
        n += weights[i] > 0;
        *total += weights[i];
    }
    return n;
}

static void test_shares_are_exact(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
        struct balance b;
        uint32_t total = 0;
        unsigned n = count_weights(mixes[i].weights, &total);
        unsigned counts[6] = {0};
        balance_init(&b, BALANCE_ROUND_ROBIN, 2);
        set_weights(&b, mixes[i].weights, n);
        for (uint32_t k = 0; k < total * 100; k++)
            counts[pick(&b)]++;
        for (unsigned t = 0; t < n; t++)
            assert_in_range(counts[t] + 1, mixes[i].weights[t] * 100,
                            mixes[i].weights[t] * 100 + 2);
        balance_fini(&b);
    }
}

static void test_no_bursts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(mixes) / sizeof(mixes[0]); i++) {
        struct balance b;
        uint32_t total = 0;
        unsigned n = count_weights(mixes[i].weights, &total);
        int last = -1;
        unsigned run = 0;
        balance_init(&b, BALANCE_ROUND_ROBIN, 0);
        set_weights(&b, mixes[i].weights, n);
        for (uint32_t k = 0; k < total * 20; k++) {
            int now = pick(&b);
            run = now == last ? run + 1 : 1;
            last = now;
            if (run > mixes[i].longest)
                fail_msg("mix %u: %u in a row", i, run);
        }
        balance_fini(&b);
    }
}

/* In any window of one round each entry's share is right to within one. */
static void test_windows(void **state)
{
    (void)state;
    static const uint32_t weights[] = {5, 3, 1, 1};
    enum { TOTAL = 10, ROUNDS = 50 };
    struct balance b;
    int picks[TOTAL * ROUNDS];
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
    set_weights(&b, weights, 4);
    for (unsigned i = 0; i < TOTAL * ROUNDS; i++)
        picks[i] = pick(&b);
    for (unsigned start = 0; start + TOTAL <= TOTAL * ROUNDS; start++) {
        unsigned counts[4] = {0};
        for (unsigned i = start; i < start + TOTAL; i++)
            counts[picks[i]]++;
        for (unsigned t = 0; t < 4; t++)
            assert_in_range(counts[t], weights[t] - 1, weights[t] + 1);
    }
    balance_fini(&b);
}

static void test_pick_other(void **state)
{
    (void)state;
    static const uint32_t lists[][3] = {{1, 1, 1}, {5, 1, 1}, {1, 9, 0}, {2, 2, 0}};
    for (unsigned i = 0; i < 4; i++) {
        struct balance b;
        balance_init(&b, BALANCE_ROUND_ROBIN, 0);
        set_weights(&b, lists[i], 3);
        for (unsigned k = 0; k < 100; k++) {
            int first = pick(&b);
            int other = pick_other(&b, &targets[first]);
            assert_true(other >= 0 && other != first);
        }
        balance_fini(&b);
    }
}

static void test_pick_other_of_one(void **state)
{
    (void)state;
    struct balance b;
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
    set_weights(&b, (const uint32_t[]){3}, 1);
    assert_int_equal(pick_other(&b, &targets[0]), -1);
    assert_int_equal(pick_other(&b, &targets[1]), 0);
    assert_int_equal(pick_other(&b, NULL), 0);
    assert_int_equal(pick(&b), 0);
    balance_fini(&b);
}

/* Whoever fails, the order of first picks is the one without a failure. */
static void test_pick_other_takes_no_turn(void **state)
{
    (void)state;
    static const uint32_t lists[][4] = {{1, 1, 0, 0}, {1, 1, 1, 1}, {2, 1, 0, 0}, {5, 3, 1, 1}};
    for (unsigned i = 0; i < 4; i++) {
        struct balance b, calm;
        balance_init(&b, BALANCE_ROUND_ROBIN, 0);
        balance_init(&calm, BALANCE_ROUND_ROBIN, 0);
        set_weights(&b, lists[i], 4);
        set_weights(&calm, lists[i], 4);
        for (unsigned k = 0; k < 100; k++) {
            int first = pick(&b);
            assert_int_equal(first, pick(&calm));
            assert_true(first != 0 || pick_other(&b, &targets[0]) > 0);
        }
        balance_fini(&calm);
        balance_fini(&b);
    }
}

/* What one of them drops is spread over all others. */
static void test_pick_other_spreads(void **state)
{
    (void)state;
    struct balance b;
    unsigned counts[4] = {0};
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
    set_weights(&b, (const uint32_t[]){1, 1, 1, 1}, 4);
    for (unsigned i = 0; i < 30; i++)
        counts[pick_other(&b, &targets[0])]++;
    assert_int_equal(counts[0], 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(counts[i], 10);
    assert_true(balance_remove(&b, 40));
    for (unsigned i = 0; i < 30; i++)
        assert_in_range(pick_other(&b, &targets[0]), 1, 2);
    balance_fini(&b);
}

/* From any place on, all but those that may not, each once. */
static void test_pick_between_goes_round(void **state)
{
    (void)state;
    static const uint32_t lists[][5] = {{1, 1, 1, 1, 1}, {5, 3, 1, 1, 2}};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned start = 0; start < 5; start++) {
            const uint64_t begin = 10 * (start + 1);
            const void *barred = &targets[(start + 2) % 5];
            uint64_t at = begin;
            struct balance b;
            const void *target;
            unsigned n = 0;
            balance_init(&b, BALANCE_ROUND_ROBIN, 0);
            set_weights(&b, lists[i], 5);
            while ((target = balance_pick_between(&b, at, begin, is_not, barred))) {
                n += 1 + (n == 1); /* past the barred one */
                assert_ptr_equal(target, &targets[(start + n) % 5]);
                at = 10 * ((uint64_t)index_of(target) + 1);
            }
            assert_int_equal(n, 4);
            balance_fini(&b);
        }
    }
}

/* The keys that a round begins and goes on with may have left the list. */
static void test_pick_between_without_its_ends(void **state)
{
    (void)state;
    static const uint32_t lists[][3] = {{1, 1, 1}, {5, 3, 1}};
    for (unsigned i = 0; i < 2; i++) {
        struct balance b;
        balance_init(&b, BALANCE_ROUND_ROBIN, 0);
        set_weights(&b, lists[i], 3);
        assert_int_equal(index_of(balance_pick_between(&b, 15, 5, is_not, NULL)), 1);
        assert_int_equal(index_of(balance_pick_between(&b, 35, 5, is_not, NULL)), -1);
        assert_int_equal(index_of(balance_pick_between(&b, 35, 15, is_not, NULL)), 0);
        assert_int_equal(index_of(balance_pick_between(&b, 20, 25, is_not, NULL)), -1);
        balance_fini(&b);
    }
}

/* A dead heavy server, every pick of which is retried on the light one, for very long: virtual
 * time stays sane, and when the heavy one is back the light one gets its share again soon. */
static void test_retries_do_not_pile_up(void **state)
{
    (void)state;
    struct balance b;
    unsigned light = 0;
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
    set_weights(&b, (const uint32_t[]){100, 1}, 2);
    for (unsigned i = 0; i < 100000; i++) {
        if (pick(&b) == 0)
            assert_int_equal(pick_other(&b, &targets[0]), 1);
    }
    for (unsigned i = 0; i < 1010; i++)
        light += pick(&b) == 1;
    assert_in_range(light, 8, 11);
    balance_fini(&b);
}

/* Virtual time wraps round after 2^64: nobody may notice. */
static void test_virtual_time_wraps(void **state)
{
    (void)state;
    struct balance b;
    unsigned counts[2] = {0};
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
    b.now = UINT64_MAX - (1ULL << 41);
    set_weights(&b, (const uint32_t[]){3, 1}, 2);
    for (unsigned i = 0; i < 400; i++)
        counts[pick(&b)]++;
    assert_true(b.now < UINT64_MAX / 2);
    assert_in_range(counts[0], 299, 301);
    balance_fini(&b);
}

static void test_many_servers(void **state)
{
    (void)state;
    uint32_t weights[TARGETS];
    unsigned counts[TARGETS] = {0};
    uint32_t total = 0;
    struct balance b;
    for (unsigned i = 0; i < TARGETS; i++) {
        weights[i] = i % 7 + 1;
        total += weights[i];
    }
    balance_init(&b, BALANCE_ROUND_ROBIN, 4);
    set_weights(&b, weights, TARGETS);
    for (uint32_t i = 0; i < total * 10; i++)
        counts[pick(&b)]++;
    for (unsigned i = 0; i < TARGETS; i++)
        assert_in_range(counts[i] + 1, weights[i] * 10, weights[i] * 10 + 2);
    balance_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_weights_alternate),
        cmocka_unit_test(test_shares_are_exact),
        cmocka_unit_test(test_no_bursts),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_pick_other),
        cmocka_unit_test(test_pick_other_of_one),
        cmocka_unit_test(test_pick_other_takes_no_turn),
        cmocka_unit_test(test_pick_other_spreads),
        cmocka_unit_test(test_pick_between_goes_round),
        cmocka_unit_test(test_pick_between_without_its_ends),
        cmocka_unit_test(test_retries_do_not_pile_up),
        cmocka_unit_test(test_virtual_time_wraps),
        cmocka_unit_test(test_many_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
