#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/marked_line.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char word[] = "weldr-identity";
static const uint8_t bytes[4] = {0x00, 0x7f, 0xab, 0xff};

static void test_made_and_read(void **state)
{
    char text[MARKED_LINE_MAX];
    uint8_t read[4] = {0};

    (void)state;
    const size_t n = marked_line_make(word, bytes, sizeof(bytes), text);
    assert_memory_equal(text, "weldr-identity 1 007fabff ", 26);
    assert_int_equal(n, 26 + 16 + 1);
    assert_int_equal(text[n - 1], '\n');
    assert_int_equal(marked_line_read(span_from(text, n), word, read, 4), 0);
    assert_memory_equal(read, bytes, 4);
}

static void test_of_another_kind(void **state)
{
    char text[MARKED_LINE_MAX];
    uint8_t read[8] = {9};

    (void)state;
    const size_t n = marked_line_make(word, bytes, sizeof(bytes), text);
    assert_int_equal(marked_line_read(span_from(text, n), "weldr", read, 4), WERR_CORRUPT);
    assert_int_equal(marked_line_read(span_from(text, n), word, read, 3), WERR_CORRUPT);
    assert_int_equal(marked_line_read(span_from(text, n), word, read, 8), WERR_CORRUPT);
    assert_int_equal(read[0], 9);
}

static void test_every_change_is_refused(void **state)
{
    char text[MARKED_LINE_MAX];
    uint8_t read[4];

    (void)state;
    const size_t n = marked_line_make(word, bytes, sizeof(bytes), text);
    for (size_t i = 0; i < n * 8; i++) {
        text[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(marked_line_read(span_from(text, n), word, read, 4), WERR_CORRUPT);
        text[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(marked_line_read(span_from(text, i), word, read, 4), WERR_CORRUPT);
    text[n] = '\n';
    assert_int_equal(marked_line_read(span_from(text, n + 1), word, read, 4), WERR_CORRUPT);
}

static size_t with_checksum(const char *line, char *text)
{
    const int n = snprintf(text, MARKED_LINE_MAX, "%s%016llx\n", line,
                           (unsigned long long)XXH3_64bits(line, strlen(line)));

    return (size_t)n;
}

static void test_whole_lines_of_others(void **state)
{
    static const struct {
        const char *line;
        int rc;
    } cases[] = {{"weldr-identity 1 007fabff ", 0},
                 {"weldr-identity 1 007FABFF ", 0},
                 {"weldr-identity 2 007fabff ", WERR_UNSUPPORTED},
                 {"weldr-identity 2 anything else ", WERR_UNSUPPORTED},
                 {"weldr-identity 0 007fabff ", WERR_CORRUPT},
                 {"weldr-identity 1 007fabfg ", WERR_CORRUPT},
                 {"weldr-identity 1 007fabff more ", WERR_CORRUPT},
                 {"weldr-identity 1 007fabff", WERR_CORRUPT},
                 {"weldr-identity 1", WERR_CORRUPT},
                 {"", WERR_CORRUPT}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MARKED_LINE_MAX];
        uint8_t read[4];
        const size_t n = with_checksum(cases[i].line, text);

        assert_int_equal(marked_line_read(span_from(text, n), word, read, 4), cases[i].rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_read),
        cmocka_unit_test(test_of_another_kind),
        cmocka_unit_test(test_every_change_is_refused),
        cmocka_unit_test(test_whole_lines_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
