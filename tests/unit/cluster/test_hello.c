/* The first words of a link: what is written is read, and nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "../base/cm.h"
#include "cluster/hello.h"

static const struct hello usual = {
    .uuid = {1, 2, 3, 250},
    .incarnation = 7,
    .id = 0x1122334455667788,
    .meant = 0xfedcba9876543210,
    .address = {.family = AF_INET, .port = 8688, .ip = {10, 0, 0, 1}},
};

/* In a block of exactly these bytes, so that a byte read too far is seen. */
static int read_copy(const char *bytes, size_t n, struct hello *h)
{
    char *copy = malloc(n > 0 ? n : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    const int rc = hello_read(span_from(copy, n), h);

    free(copy);
    return rc;
}

static void expect_equal(const struct hello *a, const struct hello *b)
{
    assert_memory_equal(a->uuid, b->uuid, sizeof(a->uuid));
    assert_int_equal(a->incarnation, b->incarnation);
    assert_true(a->id == b->id && a->meant == b->meant);
    assert_int_equal(a->address.family, b->address.family);
    assert_int_equal(a->is_farewell, b->is_farewell);
    assert_true(a->address.family == 0 || addr_is_equal(&a->address, &b->address));
}

static void test_written_and_read(void **state)
{
    static const struct addr addresses[] = {
        {.family = AF_INET, .port = 8688, .ip = {10, 0, 0, 1}},
        {.family = AF_INET6, .port = 1, .ip = {0x20, 1, 0xd, 0xb8, [15] = 9}},
        {.family = 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct hello h = usual, got;
        char bytes[HELLO_BYTES];

        h.address = addresses[i];
        h.is_farewell = i == 1;
        hello_write(&h, bytes);
        assert_int_equal(read_copy(bytes, sizeof(bytes), &got), 0);
        expect_equal(&h, &got);
    }
}

/* The layout is what other versions of Weldr have to understand. */
static void test_layout(void **state)
{
    static const char expected[] = "weldr-hi\1\0\4\0\7\0\0\0"
                                   "\1\2\3\372\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\x88\x77\x66\x55\x44\x33\x22\x11"
                                   "\x10\x32\x54\x76\x98\xba\xdc\xfe"
                                   "\12\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\xf0\x21\0\0";
    char bytes[HELLO_BYTES];

    (void)state;
    assert_int_equal(sizeof(expected) - 1, HELLO_BYTES);
    hello_write(&usual, bytes);
    assert_memory_equal(bytes, expected, HELLO_BYTES);
}

static void test_cut(void **state)
{
    char bytes[HELLO_BYTES + 1] = "";
    struct hello h;

    (void)state;
    hello_write(&usual, bytes);
    for (size_t n = 0; n < HELLO_BYTES; n++)
        assert_int_equal(read_copy(bytes, n, &h), WERR_SYNTAX);
    assert_int_equal(read_copy(bytes, HELLO_BYTES + 1, &h), WERR_SYNTAX);
}

static void test_refused(void **state)
{
    static const struct {
        unsigned at, n; /* set to 0xff, or to zero when is_zero */
        bool is_zero;
        int rc;
    } rows[] = {
        {0, 1, false, WERR_SYNTAX},      {7, 1, false, WERR_SYNTAX},
        {8, 1, false, WERR_UNSUPPORTED}, {9, 1, false, WERR_UNSUPPORTED},
        {10, 1, false, WERR_INVALID},    {11, 1, false, WERR_UNSUPPORTED},
        {32, 8, true, WERR_INVALID},     {40, 8, true, WERR_INVALID},
        {64, 2, true, WERR_INVALID},     {66, 1, false, WERR_UNSUPPORTED},
    };
    struct hello h;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char bytes[HELLO_BYTES];

        hello_write(&usual, bytes);
        memset(bytes + rows[i].at, rows[i].is_zero ? 0 : 0xff, rows[i].n);
        if (read_copy(bytes, HELLO_BYTES, &h) != rows[i].rc)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
