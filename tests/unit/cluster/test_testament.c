#include "../base/cm.h"

#include <string.h>

#include "cluster/testament.h"

static struct testament make(void)
{
    struct testament t = {.incarnation = 3, .member = UINT64_C(0x1234567890ABCDEF)};

    memset(t.uuid, 7, sizeof(t.uuid));
    for (unsigned i = 0; i < sizeof(t.secret); i++)
        t.secret[i] = (uint8_t)(i * 5);
    return t;
}

static void test_what_is_written_is_read(void **state)
{
    const struct testament t = make();
    struct testament read;
    char bytes[TESTAMENT_BYTES];

    (void)state;
    testament_encode(&t, bytes);
    assert_int_equal(testament_decode(span_from(bytes, sizeof(bytes)), &read), 0);
    assert_memory_equal(read.uuid, t.uuid, sizeof(t.uuid));
    assert_int_equal(read.incarnation, 3);
    assert_int_equal(read.member, t.member);
    assert_memory_equal(read.secret, t.secret, sizeof(t.secret));
}

static void test_no_other_length_is_one(void **state)
{
    const struct testament t = make();
    struct testament read;
    char bytes[TESTAMENT_BYTES + 1] = {0};

    (void)state;
    testament_encode(&t, bytes);
    for (size_t n = 0; n <= sizeof(bytes); n++)
        assert_int_equal(testament_decode(span_from(bytes, n), &read),
                         n == TESTAMENT_BYTES ? 0 : WERR_CORRUPT);
}

static void test_nobody_and_another_format_are_refused(void **state)
{
    struct testament t = make(), read;
    char bytes[TESTAMENT_BYTES];

    (void)state;
    testament_encode(&t, bytes);
    bytes[3]++;
    assert_int_equal(testament_decode(span_from(bytes, sizeof(bytes)), &read), WERR_CORRUPT);
    t.member = 0;
    testament_encode(&t, bytes);
    assert_int_equal(testament_decode(span_from(bytes, sizeof(bytes)), &read), WERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_no_other_length_is_one),
        cmocka_unit_test(test_nobody_and_another_format_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
