/* The reader beyond the tables: limits to the byte, back-pressure, reuse, memory. */
#include "h1_table.h"

static const struct codec_limits small = {
    .line_bytes = 40, .head_bytes = 100, .fields = 4, .trailer_bytes = 30};

struct limit_case {
    const char *name;
    const char *in;
    const char *expected; /* the last line of the transcript */
};

#define LINE_OF_24 "GET /23456789 HTTP/1.1\r\n"
#define CHUNKED    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"

static const struct limit_case limit_cases[] = {
    {"line of 40 bytes", "GET /34567890123456789012345678 HTTP/1.1\r\n", "RESET 414"},
    {"line of 39 bytes and 1", "GET /345678901234567890123456 HTTP/1.1\r\nHost: a\r\n\r\n",
     "END"},
    {"line without an end", "GET /3456789012345678901234567890123456789", "RESET 414"},
    {"4 fields", LINE_OF_24 "Host: a\r\nA: b\r\nC: d\r\nE: f\r\n\r\n", "END"},
    {"5 fields", LINE_OF_24 "Host: a\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n", "RESET 431"},
    {"5th field not whole", LINE_OF_24 "Host: a\r\nA: b\r\nC: d\r\nE: f\r\nG: h", "RESET 400"},
    {"head of 100 bytes",
     LINE_OF_24
     "Host: a\r\nX: 123456789012345678901234567890123456789012345678901234567890\r\n\r\n",
     "END"},
    {"head of 101 bytes",
     LINE_OF_24
     "Host: a\r\nX: 1234567890123456789012345678901234567890123456789012345678901\r\n\r\n",
     "RESET 431"},
    {"malformed line within, too much after it",
     LINE_OF_24
     "Host a\r\nX: 6789012345678901234567890123456789012345678901234567890123456789\r\n",
     "RESET 400"},
    {"trailers of 30 bytes", CHUNKED "X: 34567890123456789012345\r\n\r\n", "END"},
    {"trailers of 31 bytes", CHUNKED "X: 345678901234567890123456\r\n\r\n", "RESET 431"},
    {"5 trailers", CHUNKED "A:b\r\nC:d\r\nE:f\r\nG:h\r\nI:j\r\n\r\n", "RESET 431"},
};

/* The last line of the text, CLOSE and REST left aside. */
static const char *last_event(char *text)
{
    char *at = text + strlen(text);
    while (at > text) {
        *--at = '\0';
        while (at > text && at[-1] != '\n')
            at--;
        if (strncmp(at, "REST ", 5) != 0 && strncmp(at, "CLOSE", 5) != 0)
            return at;
    }
    return text;
}

static void check_limit(const struct limit_case *c, size_t max_step)
{
    struct h1_run r;
    h1_run_init(&r, h1_codecs, CODEC_SERVER, &small);
    h1_run_feed(&r, span_from_str(c->in), max_step, H1_SEED);
    const char *last = last_event(r.text);
    if (strncmp(last, c->expected, strlen(c->expected)) != 0)
        fail_msg("%s (steps %zu): %s, expected %s", c->name, max_step, last, c->expected);
    h1_run_fini(&r);
}

static void test_limits(void **state)
{
    (void)state;
    static const size_t steps[] = {0, 1, 2, 5, 13, 60};
    for (size_t i = 0; i < sizeof(limit_cases) / sizeof(limit_cases[0]); i++) {
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
            check_limit(&limit_cases[i], steps[k]);
    }
}

/* One head of about `bytes`, made of the text and then n times the filler. */
static struct span grow(const char *text, const char *filler, size_t n, const char *tail)
{
    size_t cap = strlen(text) + n * strlen(filler) + strlen(tail) + 1;
    char *all = malloc(cap);
    assert_non_null(all);
    char *at = stpcpy(all, text);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, filler);
    at = stpcpy(at, tail);
    return span_from(all, (size_t)(at - all));
}

