#include "base/search.h"

#include "cm.h"

static uint64_t number_at(const void *array, uint32_t i)
{
    return ((const uint64_t *)array)[i];
}

/* The plain way. */
static uint32_t place_by_walk(const uint64_t *numbers, uint32_t n, uint64_t key)
{
    uint32_t i = 0;
    while (i < n && numbers[i] < key)
        i++;
    return i;
}

/* Of each length, with gaps and with repetitions: for every number that is there, and beside
 * it. */
static void test_places(void **state)
{
    (void)state;
    enum { N_MAX = 40 };
    uint64_t numbers[N_MAX];
    for (uint32_t step = 0; step < 3; step++) {
        for (uint32_t i = 0; i < N_MAX; i++)
            numbers[i] = 5 + (uint64_t)i / 3 + (uint64_t)i * step;
        for (uint32_t n = 0; n <= N_MAX; n++)
            for (uint64_t key = 0; key < 5 + N_MAX * 3; key++)
                assert_int_equal(search_place(numbers, n, number_at, key),
                                 place_by_walk(numbers, n, key));
    }
}

static void test_ends_of_the_numbers(void **state)
{
    (void)state;
    const uint64_t numbers[] = {0, UINT64_MAX};
    assert_int_equal(search_place(numbers, 2, number_at, 0), 0);
    assert_int_equal(search_place(numbers, 2, number_at, 1), 1);
    assert_int_equal(search_place(numbers, 2, number_at, UINT64_MAX), 1);
    assert_int_equal(search_place(NULL, 0, number_at, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_ends_of_the_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
