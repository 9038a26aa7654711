#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/top_glyph.h"

/* What is shown of the text, and how many columns it takes. */
static void expect(const char *text, const char *shown, unsigned columns)
{
    char got[256], glyph[TOP_GLYPH_BYTES];
    struct span rest = span_from_str(text);
    unsigned width;
    size_t len = 0;
    uint32_t c;

    assert_int_equal(top_glyph_columns(rest), columns);
    while (top_glyph_next(&rest, &c, &width)) {
        const size_t n = top_glyph_print(c, glyph);

        assert_true(width == 1 || width == 2);
        memcpy(got + len, glyph, n);
        len += n;
    }
    got[len] = '\0';
    assert_string_equal(got, shown);
}

static void test_what_a_terminal_would_obey_is_replaced(void **state)
{
    (void)state;
    expect("a\033[2Jb\x7f\tc\n", "a?[2Jb??c?", 10);
    expect("a\xc2\x9b"
           "2Jb",
           "a?2Jb", 5); /* CSI of C1 */
    expect("a\xe2\x80\xae"
           "b\xe2\x81\xa6",
           "a?b?", 4); /* right-to-left override, isolate */
    expect("\xef\xbf\xbf", "?", 1);
}

static void test_bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    expect("a\xff", "a?", 2);
    expect("\xc3", "?", 1);
    expect("\xe2\x82", "??", 2);
    expect("\xc0\xaf", "??", 2);           /* overlong */
    expect("\xe0\x80\xaf", "???", 3);      /* overlong */
    expect("\xed\xa0\x80", "?", 1);        /* a surrogate, one sequence */
    expect("\xf4\x90\x80\x80", "????", 4); /* beyond Unicode */
    expect("\xc3\x41", "?A", 2);
}

static void test_widths(void **state)
{
    (void)state;
    expect("stra\xc3\x9f"
           "e",
           "stra\xc3\x9f"
           "e",
           6);
    expect("e\xcc\x81t\xcc\x81", "et", 2); /* accents that combine */
    expect("\xe6\x9c\x8d\xe5\x8a\xa1", "\xe6\x9c\x8d\xe5\x8a\xa1", 4);
    expect("\xef\xbd\xb1", "\xef\xbd\xb1", 1); /* halfwidth */
    expect("\xf0\x9f\x9a\x80!", "\xf0\x9f\x9a\x80!", 3);
    expect("a\xe2\x80\x8d"
           "b",
           "ab", 2); /* a joiner */
    expect("", "", 0);
}

static void test_ascii(void **state)
{
    (void)state;
    assert_int_equal(top_glyph_ascii('a'), 'a');
    assert_int_equal(top_glyph_ascii(0x2581), '_');
    assert_int_equal(top_glyph_ascii(0x2588), '#');
    assert_int_equal(top_glyph_ascii(0x2026), '~');
    assert_int_equal(top_glyph_ascii(0xb5), 'u');
    assert_int_equal(top_glyph_ascii(0x670d), '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_terminal_would_obey_is_replaced),
        cmocka_unit_test(test_bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_ascii),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
