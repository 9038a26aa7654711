#include "balance_fixture.h"

#include "base/fault.h"
#include "base/rand.h"

static void test_empty(void **state)
{
    (void)state;
    struct balance b;
    balance_init(&b, BALANCE_ROUND_ROBIN, 3);
    assert_null(balance_pick(&b, NULL));
    assert_int_equal(pick_other(&b, NULL), -1);
    assert_null(balance_pick_between(&b, 1, 1, is_not, NULL));
    assert_int_equal(balance_set(&b, NULL, 0), 0);
    assert_null(balance_pick(&b, NULL));
    set_weights(&b, (const uint32_t[]){1, 1}, 2);
    assert_non_null(balance_pick(&b, NULL));
    assert_int_equal(balance_set(&b, NULL, 0), 0);
    assert_null(balance_pick(&b, NULL));
    balance_fini(&b);
}

static void test_order_of_input_plays_no_part(void **state)
{
    (void)state;
    struct balance b;
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
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
        balance_init(&b, BALANCE_ROUND_ROBIN, worker);
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
        balance_init(&b, BALANCE_ROUND_ROBIN, 0);
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
        balance_init(&b, BALANCE_ROUND_ROBIN, 1);
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
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
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
    balance_init(&b, BALANCE_ROUND_ROBIN, 5);
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

enum { MEMBERS = 20 };

/* Takes one in or out by its place where that goes, else by a rebuild; returns whether it went.
 */
static bool toggle(struct balance *b, uint32_t *weights, unsigned i, uint32_t weight)
{
    const struct balance_entry entry = entry_of(i, weight);
    bool has_gone = weights[i] > 0 ? balance_remove(b, entry.key) : balance_add(b, &entry);
    weights[i] = weights[i] > 0 ? 0 : weight;
    if (!has_gone)
        set_weights(b, weights, MEMBERS);
    return has_gone;
}

/* Equal weights: one that comes or goes by itself leaves the very list that a rebuild makes. */
static void test_one_by_one_is_a_rebuild(void **state)
{
    (void)state;
    struct rand_state r;
    struct balance b, rebuilt;
    uint32_t weights[MEMBERS] = {1, 1};
    unsigned gone_n = 0;
    rand_seed(&r, 18);
    balance_init(&b, BALANCE_ROUND_ROBIN, 5);
    balance_init(&rebuilt, BALANCE_ROUND_ROBIN, 5);
    set_weights(&b, weights, MEMBERS);
    set_weights(&rebuilt, weights, MEMBERS);
    for (unsigned round = 0; round < 3000; round++) {
        gone_n += toggle(&b, weights, 1 + (unsigned)rand_below(&r, MEMBERS - 1), 1);
        set_weights(&rebuilt, weights, MEMBERS);
        for (uint64_t n = rand_below(&r, 4); n > 0; n--)
            assert_int_equal(pick(&b), pick(&rebuilt));
    }
    assert_int_equal(gone_n, 3000);
    balance_fini(&b);
    balance_fini(&rebuilt);
}

static void check_shares(struct balance *b, const uint32_t *weights)
{
    unsigned counts[MEMBERS] = {0};
    uint32_t total = 0;
    for (unsigned i = 0; i < MEMBERS; i++)
        total += weights[i];
    for (uint32_t k = 0; k < 20 * total; k++)
        counts[pick(b)]++;
    for (unsigned i = 0; i < MEMBERS; i++)
        assert_in_range(counts[i] + 2, weights[i] * 20,
                        weights[i] > 0 ? weights[i] * 20 + 4 : 2);
}

/* Of any weights: only members are picked, each as often as its weight says. */
static void test_one_by_one_keeps_the_shares(void **state)
{
    (void)state;
    struct rand_state r;
    struct balance b;
    uint32_t weights[MEMBERS] = {0};
    unsigned gone_n = 0;
    rand_seed(&r, 19);
    balance_init(&b, BALANCE_ROUND_ROBIN, 5);
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t weight = 1 + (uint32_t)rand_below(&r, 4);
        gone_n += toggle(&b, weights, (unsigned)rand_below(&r, MEMBERS), weight);
        if (b.n > 0 && rand_below(&r, 4) == 0)
            check_shares(&b, weights);
    }
    assert_in_range(gone_n, 1900, 2000);
    balance_fini(&b);
}

/* The list changes its nature: the caller has to rebuild it. */
static void test_one_by_one_is_refused(void **state)
{
    (void)state;
    struct balance b;
    const struct balance_entry light = entry_of(0, 1), heavy = entry_of(1, 2);
    balance_init(&b, BALANCE_ROUND_ROBIN, 0);
    assert_false(balance_add(&b, &light));
    set_weights(&b, (const uint32_t[]){1}, 1);
    assert_false(balance_add(&b, &heavy));
    assert_false(balance_remove(&b, light.key));
    set_weights(&b, (const uint32_t[]){1, 2}, 2);
    assert_false(balance_remove(&b, heavy.key));
    set_weights(&b, (const uint32_t[]){1, 0, 1}, 3);
    fault_set(1);
    const struct balance_entry third = entry_of(3, 1);
    assert_false(balance_add(&b, &third));
    fault_set(0);
    for (int i = 0; i < 4; i++)
        assert_in_set(pick(&b), ((const LargestIntegralType[]){0, 2}), 2);
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
        cmocka_unit_test(test_one_by_one_is_a_rebuild),
        cmocka_unit_test(test_one_by_one_keeps_the_shares),
        cmocka_unit_test(test_one_by_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
