#include "cm.h"

#include <stdlib.h>

#include "base/bufq.h"
#include "base/fault.h"
#include "base/poison.h"
#include "base/rand.h"
#include "forked.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static char pattern[4 * MIB];

static void fill_pattern(void)
{
    struct rand_state r;
    rand_seed(&r, 7);
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (char)rand_u64(&r);
}

static void push(struct bufq *q, struct bufq_store *store, size_t n)
{
    assert_int_equal(bufq_push(q, store, span_from(pattern, n), SIZE_MAX), 0);
}

static void test_empty_owns_nothing(void **state)
{
    struct bufq_store *store = bufq_store_new(MIB);
    struct bufq q;
    (void)state;
    bufq_init(&q);
    assert_null(q.block);
    assert_int_equal(bufq_peek(&q).len, 0);
    assert_int_equal(bufq_push(&q, store, SPAN(""), 0), 0);
    assert_null(q.block);
    push(&q, store, 10);
    assert_non_null(q.block);
    bufq_drop(&q, store, 4);
    assert_true(span_is_equal(bufq_peek(&q), span_from(pattern + 4, 6)));
    assert_int_equal(bufq_len(&q), 6);
    bufq_drop(&q, store, 6);
    assert_null(q.block);
    bufq_drop(&q, store, 0);
    push(&q, store, 10);
    bufq_fini(&q, store);
    assert_null(q.block);
    assert_int_equal(bufq_len(&q), 0);
    bufq_fini(&q, store);
    bufq_store_free(store);
    bufq_store_free(NULL);
}

static void test_block_classes(void **state)
{
    static const struct {
        size_t bytes;
        uint32_t cap;
    } cases[] = {
        {1, KIB},   {KIB, KIB},         {KIB + 1, 2 * KIB}, {MIB - 1, MIB},
        {MIB, MIB}, {MIB + 1, 2 * MIB}, {3 * MIB, 4 * MIB},
    };
    struct bufq_store *store = bufq_store_new(0);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bufq q;
        bufq_init(&q);
        push(&q, store, cases[i].bytes);
        assert_int_equal(bufq_cap(&q), cases[i].cap);
        assert_true(span_is_equal(bufq_peek(&q), span_from(pattern, cases[i].bytes)));
        bufq_fini(&q, store);
    }
    bufq_store_free(store);
}

static void test_compacts_before_it_grows(void **state)
{
    struct bufq_store *store = bufq_store_new(0);
    struct bufq q;
    (void)state;
    bufq_init(&q);
    push(&q, store, KIB);
    bufq_drop(&q, store, 600);
    assert_int_equal(bufq_push(&q, store, span_from(pattern + KIB, 600), SIZE_MAX), 0);
    assert_int_equal(bufq_cap(&q), KIB);
    assert_true(span_is_equal(bufq_peek(&q), span_from(pattern + 600, KIB)));
    assert_int_equal(bufq_push(&q, store, span_from(pattern + KIB + 600, 1), SIZE_MAX), 0);
    assert_int_equal(bufq_cap(&q), 2 * KIB);
    assert_true(span_is_equal(bufq_peek(&q), span_from(pattern + 600, KIB + 1)));
    bufq_fini(&q, store);
    bufq_store_free(store);
}

static void test_limit_appends_nothing(void **state)
{
    struct bufq_store *store = bufq_store_new(0);
    struct bufq q;
    (void)state;
    bufq_init(&q);
    assert_int_equal(bufq_push(&q, store, span_from(pattern, 101), 100), WERR_TOO_BIG);
    assert_null(q.block);
    assert_int_equal(bufq_push(&q, store, span_from(pattern, 100), 100), 0);
    assert_int_equal(bufq_push(&q, store, span_from(pattern, 1), 100), WERR_TOO_BIG);
    assert_int_equal(bufq_push(&q, store, span_from(pattern, 1), 50), WERR_TOO_BIG);
    assert_int_equal(bufq_push(&q, store, span_from(pattern, SIZE_MAX), SIZE_MAX),
                     WERR_TOO_BIG);
    assert_true(span_is_equal(bufq_peek(&q), span_from(pattern, 100)));
    bufq_fini(&q, store);
    bufq_store_free(store);
}

