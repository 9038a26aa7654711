#include "cm.h"

#include "base/fault.h"
#include "base/poison.h"
#include "base/rand.h"
#include "base/slab.h"
#include "forked.h"

enum { OBJECTS = 1000 };

struct object {
    char bytes[301];
};

static unsigned batches_of(const struct slab *s)
{
    return (OBJECTS + s->batch_n - 1) / s->batch_n;
}

static void test_objects_are_zeroed_aligned_and_apart(void **state)
{
    static struct object *at[OBJECTS];
    struct slab s;
    (void)state;
    slab_init(&s, "object", sizeof(struct object), 0);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            at[i] = slab_get(&s);
            assert_non_null(at[i]);
            assert_int_equal((uintptr_t)at[i] % 8, 0);
            for (size_t k = 0; k < sizeof(at[i]->bytes); k++)
                assert_int_equal(at[i]->bytes[k], 0);
            memset(at[i], (int)(i % 250) + 1, sizeof(*at[i]));
        }
        assert_int_equal(s.in_use, OBJECTS);
        for (size_t i = 0; i < OBJECTS; i++) {
            assert_int_equal((unsigned char)at[i]->bytes[0], i % 250 + 1);
            assert_int_equal((unsigned char)at[i]->bytes[300], i % 250 + 1);
            slab_put(&s, at[i]);
        }
        assert_int_equal(s.in_use, 0);
    }
    slab_fini(&s);
}

static void test_last_put_comes_first(void **state)
{
    struct slab s;
    (void)state;
    slab_init(&s, "object", 1, 0);
    void *a = slab_get(&s), *b = slab_get(&s);
    slab_put(&s, a);
    slab_put(&s, b);
    assert_ptr_equal(slab_get(&s), b);
    assert_ptr_equal(slab_get(&s), a);
    slab_put(&s, a);
    slab_put(&s, b);
    slab_fini(&s);
}

static void test_cap(void **state)
{
    static const unsigned caps[] = {1, 3, 200};
    static void *at[200];
    (void)state;
    for (size_t i = 0; i < COUNT(caps); i++) {
        struct slab s;
        slab_init(&s, "object", 500, caps[i]);
        for (unsigned k = 0; k < caps[i]; k++)
            assert_non_null(at[k] = slab_get(&s));
        assert_null(slab_get(&s));
        slab_put(&s, at[0]);
        assert_non_null(at[0] = slab_get(&s));
        assert_null(slab_get(&s));
        for (unsigned k = 0; k < caps[i]; k++)
            slab_put(&s, at[k]);
        slab_fini(&s);
    }
}

static void test_no_memory(void **state)
{
    struct slab s;
    (void)state;
    slab_init(&s, "object", 64, 0);
    assert_int_equal(slab_trim(&s, 0), 0);
    fault_set(1);
    assert_null(slab_get(&s));
    assert_int_equal(s.in_use, 0);
    void *a = slab_get(&s);
    assert_non_null(a);
    slab_put(&s, a);
    fault_set(1);
    assert_int_equal(slab_trim(&s, 0), 0);
    assert_ptr_equal(slab_get(&s), a);
    slab_put(&s, a);
    slab_fini(&s);
}

static void test_trim_gives_free_batches_back(void **state)
{
    static void *at[OBJECTS];
    struct slab s;
    (void)state;
    slab_init(&s, "object", sizeof(struct object), 0);
    for (size_t i = 0; i < OBJECTS; i++)
        at[i] = slab_get(&s);
    assert_int_equal(slab_trim(&s, 0), 0);
    for (size_t i = 0; i < OBJECTS; i++) {
        if (i != OBJECTS / 2)
            slab_put(&s, at[i]);
    }
    assert_int_equal(slab_trim(&s, 0), batches_of(&s) - 1);
    assert_int_equal(slab_trim(&s, 0), 0);
    /* What is left of the one batch is still handed out, and nothing else. */
    fault_set(1);
    unsigned n = 0;
    while ((at[n] = slab_get(&s)) != NULL)
        n++;
    assert_int_equal(n, s.batch_n - 1);
    while (n > 0)
        slab_put(&s, at[--n]);
    slab_put(&s, at[OBJECTS / 2]);
    assert_int_equal(slab_trim(&s, 0), 1);
    assert_null(s.batches);
    at[0] = slab_get(&s);
    assert_non_null(at[0]);
    slab_put(&s, at[0]);
    slab_fini(&s);
}

static void test_trim_keeps_what_it_is_told(void **state)
{
    static void *at[OBJECTS];
    struct slab s;
    (void)state;
    slab_init(&s, "object", sizeof(struct object), 0);
    for (size_t i = 0; i < OBJECTS; i++)
        at[i] = slab_get(&s);
    assert_int_equal(s.total_n, batches_of(&s) * s.batch_n);
    for (size_t i = 0; i < OBJECTS; i++)
        slab_put(&s, at[i]);
    assert_int_equal(slab_trim(&s, s.total_n - s.batch_n + 1), 0);
    assert_int_equal(slab_trim(&s, 3 * s.batch_n), batches_of(&s) - 3);
    assert_int_equal(s.total_n, 3 * s.batch_n);
    fault_set(1);
    for (size_t i = 0; i < s.total_n; i++)
        assert_non_null(at[i] = slab_get(&s));
    assert_null(slab_get(&s));
    for (size_t i = s.in_use; i > 0; i--)
        slab_put(&s, at[i - 1]);
    slab_fini(&s);
}