static void check_default(const char *text, const char *filler, size_t n, const char *tail,
                          const char *expected)
{
    static const size_t steps[] = {0, 4001, 8193};
    struct span in = grow(text, filler, n, tail);
    for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
        struct h1_run r;
        h1_run_start(&r, NULL);
        h1_run_feed(&r, in, steps[k], H1_SEED);
        const char *last = last_event(r.text);
        if (strncmp(last, expected, strlen(expected)) != 0)
            fail_msg("%s + %zu %s: %.200s, expected %s", text, n, filler, last, expected);
        h1_run_fini(&r);
    }
    free((void *)in.ptr);
}

static void test_default_limits(void **state)
{
    (void)state;
    const char *head = "GET / HTTP/1.1\r\nHost: a\r\n";
    const char *chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    const char *extended = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;";
    check_default("GET /", "x", 8100, " HTTP/1.1\r\nHost: a\r\n\r\n", "END");
    check_default("GET /", "x", 8192, " HTTP/1.1\r\nHost: a\r\n\r\n", "RESET 414");
    check_default(head, "A: b\r\n", 99, "\r\n", "END");
    check_default(head, "A: b\r\n", 100, "\r\n", "RESET 431");
    check_default("GET / HTTP/1.1\r\nHost: a\r\nX: ", "y", 32000, "\r\n\r\n", "END");
    check_default("GET / HTTP/1.1\r\nHost: a\r\nX: ", "y", 33000, "\r\n\r\n", "RESET 431");
    check_default("GET / HTTP/1.1\r\nHost: a\r\n", "N", 33000, ": x\r\n\r\n", "RESET 431");
    check_default(chunked, "0", 16 + 4096, "\r\n\r\n", "END");
    check_default(chunked, "0", 16 + 4097, "\r\n\r\n", "RESET 400");
    check_default(extended, "e", 4095, "\r\n\r\n", "END");
    check_default(extended, "e", 4096, "\r\n\r\n", "RESET 400");
    check_default(extended, "e", 5000, "", "RESET 400");
    check_default(chunked, "0", 5000, "", "RESET 400");
}

/* Nothing of a head is taken before all of it is there, and then all at once. */
static void test_head_is_taken_whole(void **state)
{
    (void)state;
    struct span in =
        grow("GET / HTTP/1.1\r\nHost: a\r\n", "Abc: defghijklmnop\r\n", 90, "\r\n");
    struct h1_run r;
    h1_run_start(&r, NULL);
    size_t taken = 0;
    for (size_t n = 1; n <= in.len && taken == 0; n++)
        taken = codec_feed(r.codec, span_first(in, n));
    assert_int_equal(taken, in.len);
    h1_run_fini(&r);
    free((void *)in.ptr);
}

/* Whoever offers less than before has lost bytes: nothing is concluded from what is left. */
static void check_less(const char *begun, size_t head_bytes)
{
    struct span in = span_from_str(begun);
    struct h1_run r;
    h1_run_start(&r, NULL);
    assert_int_equal(codec_feed(r.codec, in), head_bytes);
    in = span_skip(in, head_bytes);
    assert_int_equal(codec_feed(r.codec, in), 0);
    assert_int_equal(codec_feed(r.codec, span_first(in, in.len - 1)), 0);
    assert_null(strstr(r.text, "RESET"));
    h1_run_fini(&r);
}

static void test_less_than_before(void **state)
{
    (void)state;
    static const char head[] =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    char text[sizeof(head) + 4];
    check_less("GET / HTTP/1.1\r\nHo", 0);
    (void)snprintf(text, sizeof(text), "%s%s", head, "00");
    check_less(text, sizeof(head) - 1);
}

