/* How many 1xx responses, and how many bytes of them, may stand before a response. */
#include "h1_table.h"

#define PROCESSING "HTTP/1.1 102 P\r\n\r\n"
#define OK         "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

enum { INFO_MAX = 64, INFO_BYTES_MAX = 64 * 1024 };

static char *repeat(const char *text, unsigned n, const char *behind)
{
    size_t len = strlen(text);
    char *all = malloc(n * len + strlen(behind) + 1);

    assert_non_null(all);
    for (unsigned i = 0; i < n; i++)
        memcpy(all + i * len, text, len);
    strcpy(all + n * len, behind);
    return all;
}

/* How many INFO events came, and what came behind them. */
static unsigned count_info(const char *transcript, const char **behind)
{
    unsigned n = 0;

    *behind = transcript;
    while (strncmp(*behind, "INFO", 4) == 0) {
        *behind = strchr(*behind, '\n') + 1;
        n++;
    }
    return n;
}

static void check(const char *in, size_t max_step, unsigned want_n, const char *want)
{
    const char *behind;
    struct h1_run r;

    h1_run_start(&r, "GET");
    h1_run_feed(&r, span_from(in, strlen(in)), max_step, H1_SEED);
    assert_int_equal(count_info(r.text, &behind), want_n);
    assert_int_equal(strncmp(behind, want, strlen(want)), 0);
    h1_run_fini(&r);
}

static void check_all_ways(const char *in, unsigned want_n, const char *want)
{
    check(in, 0, want_n, want);
    check(in, 1, want_n, want);
    check(in, 50, want_n, want);
}

static void test_count(void **state)
{
    char *most = repeat(PROCESSING, INFO_MAX, OK);
    char *more = repeat(PROCESSING, INFO_MAX + 1, OK);
    char *endless = repeat(PROCESSING, 5000, "");

    (void)state;
    check_all_ways(most, INFO_MAX, "HEAD 200 ");
    check_all_ways(more, INFO_MAX, "RESET 0 over a limit: too many 1xx responses\n");
    check_all_ways(endless, INFO_MAX, "RESET 0 over a limit: too many 1xx responses\n");
    free(most);
    free(more);
    free(endless);
}

/* A 1xx of exactly n bytes. */
static char *make_info(size_t n)
{
    static const char begin[] = "HTTP/1.1 103 E\r\nX: ";
    char *text = malloc(n + 1);

    assert_non_null(text);
    memset(text, 'x', n);
    memcpy(text, begin, sizeof(begin) - 1);
    memcpy(text + n - 4, "\r\n\r\n", 5);
    return text;
}

static void test_bytes(void **state)
{
    char *quarter = make_info(INFO_BYTES_MAX / 4);
    char *most = repeat(quarter, 4, OK);
    char *more = repeat(quarter, 4, PROCESSING OK);

    (void)state;
    check(most, 0, 4, "HEAD 200 ");
    check(most, 5000, 4, "HEAD 200 ");
    check(more, 0, 4, "RESET 0 over a limit: too many 1xx responses\n");
    check(more, 5000, 4, "RESET 0 over a limit: too many 1xx responses\n");
    free(quarter);
    free(most);
    free(more);
}

/* Each response of a connection has its own. */
static void test_next_answer(void **state)
{
    char *in = repeat(PROCESSING, INFO_MAX, OK);
    struct h1_run r;

    (void)state;
    h1_run_start(&r, "GET");
    for (unsigned i = 0; i < 3; i++) {
        const char *behind;

        assert_int_equal(codec_feed(r.codec, span_from(in, strlen(in))), strlen(in));
        assert_int_equal(count_info(r.text, &behind), INFO_MAX);
        assert_int_equal(strncmp(behind, "HEAD 200 ", 9), 0);
        codec_done(r.codec, NULL);
        r.has_ended = false;
        r.len = 0;
        h1_run_ask(&r, "GET");
    }
    h1_run_fini(&r);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_next_answer),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