static void test_store_keeps_up_to_its_bound(void **state)
{
    struct bufq_store *store = bufq_store_new(3 * KIB);
    struct bufq q[3];
    (void)state;
    for (size_t i = 0; i < COUNT(q); i++) {
        bufq_init(&q[i]);
        push(&q[i], store, i == 0 ? 2 * KIB : KIB);
    }
    for (size_t i = 0; i < COUNT(q); i++)
        bufq_fini(&q[i], store);
    for (unsigned round = 0; round < 3; round++) {
        fault_set(1);
        push(&q[0], store, 2 * KIB);
        push(&q[1], store, KIB);
        assert_true(fault_is_armed());
        bufq_fini(&q[0], store);
        bufq_fini(&q[1], store);
    }
    push(&q[0], store, 2 * KIB);
    push(&q[1], store, KIB);
    assert_true(fault_is_armed());
    assert_int_equal(bufq_push(&q[2], store, span_from(pattern, KIB), SIZE_MAX), WERR_NOMEM);
    assert_null(q[2].block);
    push(&q[2], store, KIB);
    for (size_t i = 0; i < COUNT(q); i++)
        bufq_fini(&q[i], store);
    bufq_store_free(store);
}

/* The account is right after each push, drop and end, by the blocks and not by the bytes. */
static void test_store_counts_what_is_held(void **state)
{
    struct bufq_store *store = bufq_store_new(MIB);
    struct bufq a, b;
    (void)state;
    bufq_init(&a);
    bufq_init(&b);
    assert_int_equal(bufq_store_held_bytes(store), 0);
    push(&a, store, 1);
    assert_int_equal(bufq_store_held_bytes(store), KIB);
    push(&a, store, KIB - 1);
    assert_int_equal(bufq_store_held_bytes(store), KIB);
    push(&a, store, 1);
    assert_int_equal(bufq_store_held_bytes(store), 2 * KIB);
    push(&b, store, 3 * MIB / 2);
    assert_int_equal(bufq_store_held_bytes(store), 2 * KIB + 2 * MIB);
    fault_set(1);
    assert_int_equal(bufq_push(&a, store, span_from(pattern, 2 * MIB), SIZE_MAX), WERR_NOMEM);
    assert_int_equal(bufq_store_held_bytes(store), 2 * KIB + 2 * MIB);
    bufq_drop(&b, store, MIB);
    assert_int_equal(bufq_store_held_bytes(store), 2 * KIB + 2 * MIB);
    bufq_drop(&b, store, MIB / 2);
    assert_int_equal(bufq_store_held_bytes(store), 2 * KIB);
    push(&b, store, 5 * KIB);
    assert_int_equal(bufq_store_held_bytes(store), 10 * KIB);
    bufq_fini(&b, store);
    bufq_fini(&b, store);
    bufq_fini(&a, store);
    assert_int_equal(bufq_store_held_bytes(store), 0);
    bufq_store_free(store);
}

