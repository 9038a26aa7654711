/* Dictionaries, strings and tokens of structured fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/sfield.h"

static const char *string_of(struct span text)
{
    static char buf[256];
    struct strb b;
    strb_init(&b, buf, sizeof(buf));
    sfield_string(&b, text);
    assert_false(strb_is_full(&b));
    return buf;
}

static const char *token_of(struct span text)
{
    static char buf[256];
    struct strb b;
    strb_init(&b, buf, sizeof(buf));
    sfield_token(&b, text);
    return buf;
}

static void test_dictionary(void **state)
{
    (void)state;
    char buf[64];
    struct strb b;
    strb_init(&b, buf, sizeof(buf));
    sfield_key(&b, "a");
    strb_add_u64(&b, 1);
    sfield_parameter(&b, "of");
    sfield_token(&b, SPAN("x/y"));
    sfield_key(&b, "b");
    sfield_string(&b, SPAN("c"));
    assert_string_equal(buf, "a=1;of=x/y, b=\"c\"");
}

static void test_strings(void **state)
{
    (void)state;
    assert_string_equal(string_of(SPAN_NONE), "\"\"");
    assert_string_equal(string_of(SPAN("a \"b\" \\c")), "\"a \\\"b\\\" \\\\c\"");
    assert_string_equal(string_of(SPAN("\r\n\x7f\xc3\xa4")), "\"%0D%0A%7F%C3%A4\"");
    assert_string_equal(string_of(span_from("\0", 1)), "\"%00\"");
}

static void test_tokens(void **state)
{
    (void)state;
    assert_string_equal(token_of(SPAN("round_robin")), "round_robin");
    assert_string_equal(token_of(SPAN("*a:b/c")), "*a:b/c");
    assert_string_equal(token_of(SPAN("1a")), "\"1a\"");
    assert_string_equal(token_of(SPAN("a b")), "\"a b\"");
    assert_string_equal(token_of(SPAN("a;b")), "\"a;b\"");
    assert_string_equal(token_of(SPAN_NONE), "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dictionary),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
