/* Bodies that go past the codec: how much may, and what is told of it. */
#include "../base/cm.h"
#include "h1_table.h"

static void feed(struct h1_run *r, const char *text)
{
    size_t n = strlen(text);

    assert_int_equal(codec_feed(r->codec, span_from(text, n)), n);
}

struct reading {
    const char *name, *in;
    uint64_t raw;
};

static const struct reading readings[] = {
    {"nothing yet", "", 0},
    {"half a head", "POST / HTTP/1.1\r\nHost: a\r\n", 0},
    {"a body of known length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
     1000000},
    {"… of which some was read",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nhello", 999995},
    {"chunks must be seen",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\nhello", 0},
};

static void test_raw_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(readings); i++) {
        struct h1_run r;

        print_message("%s\n", readings[i].name);
        h1_run_init(&r, h1_codecs, CODEC_SERVER, &codec_limits_request);
        (void)codec_feed(r.codec, span_from_str(readings[i].in));
        assert_int_equal(codec_raw_in(r.codec, NULL), readings[i].raw);
        h1_run_fini(&r);
    }
}

static unsigned unseen_n;
static uint64_t unseen_bytes;

static void note_unseen(struct h1_run *r, struct event *ev)
{
    (void)r;
    if (ev->type != EVENT_BODY || ev->data.ptr)
        return;
    unseen_n++;
    unseen_bytes += ev->data.len;
    ev->data.len = 0;
}

static void test_skip_in(void **state)
{
    struct h1_run r;

    (void)state;
    unseen_n = 0;
    unseen_bytes = 0;
    h1_run_init(&r, h1_codecs, CODEC_SERVER, &codec_limits_request);
    r.on_event = note_unseen;
    feed(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nseen");
    codec_skip_in(r.codec, NULL, 200000);
    assert_int_equal(codec_raw_in(r.codec, NULL), 99996);
    assert_null(strstr(r.text, "END"));
    codec_skip_in(r.codec, NULL, 99996);
    assert_int_equal(codec_raw_in(r.codec, NULL), 0);
    assert_int_equal(unseen_n, 2);
    assert_int_equal(unseen_bytes, 299996);
    assert_string_equal(r.text, "HEAD POST / len=300000 1.1 keep {Content-Length: 300000}\n"
                                "BODY seen\n"
                                "END\n");
    h1_run_fini(&r);
}

struct writing {
    const char *name;
    struct msg head;
    uint64_t raw;
};

static void test_raw_out(void **state)
{
    static const struct writing writings[] = {
        {"a body of known length",
         {.status = 200,
          .body = MSG_BODY_LENGTH,
          .content_length = 500000,
          .flags = MSG_HAS_LENGTH},
         500000},
        {"no body", {.status = 200}, 0},
        {"304 with a length",
         {.status = 304, .content_length = 500000, .flags = MSG_HAS_LENGTH},
         0},
        {"chunks are written", {.status = 200, .body = MSG_BODY_CHUNKED}, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(writings); i++) {
        struct msg m = writings[i].head;
        struct h1_run r;

        print_message("%s\n", writings[i].name);
        h1_run_init(&r, h1_codecs, CODEC_SERVER, &codec_limits_request);
        (void)codec_feed(r.codec,
                         SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"));
        assert_int_equal(codec_raw_out(r.codec, NULL), 0);
        m.base = "";
        outv_clear(&r.out);
        codec_send_head(r.codec, NULL, &m, &r.out);
        assert_int_equal(codec_raw_out(r.codec, NULL), writings[i].raw);
        h1_run_fini(&r);
    }
}

static void ignore(struct codec *c, struct event *ev)
{
    (void)c;
    (void)ev;
}
static const struct codec_owner_ops ignore_ops = {.event = ignore};

/* What was taken past the codec counts as sent: the message is whole then, and only then. */
static void test_skip_out(void **state)
{
    (void)state;
    for (unsigned short_n = 0; short_n < 2; short_n++) {
        struct msg m = {.base = "",
                        .status = 200,
                        .body = MSG_BODY_LENGTH,
                        .content_length = 500000,
                        .flags = MSG_HAS_LENGTH};
        struct h1_run r;

        h1_run_init(&r, h1_codecs, CODEC_SERVER, &codec_limits_request);
        (void)codec_feed(r.codec,
                         SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"));
        outv_clear(&r.out);
        codec_send_head(r.codec, NULL, &m, &r.out);
        codec_send_body(r.codec, NULL, SPAN("begin"), 0, &r.out);
        assert_int_equal(codec_raw_out(r.codec, NULL), 499995);
        codec_skip_out(r.codec, NULL, 499995 - short_n);
        codec_send_end(r.codec, NULL, NULL, &r.out);
        r.codec->up = &ignore_ops;
        (void)codec_feed(r.codec, SPAN("x"));
        assert_int_equal(codec_can_reuse(r.codec), short_n == 0);
        h1_run_fini(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_in),
        cmocka_unit_test(test_skip_in),
        cmocka_unit_test(test_raw_out),
        cmocka_unit_test(test_skip_out),
    };

    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
