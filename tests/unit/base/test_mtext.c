#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/mtext.h"

static const struct mtext_family requests = {"w_requests", "requests, all of them",
                                             MTEXT_COUNTER, 0};
static const struct mtext_family open_n = {"w_open", "open now", MTEXT_GAUGE, 0};
static const struct mtext_family queued = {"w_queued_bytes", "queued", MTEXT_GAUGE, 0};
static const struct mtext_family build = {"w_build", "what it is", MTEXT_INFO, 0};
static const struct mtext_family took = {"w_took_seconds", "how long", MTEXT_HISTOGRAM, 6};
static const struct mtext_family odd = {"w_odd", "a \\ \"b\"\nc", MTEXT_GAUGE, 0};

static void expect(struct mtext *t, const char *wanted)
{
    char *text = mtext_take(t);

    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static struct span label(struct strb *b, char *buf, size_t size, const char *value)
{
    strb_init(b, buf, size);
    mtext_label(b, "pool", value);
    return strb_span(b);
}

static void write_few(struct mtext *t)
{
    char buf[64];
    struct strb b;

    mtext_family(t, &requests);
    mtext_sample(t, &requests, SPAN_NONE, UINT64_MAX);
    mtext_family(t, &open_n);
    mtext_sample(t, &open_n, label(&b, buf, sizeof(buf), "a"), 0);
    mtext_family(t, &queued);
    mtext_family(t, &build);
    mtext_sample(t, &build, label(&b, buf, sizeof(buf), "x"), 1);
    mtext_end(t);
}

static void test_prometheus(void **state)
{
    struct mtext t;

    (void)state;
    mtext_init(&t, false);
    write_few(&t);
    expect(&t, "# HELP w_requests_total requests, all of them\n"
               "# TYPE w_requests_total counter\n"
               "w_requests_total 18446744073709551615\n"
               "# HELP w_open open now\n"
               "# TYPE w_open gauge\n"
               "w_open{pool=\"a\"} 0\n"
               "# HELP w_queued_bytes queued\n"
               "# TYPE w_queued_bytes gauge\n"
               "# HELP w_build_info what it is\n"
               "# TYPE w_build_info gauge\n"
               "w_build_info{pool=\"x\"} 1\n");
}

static void test_openmetrics(void **state)
{
    struct mtext t;

    (void)state;
    mtext_init(&t, true);
    write_few(&t);
    expect(&t, "# HELP w_requests requests, all of them\n"
               "# TYPE w_requests counter\n"
               "w_requests_total 18446744073709551615\n"
               "# HELP w_open open now\n"
               "# TYPE w_open gauge\n"
               "w_open{pool=\"a\"} 0\n"
               "# HELP w_queued_bytes queued\n"
               "# TYPE w_queued_bytes gauge\n"
               "# UNIT w_queued_bytes bytes\n"
               "# HELP w_build what it is\n"
               "# TYPE w_build info\n"
               "w_build_info{pool=\"x\"} 1\n"
               "# EOF\n");
}

static void test_help_is_escaped(void **state)
{
    struct mtext t;

    (void)state;
    mtext_init(&t, false);
    mtext_family(&t, &odd);
    expect(&t, "# HELP w_odd a \\\\ \"b\"\\nc\n# TYPE w_odd gauge\n");
    mtext_init(&t, true);
    mtext_family(&t, &odd);
    expect(&t, "# HELP w_odd a \\\\ \\\"b\\\"\\nc\n# TYPE w_odd gauge\n");
}

static void test_labels_are_escaped(void **state)
{
    static const struct {
        const char *value, *wanted;
    } rows[] = {
        {"", "pool=\"\""},
        {"http://[::1]:80", "pool=\"http://[::1]:80\""},
        {"\"", "pool=\"\\\"\""},
        {"a\\b", "pool=\"a\\\\b\""},
        {"a\nb\n", "pool=\"a\\nb\\n\""},
        {"\\n", "pool=\"\\\\n\""},
        {"{},=\xc3\xa9", "pool=\"{},=\xc3\xa9\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char buf[64];
        struct strb b;

        (void)label(&b, buf, sizeof(buf), rows[i].value);
        assert_string_equal(buf, rows[i].wanted);
        mtext_label(&b, "k", "v");
        assert_string_equal(buf + strlen(rows[i].wanted), ",k=\"v\"");
    }
}

static void test_decimals(void **state)
{
    static const struct {
        uint64_t value;
        uint8_t decimals;
        const char *wanted;
    } rows[] = {
        {0, 3, "a 0.000\n"},
        {5, 3, "a 0.005\n"},
        {999, 3, "a 0.999\n"},
        {1000, 3, "a 1.000\n"},
        {1234567, 6, "a 1.234567\n"},
        {1, 9, "a 0.000000001\n"},
        {UINT64_MAX, 9, "a 18446744073.709551615\n"},
        {10, 1, "a 1.0\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct mtext_family f = {"a", "", MTEXT_GAUGE, rows[i].decimals};
        struct mtext t;

        mtext_init(&t, false);
        mtext_sample(&t, &f, SPAN_NONE, rows[i].value);
        expect(&t, rows[i].wanted);
    }
}

static const char *const bounds[] = {"0.5", "1.0"};
static const uint64_t counts[] = {3, 0, 2};
static const struct mtext_histogram times = {bounds, counts, 2, 1500000};

static void test_histogram(void **state)
{
    struct mtext t;
    char buf[64];
    struct strb b;

    (void)state;
    mtext_init(&t, true);
    mtext_family(&t, &took);
    mtext_histogram(&t, &took, label(&b, buf, sizeof(buf), "a"), &times);
    expect(&t, "# HELP w_took_seconds how long\n"
               "# TYPE w_took_seconds histogram\n"
               "# UNIT w_took_seconds seconds\n"
               "w_took_seconds_bucket{pool=\"a\",le=\"0.5\"} 3\n"
               "w_took_seconds_bucket{pool=\"a\",le=\"1.0\"} 3\n"
               "w_took_seconds_bucket{pool=\"a\",le=\"+Inf\"} 5\n"
               "w_took_seconds_count{pool=\"a\"} 5\n"
               "w_took_seconds_sum{pool=\"a\"} 1.500000\n");
    mtext_init(&t, false);
    mtext_histogram(&t, &took, SPAN_NONE, &times);
    expect(&t, "w_took_seconds_bucket{le=\"0.5\"} 3\n"
               "w_took_seconds_bucket{le=\"1.0\"} 3\n"
               "w_took_seconds_bucket{le=\"+Inf\"} 5\n"
               "w_took_seconds_count 5\n"
               "w_took_seconds_sum 1.500000\n");
}

/* The text moves in memory again and again, within a histogram too. */
static void write_many(struct mtext *t)
{
    char buf[64];
    struct strb b;
    const struct span labels = label(&b, buf, sizeof(buf), "many");

    mtext_init(t, false);
    for (unsigned i = 0; i < 400; i++)
        mtext_histogram(t, &took, labels, &times);
    mtext_end(t);
}

static void test_a_long_text_is_whole(void **state)
{
    struct mtext t;
    char *text;
    size_t one;

    (void)state;
    write_many(&t);
    text = mtext_take(&t);
    assert_non_null(text);
    one = strlen(text) / 400;
    assert_int_equal(strlen(text), one * 400);
    for (size_t i = 1; i < 400; i++)
        assert_memory_equal(text, text + i * one, one);
    free(text);
}

static void test_without_memory(void **state)
{
    bool is_over = false;
    unsigned n;

    (void)state;
    for (n = 1; !is_over; n++) {
        struct mtext t;
        char *text;

        fault_set(n);
        write_many(&t);
        text = mtext_take(&t);
        is_over = fault_is_armed();
        fault_set(0);
        assert_true((text != NULL) == is_over);
        free(text);
    }
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_help_is_escaped),
        cmocka_unit_test(test_labels_are_escaped),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_a_long_text_is_whole),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
