#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/top_keys.h"

struct got {
    char text[256];
    size_t len;
};

/* A character as itself, a key as a letter in brackets. */
static void on_key(void *arg, enum top_key key, uint32_t c)
{
    static const char *const names[] = {
        "",      "<up>",    "<down>", "<left>", "<right>", "<pgup>", "<pgdn>",  "<home>",
        "<end>", "<enter>", "<esc>",  "<tab>",  "<btab>",  "<bs>",   "<clear>", "<redraw>"};
    struct got *g = arg;

    assert_true((key == TOP_KEY_CHAR) == (c != 0));
    g->len += (size_t)snprintf(g->text + g->len, sizeof(g->text) - g->len,
                               c < 0x7f && c > 0 ? "%s%c"
                               : c > 0           ? "%s{%x}"
                                                 : "%s",
                               names[key], (unsigned)c);
    assert_true(g->len < sizeof(g->text));
}

/* Whole, and cut in two anywhere. */
static void expect(const char *bytes, const char *want)
{
    const struct span all = span_from_str(bytes);

    for (size_t cut = 0; cut <= all.len; cut++) {
        struct got g = {.len = 0};
        struct top_keys k;

        top_keys_init(&k);
        top_keys_feed(&k, span_first(all, cut), on_key, &g);
        top_keys_feed(&k, span_skip(all, cut), on_key, &g);
        if (top_keys_is_waiting(&k))
            top_keys_rest(&k, on_key, &g);
        assert_false(top_keys_is_waiting(&k));
        g.text[g.len] = '\0';
        assert_string_equal(g.text, want);
    }
}

static void test_sequences(void **state)
{
    (void)state;
    expect("\033[A\033[B\033[C\033[D", "<up><down><right><left>");
    expect("\033OA\033OB\033OH\033OF\033OM", "<up><down><home><end><enter>");
    expect("\033[H\033[F\033[1~\033[4~\033[7~\033[8~", "<home><end><home><end><home><end>");
    expect("\033[5~\033[6~\033[Z", "<pgup><pgdn><btab>");
    expect("\033[1;5A\033[6;2~", "<up><pgdn>"); /* with Ctrl, with Shift */
}

static void test_sequences_that_are_not_known_are_passed_over(void **state)
{
    (void)state;
    expect("a\033[200~b\033[15~\033[?1;2cz", "abz");
    expect("\033[99999999999999999999~q", "q");
    expect("\033[<0;10;12Mx", "<enter>x"); /* no mouse is asked for */
    expect("\033[12\033[Aq", "<up>q");     /* cut off by another one */
}

static void test_plain_keys(void **state)
{
    (void)state;
    expect("q/ ~\r\n\t", "q/ ~<enter><enter><tab>");
    expect("\x7f\b\x15\x0c", "<bs><bs><clear><redraw>");
    expect("\x01\x02", "");
    expect("\033", "<esc>");
    expect("\033\033", "<esc><esc>");
    expect("\033q", "<esc>q");
}

static void test_utf8(void **state)
{
    (void)state;
    expect("\xc3\xa9\xe6\x9c\x8d\xf0\x9f\x9a\x80", "{e9}{670d}{1f680}");
    expect("\xc3q\xff\x80x", "qx");
    expect("\xe0\x80\xafx\xed\xa0\x80y\xc2\x9bz", "xyz"); /* overlong, surrogate, C1 */
    expect("\xe6\x9c", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_sequences_that_are_not_known_are_passed_over),
        cmocka_unit_test(test_plain_keys),
        cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
