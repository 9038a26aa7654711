#include "../base/cm.h"
#include "base/rand.h"
#include "worker/spread.h"

enum { WORKERS_MAX = SPREAD_LOOK_N };

struct row {
    const char *what;
    unsigned n;
    struct spread_seat seats[WORKERS_MAX];
    bool is_churn;
    unsigned to;
};

static const struct row rows[] = {
    {"alone", 1, {{100, true}}, false, 0},
    {"the first", 4, {{1, true}, {0, true}, {0, true}, {0, true}}, false, 0},
    {"the second", 4, {{2, true}, {0, true}, {0, true}, {0, true}}, false, 1},
    {"the least of them", 4, {{9, true}, {5, true}, {3, true}, {4, true}}, false, 2},
    {"places changed", 2, {{2, true}, {1, true}}, false, 0},
    {"just 5/4 of the mean", 4, {{20, true}, {16, true}, {14, true}, {14, true}}, false, 0},
    {"above it", 4, {{21, true}, {16, true}, {14, true}, {13, true}}, false, 3},
    {"one was emptied", 4, {{17, true}, {16, true}, {16, true}, {4, true}}, false, 3},
    {"it has filled", 4, {{17, true}, {16, true}, {16, true}, {8, true}}, false, 0},
    {"nobody takes", 3, {{50, true}, {0, false}, {0, false}}, false, 0},
    {"who takes not counts not", 3, {{50, true}, {0, false}, {44, true}}, false, 0},
    {"the least that takes", 3, {{50, true}, {0, false}, {10, true}}, false, 2},
    {"ours does not matter", 2, {{5, false}, {0, true}}, false, 1},
    {"churn", 4, {{9, true}, {1, true}, {4, true}, {5, true}}, true, 0},
    {"churn, too much", 4, {{19, true}, {1, true}, {4, true}, {5, true}}, true, 1},
    {"churn, not by far", 4, {{19, true}, {9, true}, {14, true}, {15, true}}, true, 0},
    {"no overflow", 2, {{4000000000U, true}, {UINT32_MAX, true}}, false, 0},
    {"nor there", 2, {{UINT32_MAX, true}, {4000000000U, true}}, false, 0},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned to = spread_choose(rows[i].seats, rows[i].n, rows[i].is_churn);

        if (to != rows[i].to)
            fail_msg("%s: %u instead of %u", rows[i].what, to, rows[i].to);
    }
}

/* Worker `at` accepts one; the loads after it. */
static void accept_at(uint32_t *loads, unsigned n, unsigned at)
{
    struct spread_seat seats[WORKERS_MAX] = {0};

    for (unsigned i = 0; i < n; i++)
        seats[i] = (struct spread_seat){loads[(at + i) % n] + (i == 0 ? 1 : 0), true};
    loads[(at + spread_choose(seats, n, false)) % n]++;
}

/* However the kernel spreads those that come: nobody above 5/4 of the mean, or what whole
 * connections make of it. */
static void test_bound_holds_whatever_comes(void **state)
{
    struct rand_state r;

    (void)state;
    rand_seed(&r, 5);
    for (unsigned round = 0; round < 2000; round++) {
        uint32_t loads[WORKERS_MAX] = {0};
        unsigned n = 2 + (unsigned)rand_below(&r, WORKERS_MAX - 1);
        unsigned all = (unsigned)rand_below(&r, 200);
        unsigned favourites = 1 + (unsigned)rand_below(&r, n);

        for (unsigned k = 0; k < all; k++)
            accept_at(loads, n, (unsigned)rand_below(&r, favourites));
        for (unsigned i = 0; i < n; i++)
            assert_true((uint64_t)loads[i] * n * 4 <= (uint64_t)all * 5 ||
                        loads[i] <= all / n + 1);
    }
}

/* As after a crash: one begins at none while clients come to all. */
static void test_the_empty_one_catches_up(void **state)
{
    uint32_t loads[4] = {16, 16, 16, 0};

    (void)state;
    for (unsigned k = 0; k < 16; k++)
        accept_at(loads, 4, k % 4);
    assert_true(loads[3] >= 8);
    for (unsigned i = 0; i < 4; i++)
        assert_true(loads[i] <= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_bound_holds_whatever_comes),
        cmocka_unit_test(test_the_empty_one_catches_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
