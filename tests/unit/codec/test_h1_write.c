/* What the writer sends: by role, by the request that is answered, by framing; and that a
 * reader reads the same again. */
#include "h1_table.h"

/* ---- responses ---- */

struct response {
    const char *name;
    const char *request;
    uint16_t status;
    uint8_t body; /* enum msg_body */
    bool has_length;
    uint16_t length;
    const char *data; /* one send_body; NULL: none */
    const char *expected;
    const char *after; /* what becomes of the connection */
};

#define GET11  "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET10  "GET / HTTP/1.0\r\n\r\n"
#define KEEP10 "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
#define HEAD11 "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define CLOSE  "Connection: close\r\n"

static const struct response answers[] = {
    {"length", GET11, 200, MSG_BODY_LENGTH, true, 5, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\nhello", "keeps"},
    {"length 0", GET11, 200, MSG_BODY_NONE, true, 0, NULL,
     "HTTP/1.1 200 R\r\nContent-Length: 0\r\n\r\n", "keeps"},
    {"nothing said is length 0", GET11, 200, MSG_BODY_NONE, false, 0, NULL,
     "HTTP/1.1 200 R\r\nContent-Length: 0\r\n\r\n", "keeps"},
    {"chunked", GET11, 200, MSG_BODY_CHUNKED, false, 0, "hello",
     "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "keeps"},
    {"until close becomes chunked", GET11, 200, MSG_BODY_CLOSE, false, 0, "hello",
     "HTTP/1.1 200 R\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "keeps"},
    {"chunked to 1.0 ends with the connection", GET10, 200, MSG_BODY_CHUNKED, false, 0, "hello",
     "HTTP/1.1 200 R\r\n" CLOSE "\r\nhello", "closes"},
    {"chunked to 1.0 with keep-alive too", KEEP10, 200, MSG_BODY_CHUNKED, false, 0, "hello",
     "HTTP/1.1 200 R\r\n" CLOSE "\r\nhello", "closes"},
    {"length to 1.0", GET10, 200, MSG_BODY_LENGTH, true, 5, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", "closes"},
    {"length to 1.0 with keep-alive", KEEP10, 200, MSG_BODY_LENGTH, true, 5, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", "keeps"},
    {"client closes", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200,
     MSG_BODY_LENGTH, true, 5, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", "closes"},
    {"head with a length", HEAD11, 200, MSG_BODY_NONE, true, 5, NULL,
     "HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\n", "keeps"},
    {"head: body bytes are swallowed", HEAD11, 200, MSG_BODY_LENGTH, true, 5, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\n", "keeps"},
    {"head without a length", HEAD11, 200, MSG_BODY_NONE, false, 0, NULL,
     "HTTP/1.1 200 R\r\n\r\n", "keeps"},
    {"head of 1.0, chunked", "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200,
     MSG_BODY_CHUNKED, false, 0, "hello", "HTTP/1.1 200 R\r\nConnection: keep-alive\r\n\r\n",
     "keeps"},
    {"204", GET11, 204, MSG_BODY_NONE, true, 0, "x", "HTTP/1.1 204 R\r\n\r\n", "keeps"},
    {"304 with a length", GET11, 304, MSG_BODY_NONE, true, 5, "hello",
     "HTTP/1.1 304 R\r\nContent-Length: 5\r\n\r\n", "keeps"},
    {"304 with nothing", GET11, 304, MSG_BODY_NONE, false, 0, NULL, "HTTP/1.1 304 R\r\n\r\n",
     "keeps"},
    {"body too long is cut", GET11, 200, MSG_BODY_LENGTH, true, 3, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 3\r\n\r\nhel", "closes"},
    {"body too short", GET11, 200, MSG_BODY_LENGTH, true, 9, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 9\r\n\r\nhello", "closes"},
    {"body where none was told", GET11, 200, MSG_BODY_NONE, true, 0, "hello",
     "HTTP/1.1 200 R\r\nContent-Length: 0\r\n\r\n", "closes"},
    {"request not complete", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", 200,
     MSG_BODY_LENGTH, true, 5, "hello", "HTTP/1.1 200 R\r\nContent-Length: 5\r\n\r\nhello",
     "closes"},
    {"request unreadable", "GET / HTTP/1.1\r\n\r\n", 400, MSG_BODY_LENGTH, true, 5, "hello",
     "HTTP/1.1 400 R\r\nContent-Length: 5\r\n" CLOSE "\r\nhello", "closes"},
    {"no request at all", "", 408, MSG_BODY_NONE, true, 0, NULL,
     "HTTP/1.1 408 R\r\nContent-Length: 0\r\n" CLOSE "\r\n", "closes"},
};

static void sink_nothing(struct codec *c, struct event *ev)
{
    (void)c;
    (void)ev;
}
static const struct codec_owner_ops sink_nothing_ops = {.event = sink_nothing};

static void expect_output(const char *name, const struct outv *out, const char *expected)
{
    size_t n;
    char *bytes = h1_run_flatten(out, &n);
    if (n != strlen(expected) || strcmp(bytes, expected) != 0)
        fail_msg("%s:\n%s\n--- expected:\n%s", name, bytes, expected);
    free(bytes);
}

/* A run whose events are not told: only its codec and outv are used. */
static void start_silent(struct h1_run *r, const char *method)
{
    h1_run_start(r, method);
    r->codec->up = &sink_nothing_ops;
}

static void check_answer(const struct response *a)
{
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, span_from_str(a->request));
    struct msg m = {.base = "R",
                    .base_len = 1,
                    .reason_len = 1,
                    .status = a->status,
                    .body = a->body,
                    .content_length = a->length,
                    .flags = a->has_length ? MSG_HAS_LENGTH : 0};
    assert_true(codec_send_room(r.codec, &m, &r.out));
    codec_send_head(r.codec, NULL, &m, &r.out);
    if (a->data != NULL)
        codec_send_body(r.codec, NULL, span_from_str(a->data), 0, &r.out);
    codec_send_end(r.codec, NULL, NULL, &r.out);
    expect_output(a->name, &r.out, a->expected);
    const char *after = codec_can_reuse(r.codec) ? "keeps" : "closes";
    if (strcmp(after, a->after) != 0)
        fail_msg("%s: the connection %s", a->name, after);
    h1_run_fini(&r);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        check_answer(&answers[i]);
}

static void test_request_that_ends_after_its_answer(void **state)
{
    (void)state;
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"));
    h1_run_answer(&r);
    assert_false(codec_can_reuse(r.codec));
    codec_feed(r.codec, SPAN("c"));
    assert_true(codec_can_reuse(r.codec));
    h1_run_fini(&r);
}

static void test_close_after_lasts(void **state)
{
    (void)state;
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN(GET11));
    codec_close_after(r.codec);
    h1_run_answer(&r);
    expect_output("close after", &r.out, "HTTP/1.1 200 \r\nContent-Length: 0\r\n" CLOSE "\r\n");
    assert_false(codec_can_reuse(r.codec));
    h1_run_fini(&r);
}

static void send_info(struct h1_run *r, uint16_t status)
{
    struct msg m = {.base = "Continue",
                    .base_len = 8,
                    .reason_len = 8,
                    .status = status,
                    .flags = MSG_HAS_LENGTH};
    codec_send_head(r->codec, NULL, &m, &r->out);
}

static void test_info(void **state)
{
    (void)state;
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN(GET11));
    send_info(&r, 100);
    expect_output("100", &r.out, "HTTP/1.1 100 Continue\r\n\r\n");
    h1_run_answer(&r);
    assert_true(codec_can_reuse(r.codec));
    h1_run_fini(&r);

    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN(GET10));
    send_info(&r, 100);
    expect_output("100 to 1.0", &r.out, "");
    h1_run_fini(&r);
}

/* ---- chunks ---- */

struct piece {
    const char *data;
    uint64_t chunk_bytes;
};

struct chunking {
    const char *name;
    struct piece pieces[5];
    const char *expected;
    bool is_whole;
};

static const struct chunking chunkings[] = {
    {"one chunk in one piece", {{"hello", 5}}, "5\r\nhello\r\n0\r\n\r\n", true},
    {"one chunk in three pieces",
     {{"h", 5}, {"el", 0}, {"lo", 0}},
     "5\r\nhello\r\n0\r\n\r\n",
     true},
    {"pieces of no chunk", {{"he", 0}, {"llo", 0}}, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", true},
    {"an empty piece is no end",
     {{"a", 0}, {"", 0}, {"b", 0}},
     "1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
     true},
    {"size in small letters",
     {{"0123456789abcdefghijklmnopqrs", 29}},
     "1d\r\n0123456789abcdefghijklmnopqrs\r\n0\r\n\r\n",
     true},
    {"nothing", {{NULL, 0}}, "0\r\n\r\n", true},
    {"chunk left open", {{"hel", 5}}, "5\r\nhel", false},
    {"more than the chunk", {{"hello", 3}}, "3\r\nhel\r\n0\r\n\r\n", false},
};

static void check_chunking(const struct chunking *c)
{
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN(GET11));
    struct msg m = {.base = "", .status = 200, .body = MSG_BODY_CHUNKED};
    codec_send_head(r.codec, NULL, &m, &r.out);
    outv_clear(&r.out);
    for (unsigned i = 0; c->pieces[i].data != NULL; i++)
        codec_send_body(r.codec, NULL, span_from_str(c->pieces[i].data),
                        c->pieces[i].chunk_bytes, &r.out);
    codec_send_end(r.codec, NULL, NULL, &r.out);
    expect_output(c->name, &r.out, c->expected);
    assert_int_equal(codec_can_reuse(r.codec), c->is_whole);
    h1_run_fini(&r);
}

static void test_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chunkings) / sizeof(chunkings[0]); i++)
        check_chunking(&chunkings[i]);
}

static void test_big_pieces_are_borrowed(void **state)
{
    (void)state;
    static char big[4096];
    memset(big, 'x', sizeof(big));
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN(GET11));
    struct msg m = {.base = "", .status = 200, .body = MSG_BODY_CHUNKED};
    codec_send_head(r.codec, NULL, &m, &r.out);
    outv_clear(&r.out);
    codec_send_body(r.codec, NULL, span_from(big, sizeof(big)), 0, &r.out);
    assert_int_equal(r.out.n, 3);
    assert_ptr_equal(r.out.iov[1].iov_base, big);
    assert_true(r.out.own_len <= CODEC_BODY_OWN_BYTES);
    h1_run_fini(&r);
}

/* ---- relay: read by a server, written by a client ---- */

struct relay {
    struct h1_run to;
    bool has_ended;
};

static void relay_event(struct h1_run *r, struct event *ev)
{
    struct relay *relay = r->hook;
    struct codec *to = relay->to.codec;
    struct outv *out = &relay->to.out;
    if (ev->type == EVENT_HEAD)
        codec_send_head(to, NULL, ev->msg, out);
    else if (ev->type == EVENT_BODY)
        codec_send_body(to, NULL, ev->data, ev->chunk_bytes, out);
    else if (ev->type == EVENT_TRAILERS || (ev->type == EVENT_END && !relay->has_ended)) {
        codec_send_end(to, NULL, ev->type == EVENT_TRAILERS ? ev->msg : NULL, out);
        relay->has_ended = true;
    }
}

struct relay_case {
    const char *name;
    const char *in;
    const char *expected;
};

#define POST_CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct relay_case relays[] = {
    {"get", "GET /x?y HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n",
     "GET /x?y HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"},
    {"own version", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"chunk for chunk", POST_CHUNKED "5\r\nhello\r\n0\r\n\r\n",
     POST_CHUNKED "5\r\nhello\r\n0\r\n\r\n"},
    {"chunks, canonical", POST_CHUNKED "00A;x=y\r\n0123456789\r\n1\r\na\r\n0;z\r\n\r\n",
     POST_CHUNKED "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n"},
    {"trailers",
     POST_CHUNKED "1\r\na\r\n0\r\nX: y\r\nHost: b\r\nContent-Length: 1\r\nZ:w\r\n\r\n",
     POST_CHUNKED "1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n"},
    {"length", "PUT / HTTP/1.1\r\ncontent-length: 003\r\nHost: a\r\n\r\nabc",
     "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"},
    {"length 0", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
     "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
    {"post of nothing", "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
     "POST / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"lines made canonical",
     "GET / HTTP/1.1\r\nHost:a\r\nB:\r\nC: d \r\nE:  f\r\nG: \r\nH: i\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a\r\nB: \r\nC: d\r\nE: f\r\nG: \r\nH: i\r\n\r\n"},
    {"runs broken by what is left out",
     "GET / HTTP/1.1\r\nConnection: x\r\nHost: a\r\nB: c\r\nKeep-Alive: 1\r\nD: "
     "e\r\nProxy-Connection: y\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\n\r\n"},
    {"absolute form", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute form with a query", "GET HTTPS://b:1/x?y=http://c/ HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /x?y=http://c/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute form without a path", "GET http://[::1]:80 HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"absolute form with a query only", "GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /?y HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"options of all", "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n",
     "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"options of the root", "OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
     "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"options of a query", "OPTIONS http://b?y HTTP/1.1\r\nHost: a\r\n\r\n",
     "OPTIONS /?y HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"authority form", "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n",
     "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
     "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"expect stays", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"},
};

static void check_relay(const struct relay_case *c, size_t max_step)
{
    struct h1_run from;
    struct relay relay = {.has_ended = false};
    h1_run_start(&from, NULL);
    h1_run_init(&relay.to, h1_codecs, CODEC_CLIENT, &codec_limits_response);
    from.on_event = relay_event;
    from.hook = &relay;
    h1_run_feed(&from, span_from_str(c->in), max_step, H1_SEED);
    expect_output(c->name, &relay.to.out, c->expected);
    h1_run_fini(&from);
    h1_run_fini(&relay.to);
}

static void test_relay(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++) {
        check_relay(&relays[i], 0);
        check_relay(&relays[i], 1);
        check_relay(&relays[i], 7);
    }
}

