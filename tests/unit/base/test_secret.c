/* A text that only some know: set, forgotten, compared. */
#include "cm.h"

#include <string.h>

#include "base/secret.h"
#include "base/werr.h"

static void test_only_the_same_text_is_equal(void **state)
{
    static struct secret s;
    (void)state;
    assert_int_equal(secret_set(&s, SPAN("sesame")), 0);
    assert_true(secret_is(&s, SPAN("sesame")));
    assert_true(span_is_equal(secret_text(&s), SPAN("sesame")));
    assert_false(secret_is(&s, SPAN("sesamE")));
    assert_false(secret_is(&s, SPAN("Sesame")));
    assert_false(secret_is(&s, SPAN("sesam")));
    assert_false(secret_is(&s, SPAN("sesames")));
    assert_false(secret_is(&s, span_from("sesame\0", 7)));
    assert_false(secret_is(&s, span_from("sesame\0sesame", 13)));
    assert_false(secret_is(&s, SPAN_NONE));
}

static void test_without_one_nothing_is_equal(void **state)
{
    static struct secret s;
    (void)state;
    assert_false(secret_is(&s, SPAN_NONE));
    assert_false(secret_is(&s, span_from("\0", 1)));
    assert_int_equal(secret_set(&s, SPAN("x")), 0);
    assert_int_equal(secret_set(&s, SPAN("")), 0);
    assert_false(secret_is(&s, SPAN("x")));
    assert_false(secret_is(&s, SPAN_NONE));
}

static void test_sizes(void **state)
{
    static struct secret s;
    static char text[SECRET_MAX + 1];
    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(secret_set(&s, span_from(text, SECRET_MAX)), 0);
    assert_true(secret_is(&s, span_from(text, SECRET_MAX)));
    assert_false(secret_is(&s, span_from(text, SECRET_MAX - 1)));
    assert_int_equal(secret_set(&s, span_from(text, SECRET_MAX + 1)), WERR_TOO_BIG);
    assert_false(secret_is(&s, span_from(text, SECRET_MAX)));
    assert_true(secret_set(&s, span_from("a\0b", 3)) < 0);
    assert_false(secret_is(&s, span_from("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_same_text_is_equal),
        cmocka_unit_test(test_without_one_nothing_is_equal),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