/* What was not needed from one call to the next goes, but for 64 KiB of each class. */
static void test_settle(void **state)
{
    static struct bufq q[100];
    static char bytes[128 * KIB];
    struct bufq_store *store = bufq_store_new(16 * MIB);
    (void)state;
    assert_int_equal(bufq_store_settle(store), 0);
    for (size_t i = 0; i < COUNT(q); i++) {
        bufq_init(&q[i]);
        assert_int_equal(bufq_push(&q[i], store, span_from(bytes, 9 * KIB), MIB), 0);
    }
    for (size_t i = 0; i < COUNT(q); i++)
        bufq_fini(&q[i], store);
    assert_int_equal(bufq_push(&q[0], store, span_from(bytes, sizeof(bytes)), MIB), 0);
    bufq_fini(&q[0], store);
    assert_int_equal(bufq_store_settle(store), 0);
    /* Ten are in use now and then: they stay for this time. */
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(bufq_push(&q[i], store, span_from(bytes, 9 * KIB), MIB), 0);
    for (size_t i = 0; i < 10; i++)
        bufq_fini(&q[i], store);
    assert_int_equal(bufq_store_settle(store), (100 - 10 - 4) * 16 * KIB + 128 * KIB);
    assert_int_equal(bufq_store_settle(store), 10 * 16 * KIB);
    assert_int_equal(bufq_store_settle(store), 0);
    fault_set(1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(bufq_push(&q[i], store, span_from(bytes, 9 * KIB), MIB), 0);
    assert_true(fault_is_armed());
    fault_set(0);
    for (size_t i = 0; i < 4; i++)
        bufq_fini(&q[i], store);
    bufq_store_free(store);
}

static void test_no_memory_changes_nothing(void **state)
{
    (void)state;
    fault_set(1);
    assert_null(bufq_store_new(KIB));
    struct bufq_store *store = bufq_store_new(KIB);
    struct bufq q;
    bufq_init(&q);
    push(&q, store, 1000);
    bufq_drop(&q, store, 1);
    fault_set(1);
    assert_int_equal(bufq_push(&q, store, span_from(pattern, 5000), SIZE_MAX), WERR_NOMEM);
    assert_true(span_is_equal(bufq_peek(&q), span_from(pattern + 1, 999)));
    push(&q, store, 5000);
    assert_int_equal(bufq_len(&q), 5999);
    bufq_fini(&q, store);
    bufq_store_free(store);
}

/* The queue always holds pattern[from, to) of an endless repetition; sizes from single bytes to
 * over the largest class. */
static void test_random_pushes_and_drops(void **state)
{
    struct bufq_store *store = bufq_store_new(256 * KIB);
    struct rand_state r;
    struct bufq q;
    size_t from = 0, to = 0;
    (void)state;
    rand_seed(&r, 42);
    bufq_init(&q);
    for (unsigned i = 0; i < 5000; i++) {
        size_t n = rand_below(&r, rand_below(&r, 50) == 0 ? 3 * MIB / 2 : 3000);
        if (to + n > sizeof(pattern)) {
            bufq_fini(&q, store);
            from = to = 0;
        }
        push(&q, store, 0);
        assert_int_equal(bufq_push(&q, store, span_from(pattern + to, n), SIZE_MAX), 0);
        to += n;
        n = rand_below(&r, 8) == 0 ? to - from : rand_below(&r, to - from + 1) / 2;
        bufq_drop(&q, store, n);
        from += n;
        assert_int_equal(bufq_len(&q), to - from);
        assert_int_equal(q.block == NULL, to == from);
        struct span s = bufq_peek(&q);
        assert_true(s.len < 4096 || i % 64 == 0
                        ? span_is_equal(s, span_from(pattern + from, to - from))
                        : memcmp(s.ptr + s.len - 512, pattern + to - 512, 512) == 0);
    }
    bufq_fini(&q, store);
    bufq_store_free(store);
}

static void drop_too_much(void *arg)
{
    bufq_drop(arg, NULL, 11);
}

struct stale {
    struct bufq q;
    struct bufq_store *store;
};

static void read_after_drop(void *arg)
{
    struct stale *s = arg;
    volatile const char *at = bufq_peek(&s->q).ptr;
    bufq_drop(&s->q, s->store, 10);
    (void)at[9];
}

static void test_misuse_shows(void **state)
{
    struct stale s = {.store = bufq_store_new(KIB)};
    (void)state;
    bufq_init(&s.q);
    push(&s.q, s.store, 10);
    assert_true(forked_fails_must(drop_too_much, &s.q, "n <= bufq_len(q)"));
    if (POISON_IS_ON)
        assert_true(forked_dies(read_after_drop, &s));
    bufq_fini(&s.q, s.store);
    bufq_store_free(s.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_owns_nothing),
        cmocka_unit_test(test_block_classes),
        cmocka_unit_test(test_compacts_before_it_grows),
        cmocka_unit_test(test_limit_appends_nothing),
        cmocka_unit_test(test_store_keeps_up_to_its_bound),
        cmocka_unit_test(test_store_counts_what_is_held),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_no_memory_changes_nothing),
        cmocka_unit_test(test_random_pushes_and_drops),
        cmocka_unit_test(test_misuse_shows),
    };
    fill_pattern();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
