#include "balance_fixture.h"

#include "base/fault.h"
#include "base/rand.h"

static void begin(struct balance *b, const uint32_t *weights, unsigned n)
{
    clear_seats();
    balance_init(b, BALANCE_LEAST_OUTSTANDING, 0);
    set_weights(b, weights, n);
}

/* Picks one, which stays in flight. */
static int take(struct balance *b)
{
    int i = pick(b);
    if (i >= 0)
        balance_taken(b, &seats[i]);
    return i;
}

static void test_idle_equals_take_turns(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1}, 3);
    for (int i = 0; i < 30; i++)
        assert_int_equal(pick(&b), i % 3);
    balance_fini(&b);
}

static void test_workers_start_apart(void **state)
{
    (void)state;
    for (uint32_t worker = 0; worker < 6; worker++) {
        struct balance b;
        balance_init(&b, BALANCE_LEAST_OUTSTANDING, worker);
        set_weights(&b, (const uint32_t[]){1, 1, 1}, 3);
        assert_int_equal(pick(&b), worker % 3);
        balance_fini(&b);
    }
}

/* Idle servers are picked as their weights say. */
static void test_idle_shares(void **state)
{
    (void)state;
    static const uint32_t weights[] = {5, 1, 2, 256};
    unsigned counts[4] = {0};
    struct balance b;
    begin(&b, weights, 4);
    for (unsigned i = 0; i < 264 * 20; i++)
        counts[pick(&b)]++;
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(counts[i] + 1, weights[i] * 20, weights[i] * 20 + 2);
    balance_fini(&b);
}

/* What is in flight stays in proportion to the weights. */
static void test_fills_evenly(void **state)
{
    (void)state;
    static const uint32_t weights[] = {1, 2, 4};
    struct balance b;
    begin(&b, weights, 3);
    for (unsigned i = 0; i < 700; i++)
        assert_true(take(&b) >= 0);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(seats[i].in_flight, weights[i] * 100 - 1, weights[i] * 100 + 1);
    balance_fini(&b);
}

static void test_the_free_one_is_next(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1}, 3);
    for (int i = 0; i < 6; i++)
        (void)take(&b);
    balance_given_back(&b, &seats[1]);
    assert_int_equal(take(&b), 1);
    balance_given_back(&b, &seats[2]);
    balance_given_back(&b, &seats[2]);
    assert_int_equal(take(&b), 2);
    assert_int_equal(take(&b), 2);
    balance_fini(&b);
}

/* One that was busy for long has no turns to catch up. */
static void test_no_catching_up(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1}, 3);
    balance_taken(&b, &seats[0]);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_not_equal(pick(&b), 0);
    balance_given_back(&b, &seats[0]);
    unsigned counts[3] = {0};
    for (unsigned i = 0; i < 30; i++)
        counts[pick(&b)]++;
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(counts[i], 9, 11);
    balance_fini(&b);
}

enum { MEMBERS = 20 };

/* The least load among the members, and who has it. */
static bool is_least(const uint32_t *weights, unsigned i, const void *not_this)
{
    for (unsigned k = 0; k < MEMBERS; k++) {
        if (weights[k] > 0 && &targets[k] != not_this &&
            (uint64_t)seats[k].in_flight * weights[i] <
                (uint64_t)seats[i].in_flight * weights[k])
            return false;
    }
    return true;
}

static void toggle(struct balance *b, uint32_t *weights, unsigned i, uint32_t weight)
{
    const struct balance_entry entry = entry_of(i, weight);
    bool has_gone = weights[i] > 0 ? balance_remove(b, entry.key) : balance_add(b, &entry);
    weights[i] = weights[i] > 0 ? 0 : weight;
    if (!has_gone)
        set_weights(b, weights, MEMBERS);
}

/* Whatever comes, goes, is taken and given back: the picked one has the least for its weight.
 */
static void test_random_life(void **state)
{
    (void)state;
    struct rand_state r;
    struct balance b;
    uint32_t weights[MEMBERS] = {1};
    rand_seed(&r, 3);
    begin(&b, weights, MEMBERS);
    for (unsigned round = 0; round < 30000; round++) {
        unsigned i = (unsigned)rand_below(&r, MEMBERS);
        switch (rand_below(&r, 8)) {
        case 0:
            toggle(&b, weights, i, 1 + (uint32_t)rand_below(&r, 3));
            break;
        case 1:
        case 2:
        case 3:
            if (seats[i].in_flight > 0) /* in the list or not */
                balance_given_back(&b, &seats[i]);
            break;
        case 4: {
            int other = pick_other(&b, &targets[i]);
            assert_true(other != (int)i && (other < 0 || weights[other] > 0));
            assert_true(other < 0 || is_least(weights, (unsigned)other, &targets[i]));
            break;
        }
        default: {
            int first = take(&b);
            assert_int_equal(first >= 0, b.n > 0);
            if (first < 0)
                break;
            seats[first].in_flight--; /* as it was when it was picked */
            assert_true(weights[first] > 0 && is_least(weights, (unsigned)first, NULL));
            seats[first].in_flight++;
        }
        }
    }
    balance_fini(&b);
}

