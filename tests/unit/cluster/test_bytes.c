#include "../base/cm.h"

#include "cluster/bytes.h"

static void test_written_and_read(void **state)
{
    const struct addr v4 = {.family = AF_INET, .port = 80, .ip = {1, 2, 3, 4}};
    const struct addr v6 = {.family = AF_INET6, .port = 65535, .ip = {0xFD, [15] = 1}};
    const struct addr none = {0};
    char buf[128];
    struct bytes_out o;
    struct bytes_in in;
    struct addr a;
    char three[3];

    (void)state;
    bytes_out_init(&o, buf, sizeof(buf));
    bytes_put_u8(&o, 0xAB);
    bytes_put_u16(&o, 0x1234);
    bytes_put_u32(&o, 0x12345678);
    bytes_put_u64(&o, 0x123456789ABCDEF0);
    bytes_put(&o, "abc", 3);
    bytes_put_span(&o, SPAN("text"));
    bytes_put_span(&o, SPAN_NONE);
    bytes_put_addr(&o, &v4);
    bytes_put_addr(&o, &v6);
    bytes_put_addr(&o, &none);
    assert_memory_equal(buf, "\xAB\x34\x12\x78\x56\x34\x12\xF0\xDE\xBC", 10);
    bytes_in_init(&in, span_from(buf, o.len));
    assert_int_equal(bytes_get_u8(&in), 0xAB);
    assert_int_equal(bytes_get_u16(&in), 0x1234);
    assert_int_equal(bytes_get_u32(&in), 0x12345678);
    assert_true(bytes_get_u64(&in) == 0x123456789ABCDEF0);
    bytes_get(&in, three, sizeof(three));
    assert_memory_equal(three, "abc", 3);
    assert_true(span_is_equal(bytes_get_span(&in, 4), SPAN("text")));
    assert_int_equal(bytes_get_span(&in, 0).len, 0);
    bytes_get_addr(&in, &a);
    assert_true(addr_is_equal(&a, &v4));
    bytes_get_addr(&in, &a);
    assert_true(addr_is_equal(&a, &v6));
    assert_false(bytes_in_is_done(&in));
    bytes_get_addr(&in, &a);
    assert_int_equal(a.family, 0);
    assert_true(bytes_in_is_done(&in));
}

/* What can't be reads as zero, and all that follows too. */
static void check_bad(struct span bytes, void (*get)(struct bytes_in *in))
{
    struct bytes_in in;

    bytes_in_init(&in, bytes);
    get(&in);
    assert_true(in.is_bad);
    assert_int_equal(bytes_get_u8(&in), 0);
    assert_false(bytes_in_is_done(&in));
}

static void get_u64(struct bytes_in *in)
{
    assert_true(bytes_get_u64(in) == 0);
}

static void get_bool(struct bytes_in *in)
{
    assert_false(bytes_get_bool(in));
}

static void get_span(struct bytes_in *in)
{
    assert_int_equal(bytes_get_span(in, 3).len, 0);
}

static void get_addr(struct bytes_in *in)
{
    struct addr a;

    bytes_get_addr(in, &a);
    assert_int_equal(a.family, 0);
}

static void test_what_cannot_be(void **state)
{
    (void)state;
    check_bad(SPAN("1234567"), get_u64);
    check_bad(SPAN_NONE, get_u64);
    check_bad(SPAN("\2more"), get_bool);
    check_bad(SPAN("\4\0\0\0abcd"), get_span); /* longer than allowed */
    check_bad(SPAN("\3\0\0\0ab"), get_span);   /* not there */
    check_bad(SPAN("\xFF\xFF\xFF\xFF"
                   "abc"),
              get_span);
    check_bad(SPAN("\3\0\0"), get_span);
    check_bad(SPAN("\5\0\0abcd"), get_addr); /* no such family */
    check_bad(SPAN("\4\0\0abc"), get_addr);
    check_bad(SPAN("\6\0\0abcdabcdabcdabc"), get_addr);
    check_bad(SPAN("\6\1\0\0\0\0\0\0\0\0\0\0\0\xFF\xFF\1\2\3\4"), get_addr); /* mapped IPv4 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_what_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