/* Where limits allow a head that long, a name must still fit into its field. */
static void test_name_of_64_kib(void **state)
{
    (void)state;
    static const struct codec_limits wide = {
        .line_bytes = 100, .head_bytes = 100000, .fields = 4, .trailer_bytes = 30};
    struct span in = grow("GET / HTTP/1.1\r\nHost: a\r\n", "N", 65536, ": x\r\n\r\n");
    struct h1_run r;
    h1_run_init(&r, h1_codecs, CODEC_SERVER, &wide);
    h1_run_feed(&r, in, 0, H1_SEED);
    assert_non_null(strstr(r.text, "RESET 400 malformed: field name too long"));
    h1_run_fini(&r);
    free((void *)in.ptr);
}

struct pausing {
    unsigned pauses;
};

static void pause_on_body(struct h1_run *r, struct event *ev)
{
    struct pausing *p = r->hook;
    if (ev->type == EVENT_HEAD || ev->type == EVENT_BODY) {
        codec_pause(r->codec, NULL, true);
        p->pauses++;
    }
}

static void check_pauses(const char *in, unsigned expected_pauses, const char *expected)
{
    struct h1_run r;
    struct pausing p = {0};
    h1_run_start(&r, NULL);
    r.on_event = pause_on_body;
    r.hook = &p;
    struct span left = span_from_str(in);
    for (unsigned i = 0; i < 20 && !r.has_ended; i++) {
        left = span_skip(left, codec_feed(r.codec, left));
        assert_int_equal(codec_feed(r.codec, left), 0);
        codec_pause(r.codec, NULL, false);
    }
    assert_string_equal(r.text, expected);
    assert_int_equal(p.pauses, expected_pauses);
    h1_run_fini(&r);
}

static void test_pause_stops_the_body(void **state)
{
    (void)state;
    check_pauses("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 2,
                 "HEAD POST / len=5 1.1 keep {Content-Length: 5}\nBODY hello\nEND\n");
    check_pauses("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n",
                 3,
                 "HEAD POST / chunked 1.1 keep {Transfer-Encoding: chunked}\n"
                 "BODY <2>ab<1>c\nTRAILERS {X: y}\nEND\n");
    check_pauses("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1, "HEAD GET / 1.1 keep\nEND\n");
}

static void test_nothing_is_taken_after_the_end(void **state)
{
    (void)state;
    struct span one = SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct h1_run r;
    h1_run_start(&r, NULL);
    assert_int_equal(codec_feed(r.codec, one), one.len);
    assert_true(codec_can_reuse(r.codec));
    assert_int_equal(codec_feed(r.codec, one), 0);
    codec_done(r.codec, NULL);
    assert_int_equal(codec_feed(r.codec, one), one.len);
    h1_run_fini(&r);
}

static void test_answer_without_a_request(void **state)
{
    (void)state;
    struct h1_run r;
    h1_run_init(&r, h1_codecs, CODEC_CLIENT, &codec_limits_response);
    codec_eof(r.codec, CODEC_ENDED);
    assert_string_equal(r.text, "");
    assert_int_equal(codec_feed(r.codec, SPAN("HTTP/1.1 200 OK\r\n\r\n")), 0);
    assert_string_equal(r.text, "RESET 0 malformed: response without a request\n");
    h1_run_fini(&r);
}

static void test_idle_codec_is_small(void **state)
{
    (void)state;
    assert_true(h1_bytes() <= 80);
    struct h1_shared *one = h1_shared_new(1);
    assert_non_null(one);
    struct codec *c = h1_new(one, CODEC_SERVER, &small);
    assert_non_null(c);
    assert_string_equal(c->ops->name, "h1");
    assert_null(h1_new(one, CODEC_SERVER, &small));
    codec_free(c);
    h1_shared_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_head_is_taken_whole),
        cmocka_unit_test(test_less_than_before),
        cmocka_unit_test(test_name_of_64_kib),
        cmocka_unit_test(test_pause_stops_the_body),
        cmocka_unit_test(test_nothing_is_taken_after_the_end),
        cmocka_unit_test(test_answer_without_a_request),
        cmocka_unit_test(test_idle_codec_is_small),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
