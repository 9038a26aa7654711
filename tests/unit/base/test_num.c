#include "cm.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "base/rand.h"

enum { UNTOUCHED = 77 };

struct parse_case {
    const char *text;
    uint64_t max;
    int rc;
    uint64_t value;
};

static void check(int (*parse)(struct span, uint64_t, uint64_t *), const struct parse_case *c)
{
    uint64_t value = UNTOUCHED;
    assert_int_equal(parse(span_from_str(c->text), c->max, &value), c->rc);
    assert_int_equal(value, c->rc == 0 ? c->value : UNTOUCHED);
}

static void test_from_dec(void **state)
{
    static const struct parse_case cases[] = {
        {"0", 0, 0, 0},
        {"007", 9, 0, 7},
        {"65535", 65535, 0, 65535},
        {"65536", 65535, WERR_TOO_BIG, 0},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, WERR_TOO_BIG, 0},
        {"99999999999999999999999999", UINT64_MAX, WERR_TOO_BIG, 0},
        {"00000000000000000000000000000001", 1, 0, 1},
        {"", 9, WERR_SYNTAX, 0},
        {"+1", 9, WERR_SYNTAX, 0},
        {"-1", 9, WERR_SYNTAX, 0},
        {" 1", 9, WERR_SYNTAX, 0},
        {"1 ", 9, WERR_SYNTAX, 0},
        {"1a", 9, WERR_SYNTAX, 0},
        {"0x1", 9, WERR_SYNTAX, 0},
        {"99999999999999999999999999x", UINT64_MAX, WERR_SYNTAX, 0},
        {"/", 9, WERR_SYNTAX, 0},
        {":", 9, WERR_SYNTAX, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(num_from_dec, &cases[i]);
}

static void test_from_hex(void **state)
{
    static const struct parse_case cases[] = {
        {"0", 0, 0, 0},
        {"fF", 255, 0, 255},
        {"aBcDeF09", UINT64_MAX, 0, 0xabcdef09},
        {"ffffffffffffffff", UINT64_MAX, 0, UINT64_MAX},
        {"10000000000000000", UINT64_MAX, WERR_TOO_BIG, 0},
        {"100", 255, WERR_TOO_BIG, 0},
        {"", 9, WERR_SYNTAX, 0},
        {"g", 99, WERR_SYNTAX, 0},
        {"G", 99, WERR_SYNTAX, 0},
        {"@", 99, WERR_SYNTAX, 0},
        {"`", 99, WERR_SYNTAX, 0},
        {"0x1", 99, WERR_SYNTAX, 0},
        {"5;", 99, WERR_SYNTAX, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(num_from_hex, &cases[i]);
}

static void test_to_text_and_back(void **state)
{
    static const uint64_t edges[] = {0,  1,   9,    10,   15,         16,
                                     99, 100, 4095, 4096, UINT32_MAX, UINT64_MAX};
    struct rand_state r;
    (void)state;
    rand_seed(&r, 1);
    for (size_t i = 0; i < 2000; i++) {
        uint64_t shift = rand_below(&r, 64);
        uint64_t n = i < COUNT(edges) ? edges[i] : rand_u64(&r) >> shift;
        char want[24], dec[20], hex[16];
        uint64_t back;
        size_t len = num_to_dec(n, dec);
        snprintf(want, sizeof(want), "%" PRIu64, n);
        assert_true(span_is_equal(span_from(dec, len), span_from_str(want)));
        assert_int_equal(num_from_dec(span_from(dec, len), n, &back), 0);
        assert_true(back == n);
        len = num_to_hex(n, hex);
        snprintf(want, sizeof(want), "%" PRIx64, n);
        assert_true(span_is_equal(span_from(hex, len), span_from_str(want)));
        assert_int_equal(num_from_hex(span_from(hex, len), n, &back), 0);
        assert_true(back == n);
        num_to_hex16(n, hex);
        snprintf(want, sizeof(want), "%016" PRIx64, n);
        assert_memory_equal(hex, want, sizeof(hex));
        assert_int_equal(num_from_hex16(span_from(hex, sizeof(hex)), &back), 0);
        assert_true(back == n);
    }
}

static void test_one_text_a_number(void **state)
{
    static const char *const wrong[] = {"",
                                        "ab",
                                        "00000000000000ab0",
                                        "000000000000ab",
                                        "00000000000000AB",
                                        "0x000000000000ab",
                                        " 0000000000000ab",
                                        "00000000000000ag"};
    uint64_t n = 7;

    (void)state;
    assert_int_equal(num_from_hex16(SPAN("00000000000000ab"), &n), 0);
    assert_int_equal(n, 0xab);
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(num_from_hex16(span_from_str(wrong[i]), &n), WERR_SYNTAX);
    assert_int_equal(n, 0xab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_dec),
        cmocka_unit_test(test_from_hex),
        cmocka_unit_test(test_to_text_and_back),
        cmocka_unit_test(test_one_text_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
