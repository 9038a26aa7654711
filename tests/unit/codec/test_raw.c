/* Bytes that are no HTTP: one stream from the first byte to the end, both roles. */
#include <stdio.h>
#include <string.h>

#include "../base/cm.h"
#include "base/bufq.h"
#include "base/rand.h"
#include "codec/codec.h"

enum { GOT_MAX = 4096 };

static struct {
    struct bufq_store *store;
    struct codec_shared *shared;
    struct codec *codec;
    char got[GOT_MAX];
    size_t n;
    uint64_t unseen_n;
    unsigned ends_n, resets_n;
    bool pauses; /* after each piece */
} run;

static void on_event(struct codec *c, struct event *ev)
{
    assert_non_null(ev->stream);
    switch (ev->type) {
    case EVENT_BODY:
        assert_true(run.ends_n + run.resets_n == 0 && ev->data.len > 0);
        if (ev->data.ptr == NULL) {
            run.unseen_n += ev->data.len;
            break;
        }
        assert_true(run.n + ev->data.len <= GOT_MAX);
        memcpy(run.got + run.n, ev->data.ptr, ev->data.len);
        run.n += ev->data.len;
        if (run.pauses)
            codec_pause(c, NULL, true);
        break;
    case EVENT_END:
        run.ends_n++;
        break;
    default:
        assert_int_equal(ev->type, EVENT_RESET);
        assert_int_equal(ev->error, WERR_EOF);
        run.resets_n++;
    }
}

static const struct codec_owner_ops owner = {.event = on_event};

static void begin(enum codec_role role)
{
    memset(&run, 0, sizeof(run));
    run.store = bufq_store_new(0);
    run.shared = codec_shared_new(run.store);
    run.codec = codec_new(run.shared, CODEC_RAW, role, &codec_limits_request);
    assert_non_null(run.codec);
    run.codec->up = &owner;
    assert_int_equal(codec_shared_live_n(run.shared), 1);
}

static void end(void)
{
    codec_free(run.codec);
    assert_int_equal(codec_shared_live_n(run.shared), 0);
    codec_shared_settle(run.shared);
    codec_shared_free(run.shared);
    bufq_store_free(run.store);
}

/* What an HTTP codec would stumble over. */
static const char text[] =
    "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\0\xff\n\n\r\n0\r\n\r\n";

static void expect_text(void)
{
    assert_int_equal(run.n, sizeof(text));
    assert_memory_equal(run.got, text, sizeof(text));
    assert_int_equal(run.ends_n + run.resets_n, 0);
}

/* Pieces of up to this many bytes; 0: all at once. */
static void feed_in_pieces(struct rand_state *r, size_t max)
{
    size_t at = 0;

    while (at < sizeof(text)) {
        size_t n = max == 0 ? sizeof(text) : 1 + (max > 1 ? rand_below(r, max) : 0);

        if (n > sizeof(text) - at)
            n = sizeof(text) - at;
        assert_int_equal(codec_feed(run.codec, span_from(text + at, n)), n);
        at += n;
    }
}

static void test_bytes_as_they_come(void **state)
{
    static const size_t pieces[] = {0, 1, 2, 7, 40};
    struct rand_state r;

    (void)state;
    rand_seed(&r, 1);
    for (enum codec_role role = CODEC_SERVER; role < CODEC_ROLES; role++) {
        for (size_t i = 0; i < COUNT(pieces); i++) {
            begin(role);
            feed_in_pieces(&r, pieces[i]);
            expect_text();
            assert_true(codec_eof(run.codec, CODEC_ENDED));
            assert_int_equal(run.ends_n, 1);
            end();
        }
    }
}

static void test_ends(void **state)
{
    (void)state;
    begin(CODEC_CLIENT);
    assert_true(codec_eof(run.codec, CODEC_CUT));
    assert_int_equal(run.resets_n, 1);
    assert_false(codec_eof(run.codec, CODEC_ENDED)); /* nobody hears of it twice */
    assert_int_equal(codec_feed(run.codec, SPAN("late")), 0);
    assert_int_equal(run.n + run.ends_n, 0);
    assert_int_equal(codec_raw_in(run.codec, NULL), 0);
    assert_false(codec_can_reuse(run.codec));
    end();
}

static void test_paused(void **state)
{
    (void)state;
    begin(CODEC_SERVER);
    run.pauses = true;
    assert_int_equal(codec_feed(run.codec, SPAN("abc")), 3);
    assert_int_equal(codec_feed(run.codec, SPAN("def")), 0);
    assert_int_equal(codec_raw_in(run.codec, NULL), 0);
    codec_pause(run.codec, NULL, false);
    assert_int_equal(codec_feed(run.codec, SPAN("def")), 3);
    assert_int_equal(run.n, 6);
    assert_memory_equal(run.got, "abcdef", 6);
    end();
}

static void test_sent_as_they_are(void **state)
{
    struct outv out;
    char sent[64];
    size_t n = 0;

    (void)state;
    begin(CODEC_CLIENT);
    assert_int_equal(outv_init(&out, 4096), 0);
    struct codec_stream *st = codec_open(run.codec, NULL);

    assert_non_null(st);
    assert_true(codec_send_room(run.codec, NULL, &out));
    codec_send_body(run.codec, st, SPAN("ab\r\n"), 0, &out);
    codec_send_body(run.codec, st, SPAN_NONE, 0, &out);
    codec_send_body(run.codec, NULL, SPAN("cd"), 5, &out);
    codec_send_end(run.codec, st, NULL, &out);
    for (unsigned i = 0; i < out.n; i++) {
        memcpy(sent + n, out.iov[i].iov_base, out.iov[i].iov_len);
        n += out.iov[i].iov_len;
    }
    assert_int_equal(n, 6);
    assert_memory_equal(sent, "ab\r\ncd", 6);
    assert_false(codec_output(run.codec, &out));
    codec_close_after(run.codec);
    outv_fini(&out);
    end();
}

static void test_past_the_codec(void **state)
{
    (void)state;
    begin(CODEC_SERVER);
    assert_true(codec_raw_in(run.codec, NULL) == UINT64_MAX);
    assert_true(codec_raw_out(run.codec, NULL) == UINT64_MAX);
    codec_skip_in(run.codec, NULL, 1000000);
    codec_skip_out(run.codec, NULL, 1000000);
    assert_int_equal(run.unseen_n, 1000000);
    assert_int_equal(codec_feed(run.codec, SPAN("x")), 1);
    assert_int_equal(run.n, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_as_they_come),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_sent_as_they_are),
        cmocka_unit_test(test_past_the_codec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
