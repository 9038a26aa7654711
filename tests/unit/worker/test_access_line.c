#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/access_line.h"

static const struct addr client4 = {.family = AF_INET, .port = 5000, .ip = {10, 1, 20, 255}};
static const struct addr client6 = {.family = AF_INET6, .port = 65535, .ip = {[15] = 1}};
static struct access_clock clock_cache;
static char line[ACCESS_LINE_MAX];

/* 2026-11-23T15:08:14.007Z */
enum { WALL_S = 1795446494 };

static struct access_record make_record(void)
{
    return (struct access_record){
        .begin_wall_us = WALL_S * 1000000ULL + 7999,
        .worker = 3,
        .client = &client4,
        .method = SPAN("GET"),
        .target = SPAN("/a?b=c"),
        .host = SPAN("example.org"),
        .request_id = SPAN("id-1"),
        .user_agent = SPAN("curl/8"),
        .referer = SPAN("http://r/"),
        .listener = SPAN("default"),
        .rule = SPAN("r-2a"),
        .pool = SPAN("green"),
        .origin = SPAN("http://127.0.0.1:80"),
        .result = SPAN("ok"),
        .status = 200,
        .version = 11,
        .retries = 1,
        .attempt_n = 2,
        .attempts = {{SPAN("http://127.0.0.1:81"), "connect_refused", 1002},
                     {SPAN("http://127.0.0.1:80"), "ok", 2000300}},
        .bytes_in = 10,
        .bytes_out = 20,
        .wait_us = 1,
        .queue_us = 6,
        .connect_us = 2,
        .first_byte_us = 3,
        .total_us = 4,
        .added_us = 5,
    };
}

static const char *print(access_line_fn fn, const struct access_record *r)
{
    size_t len = fn(r, &clock_cache, line);

    assert_true(len > 0 && len < sizeof(line));
    assert_int_equal(strlen(line), len);
    assert_int_equal(line[len - 1], '\n');
    line[len - 1] = '\0';
    for (const char *at = line; *at != '\0'; at++)
        assert_in_range(*at, ' ', '~');
    return line;
}

static void test_json(void **state)
{
    struct access_record r = make_record();

    (void)state;
    assert_string_equal(
        print(access_line_json, &r),
        "{\"time\":\"2026-11-23T15:08:14.007Z\",\"worker\":3,\"client\":\"10.1.20.255:5000\","
        "\"method\":\"GET\",\"target\":\"/a?b=c\",\"version\":\"1.1\",\"host\":\"example.org\","
        "\"status\":200,\"result\":\"ok\",\"origin\":\"http://127.0.0.1:80\","
        "\"retries\":1,\"bytes_in\":10,\"bytes_out\":20,\"wait_us\":1,"
        "\"queue_us\":6,\"connect_us\":2,"
        "\"first_byte_us\":3,\"total_us\":4,\"added_us\":5,\"request_id\":\"id-1\","
        "\"user_agent\":\"curl/8\",\"referer\":\"http://r/\",\"listener\":\"default\","
        "\"rule\":\"r-2a\",\"pool\":\"green\",\"attempts\":["
        "{\"server\":\"http://127.0.0.1:81\",\"result\":\"connect_refused\",\"ms\":1.002},"
        "{\"server\":\"http://127.0.0.1:80\",\"result\":\"ok\",\"ms\":2000.300}]}");
}

static void test_json_of_a_head_that_could_not_be_read(void **state)
{
    struct access_record r = {
        .begin_wall_us = WALL_S * 1000000ULL,
        .client = &client6,
        .result = SPAN("bad_request"),
        .reason = SPAN("two \"Host\" fields"),
        .status = 400,
        .wait_us = ACCESS_NO_TIME,
        .connect_us = ACCESS_NO_TIME,
        .first_byte_us = ACCESS_NO_TIME,
    };

    (void)state;
    assert_string_equal(
        print(access_line_json, &r),
        "{\"time\":\"2026-11-23T15:08:14.000Z\",\"worker\":0,\"client\":\"[::1]:65535\","
        "\"method\":null,\"target\":null,\"version\":null,\"host\":null,\"status\":400,"
        "\"result\":\"bad_request\",\"origin\":null,\"retries\":0,\"bytes_in\":0,"
        "\"bytes_out\":0,\"wait_us\":null,\"queue_us\":0,"
        "\"connect_us\":null,\"first_byte_us\":null,"
        "\"total_us\":0,\"added_us\":0,\"request_id\":null,\"user_agent\":null,"
        "\"referer\":null,\"listener\":null,\"rule\":null,\"pool\":null,"
        "\"reason\":\"two \\\"Host\\\" fields\",\"attempts\":[]}");
}