/* ---- fields that are added, and trailers without room ---- */

static void test_added_fields(void **state)
{
    (void)state;
    struct h1_run r;
    h1_run_init(&r, h1_codecs, CODEC_CLIENT, &codec_limits_response);
    struct msg m = {
        .base = "GET/p", .base_len = 5, .method_len = 3, .target_off = 3, .target_len = 2};
    assert_int_equal(msg_add(&m, SPAN("Host"), SPAN("a")), 0);
    assert_int_equal(msg_add(&m, SPAN("X"), SPAN_NONE), 0);
    assert_true(codec_send_room(r.codec, &m, &r.out));
    codec_send_head(r.codec, NULL, &m, &r.out);
    expect_output("added", &r.out, "GET /p HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n");
    h1_run_fini(&r);
}

/* A name and a value of n bytes each, no two neighbours of which are equal; in blocks of just
 * that size, so that a byte read too far is seen. */
static void check_added_length(size_t n)
{
    char *name = malloc(n), *value = malloc(n);
    char want[512];
    struct h1_run r;

    assert_true(name != NULL && value != NULL);
    for (size_t i = 0; i < n; i++) {
        name[i] = (char)('a' + i % 26);
        value[i] = (char)('A' + i % 23);
    }
    h1_run_init(&r, h1_codecs, CODEC_CLIENT, &codec_limits_response);
    struct msg m = {
        .base = "GET/p", .base_len = 5, .method_len = 3, .target_off = 3, .target_len = 2};
    assert_int_equal(msg_add(&m, span_from(name, n), span_from(value, n)), 0);
    codec_send_head(r.codec, NULL, &m, &r.out);
    (void)snprintf(want, sizeof(want), "GET /p HTTP/1.1\r\n%.*s: %.*s\r\n\r\n", (int)n, name,
                   (int)n, value);
    expect_output("added", &r.out, want);
    h1_run_fini(&r);
    free(name);
    free(value);
}

static void test_added_fields_of_any_length(void **state)
{
    (void)state;
    for (size_t n = 1; n < 100; n++)
        check_added_length(n);
}

static void test_trailers_without_room_are_left_out(void **state)
{
    (void)state;
    struct h1_run r;
    start_silent(&r, NULL);
    codec_feed(r.codec, SPAN(GET11));
    struct msg m = {.base = "", .status = 200, .body = MSG_BODY_CHUNKED};
    codec_send_head(r.codec, NULL, &m, &r.out);
    outv_clear(&r.out);
    r.out.own_len = r.out.own_cap - 64;
    struct msg trailers = {.base = ""};
    assert_int_equal(msg_add(&trailers, SPAN("X"), SPAN("y")), 0);
    codec_send_end(r.codec, NULL, &trailers, &r.out);
    expect_output("no room", &r.out, "0\r\n\r\n");
    h1_run_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_request_that_ends_after_its_answer),
        cmocka_unit_test(test_close_after_lasts),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_big_pieces_are_borrowed),
        cmocka_unit_test(test_relay),
        cmocka_unit_test(test_added_fields),
        cmocka_unit_test(test_added_fields_of_any_length),
        cmocka_unit_test(test_trailers_without_room_are_left_out),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
