/* A HEAD says whether it is the whole message; then no END follows, and the reader is at its
 * end already. */
#include "h1_table.h"

struct seen {
    unsigned head_n, whole_n, end_n;
    bool goes_on; /* answers within the HEAD's sink, and goes on to the next message */
};

static void respond(struct codec *c)
{
    struct msg m = {.base = "", .status = 200, .flags = MSG_HAS_LENGTH};
    struct outv out;

    assert_int_equal(outv_init(&out, 4096), 0);
    codec_send_head(c, NULL, &m, &out);
    codec_send_end(c, NULL, NULL, &out);
    outv_fini(&out);
    assert_true(codec_can_reuse(c));
    codec_done(c, NULL);
}

static void count(struct codec *c, struct event *ev)
{
    struct seen *seen = c->owner;

    seen->head_n += ev->type == EVENT_HEAD;
    seen->end_n += ev->type == EVENT_END;
    seen->whole_n += ev->is_whole;
    if (ev->is_whole && seen->goes_on)
        respond(c);
}
static const struct codec_owner_ops count_ops = {.event = count};

static struct codec *codec_of(enum codec_role role, struct seen *seen)
{
    struct codec *c = h1_new(h1_codecs, role, &codec_limits_response);

    assert_non_null(c);
    c->up = &count_ops;
    c->owner = seen;
    return c;
}

static void check_request(struct span bytes, unsigned whole_n)
{
    struct seen seen = {0};
    struct codec *c = codec_of(CODEC_SERVER, &seen);

    assert_int_equal(codec_feed(c, bytes), bytes.len);
    assert_int_equal(seen.head_n, 1);
    assert_int_equal(seen.whole_n, whole_n);
    assert_int_equal(seen.end_n, 1 - whole_n);
    codec_free(c);
}

static void test_requests(void **state)
{
    (void)state;
    check_request(SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1);
    check_request(SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 1);
    check_request(SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"), 0);
    check_request(
        SPAN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 0);
}

static void check_response(const char *method, struct span bytes, unsigned whole_n,
                           unsigned end_n)
{
    struct seen seen = {0};
    struct codec *c = codec_of(CODEC_CLIENT, &seen);
    struct msg m = {.base = method, .base_len = (uint32_t)strlen(method)};
    struct outv out;

    m.method_len = m.base_len;
    assert_int_equal(outv_init(&out, 4096), 0);
    codec_send_head(c, NULL, &m, &out);
    codec_send_end(c, NULL, NULL, &out);
    assert_int_equal(codec_feed(c, bytes), bytes.len);
    assert_int_equal(seen.whole_n, whole_n);
    assert_int_equal(seen.end_n, end_n);
    outv_fini(&out);
    codec_free(c);
}

static void test_responses(void **state)
{
    (void)state;
    check_response("GET", SPAN("HTTP/1.1 204 No Content\r\n\r\n"), 1, 0);
    check_response("HEAD", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), 1, 0);
    check_response("GET", SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), 0, 1);
    check_response("GET", SPAN("HTTP/1.1 200 OK\r\n\r\n"), 0, 0);
    check_response("GET", SPAN("HTTP/1.1 100 Continue\r\n\r\n"), 0, 0);
}

static void test_next_within_the_head(void **state)
{
    (void)state;
    struct seen seen = {.goes_on = true};
    struct codec *c = codec_of(CODEC_SERVER, &seen);
    struct span two =
        SPAN("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");

    assert_int_equal(codec_feed(c, two), two.len);
    assert_int_equal(seen.head_n, 2);
    assert_int_equal(seen.whole_n, 2);
    codec_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_next_within_the_head),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
