#include "../base/cm.h"

#include <string.h>

#include "cluster/token.h"

static struct token token_make(unsigned address_n)
{
    struct token t = {.expiry_s = 1800000000, .address_n = address_n};

    for (unsigned i = 0; i < ROSTER_UUID_BYTES; i++)
        t.uuid[i] = (uint8_t)i;
    memset(t.id, 0xA1, sizeof(t.id));
    memset(t.secret, 0xFE, sizeof(t.secret));
    memset(t.authority, 0x3C, sizeof(t.authority));
    for (unsigned i = 0; i < address_n; i++) {
        if (i % 2 == 0)
            t.addresses[i] = (struct addr){AF_INET, 8688, {10, 0, 0, (uint8_t)(i + 1)}};
        else
            t.addresses[i] = (struct addr){AF_INET6, 443, {0xFD, [15] = (uint8_t)i}};
    }
    return t;
}

static void test_written_and_read(void **state)
{
    char text[TOKEN_TEXT_MAX];

    (void)state;
    for (unsigned n = 1; n <= TOKEN_ADDRESSES_MAX; n++) {
        const struct token t = token_make(n);
        struct token back;
        const size_t len = token_write(&t, text);

        assert_int_equal(strlen(text), len);
        assert_int_equal(strncmp(text, "weldr1.", 7), 0);
        assert_int_equal(strspn(text + 7, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789-_"),
                         len - 7);
        assert_int_equal(token_read(span_from(text, len), &back), 0);
        assert_memory_equal(back.uuid, t.uuid, sizeof(t.uuid));
        assert_true(back.expiry_s == t.expiry_s);
        assert_memory_equal(back.id, t.id, sizeof(t.id));
        assert_memory_equal(back.secret, t.secret, sizeof(t.secret));
        assert_memory_equal(back.authority, t.authority, sizeof(t.authority));
        assert_int_equal(back.address_n, n);
        for (unsigned i = 0; i < n; i++)
            assert_true(addr_is_equal(&back.addresses[i], &t.addresses[i]));
    }
}

/* Every character replaced by every other one that can be typed. */
static void test_mistyped(void **state)
{
    const struct token t = token_make(TOKEN_ADDRESSES_MAX);
    char text[TOKEN_TEXT_MAX];
    struct token back;

    (void)state;
    const size_t len = token_write(&t, text);
    for (size_t i = 0; i < len; i++) {
        const char right = text[i];

        for (int c = 1; c < 256; c++) {
            text[i] = (char)c;
            if (text[i] != right)
                assert_true(token_read(span_from(text, len), &back) < 0);
        }
        text[i] = right;
    }
}

static void test_cut_off_or_longer(void **state)
{
    const struct token t = token_make(2);
    char text[2 * TOKEN_TEXT_MAX];
    struct token back;

    (void)state;
    const size_t len = token_write(&t, text);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(token_read(span_from(text, n), &back),
                         n < 7 ? WERR_SYNTAX : WERR_CORRUPT);
    for (size_t n = 1; n < len; n++)
        assert_true(token_read(span_from(text + n, len - n), &back) < 0);
    memset(text + len, 'A', sizeof(text) - len);
    for (size_t n = len + 1; n <= sizeof(text); n++)
        assert_true(token_read(span_from(text, n), &back) < 0);
}

static void test_what_it_says(void **state)
{
    static const struct {
        const char *text;
        int error;
    } rows[] = {{"", WERR_SYNTAX},
                {"weldr", WERR_SYNTAX},
                {"weldr1", WERR_SYNTAX},
                {"weldr.", WERR_SYNTAX},
                {"weldr0.AAAA", WERR_SYNTAX},
                {"WELDR1.AAAA", WERR_SYNTAX},
                {"weldr2", WERR_SYNTAX},
                {"weldr2.AAAA", WERR_UNSUPPORTED},
                {"weldr12.", WERR_UNSUPPORTED},
                {"weldr1.", WERR_CORRUPT},
                {"weldr1.AAAA", WERR_CORRUPT},
                {"weldr1.****", WERR_CORRUPT},
                {" weldr1.AAAA", WERR_SYNTAX},
                /* Format 2, whole. */
                {"weldr1.Av_fk54", WERR_UNSUPPORTED},
                /* Format 1, whole, and nothing in it; format 0. */
                {"weldr1.AevOhus", WERR_CORRUPT},
                {"weldr1.ANvsTgc", WERR_CORRUPT}};
    struct token t;

    (void)state;
    for (unsigned i = 0; i < COUNT(rows); i++)
        assert_int_equal(token_read(span_from_str(rows[i].text), &t), rows[i].error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_mistyped),
        cmocka_unit_test(test_cut_off_or_longer),
        cmocka_unit_test(test_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
