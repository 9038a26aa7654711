#include "balance_fixture.h"

#include "base/fault.h"
#include "base/rand.h"

static void test_empty(void **state)
{
    (void)state;
    struct balance b;
    balance_init(&b, 3);
    assert_null(balance_pick(&b));
    assert_null(balance_pick_other(&b, NULL));
    assert_int_equal(balance_set(&b, NULL, 0), 0);
    assert_null(balance_pick(&b));
    set_weights(&b, (const uint32_t[]){1, 1}, 2);
    assert_non_null(balance_pick(&b));
    assert_int_equal(balance_set(&b, NULL, 0), 0);
    assert_null(balance_pick(&b));
    balance_fini(&b);
}

static void test_order_of_input_plays_no_part(void **state)
{
    (void)state;
    struct balance b;
    balance_init(&b, 0);
    const struct balance_entry list[] = {entry_of(2, 1), entry_of(0, 1), entry_of(1, 1)};
    assert_int_equal(balance_set(&b, list, 3), 0);
    for (int i = 0; i < 9; i++)
        assert_int_equal(pick(&b), i % 3);
    balance_fini(&b);
}

static void test_workers_start_apart(void **state)
{
    (void)state;
    for (uint32_t worker = 0; worker < 8; worker++) {
        struct balance b;
        balance_init(&b, worker);
        set_weights(&b, (const uint32_t[]){1, 1, 1}, 3);
        assert_int_equal(pick(&b), worker % 3);
        balance_fini(&b);
    }
}

/* Whose turn it was before the rebuild has it afterwards, whatever came or went around it. */
static void test_turn_is_kept(void **state)
{
    (void)state;
    static const struct {
        uint32_t weights[6];
        int next;
    } cases[] = {
        {{1, 1, 1, 1, 0, 0}, 2}, {{1, 1, 1, 1, 1, 1}, 2}, {{0, 1, 1, 0, 0, 0}, 2},
        {{0, 0, 1, 1, 1, 0}, 2}, {{1, 1, 0, 1, 0, 0}, 3}, {{1, 1, 0, 1, 1, 0}, 3},
        {{1, 1, 0, 0, 1, 0}, 0}, {{0, 1, 0, 0, 1, 1}, 1}, {{7, 7, 7, 7, 0, 0}, 2},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct balance b;
        balance_init(&b, 0);
        set_weights(&b, (const uint32_t[]){1, 1, 1, 1}, 4);
        assert_int_equal(pick(&b), 0);
        assert_int_equal(pick(&b), 1);
        set_weights(&b, cases[i].weights, 6);
        assert_int_equal(pick(&b), cases[i].next);
        balance_fini(&b);
    }
}

/* A rebuild after every pick must not favour or starve anyone. */
static void test_rebuilds_do_not_skew(void **state)
{
    (void)state;
    static const uint32_t lists[][3] = {{1, 1, 1}, {4, 4, 4}, {5, 1, 1}, {2, 3, 4}};
    for (unsigned i = 0; i < 4; i++) {
        struct balance b;
        unsigned counts[3] = {0};
        uint32_t total = lists[i][0] + lists[i][1] + lists[i][2];
        balance_init(&b, 1);
        for (unsigned k = 0; k < total * 50; k++) {
            set_weights(&b, lists[i], 3);
            counts[pick(&b)]++;
        }
        for (unsigned t = 0; t < 3; t++)
            assert_in_range(counts[t] + 1, lists[i][t] * 50, lists[i][t] * 50 + 2);
        balance_fini(&b);
    }
}

static void test_out_of_memory_keeps_the_list(void **state)
{
    (void)state;
    struct balance b;
    balance_init(&b, 0);
    set_weights(&b, (const uint32_t[]){1, 1, 1}, 3);
    assert_int_equal(pick(&b), 0);
    const struct balance_entry other = entry_of(7, 1);
    fault_set(1);
    assert_int_equal(balance_set(&b, &other, 1), WERR_NOMEM);
    fault_set(0);
    assert_int_equal(pick(&b), 1);
    assert_int_equal(pick(&b), 2);
    assert_int_equal(pick(&b), 0);
    balance_fini(&b);
}

/* Random rebuilds: only members of the list are picked, and every member within two rounds. */
static void test_random_rebuilds(void **state)
{
    (void)state;
    struct rand_state r;
    struct balance b;
    rand_seed(&r, 17);
    balance_init(&b, 5);
    for (unsigned round = 0; round < 300; round++) {
        uint32_t weights[20];
        unsigned counts[20] = {0};
        uint32_t total = 0;
        unsigned limit = rand_below(&r, 2) == 0 ? 2 : 5;
        for (unsigned i = 0; i < 20; i++) {
            weights[i] = (uint32_t)rand_below(&r, limit);
            total += weights[i];
        }
        set_weights(&b, weights, 20);
        for (uint32_t i = 0; i < 3 * total; i++)
            counts[pick(&b)]++;
        for (unsigned i = 0; i < 20; i++)
            assert_int_equal(counts[i] > 0, weights[i] > 0);
    }
    balance_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order_of_input_plays_no_part),
        cmocka_unit_test(test_workers_start_apart),
        cmocka_unit_test(test_turn_is_kept),
        cmocka_unit_test(test_rebuilds_do_not_skew),
        cmocka_unit_test(test_out_of_memory_keeps_the_list),
        cmocka_unit_test(test_random_rebuilds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
