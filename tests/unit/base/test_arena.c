#include "cm.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/poison.h"
#include "base/rand.h"
#include "forked.h"

static void test_alloc_is_aligned_and_apart(void **state)
{
    struct arena_store *store = arena_store_new(512, 4);
    struct rand_state r;
    struct arena a;
    char *at[300];
    size_t len[300];
    (void)state;
    rand_seed(&r, 3);
    arena_init(&a, store, SIZE_MAX);
    assert_null(a.chunks);
    for (size_t i = 0; i < COUNT(at); i++) {
        len[i] = rand_below(&r, 10) == 0 ? 400 + rand_below(&r, 2000) : rand_below(&r, 60);
        at[i] = arena_alloc(&a, len[i]);
        assert_non_null(at[i]);
        assert_int_equal((uintptr_t)at[i] % 8, 0);
        memset(at[i], (int)(i % 251), len[i]);
    }
    for (size_t i = 0; i < COUNT(at); i++) {
        for (size_t k = 0; k < len[i]; k++)
            assert_int_equal((unsigned char)at[i][k], i % 251);
    }
    arena_reset(&a);
    assert_null(a.chunks);
    assert_int_equal(a.used_bytes, 0);
    arena_store_free(store);
    arena_store_free(NULL);
}

static void test_limit(void **state)
{
    static const struct {
        size_t limit, bytes;
        bool fits;
    } cases[] = {
        {0, 0, false},
        {0, 1, false},
        {8, 8, true},
        {15, 9, false},
        {16, 9, true},
        {1000, 1000, true},
        {1000, 1001, false},
        {SIZE_MAX, SIZE_MAX, false},
        {SIZE_MAX, SIZE_MAX - 7, false},
    };
    struct arena_store *store = arena_store_new(256, 4);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena a;
        arena_init(&a, store, cases[i].limit);
        assert_int_equal(arena_alloc(&a, cases[i].bytes) != NULL, cases[i].fits);
        arena_reset(&a);
    }
    struct arena a;
    arena_init(&a, store, 64);
    for (unsigned i = 0; i < 8; i++)
        assert_non_null(arena_alloc(&a, 5));
    assert_null(arena_alloc(&a, 1));
    assert_int_equal(a.used_bytes, 64);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 64));
    arena_reset(&a);
    arena_store_free(store);
}

static void test_nothing_allocated_after_warm_up(void **state)
{
    struct arena_store *store = arena_store_new(256, 2);
    struct arena a, b;
    (void)state;
    arena_init(&a, store, 4096);
    arena_init(&b, store, 4096);
    assert_non_null(arena_alloc(&a, 200));
    assert_non_null(arena_alloc(&a, 200));
    arena_reset(&a);
    fault_set(1);
    assert_non_null(arena_alloc(&a, 200));
    assert_non_null(arena_alloc(&b, 200));
    assert_true(fault_is_armed());
    assert_null(arena_alloc(&b, 200)); /* the store keeps two only */
    arena_reset(&a);
    arena_reset(&b);
    arena_store_free(store);
}

static void test_store_keeps_up_to_its_bound(void **state)
{
    struct arena_store *store = arena_store_new(256, 1);
    struct arena a;
    (void)state;
    arena_init(&a, store, 4096);
    assert_non_null(arena_alloc(&a, 200));
    assert_non_null(arena_alloc(&a, 200));
    arena_reset(&a);
    fault_set(1);
    assert_non_null(arena_alloc(&a, 200));
    assert_null(arena_alloc(&a, 200));
    arena_reset(&a);
    arena_store_free(store);
}

/* What was not needed from one call to the next goes, but for the reserve. */
static void test_settle(void **state)
{
    struct arena_store *store = arena_store_new(256, 100);
    struct arena a;
    (void)state;
    arena_init(&a, store, 1 << 20);
    assert_int_equal(arena_store_settle(store, 0), 0);
    for (unsigned i = 0; i < 50; i++)
        assert_non_null(arena_alloc(&a, 200));
    arena_reset(&a);
    assert_int_equal(arena_store_settle(store, 4), 0);
    for (unsigned i = 0; i < 10; i++)
        assert_non_null(arena_alloc(&a, 200));
    arena_reset(&a);
    assert_int_equal(arena_store_settle(store, 4), 36);
    assert_int_equal(arena_store_settle(store, 4), 10);
    assert_int_equal(arena_store_settle(store, 4), 0);
    /* The reserve is there. */
    fault_set(1);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(arena_alloc(&a, 200));
    assert_true(fault_is_armed());
    fault_set(0);
    arena_reset(&a);
    assert_int_equal(arena_store_settle(store, 0), 0);
    assert_int_equal(arena_store_settle(store, 0), 4);
    arena_store_free(store);
}

static void test_large_block_leaves_the_chunk_in_use(void **state)
{
    struct arena_store *store = arena_store_new(256, 4);
    struct arena a;
    (void)state;
    arena_init(&a, store, 1 << 20);
    char *first = arena_alloc(&a, 8);
    assert_non_null(arena_alloc(&a, 100000));
    assert_ptr_equal(arena_alloc(&a, 8), first + 8);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 100000)); /* as the first one too */
    assert_non_null(arena_alloc(&a, 8));
    arena_reset(&a);
    arena_store_free(store);
}

