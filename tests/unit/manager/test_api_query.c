#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "manager/api_query.h"

static struct api_query read_query(const char *target)
{
    struct api_query q;

    api_query_read(span_from_str(target), "drain wait timeout force dry_run x y+ meta.*", &q);
    return q;
}

static void test_nothing(void **state)
{
    static const char *const targets[] = {"/servers", "/servers?",
                                          "/servers?x&&y=1&y&meta.a=b"};

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const struct api_query q = read_query(targets[i]);

        assert_null(q.error.code);
        assert_false(q.has_drain || q.waits || q.is_forced || q.is_dry_run);
        assert_int_equal(q.timeout_ms, 60000);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *target;
        uint32_t ms;
    } cases[] = {
        {"/s?drain=0", 0},           {"/s?drain=7", 7000},      {"/s?drain=500ms", 500},
        {"/s?x=1&drain=30s", 30000}, {"/s?drain=2m&y", 120000}, {"/s?drain=1h", 3600000},
        {"/s?drain=3600", 3600000},  {"/s?drain=60m", 3600000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct api_query q = read_query(cases[i].target);

        assert_null(q.error.code);
        assert_true(q.has_drain);
        assert_int_equal(q.drain_ms, cases[i].ms);
    }
    assert_int_equal(read_query("/s?timeout=1500ms").timeout_ms, 1500);
}

static void test_flags(void **state)
{
    (void)state;
    assert_true(read_query("/s?wait=drained").waits);
    assert_true(read_query("/s?force=true").is_forced);
    assert_true(read_query("/s?force=1").is_forced);
    assert_false(read_query("/s?force=false").is_forced);
    assert_true(read_query("/s?dry_run=true").is_dry_run);
    assert_false(read_query("/s?dry_run=0").is_dry_run);
    assert_null(read_query("/s?force=0&dry_run=1&wait=drained").error.code);
}

