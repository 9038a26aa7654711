/* Look-up of names in any case, names that nearly are one, and the classes of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>

#include "http/field.h"

enum { NAME_MAX_LEN = 32 };

static void test_every_name_is_found(void **state)
{
    (void)state;
    for (unsigned t = FIELD_OTHER + 1; t < FIELD_TOKENS; t++) {
        struct span name = field_name((enum field_token)t);
        assert_true(name.len > 0 && name.len < NAME_MAX_LEN);
        char upper[NAME_MAX_LEN];
        char mixed[NAME_MAX_LEN];
        for (size_t i = 0; i < name.len; i++) {
            upper[i] = (char)toupper((unsigned char)name.ptr[i]);
            mixed[i] = (char)(i % 2 ? upper[i] : name.ptr[i]);
        }
        assert_int_equal(field_lookup(name), t);
        assert_int_equal(field_lookup(span_from(upper, name.len)), t);
        assert_int_equal(field_lookup(span_from(mixed, name.len)), t);
    }
}

/* One byte changed to any other than its own other case is another name. */
static void test_near_names_are_others(void **state)
{
    (void)state;
    for (unsigned t = FIELD_OTHER + 1; t < FIELD_TOKENS; t++) {
        struct span name = field_name((enum field_token)t);
        for (size_t i = 0; i < name.len; i++) {
            for (unsigned c = 0; c < 256; c++) {
                char near[NAME_MAX_LEN];
                memcpy(near, name.ptr, name.len);
                near[i] = (char)c;
                enum field_token got = field_lookup(span_from(near, name.len));
                bool is_same = tolower((int)c) == (unsigned char)name.ptr[i];
                assert_int_equal(got, is_same ? t : FIELD_OTHER);
            }
        }
        assert_int_equal(field_lookup(span_first(name, name.len - 1)), FIELD_OTHER);
    }
}

static void test_other_names(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         "x",
                                         "accept",
                                         "user-agent",
                                         "hosts",
                                         "x-forwarded",
                                         "connectioN-",
                                         "proxy-authorization-x",
                                         "a-very-long-name-that-no-table-knows-at-all"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(field_lookup(span_from_str(others[i])), FIELD_OTHER);
    assert_int_equal(field_name(FIELD_OTHER).len, 0);
}

static void test_duties(void **state)
{
    (void)state;
    assert_int_equal(field_duty(FIELD_OTHER), FIELD_DUTY_END);
    assert_int_equal(field_duty(FIELD_CONNECTION), FIELD_DUTY_HOP);
    assert_int_equal(field_duty(FIELD_UPGRADE), FIELD_DUTY_HOP);
    assert_int_equal(field_duty(FIELD_CONTENT_LENGTH), FIELD_DUTY_FRAME);
    assert_int_equal(field_duty(FIELD_TRANSFER_ENCODING), FIELD_DUTY_FRAME);
    assert_int_equal(field_duty(FIELD_HOST), FIELD_DUTY_END);
}

static void test_classes(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_token =
            c != 0 && c < 0x7f && (isalnum((int)c) || strchr("!#$%&'*+-.^_`|~", (int)c));
        bool is_visible = c > 0x20 && c < 0x7f;
        bool is_value = c == '\t' || c == ' ' || is_visible || c >= 0x80;
        assert_int_equal(field_is_token(span_from(&byte, 1)), is_token);
        assert_int_equal(field_is_value(span_from(&byte, 1)), is_value);
        assert_int_equal((field_classes[c] & FIELD_CLASS_TARGET) != 0, is_visible && c != '#');
        bool is_host = is_visible && (isalnum((int)c) || strchr("-._~!$&'()*+;=", (int)c));
        assert_int_equal((field_classes[c] & FIELD_CLASS_HOST) != 0, is_host);
    }
    assert_false(field_is_token(SPAN("")));
    assert_true(field_is_value(SPAN("")));
    assert_false(field_is_token(SPAN("a b")));
    assert_false(field_is_value(SPAN("a\r\nb")));
}

/* Names that a server takes for the same which makes variables of them. */
static void test_forwarding_names(void **state)
{
    (void)state;
    static const struct {
        struct span name;
        bool is_one;
    } rows[] = {
        {{"Forwarded", sizeof("Forwarded") - 1}, true},
        {{"FORWARDED", sizeof("FORWARDED") - 1}, true},
        {{"X-Forwarded-For", sizeof("X-Forwarded-For") - 1}, true},
        {{"x_forwarded_for", sizeof("x_forwarded_for") - 1}, true},
        {{"X-FORWARDED_Port", sizeof("X-FORWARDED_Port") - 1}, true},
        {{"X_Forwarded-", sizeof("X_Forwarded-") - 1}, true},
        {{"X-Forwarded", sizeof("X-Forwarded") - 1}, false},
        {{"XX-Forwarded-For", sizeof("XX-Forwarded-For") - 1}, false},
        {{"Forwarded-For", sizeof("Forwarded-For") - 1}, false},
        {{"XForwarded-For", sizeof("XForwarded-For") - 1}, false},
        {{"X\rForwarded-For", sizeof("X\rForwarded-For") - 1}, false},
        {{"", sizeof("") - 1}, false},
        {{"f\157rwarded", sizeof("f\157rwarded") - 1}, true},
        {{"&orwarded", sizeof("&orwarded") - 1}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(field_is_forwarding(rows[i].name), rows[i].is_one);
    static const struct span asked_about[] = {{"X-Forwarded-Port", 16},
                                              {"x_forwarded_for", 15},
                                              {"X-Client-Cert-San", 17},
                                              {"X_CLIENT_CERT", 13}};
    static const struct span passed_over[] = {{"Accept-Encoding", 15},
                                              {"Sec-Fetch-Mode", 14},
                                              {"If-Modified-Since", 17},
                                              {"X-Client", 8},
                                              {"X-Requested-With", 16}};
    for (size_t i = 0; i < sizeof(asked_about) / sizeof(asked_about[0]); i++)
        assert_true(field_may_be_forwarding(asked_about[i]));
    for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]); i++)
        assert_false(field_may_be_forwarding(passed_over[i]));
    assert_true(field_is_alike(SPAN("Content_Length"), SPAN("content-length")));
    assert_true(field_is_client_certificate(SPAN("X-Client-Cert-Subject")));
    assert_true(field_is_client_certificate(SPAN("x_client_cert")));
    assert_false(field_is_client_certificate(SPAN("X-Client-Cer")));
    assert_false(field_is_client_certificate(SPAN("X-ClientXCert")));
    assert_false(field_is_alike(SPAN("Content_Lengt"), SPAN("content-length")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarding_names),
        cmocka_unit_test(test_every_name_is_found),
        cmocka_unit_test(test_near_names_are_others),
        cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_duties),
        cmocka_unit_test(test_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