/* Of a long list of those that may not, the best of the rest is found. */
static bool is_far(const void *target, const void *arg)
{
    (void)arg;
    return index_of(target) >= 90;
}

static void test_pick_other_far_down(void **state)
{
    (void)state;
    uint32_t weights[100];
    struct balance b;
    for (unsigned i = 0; i < 100; i++)
        weights[i] = 1;
    begin(&b, weights, 100);
    for (unsigned i = 90; i < 100; i++) {
        for (unsigned k = i; k < 100; k++)
            balance_taken(&b, &seats[k]); /* 99 has the most, 90 the least */
    }
    for (unsigned i = 90; i < 100; i++) {
        assert_int_equal(index_of(balance_pick_other(&b, NULL, is_far, NULL)), i);
        for (unsigned k = 0; k < 100; k++)
            balance_taken(&b, &seats[i]);
    }
    balance_fini(&b);
}

/* While the list is stale, seats may go: nobody touches them, and nothing is picked. */
static void test_stale(void **state)
{
    (void)state;
    struct balance b;
    struct balance_seat *seat = calloc(1, sizeof(*seat));
    struct balance_entry list[2] = {entry_of(0, 1), entry_of(1, 1)};
    clear_seats();
    list[1].seat = seat;
    balance_init(&b, BALANCE_LEAST_OUTSTANDING, 0);
    assert_int_equal(balance_set(&b, list, 2), 0);
    balance_taken(&b, &seats[0]);
    balance_spoil(&b);
    free(seat);
    balance_given_back(&b, &seats[0]);
    balance_taken(&b, &seats[0]);
    assert_null(balance_pick(&b, NULL));
    assert_int_equal(pick_other(&b, NULL), -1);
    assert_false(balance_remove(&b, list[1].key));
    assert_false(balance_add(&b, &list[0]));
    fault_set(1);
    assert_int_equal(balance_set(&b, list, 1), WERR_NOMEM);
    fault_set(0);
    assert_null(balance_pick(&b, NULL));
    assert_int_equal(balance_set(&b, list, 1), 0);
    assert_int_equal(pick(&b), 0);
    balance_fini(&b);
}

/* Another policy: a new list, old turns do not count; the same one again changes nothing. */
static void test_change_of_policy(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 1, 1}, 3);
    assert_int_equal(pick(&b), 0);
    balance_set_policy(&b, BALANCE_LEAST_OUTSTANDING);
    assert_int_equal(pick(&b), 1);
    for (unsigned policy = 0; policy < 2 * BALANCE_POLICIES; policy++) {
        struct rand_state r;
        const struct balance_ask ask = {.rand = &r};
        rand_seed(&r, policy);
        balance_set_policy(&b, policy % BALANCE_POLICIES);
        assert_null(balance_pick(&b, &ask));
        set_weights(&b, (const uint32_t[]){1, 2, 1}, 3);
        for (unsigned i = 0; i < 10; i++)
            assert_non_null(balance_pick(&b, &ask));
    }
    balance_fini(&b);
}

static void test_pick_allocates_nothing(void **state)
{
    (void)state;
    struct balance b;
    begin(&b, (const uint32_t[]){1, 2, 3}, 3);
    fault_set(1);
    for (unsigned i = 0; i < 100; i++)
        assert_true(take(&b) >= 0);
    assert_true(pick_other(&b, &targets[0]) > 0);
    assert_true(fault_is_armed());
    fault_set(0);
    balance_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_equals_take_turns),
        cmocka_unit_test(test_workers_start_apart),
        cmocka_unit_test(test_idle_shares),
        cmocka_unit_test(test_fills_evenly),
        cmocka_unit_test(test_the_free_one_is_next),
        cmocka_unit_test(test_no_catching_up),
        cmocka_unit_test(test_random_life),
        cmocka_unit_test(test_pick_other_far_down),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_change_of_policy),
        cmocka_unit_test(test_pick_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