static void test_combined(void **state)
{
    struct access_record r = make_record();

    (void)state;
    assert_string_equal(print(access_line_combined, &r),
                        "10.1.20.255 - - [23/Nov/2026:15:08:14 +0000] \"GET /a?b=c HTTP/1.1\" "
                        "200 20 \"http://r/\" \"curl/8\"");
    r.client = &client6;
    r.method = r.target = r.referer = r.user_agent = SPAN_NONE;
    r.status = r.version = 0;
    assert_string_equal(print(access_line_combined, &r),
                        "::1 - - [23/Nov/2026:15:08:14 +0000] \"-\" 000 20 \"-\" \"-\"");
}

static void test_escapes(void **state)
{
    static const struct {
        struct span value;
        const char *json, *combined;
    } cases[] = {
        {SPAN("plain /~"), "plain /~", "plain /~"},
        {SPAN("a\",\"status\":1,\"x\":\"\n{"), "a\\\",\\\"status\\\":1,\\\"x\\\":\\\"\\u000a{",
         "a\\x22,\\x22status\\x22:1,\\x22x\\x22:\\x22\\x0a{"},
        {SPAN("\\"), "\\\\", "\\x5c"},
        {SPAN("\\u0022"), "\\\\u0022", "\\x5cu0022"},
        {SPAN("\0\x1b[2J\r\t\x7f"), "\\u0000\\u001b[2J\\u000d\\u0009\\u007f",
         "\\x00\\x1b[2J\\x0d\\x09\\x7f"},
        {SPAN("\xc3\xa9\xe2\x80\xa8"), "\\u00e9\\u2028", "\\xc3\\xa9\\xe2\\x80\\xa8"},
        {SPAN("\xf0\x9f\x98\x80"), "\\ud83d\\ude00", "\\xf0\\x9f\\x98\\x80"},
        {SPAN("\xff"
              "a\x80"),
         "\\ufffda\\ufffd", "\\xffa\\x80"},
        {SPAN("\xc3"), "\\ufffd", "\\xc3"}, /* cut off */
        {SPAN("\xc3(\xe2\x82"), "\\ufffd(\\ufffd\\ufffd", "\\xc3(\\xe2\\x82"},
        {SPAN("\xc0\xaf"), "\\ufffd\\ufffd", "\\xc0\\xaf"},                 /* overlong */
        {SPAN("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd", "\\xed\\xa0\\x80"}, /* surrogate */
        {SPAN("\xf4\x90\x80\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd", "\\xf4\\x90\\x80\\x80"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct access_record r = make_record();
        char want[256];

        r.target = r.user_agent = cases[i].value;
        snprintf(want, sizeof(want), "\"target\":\"%s\",", cases[i].json);
        assert_non_null(strstr(print(access_line_json, &r), want));
        snprintf(want, sizeof(want), "\"user_agent\":\"%s\",", cases[i].json);
        assert_non_null(strstr(line, want));
        snprintf(want, sizeof(want), "\"GET %s HTTP/1.1\" ", cases[i].combined);
        assert_non_null(strstr(print(access_line_combined, &r), want));
        snprintf(want, sizeof(want), " \"%s\"", cases[i].combined);
        assert_string_equal(line + strlen(line) - strlen(want), want);
    }
}

/* Where a byte stands does not change what becomes of it, nor do the plain ones around it. */
static void test_escapes_anywhere(void **state)
{
    enum { LEN = 19 };

    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        for (size_t at = 0; at < LEN; at++) {
            struct access_record r = make_record();
            char value[LEN + 1], alone[64], want[128];
            const char *end;

            memset(value, 'a', LEN);
            value[at] = (char)c;
            r.target = span_from(&value[at], 1);
            end = strstr(print(access_line_combined, &r), " HTTP/1.1\"");
            assert_non_null(end);
            snprintf(alone, sizeof(alone), "%.*s", (int)(end - (strstr(line, "\"GET ") + 5)),
                     strstr(line, "\"GET ") + 5);
            r.target = span_from(value, LEN);
            snprintf(want, sizeof(want), "\"GET %.*s%s%.*s HTTP/1.1\"", (int)at,
                     "aaaaaaaaaaaaaaaaaaa", alone, (int)(LEN - 1 - at), "aaaaaaaaaaaaaaaaaaa");
            assert_non_null(strstr(print(access_line_combined, &r), want));
        }
    }
}

/* Everything as long as can be, in every way of being escaped: the line fits, and is whole. */
static void test_long_values(void **state)
{
    static const char *const fills[] = {"x",    "\"",       "\n",
                                        "\xff", "\xc3\xa9", "\xf0\x9f\x98\x80"};
    static char big[40000];

    (void)state;
    for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
        struct access_record r = make_record();
        size_t n = strlen(fills[i]);

        for (size_t at = 0; at < sizeof(big); at += n)
            memcpy(big + at, fills[i], n);
        big[sizeof(big) - 1] = '\0';
        r.method = r.target = r.host = r.request_id = span_from(big, sizeof(big));
        r.user_agent = r.referer = r.origin = r.result = r.reason = r.method;
        r.attempt_n = ACCESS_ATTEMPTS_MAX;
        for (unsigned k = 0; k < ACCESS_ATTEMPTS_MAX; k++)
            r.attempts[k] = (struct access_attempt){r.method, big, UINT64_MAX, big};
        r.is_fail_open = true;
        r.listener = r.rule = r.pool = r.method;
        if (i % 2 == 1)
            r.tls_version = r.tls_cipher = r.tls_name = r.method;
        r.client = &client6;
        r.worker = UINT32_MAX;
        r.status = UINT16_MAX;
        r.bytes_in = r.bytes_out = r.wait_us = r.connect_us = UINT64_MAX - 1;
        r.first_byte_us = r.total_us = r.added_us = UINT64_MAX - 1;
        print(access_line_json, &r);
        assert_true(strlen(line) > 3000);
        assert_non_null(strstr(line, "\"attempts\":[{\"server\":\""));
        assert_string_equal(line + strlen(line) - 37,
                            "}],\"fail_open\":true,\"truncated\":true}");
        print(access_line_combined, &r);
        assert_int_equal(line[strlen(line) - 1], '"');
    }
}

static void test_value_of_the_limit_is_whole(void **state)
{
    static char big[1441];
    struct access_record r = make_record();

    (void)state;
    memset(big, 'x', sizeof(big));
    r.target = span_from(big, sizeof(big) - 1);
    assert_null(strstr(print(access_line_json, &r), "truncated"));
    r.target = span_from(big, sizeof(big));
    assert_non_null(strstr(print(access_line_json, &r), "truncated"));
}

static void test_tls(void **state)
{
    struct access_record r = make_record();

    (void)state;
    assert_null(strstr(print(access_line_json, &r), "tls"));
    r.tls_version = SPAN("TLSv1.3");
    r.tls_cipher = SPAN("TLS_AES_128_GCM_SHA256");
    assert_non_null(strstr(print(access_line_json, &r),
                           "\"pool\":\"green\",\"tls_version\":\"TLSv1.3\","
                           "\"tls_cipher\":\"TLS_AES_128_GCM_SHA256\",\"tls_name\":null,"
                           "\"tls_resumed\":false,\"attempts\":["));
    r.tls_name = SPAN("a.example\"");
    r.is_resumed = true;
    assert_non_null(strstr(print(access_line_json, &r),
                           ",\"tls_name\":\"a.example\\\"\",\"tls_resumed\":true,"));
}

/* Made once a second, right in each ms. */
static void test_clock(void **state)
{
    static const struct {
        uint64_t wall_us;
        const char *json, *combined;
    } cases[] = {
        {WALL_S * 1000000ULL, "2026-11-23T15:08:14.000Z", "23/Nov/2026:15:08:14 +0000"},
        {WALL_S * 1000000ULL + 999999, "2026-11-23T15:08:14.999Z",
         "23/Nov/2026:15:08:14 +0000"},
        {WALL_S * 1000000ULL + 1000000, "2026-11-23T15:08:15.000Z",
         "23/Nov/2026:15:08:15 +0000"},
        {WALL_S * 1000000ULL - 1, "2026-11-23T15:08:13.999Z", "23/Nov/2026:15:08:13 +0000"},
        {0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct access_record r = make_record();
        char want[64];

        r.begin_wall_us = cases[i].wall_us;
        snprintf(want, sizeof(want), "{\"time\":\"%s\",", cases[i].json);
        assert_non_null(strstr(print(access_line_json, &r), want));
        snprintf(want, sizeof(want), " [%s] ", cases[i].combined);
        assert_non_null(strstr(print(access_line_combined, &r), want));
    }
}

static void test_fail_open(void **state)
{
    struct access_record r = make_record();

    (void)state;
    assert_null(strstr(print(access_line_json, &r), "fail_open"));
    r.is_fail_open = true;
    assert_non_null(strstr(print(access_line_json, &r), ",\"fail_open\":true}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_a_head_that_could_not_be_read),
        cmocka_unit_test(test_combined),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escapes_anywhere),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_value_of_the_limit_is_whole),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_fail_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
