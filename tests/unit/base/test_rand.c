#include "cm.h"

#include "base/rand.h"
#include "forked.h"

enum { DRAWS = 100000 };

static void test_same_seed_same_numbers(void **state)
{
    struct rand_state a, b, c;
    unsigned equal_n = 0;
    (void)state;
    rand_seed(&a, 5);
    rand_seed(&b, 5);
    rand_seed(&c, 6);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t n = rand_u64(&a);
        assert_true(n == rand_u64(&b));
        equal_n += n == rand_u64(&c);
    }
    assert_int_equal(equal_n, 0);
}

static void test_every_bit_is_set_half_of_the_time(void **state)
{
    static const uint64_t seeds[] = {0, 1, UINT64_MAX};
    (void)state;
    for (size_t s = 0; s < COUNT(seeds); s++) {
        struct rand_state r;
        unsigned set_n[64] = {0};
        rand_seed(&r, seeds[s]);
        for (unsigned i = 0; i < DRAWS; i++) {
            uint64_t n = rand_u64(&r);
            for (unsigned bit = 0; bit < 64; bit++)
                set_n[bit] += n >> bit & 1;
        }
        for (unsigned bit = 0; bit < 64; bit++)
            assert_in_range(set_n[bit], DRAWS * 49 / 100, DRAWS * 51 / 100);
    }
}

static void test_below_is_uniform(void **state)
{
    struct rand_state r;
    unsigned seen_n[10] = {0};
    (void)state;
    rand_seed(&r, 1);
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t n = rand_below(&r, 10);
        assert_true(n < 10);
        seen_n[n]++;
    }
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(seen_n[i], DRAWS / 10 * 95 / 100, DRAWS / 10 * 105 / 100);
}

static void test_below_edges(void **state)
{
    const uint64_t over_half = (UINT64_C(1) << 63) + (UINT64_C(1) << 62);
    struct rand_state r;
    unsigned low_n = 0;
    (void)state;
    rand_seed(&r, 1);
    for (unsigned i = 0; i < DRAWS; i++) {
        assert_int_equal(rand_below(&r, 1), 0);
        uint64_t n = rand_below(&r, over_half);
        assert_true(n < over_half);
        low_n += n < over_half / 3;
    }
    /* A plain remainder would give half of all draws to the lowest third. */
    assert_in_range(low_n, DRAWS * 32 / 100, DRAWS * 35 / 100);
}

static void draw_below_zero(void *arg)
{
    (void)rand_below(arg, 0);
}

static void test_below_zero_is_a_bug(void **state)
{
    struct rand_state r;
    (void)state;
    rand_seed(&r, 1);
    assert_true(forked_fails_must(draw_below_zero, &r, "n > 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_every_bit_is_set_half_of_the_time),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_below_edges),
        cmocka_unit_test(test_below_zero_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
