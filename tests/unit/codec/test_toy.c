/* The toy codec by itself: what conns on it can't be made to see. */
#include "../base/cm.h"

#include <stdlib.h>
#include <string.h>

#include "base/bufq.h"
#include "base/fault.h"
#include "codec/codec.h"
#include "toy_codec.h"

struct bench {
    struct bufq_store *store;
    struct codec_shared *shared;
    struct codec *codec;
    struct outv out;
    char text[512];
    struct codec_stream *first; /* that an event was of */
};

static void on_event(struct codec *c, struct event *ev)
{
    struct bench *b = c->owner;

    strcat(b->text, event_name(ev->type));
    strcat(b->text, ev->stream ? " " : "(all) ");
    if (ev->is_whole)
        strcat(b->text, "whole ");
    if (!b->first)
        b->first = ev->stream;
}

static void on_flow(struct codec *c, struct codec_stream *st, bool is_full)
{
    struct bench *b = c->owner;

    (void)st;
    strcat(b->text, is_full ? "full " : "room ");
}

static const struct codec_owner_ops bench_ops = {.event = on_event, .flow = on_flow};

static struct bench *bench_new(enum codec_role role)
{
    struct bench *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->store = bufq_store_new(0);
    b->shared = codec_shared_new(b->store);
    assert_non_null(b->shared);
    assert_int_equal(codec_shared_put(b->shared, CODEC_H1, role, &toy_kind), 0);
    b->codec = codec_new(b->shared, CODEC_H1, role, &codec_limits_request);
    assert_non_null(b->codec);
    b->codec->up = &bench_ops;
    b->codec->owner = b;
    assert_int_equal(outv_init(&b->out, 65536), 0);
    return b;
}

static void bench_end(struct bench *b)
{
    outv_fini(&b->out);
    codec_free(b->codec);
    assert_int_equal(codec_shared_live_n(b->shared), 0);
    codec_shared_settle(b->shared);
    codec_shared_free(b->shared);
    assert_int_equal(bufq_store_held_bytes(b->store), 0);
    bufq_store_free(b->store);
    free(b);
}

#define HEAD_1 "\0\0\x1b\0\1\0\0\0\1GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static void test_byte_by_byte(void **state)
{
    struct bench *b = bench_new(CODEC_SERVER);
    static const char bytes[] = HEAD_1 "\0\0\x1b\0\0\0\0\0\2GET / HTTP/1.1\r\nHost: h\r\n\r\n"
                                       "\0\0\3\1\1\0\0\0\2abc";
    size_t at = 0;

    (void)state;
    for (size_t have = 1; have < sizeof(bytes); have++)
        at += codec_feed(b->codec, span_from(bytes + at, have - at));
    assert_int_equal(at, sizeof(bytes) - 1);
    assert_string_equal(b->text, "HEAD whole HEAD BODY BODY BODY END ");
    bench_end(b);
}

static void test_ping_is_answered(void **state)
{
    static const char pong[] = "\0\0\4\6\0\0\0\0\0wxyz";
    struct bench *b = bench_new(CODEC_SERVER);

    (void)state;
    assert_int_equal(codec_feed(b->codec, SPAN("\0\0\4\5\0\0\0\0\0wxyz")), 13);
    assert_int_equal(b->out.bytes, 0);
    assert_false(codec_output(b->codec, &b->out));
    assert_int_equal(b->out.bytes, sizeof(pong) - 1);
    assert_memory_equal(b->out.iov[0].iov_base, pong, sizeof(pong) - 1);
    bench_end(b);
}

/* Each stream hears of it, then the connection; nothing is read any more. */
static void test_broken(void **state)
{
    const struct span cases[] = {
        SPAN("\0\0\4\x7f\0\0\0\0\0wxyz"), SPAN("\0\0\5\2\0\0\0\0\1vwxyz"),
        SPAN("\xff\0\0\0\0\0\0\0\2"),     SPAN("\0\0\4\0\0\0\0\0\2\r\n\r\n"),
        SPAN("\0\0\1\1\0\0\0\0\1x"), /* behind its END */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bench *b = bench_new(CODEC_SERVER);
        size_t taken = codec_feed(b->codec, span_from(HEAD_1, sizeof(HEAD_1) - 1));

        assert_int_equal(taken, sizeof(HEAD_1) - 1);
        (void)codec_feed(b->codec, cases[i]);
        assert_non_null(strstr(b->text, "HEAD whole RESET "));
        assert_non_null(strstr(b->text, "RESET(all) "));
        assert_false(codec_can_reuse(b->codec));
        assert_int_equal(codec_feed(b->codec, SPAN("\0\0\4\5\0\0\0\0\0wxyz")), 0);
        bench_end(b);
    }
}

/* What can't be sent finds no memory: that stream is lost, and both sides hear of it. */
static void test_no_memory_to_keep(void **state)
{
    static char big[2 * TOY_CREDIT_BYTES];
    struct msg m = {.base = "", .status = 200, .body = MSG_BODY_CHUNKED};
    struct bench *b = bench_new(CODEC_SERVER);

    (void)state;
    (void)codec_feed(b->codec, span_from(HEAD_1, sizeof(HEAD_1) - 1));
    codec_send_head(b->codec, b->first, &m, &b->out);
    fault_set(1);
    codec_send_body(b->codec, b->first, span_from(big, sizeof(big)), 0, &b->out);
    assert_false(fault_is_armed());
    assert_string_equal(b->text, "HEAD whole full ");
    outv_clear(&b->out);
    while (codec_output(b->codec, &b->out))
        ;
    assert_string_equal(b->text, "HEAD whole full RESET ");
    assert_int_equal(b->out.bytes, 13);
    codec_done(b->codec, b->first);
    assert_int_equal(toy_stream_n(b->codec), 0);
    bench_end(b);
}

static void test_no_memory_to_begin(void **state)
{
    struct bench *b = bench_new(CODEC_SERVER);

    (void)state;
    fault_set(1);
    assert_int_equal(codec_feed(b->codec, span_from(HEAD_1, sizeof(HEAD_1) - 1)),
                     sizeof(HEAD_1) - 1);
    assert_string_equal(b->text, "");
    (void)codec_output(b->codec, &b->out);
    assert_int_equal(b->out.bytes, 13); /* refused */
    bench_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_ping_is_answered),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_no_memory_to_keep),
        cmocka_unit_test(test_no_memory_to_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
