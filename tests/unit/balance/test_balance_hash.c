#include "balance_fixture.h"

#include "base/fault.h"
#include "base/rand.h"

enum { KEYS = 20000 };

static void begin(struct balance *b, const uint32_t *weights, unsigned n)
{
    clear_seats();
    balance_init(b, BALANCE_HASH, 0);
    set_weights(b, weights, n);
}

static int pick_for(struct balance *b, uint64_t hash)
{
    const struct balance_ask ask = {.hash = hash * 0x9e3779b97f4a7c15ULL};
    return index_of(balance_pick(b, &ask));
}

static void fill(uint32_t *weights, unsigned n, uint32_t weight)
{
    for (unsigned i = 0; i < n; i++)
        weights[i] = weight;
}

static void map_keys(struct balance *b, int *map)
{
    for (unsigned i = 0; i < KEYS; i++)
        map[i] = pick_for(b, i);
}

static void test_a_key_stays(void **state)
{
    (void)state;
    struct balance b, other;
    begin(&b, (const uint32_t[]){1, 2, 3, 4}, 4);
    balance_init(&other, BALANCE_HASH, 7); /* of another worker, with another past */
    set_weights(&other, (const uint32_t[]){4, 0, 3, 4, 5}, 5);
    set_weights(&other, (const uint32_t[]){1, 2, 3, 4}, 4);
    for (unsigned i = 0; i < 1000; i++) {
        int first = pick_for(&b, i);
        assert_int_equal(pick_for(&b, i), first);
        assert_int_equal(pick_for(&other, i), first);
    }
    balance_fini(&b);
    balance_fini(&other);
}

/* Shares of random keys follow the weights; four standard deviations are allowed. */
static void test_distribution(void **state)
{
    (void)state;
    static const struct {
        unsigned n;
        uint32_t weights[5];
    } cases[] = {{5, {1, 1, 1, 1, 1}}, {4, {1, 2, 3, 4, 0}}, {3, {1, 256, 128, 0, 0}}};
    static int map[KEYS];
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct balance b;
        int counts[5] = {0};
        uint32_t total = 0;
        begin(&b, cases[i].weights, cases[i].n);
        map_keys(&b, map);
        for (unsigned k = 0; k < KEYS; k++)
            counts[map[k]]++;
        for (unsigned k = 0; k < 5; k++)
            total += cases[i].weights[k];
        for (unsigned k = 0; k < cases[i].n; k++) {
            int want = (int)(KEYS * cases[i].weights[k] / total);
            int off = counts[k] - want;
            assert_true(off * off <= 16 * want);
        }
        balance_fini(&b);
    }
}

static void test_distribution_of_many(void **state)
{
    (void)state;
    static int map[KEYS];
    uint32_t weights[TARGETS];
    int counts[TARGETS] = {0};
    struct balance b;
    fill(weights, 200, 10);
    begin(&b, weights, 200);
    for (unsigned i = 0; i < KEYS; i++)
        map[i] = pick_for(&b, i);
    for (unsigned i = 0; i < KEYS; i++)
        counts[map[i]]++;
    for (unsigned i = 0; i < 200; i++)
        assert_in_range(counts[i], 60, 140); /* 100 expected, 10 the standard deviation */
    balance_fini(&b);
}

struct moves {
    unsigned to_it, from_it, between;
};

static struct moves compare(const int *before, const int *after, int it)
{
    struct moves m = {0};
    for (unsigned i = 0; i < KEYS; i++) {
        if (before[i] == after[i])
            continue;
        if (after[i] == it)
            m.to_it++;
        else if (before[i] == it)
            m.from_it++;
        else
            m.between++;
    }
    return m;
}

/* One server more, by itself or by a rebuild: it takes its share of all, and at most another
 * share moves between the others. One less is the way back. */
static void test_one_more_moves_its_share(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 5, 10, 50, 200};
    static int before[KEYS], with[KEYS], after[KEYS];
    for (unsigned i = 0; i < 6; i++) {
        unsigned n = sizes[i];
        uint32_t weights[TARGETS];
        struct balance b;
        fill(weights, n + 1, 3);
        begin(&b, weights, n);
        map_keys(&b, before);
        const struct balance_entry newcomer = entry_of(n, 3);
        assert_true(balance_add(&b, &newcomer));
        map_keys(&b, with);
        struct moves m = compare(before, with, (int)n);
        unsigned share = KEYS / (n + 1);
        assert_in_range(m.to_it, share * 7 / 10, share * 13 / 10);
        assert_int_equal(m.from_it, 0);
        assert_true(m.between <= share * 13 / 10);
        set_weights(&b, weights, n + 1);
        map_keys(&b, after);
        assert_memory_equal(after, with, sizeof(with));
        assert_true(balance_remove(&b, newcomer.key));
        map_keys(&b, after);
        assert_memory_equal(after, before, sizeof(before));
        balance_fini(&b);
    }
}

/* A weight that changes moves what it changes by. */
static void test_a_weight_moves_its_share(void **state)
{
    (void)state;
    static int before[KEYS], after[KEYS];
    struct balance b;
    uint32_t weights[10];
    fill(weights, 10, 10);
    begin(&b, weights, 10);
    map_keys(&b, before);
    weights[3] = 20; /* from 1/10 to 2/11 */
    set_weights(&b, weights, 10);
    map_keys(&b, after);
    struct moves m = compare(before, after, 3);
    assert_in_range(m.to_it, KEYS * 7 / 100, KEYS * 94 / 1000);
    assert_int_equal(m.from_it, 0);
    assert_true(m.between < KEYS / 20);
    balance_fini(&b);
}

