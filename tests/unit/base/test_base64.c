#include "base/base64.h"

#include <string.h>

#include "cm.h"

static void check(const char *text, const char *bytes, size_t bytes_n)
{
    char out[64];
    size_t n = 99;

    assert_int_equal(base64_decode(span_from_str(text), out, &n), 0);
    assert_int_equal(n, bytes_n);
    assert_memory_equal(out, bytes, bytes_n);
}

/* The first are those of RFC 4648 section 10. */
static void test_bytes_come_out(void **state)
{
    (void)state;
    check("", "", 0);
    check("Zg==", "f", 1);
    check("Zm8=", "fo", 2);
    check("Zm9v", "foo", 3);
    check("Zm9vYmFy", "foobar", 6);
    check("AP+/+w==", "\x00\xff\xbf\xfb", 4);
}

static void test_what_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {"Z",      "Zg",   "Zg=",     "Zm9v=",  "Zm 9v",
                                        "Zm9v\n", "Zm9_", "Zm9\x80", "Zm\xFFv"};
    char out[64];
    size_t n;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(base64_decode(span_from_str(wrong[i]), out, &n), WERR_SYNTAX);
}

static void check_url(const char *text, const char *bytes, size_t bytes_n)
{
    char out[64];
    size_t n = 99;

    assert_int_equal(base64url_encode(span_from(bytes, bytes_n), out), strlen(text));
    assert_int_equal(BASE64URL_LEN(bytes_n), strlen(text));
    assert_string_equal(out, text);
    assert_int_equal(base64url_decode(span_from_str(text), out, &n), 0);
    assert_int_equal(n, bytes_n);
    assert_memory_equal(out, bytes, bytes_n);
}

static void test_of_urls_and_back(void **state)
{
    (void)state;
    check_url("", "", 0);
    check_url("Zg", "f", 1);
    check_url("Zm8", "fo", 2);
    check_url("Zm9v", "foo", 3);
    check_url("Zm9vYg", "foob", 4);
    check_url("AP-_-w", "\x00\xff\xbf\xfb", 4);
}

static void test_of_urls_in_one_form(void **state)
{
    static const char *const wrong[] = {"Z",    "Zg==",  "Zh",      "Zm9",     "AP+/",
                                        "Zm 9", "Zm9v ", "Zm9\x80", "\xFFm9v", "Zm9vZ"};
    char out[64];
    size_t n;

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(base64url_decode(span_from_str(wrong[i]), out, &n), WERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_come_out),
        cmocka_unit_test(test_what_is_none_is_refused),
        cmocka_unit_test(test_of_urls_and_back),
        cmocka_unit_test(test_of_urls_in_one_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