static void test_large_block_is_not_kept(void **state)
{
    struct arena_store *store = arena_store_new(256, 4);
    struct arena a;
    (void)state;
    arena_init(&a, store, 1 << 20);
    assert_non_null(arena_alloc(&a, 100000));
    arena_reset(&a);
    fault_set(1);
    assert_null(arena_alloc(&a, 8));
    assert_false(fault_is_armed());
    arena_store_free(store);
}

static void test_no_memory_leaves_the_arena_usable(void **state)
{
    (void)state;
    fault_set(1);
    assert_null(arena_store_new(256, 1));
    struct arena_store *store = arena_store_new(256, 0);
    struct arena a;
    arena_init(&a, store, 1 << 20);
    for (size_t bytes = 8; bytes <= 8000; bytes += 7992) {
        fault_set(1);
        assert_null(arena_alloc(&a, bytes));
        assert_int_equal(a.used_bytes, 0);
        assert_non_null(arena_alloc(&a, bytes));
        assert_int_equal(a.used_bytes, bytes);
        arena_reset(&a);
    }
    arena_store_free(store);
}

static void test_copy(void **state)
{
    struct arena_store *store = arena_store_new(256, 0);
    char text[] = "hello";
    struct arena a;
    (void)state;
    arena_init(&a, store, 16);
    struct span copy = arena_copy(&a, span_from(text, 5));
    text[0] = 'X';
    assert_true(span_is_equal(copy, SPAN("hello")));
    assert_non_null(arena_copy(&a, SPAN_NONE).ptr);
    assert_int_equal(a.used_bytes, 8);
    copy = arena_copy(&a, SPAN("far too long"));
    assert_null(copy.ptr);
    assert_int_equal(copy.len, 0);
    arena_reset(&a);
    arena_store_free(store);
}

static void new_with_tiny_chunks(void *arg)
{
    (void)arg;
    arena_store_free(arena_store_new(63, 0));
}

static void write_after_reset(void *arg)
{
    volatile char *at = arena_alloc(arg, 16);
    arena_reset(arg);
    at[0] = 1;
}

static void write_behind(void *arg)
{
    volatile char *at = arena_alloc(arg, 13);
    at[13] = 1;
}

static void test_misuse_shows(void **state)
{
    struct arena_store *store = arena_store_new(256, 1);
    struct arena a;
    (void)state;
    arena_init(&a, store, 4096);
    assert_true(forked_fails_must(new_with_tiny_chunks, NULL, "chunk_bytes"));
    if (POISON_IS_ON) {
        assert_true(forked_dies(write_after_reset, &a));
        assert_true(forked_dies(write_behind, &a));
    }
    arena_store_free(store);
}

/* Whatever came between, the arena is as it was: what is older is untouched, nothing is held
 * that was not, and the same fits again. */
static void test_rewind(void **state)
{
    static const size_t sizes[] = {1, 8, 60, 200, 239, 240, 241, 1000};
    struct arena_store *store = arena_store_new(256, 64);
    struct rand_state r;
    (void)state;
    rand_seed(&r, 5);
    for (unsigned run = 0; run < 200; run++) {
        struct arena a;
        arena_init(&a, store, 20000);
        char *old[10];
        unsigned old_n = (unsigned)rand_below(&r, COUNT(old) + 1);
        for (unsigned i = 0; i < old_n; i++) {
            old[i] = arena_alloc(&a, 40);
            memset(old[i], (int)i, 40);
        }
        struct arena_mark mark = arena_mark(&a);
        struct arena_chunk *chunks = a.chunks;
        for (unsigned round = 0; round < 3; round++) {
            size_t used = a.used_bytes;
            for (unsigned i = 0; i < 8; i++) {
                size_t n = sizes[rand_below(&r, COUNT(sizes))];
                char *at = arena_alloc(&a, n);
                assert_non_null(at);
                memset(at, 0xee, n);
            }
            arena_rewind(&a, &mark);
            assert_int_equal(a.used_bytes, used);
            assert_ptr_equal(a.chunks, chunks);
        }
        for (unsigned i = 0; i < old_n; i++)
            for (unsigned k = 0; k < 40; k++)
                assert_int_equal(old[i][k], i);
        assert_non_null(arena_alloc(&a, 20000 - a.used_bytes));
        arena_reset(&a);
    }
    arena_store_free(store);
}

static void write_after_rewind(void *arg)
{
    struct arena *a = arg;
    struct arena_mark mark = arena_mark(a);
    volatile char *at = arena_alloc(a, 16);
    arena_rewind(a, &mark);
    *at = 1;
}

static void test_rewound_memory_is_poisoned(void **state)
{
    struct arena_store *store = arena_store_new(256, 1);
    struct arena a;
    (void)state;
    arena_init(&a, store, 4096);
    assert_non_null(arena_alloc(&a, 16));
    if (POISON_IS_ON)
        assert_true(forked_dies(write_after_rewind, &a));
    arena_reset(&a);
    arena_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_rewound_memory_is_poisoned),
        cmocka_unit_test(test_alloc_is_aligned_and_apart),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_nothing_allocated_after_warm_up),
        cmocka_unit_test(test_store_keeps_up_to_its_bound),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_large_block_leaves_the_chunk_in_use),
        cmocka_unit_test(test_large_block_is_not_kept),
        cmocka_unit_test(test_no_memory_leaves_the_arena_usable),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_misuse_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