/* Settles with so many in use at the most since the last time, and n now. */
static unsigned settle_after(struct slab *s, void **at, unsigned peak_n, unsigned n)
{
    while (s->in_use < peak_n) {
        at[s->in_use] = slab_get(s);
        assert_non_null(at[s->in_use - 1]);
    }
    while (s->in_use > n)
        slab_put(s, at[s->in_use - 1]);
    return slab_settle(s);
}

static void test_settle(void **state)
{
    static void *at[OBJECTS];
    struct slab s;
    (void)state;
    slab_init(&s, "object", sizeof(struct object), 0);
    assert_int_equal(slab_settle(&s), 0);
    /* A burst: kept while it is younger than a call, then given back but for a batch. */
    assert_int_equal(settle_after(&s, at, OBJECTS, 1), 0);
    assert_int_equal(settle_after(&s, at, 1, 1), batches_of(&s) - 2);
    assert_int_equal(settle_after(&s, at, 1, 1), 0);
    /* Waves that come back within a call cost nothing: no batch is made or given back. */
    (void)settle_after(&s, at, OBJECTS, 0);
    fault_set(1);
    for (unsigned wave = 0; wave < 20; wave++)
        assert_int_equal(settle_after(&s, at, OBJECTS - s.batch_n, wave % 2 * 10), 0);
    assert_true(fault_is_armed());
    fault_set(0);
    (void)settle_after(&s, at, 0, 0);
    (void)settle_after(&s, at, 0, 0);
    assert_int_equal(s.total_n, s.batch_n);
    slab_fini(&s);
}

/* One object in every batch: nothing to be had, and less and less often looked for. */
static void test_settle_in_vain(void **state)
{
    static void *at[OBJECTS];
    struct slab s;
    unsigned walks = 0;
    (void)state;
    slab_init(&s, "object", sizeof(struct object), 0);
    for (size_t i = 0; i < OBJECTS; i++)
        at[i] = slab_get(&s);
    for (size_t i = 0; i < OBJECTS; i++)
        if (i % s.batch_n != 0)
            slab_put(&s, at[i]);
    assert_int_equal(slab_settle(&s), 0);
    for (unsigned call = 0; call < 100; call++) {
        walks += s.pause_n == 0 ? 1 : 0;
        assert_int_equal(slab_settle(&s), 0);
    }
    assert_in_range(walks, 2, 8);
    for (size_t i = 0; i < OBJECTS; i += s.batch_n)
        slab_put(&s, at[i]);
    for (unsigned call = 0; call < 100; call++)
        (void)slab_settle(&s);
    assert_int_equal(s.total_n, s.batch_n);
    slab_fini(&s);
}

/* Every object carries its index while in use, whatever is got, put and trimmed around it. */
static void test_random_use_with_trims(void **state)
{
    static size_t *at[OBJECTS];
    struct rand_state r;
    struct slab s;
    unsigned in_use = 0;
    (void)state;
    rand_seed(&r, 11);
    slab_init(&s, "object", sizeof(struct object), 0);
    for (unsigned step = 0; step < 50000; step++) {
        /* Waves: mostly getting, then mostly putting. */
        bool is_getting = rand_below(&r, 10) < (step / 2500 % 2 == 0 ? 8 : 2);
        size_t i = rand_below(&r, OBJECTS);
        if (at[i] == NULL && is_getting) {
            at[i] = slab_get(&s);
            assert_int_equal(*at[i], 0);
            *at[i] = i;
            in_use++;
        } else if (at[i] != NULL && !is_getting) {
            assert_int_equal(*at[i], i);
            slab_put(&s, at[i]);
            at[i] = NULL;
            in_use--;
        }
        assert_int_equal(s.in_use, in_use);
        if (step % 500 == 0)
            (void)slab_trim(&s, 0);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (at[i] != NULL) {
            assert_int_equal(*at[i], i);
            slab_put(&s, at[i]);
        }
    }
    (void)slab_trim(&s, 0);
    assert_null(s.batches);
    assert_null(s.free_list);
    slab_fini(&s);
}

static void fini_in_use(void *arg)
{
    (void)slab_get(arg);
    slab_fini(arg);
}

static void put_too_often(void *arg)
{
    char not_from_here[64];
    slab_put(arg, not_from_here);
}

static void write_after_put(void *arg)
{
    volatile char *object = slab_get(arg);
    slab_put(arg, (void *)object);
    object[20] = 1;
}

static void put_twice(void *arg)
{
    (void)slab_get(arg);
    void *object = slab_get(arg);
    slab_put(arg, object);
    slab_put(arg, object);
}

static void write_behind(void *arg)
{
    volatile char *object = slab_get(arg);
    object[64] = 1;
}

static void test_misuse_shows(void **state)
{
    struct slab s;
    (void)state;
    slab_init(&s, "object", 64, 0);
    assert_true(forked_fails_must(fini_in_use, &s, "in_use == 0"));
    assert_true(forked_fails_must(put_too_often, &s, "in_use > 0"));
    if (POISON_IS_ON) {
        assert_true(forked_dies(write_after_put, &s));
        assert_true(forked_dies(put_twice, &s));
        assert_true(forked_dies(write_behind, &s));
    }
    slab_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(test_last_put_comes_first),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_trim_gives_free_batches_back),
        cmocka_unit_test(test_trim_keeps_what_it_is_told),
        cmocka_unit_test(test_settle),
        cmocka_unit_test(test_settle_in_vain),
        cmocka_unit_test(test_random_use_with_trims),
        cmocka_unit_test(test_misuse_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
