#include "cm.h"

#include "base/fault.h"
#include "base/outv.h"
#include "forked.h"

static char big[1000];

/* All pieces in order in one buffer. */
static struct span flatten(const struct outv *o)
{
    static char flat[8192];
    size_t len = 0;
    for (unsigned i = 0; i < o->n; i++) {
        assert_true(len + o->iov[i].iov_len <= sizeof(flat));
        memcpy(flat + len, o->iov[i].iov_base, o->iov[i].iov_len);
        len += o->iov[i].iov_len;
    }
    assert_int_equal(len, o->bytes);
    return span_from(flat, len);
}

static void test_copied_pieces_share_an_iovec(void **state)
{
    struct outv o;
    (void)state;
    assert_int_equal(outv_init(&o, 1024), 0);
    outv_add(&o, SPAN(""));
    assert_int_equal(o.n, 0);
    outv_add(&o, SPAN("HTTP/1.1 "));
    outv_add(&o, SPAN("200 OK\r\n"));
    assert_int_equal(o.n, 1);
    assert_true(span_is_equal(flatten(&o), SPAN("HTTP/1.1 200 OK\r\n")));
    outv_fini(&o);
}

static void test_ref_borrows_large_and_copies_small(void **state)
{
    static char small[] = "small";
    struct outv o;
    (void)state;
    assert_int_equal(outv_init(&o, 1024), 0);
    outv_add(&o, SPAN("a"));
    outv_ref(&o, span_from(small, 5));
    assert_int_equal(o.n, 1);
    small[0] = 'X'; /* a copy does not see this */
    outv_ref(&o, span_from(big, OUTV_COPY_MAX));
    assert_int_equal(o.n, 1);
    assert_int_equal(o.own_len, 6 + OUTV_COPY_MAX);
    outv_ref(&o, span_from(big, OUTV_COPY_MAX + 1));
    assert_int_equal(o.n, 2);
    assert_ptr_equal(o.iov[1].iov_base, big);
    outv_add(&o, SPAN("z"));
    assert_int_equal(o.n, 3);
    outv_ref(&o, SPAN(""));
    assert_int_equal(o.n, 3);
    assert_int_equal(o.bytes, 6 + OUTV_COPY_MAX + OUTV_COPY_MAX + 1 + 1);
    struct span flat = flatten(&o);
    assert_true(span_has_prefix(flat, SPAN("asmall")));
    assert_int_equal(flat.ptr[flat.len - 1], 'z');
    outv_fini(&o);
}

static void test_ref_without_own_room_borrows(void **state)
{
    struct outv o;
    (void)state;
    assert_int_equal(outv_init(&o, 4), 0);
    outv_ref(&o, span_from(big, 5));
    assert_int_equal(o.n, 1);
    assert_ptr_equal(o.iov[0].iov_base, big);
    outv_ref(&o, span_from(big + 5, 5)); /* side by side */
    assert_int_equal(o.n, 1);
    assert_int_equal(o.iov[0].iov_len, 10);
    outv_ref(&o, span_from(big + 5, 5)); /* again, not the next bytes */
    assert_int_equal(o.n, 2);
    outv_fini(&o);
}

static void test_reserve_and_commit(void **state)
{
    struct outv o;
    (void)state;
    assert_int_equal(outv_init(&o, 8), 0);
    char *at = outv_reserve(&o, 8);
    memcpy(at, "abcdefgh", 8);
    outv_commit(&o, 3);
    memcpy(outv_reserve(&o, 5), "de", 2);
    outv_commit(&o, 0);
    assert_int_equal(o.bytes, 3);
    outv_commit(&o, 2);
    assert_int_equal(o.n, 1);
    assert_true(span_is_equal(flatten(&o), SPAN("abcde")));
    outv_fini(&o);
}

static void test_room_and_clear(void **state)
{
    struct outv o;
    (void)state;
    assert_int_equal(outv_init(&o, 64), 0);
    assert_true(outv_has_room(&o, 64, OUTV_PIECES));
    assert_false(outv_has_room(&o, 65, 0));
    assert_false(outv_has_room(&o, 0, OUTV_PIECES + 1));
    for (unsigned i = 0; i < OUTV_PIECES; i++)
        outv_ref(&o, span_from(big, sizeof(big)));
    assert_int_equal(o.n, OUTV_PIECES);
    assert_true(outv_has_room(&o, 64, 0));
    assert_false(outv_has_room(&o, 0, 1));
    outv_clear(&o);
    assert_true(outv_has_room(&o, 64, OUTV_PIECES));
    assert_int_equal(o.bytes, 0);
    outv_fini(&o);
    outv_fini(&o);
}

static void test_no_memory(void **state)
{
    struct outv o;
    (void)state;
    fault_set(1);
    assert_int_equal(outv_init(&o, 64), WERR_NOMEM);
    outv_fini(&o);
}

static void add_too_much(void *arg)
{
    outv_add(arg, SPAN("12345"));
}

static void commit_too_much(void *arg)
{
    outv_commit(arg, 5);
}

static void ref_too_many(void *arg)
{
    for (unsigned i = 0; i <= OUTV_PIECES; i++)
        outv_ref(arg, span_from(big, sizeof(big)));
}

static void test_adding_without_room_is_a_bug(void **state)
{
    struct outv o;
    (void)state;
    assert_int_equal(outv_init(&o, 4), 0);
    assert_true(forked_fails_must(add_too_much, &o, "outv_reserve"));
    assert_true(forked_fails_must(commit_too_much, &o, "outv_commit"));
    assert_true(forked_fails_must(ref_too_many, &o, "OUTV_PIECES"));
    outv_fini(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copied_pieces_share_an_iovec),
        cmocka_unit_test(test_ref_borrows_large_and_copies_small),
        cmocka_unit_test(test_ref_without_own_room_borrows),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_room_and_clear),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_adding_without_room_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
