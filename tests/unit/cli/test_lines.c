#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/lines.h"

static char seen[256];

static int note(void *arg, struct span text)
{
    (void)arg;
    strncat(strncat(seen, text.ptr, text.len), "|", 2);
    return span_is_equal(text, SPAN("stop")) ? WERR_CLOSED : 0;
}

static void test_any_split_gives_the_same(void **state)
{
    static const char text[] =
        ": ping\n\nid: 7\ndata: {\"a\":1}\r\n\ndata:x\nevent: y\ndata: z\n";
    static struct lines l;

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        lines_init(&l, note, NULL);
        seen[0] = '\0';
        assert_int_equal(lines_feed(&l, span_from(text, cut)), 0);
        assert_int_equal(lines_feed(&l, span_from(text + cut, sizeof(text) - 1 - cut)), 0);
        assert_string_equal(seen, "{\"a\":1}|x|z|");
    }
}

static void test_limits(void **state)
{
    static char long_line[LINES_BYTES + 1];
    static struct lines l;

    (void)state;
    lines_init(&l, note, NULL);
    memset(long_line, 'a', sizeof(long_line));
    assert_int_equal(lines_feed(&l, span_from(long_line, LINES_BYTES)), 0);
    assert_int_equal(lines_feed(&l, SPAN("\n")), 0);
    assert_int_equal(lines_feed(&l, span_from(long_line, LINES_BYTES + 1)), WERR_TOO_BIG);
    lines_init(&l, note, NULL);
    seen[0] = '\0';
    assert_int_equal(lines_feed(&l, SPAN("data:stop\ndata:more\n")), WERR_CLOSED);
    assert_string_equal(seen, "stop|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split_gives_the_same),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