static void test_bad(void **state)
{
    static const struct {
        const char *target, *key;
    } cases[] = {
        {"/s?drain=", "drain"},
        {"/s?drain", "drain"},
        {"/s?drain=-1", "drain"},
        {"/s?drain=3601", "drain"},
        {"/s?drain=61m", "drain"},
        {"/s?drain=ms", "drain"},
        {"/s?drain=1d", "drain"},
        {"/s?drain=1.5s", "drain"},
        {"/s?drain=2h", "drain"},
        {"/s?wait=gone", "wait"},
        {"/s?wait", "wait"},
        {"/s?timeout=x", "timeout"},
        {"/s?force=yes", "force"},
        {"/s?force", "force"},
        {"/s?dry_run=2", "dry_run"},
        {"/s?wait=x&drain=y", "wait"},
        {"/s?wait=drained&wait=drained", "wait"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct api_query q = read_query(cases[i].target);

        assert_non_null(q.error.code);
        assert_string_equal(q.error.code, "invalid_value");
        assert_string_equal(q.error.field, cases[i].key);
        assert_string_not_equal(q.error.detail, "");
    }
}

static void test_unknown_keys(void **state)
{
    static const struct {
        const char *target, *keys, *key, *told;
    } cases[] = {
        {"/s?dry-run=true", "wait dry_run", "dry-run",
         "the key \"dry-run\" is not known here: did you mean \"dry_run\"? There are wait, "
         "dry_run"},
        {"/s?Wait=1", "wait header+", "Wait",
         "the key \"Wait\" is not known here: did you mean \"wait\"? There are wait, header"},
        {"/s?pretty", "wait meta.*", "pretty",
         "the key \"pretty\" is not known here: there are wait, meta.*"},
        {"/s?pretty", "", "pretty",
         "the key \"pretty\" is not known here: this request takes none"},
        {"/s?wait=drained&=x", "wait", "", "the key \"\" is not known here: there are wait"},
        {"/s?\xc3\xbc\"=x", "wait", "??\"",
         "the key \"??\"\" is not known here: there are wait"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct api_query q;

        api_query_read(span_from_str(cases[i].target), cases[i].keys, &q);
        assert_non_null(q.error.code);
        assert_string_equal(q.error.code, "unknown_key");
        assert_string_equal(q.error.field, cases[i].key);
        assert_string_equal(q.error.detail, cases[i].told);
    }
}

static void test_any_key(void **state)
{
    struct api_query q;

    (void)state;
    api_query_read(SPAN("/health?x=1&x=2&%"), "*", &q);
    assert_null(q.error.code);
}

static void test_long_query(void **state)
{
    static char target[API_QUERY_TEXT_MAX + 4] = "/s?x=";
    struct api_query q;

    (void)state;
    memset(target + 5, 'a', sizeof(target) - 6);
    api_query_read(span_from_str(target), "x", &q);
    assert_string_equal(q.error.code, "invalid_value");
    target[API_QUERY_TEXT_MAX + 1] = '\0';
    api_query_read(span_from_str(target), "x", &q);
    assert_null(q.error.code);
    assert_int_equal(strlen(q.text), API_QUERY_TEXT_MAX - 1U);
}

/* RFC 7240 section 2. */
static void test_prefer(void **state)
{
    enum { SILENT, FULL, MINIMAL };
    static const struct {
        const char *value;
        int wanted;
    } cases[] = {
        {"", SILENT},
        {" , ,", SILENT},
        {"minimal", SILENT},
        {"wait=5; return=minimal", SILENT},
        {"return", FULL},
        {"return=", FULL},
        {"return=minimally", FULL},
        {"return=\"", FULL},
        {"return=representation, return=minimal", FULL},
        {"return=minimal", MINIMAL},
        {"return=minimal, return=representation", MINIMAL},
        {"RETURN = \"minimal\" ; x=\";,\"", MINIMAL},
        {",,respond-async ,\treturn=minimal", MINIMAL},
        {"x=\"a, return=minimal, b\"", SILENT},
        {"x=\"a, return=representation\", return=minimal", MINIMAL},
        {"x=\"\\\", return=representation, \"; y, return=minimal", MINIMAL},
        {"x=\"no end, return=minimal", SILENT},
        {"x=\"\\", SILENT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_minimal = false;
        const bool speaks = api_query_prefer(span_from_str(cases[i].value), SPAN("return"),
                                             SPAN("minimal"), &is_minimal);

        assert_int_equal(!speaks ? SILENT : is_minimal ? MINIMAL : FULL, cases[i].wanted);
    }
}

/* RFC 7240 itself has a wait in seconds: another wish, and the first one counts. */
static void test_prefer_wait(void **state)
{
    static const struct {
        const char *value;
        bool speaks, is_it;
    } cases[] = {
        {"return=minimal", false, false},
        {"wait=10", true, false},
        {"wait=10, wait=applied", true, false},
        {"wait=applied", true, true},
        {"return=minimal, Wait=\"applied\"", true, true},
        {"wait=Applied", true, false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool is_it = false;

        assert_int_equal(api_query_prefer(span_from_str(cases[i].value), SPAN("wait"),
                                          SPAN("applied"), &is_it),
                         cases[i].speaks);
        assert_int_equal(is_it, cases[i].is_it);
    }
}

static void test_decode(void **state)
{
    char buf[8];
    struct span out;
    struct api_query q;

    (void)state;
    assert_int_equal(api_query_decode(SPAN("a%2Fb+"), buf, sizeof(buf), &out), 0);
    assert_true(span_is_equal(out, SPAN("a/b+")));
    assert_int_equal(api_query_decode(SPAN("%zz"), buf, sizeof(buf), &out), WERR_SYNTAX);
    assert_int_equal(api_query_decode(SPAN("%2"), buf, sizeof(buf), &out), WERR_SYNTAX);
    assert_int_equal(api_query_decode(SPAN("%00"), buf, sizeof(buf), &out), WERR_SYNTAX);
    assert_int_equal(api_query_decode(SPAN("123456789"), buf, sizeof(buf), &out), WERR_TOO_BIG);
    api_query_read(SPAN("/explain?host=a&path=/b"), "host path", &q);
    assert_string_equal(q.text, "?host=a&path=/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_times),
        cmocka_unit_test(test_flags),   cmocka_unit_test(test_bad),
        cmocka_unit_test(test_prefer),  cmocka_unit_test(test_prefer_wait),
        cmocka_unit_test(test_decode),  cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_any_key), cmocka_unit_test(test_long_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