/* All for one key, or for random ones: nobody gets more than 5/4 of its share, rounded up. */
static void test_bounded_load(void **state)
{
    (void)state;
    static const uint32_t weights[] = {1, 1, 4, 2, 2};
    for (unsigned round = 0; round < 2; round++) {
        struct balance b;
        begin(&b, weights, 5);
        for (unsigned total = 1; total <= 1000; total++) {
            int i = pick_for(&b, round == 0 ? 77 : total);
            assert_true(i >= 0);
            balance_taken(&b, &seats[i]);
            assert_true(seats[i].in_flight <= (5 * total * weights[i] + 39) / 40);
        }
        balance_fini(&b);
    }
}

/* With room again, a key comes back to its own server; what spills goes to the same others. */
static void test_spill(void **state)
{
    (void)state;
    struct balance b;
    uint32_t weights[20];
    fill(weights, 20, 1);
    begin(&b, weights, 20);
    int own = pick_for(&b, 5);
    balance_taken(&b, &seats[own]); /* one in flight of one: full */
    int next = pick_for(&b, 5);
    assert_int_not_equal(next, own);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(pick_for(&b, 5), next);
    balance_given_back(&b, &seats[own]);
    assert_int_equal(pick_for(&b, 5), own);
    balance_fini(&b);
}

static bool is_neither(const void *target, const void *arg)
{
    const int *others = arg;
    return index_of(target) != others[0] && index_of(target) != others[1];
}

/* A further attempt: always the same other one for a key; bound or not, somebody is found. */
static void test_pick_other(void **state)
{
    (void)state;
    const struct balance_ask ask = {.hash = 12345};
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1}, 3);
    int own = index_of(balance_pick(&b, &ask));
    int second = index_of(balance_pick_other(&b, &ask, is_not, &targets[own]));
    assert_int_not_equal(second, own);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(index_of(balance_pick_other(&b, &ask, is_not, &targets[own])), second);
    int barred[2] = {own, second};
    int third = index_of(balance_pick_other(&b, &ask, is_neither, barred));
    assert_int_equal(third, 3 - own - second);
    for (unsigned i = 0; i < 100; i++)
        balance_taken(&b, &seats[third]); /* full, and the only one that may */
    assert_int_equal(index_of(balance_pick_other(&b, &ask, is_neither, barred)), third);
    set_weights(&b, (const uint32_t[]){1}, 1);
    assert_null(balance_pick_other(&b, &ask, is_not, &targets[0]));
    balance_fini(&b);
}

/* Loads are those of the seats, whatever came and went. */
static void test_sums_are_kept(void **state)
{
    (void)state;
    enum { MEMBERS = 30 };
    struct rand_state r;
    struct balance b;
    uint32_t weights[MEMBERS] = {1};
    rand_seed(&r, 4);
    begin(&b, weights, MEMBERS);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned i = (unsigned)rand_below(&r, MEMBERS);
        unsigned what = (unsigned)rand_below(&r, 10);
        if (what == 0) {
            const struct balance_entry entry = entry_of(i, 1 + round % 5);
            bool has_gone =
                weights[i] > 0 ? balance_remove(&b, entry.key) : balance_add(&b, &entry);
            weights[i] = weights[i] > 0 ? 0 : entry.weight;
            if (!has_gone)
                set_weights(&b, weights, MEMBERS);
        } else if (what < 5 && seats[i].in_flight > 0) {
            balance_given_back(&b, &seats[i]);
        } else if (b.n > 0) {
            balance_taken(&b, &seats[pick_for(&b, round)]);
        }
        uint64_t sum = 0, weight = 0;
        for (unsigned k = 0; k < MEMBERS; k++) {
            sum += weights[k] > 0 ? seats[k].in_flight : 0;
            weight += weights[k];
        }
        assert_int_equal(b.in_flight, sum);
        assert_int_equal(b.weight, weight);
    }
    balance_fini(&b);
}

static void test_out_of_memory_keeps_the_list(void **state)
{
    (void)state;
    struct balance b;
    const struct balance_entry entry = entry_of(0, 1), second = entry_of(1, 1);
    clear_seats();
    balance_init(&b, BALANCE_HASH, 0);
    for (unsigned n = 1; n <= 2; n++) {
        fault_set(n);
        assert_int_equal(balance_set(&b, &entry, 1), WERR_NOMEM);
        fault_set(0);
        assert_int_equal(pick_for(&b, 1), -1);
    }
    assert_int_equal(balance_set(&b, &entry, 1), 0);
    fault_set(1);
    assert_int_equal(balance_set(&b, &second, 1), WERR_NOMEM);
    fault_set(1);
    assert_false(balance_add(&b, &second));
    fault_set(1);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(pick_for(&b, i), 0);
    assert_true(fault_is_armed()); /* picking allocates nothing */
    fault_set(0);
    balance_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_stays),
        cmocka_unit_test(test_distribution),
        cmocka_unit_test(test_distribution_of_many),
        cmocka_unit_test(test_one_more_moves_its_share),
        cmocka_unit_test(test_a_weight_moves_its_share),
        cmocka_unit_test(test_bounded_load),
        cmocka_unit_test(test_spill),
        cmocka_unit_test(test_pick_other),
        cmocka_unit_test(test_sums_are_kept),
        cmocka_unit_test(test_out_of_memory_keeps_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
