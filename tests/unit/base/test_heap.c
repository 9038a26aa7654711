#include "cm.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/poison.h"

enum { BLOCKS = 4096, BLOCK_BYTES = 8 * 1024 };

/* A burst whose last block lives on, so that free() alone gives nothing back. */
static void test_a_hole_is_given_back(void **state)
{
    static char *block[BLOCKS];
    (void)state;
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = malloc(BLOCK_BYTES);
        assert_non_null(block[i]);
        memset(block[i], 1, BLOCK_BYTES);
    }
    heap_watch();
    size_t held_full = heap_held_bytes();
    for (size_t i = 0; i < BLOCKS - 1; i++)
        free(block[i]);
    size_t held_free = heap_held_bytes();
    heap_trim();
    size_t held_after = heap_held_bytes();
    if (!POISON_IS_ON) { /* with the sanitizer's allocator there is nothing to see */
        assert_true(held_free > held_full + 16 * 1024 * 1024);
        assert_true(held_after < held_free - 16 * 1024 * 1024);
    }
    assert_int_equal(block[BLOCKS - 1][BLOCK_BYTES - 1], 1);
    free(block[BLOCKS - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hole_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
