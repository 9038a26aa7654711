/* Answers that say what becomes of the connection: 101, and how long an idle one is kept. */
#include "h1_table.h"

#define SWITCHED              \
    "HTTP/1.1 101 S\r\n"      \
    "Connection: Upgrade\r\n" \
    "Upgrade: x\r\n"          \
    "\r\n"
#define SWITCHED_HEAD "HEAD 101 \"S\" 1.1 keep upgrade {Connection: Upgrade} {Upgrade: x}\n"

/* RFC 9110 sections 7.8 and 15.2.2. */
static const struct h1_row switches[] = {
    {"asked for, and bytes of the other protocol", "GET", IN(SWITCHED "\001bytes"),
     SWITCHED_HEAD "BODY \\x01bytes\n"
                   "END\n"
                   "CLOSE\n"},
    {"asked for, and no bytes", "GET", IN(SWITCHED),
     SWITCHED_HEAD "END\n"
                   "CLOSE\n"},
    {"what looks like a response behind it is none", "GET",
     IN(SWITCHED "HTTP/1.1 200 OK\r\n\r\n"),
     SWITCHED_HEAD "BODY HTTP/1.1 200 OK\\r\\n\\r\\n\n"
                   "END\n"
                   "CLOSE\n"},
    {"behind a 100", "GET", IN("HTTP/1.1 100 C\r\n\r\n" SWITCHED "x"),
     "INFO 100 \"C\" 1.1 keep\n" SWITCHED_HEAD "BODY x\n"
     "END\n"
     "CLOSE\n"},
    {"a length means nothing there", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Content-Length: 2\r\n"
        "\r\n"
        "bytes"),
     "HEAD 101 \"S\" 1.1 keep upgrade {Connection: Upgrade} {Upgrade: x} {Content-Length: 2}\n"
     "BODY bytes\n"
     "END\n"
     "CLOSE\n"},
    {"that the connection closes means nothing there", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: close, upgrade\r\n"
        "Upgrade: x\r\n"
        "\r\n"
        "bytes"),
     "HEAD 101 \"S\" 1.1 upgrade {Connection: close, upgrade} {Upgrade: x}\n"
     "BODY bytes\n"
     "END\n"
     "CLOSE\n"},
    {"a transfer coding", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Transfer-Encoding: chunked\r\n"
        "\r\n"),
     "RESET 0 malformed: transfer-encoding where no body can be\n"
     "REST 79\n"},
    {"without Upgrade", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 39\n"},
    {"Upgrade that Connection does not name", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Upgrade: x\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 30\n"},
    {"two Upgrade lines", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Upgrade: y\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 63\n"},
    {"in 1.0", "GET",
     IN("HTTP/1.0 101 S\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "\r\n"),
     "RESET 0 not supported: 101 without an upgrade\n"
     "REST 51\n"},
    {"ends within its head", "GET",
     IN("HTTP/1.1 101 S\r\n"
        "Connection: Upg"),
     "RESET 0 ended early: connection closed within the message\n"
     "REST 31\n"},
    {"200 instead: a response like any other", "GET",
     IN("HTTP/1.1 200 OK\r\n"
        "Content-Length: 1\r\n"
        "\r\n"
        "xREST"),
     "HEAD 200 \"OK\" len=1 1.1 keep {Content-Length: 1}\n"
     "BODY x\n"
     "END\n"
     "REST 4\n"},
    {"426 says what it would take, and switches nothing", "GET",
     IN("HTTP/1.1 426 U\r\n"
        "Connection: Upgrade\r\n"
        "Upgrade: x\r\n"
        "Content-Length: 0\r\n"
        "\r\n"),
     "HEAD 426 \"U\" bare-len=0 1.1 keep upgrade {Connection: Upgrade} {Upgrade: x} "
     "{Content-Length: 0}\n"
     "END\n"},
};

#define KEPT(value) "HTTP/1.1 200 OK\r\nKeep-Alive: " value "\r\nContent-Length: 0\r\n\r\n"
#define KEPT_SAYS(text, value)                                            \
    "HEAD 200 \"OK\" bare-len=0 1.1 keep" text " {Keep-Alive: " value "}" \
    " {Content-Length: 0}\nEND\n"

/* RFC 2068 section 19.7.1: what can't be read says nothing. */
static const struct h1_row keeps[] = {
    {"timeout", "GET", IN(KEPT("timeout=5")), KEPT_SAYS(" for=5s", "timeout=5")},
    {"timeout of nothing", "GET", IN(KEPT("timeout=0")), KEPT_SAYS(" for=0s", "timeout=0")},
    {"timeout and max", "GET", IN(KEPT("timeout=5, max=100")),
     KEPT_SAYS(" for=5s", "timeout=5, max=100")},
    {"max and timeout", "GET", IN(KEPT("max=100,timeout=5")),
     KEPT_SAYS(" for=5s", "max=100,timeout=5")},
    {"max alone", "GET", IN(KEPT("max=100")), KEPT_SAYS("", "max=100")},
    {"in capitals", "GET", IN(KEPT("TimeOut=5")), KEPT_SAYS(" for=5s", "TimeOut=5")},
    {"with zeros", "GET", IN(KEPT("timeout=005")), KEPT_SAYS(" for=5s", "timeout=005")},
    {"the largest number", "GET", IN(KEPT("timeout=4294967295")),
     KEPT_SAYS(" for=4294967295s", "timeout=4294967295")},
    {"too large a number", "GET", IN(KEPT("timeout=4294967296")),
     KEPT_SAYS("", "timeout=4294967296")},
    {"no number", "GET", IN(KEPT("timeout=")), KEPT_SAYS("", "timeout=")},
    {"no value", "GET", IN(KEPT("timeout")), KEPT_SAYS("", "timeout")},
    {"a sign", "GET", IN(KEPT("timeout=-1")), KEPT_SAYS("", "timeout=-1")},
    {"a fraction", "GET", IN(KEPT("timeout=5.5")), KEPT_SAYS("", "timeout=5.5")},
    {"spaces around =", "GET", IN(KEPT("timeout = 5")), KEPT_SAYS("", "timeout = 5")},
    {"another word that ends so", "GET", IN(KEPT("xtimeout=5")), KEPT_SAYS("", "xtimeout=5")},
    {"another word that begins so", "GET", IN(KEPT("timeouts=5")), KEPT_SAYS("", "timeouts=5")},
    {"in a request", NULL,
     IN("GET / HTTP/1.1\r\n"
        "Host: a\r\n"
        "Keep-Alive: timeout=5\r\n"
        "\r\n"),
     "HEAD GET / 1.1 keep for=5s {Keep-Alive: timeout=5}\n"
     "END\n"},
};

static void test_switches(void **state)
{
    (void)state;
    h1_table_check_asking(switches, sizeof(switches) / sizeof(switches[0]), MSG_UPGRADE);
}

/* ---- a request with a body ---- */

/* What the writer made since the last call. */
static void check_written(struct h1_run *r, const char *want)
{
    size_t n;
    char *bytes = h1_run_flatten(&r->out, &n);

    assert_string_equal(bytes, want);
    outv_clear(&r->out);
    free(bytes);
}

static void feed(struct h1_run *r, const char *text)
{
    assert_int_equal(codec_feed(r->codec, span_from(text, strlen(text))), strlen(text));
}

static void ask_with_body(struct h1_run *r, struct msg *m, enum msg_body body)
{
    *m = (struct msg){.base = "POST/", .base_len = 5, .method_len = 4, .flags = MSG_UPGRADE};
    m->target_off = 4;
    m->target_len = 1;
    m->body = (uint8_t)body;
    m->content_length = body == MSG_BODY_LENGTH ? 4 : 0;
    if (body == MSG_BODY_LENGTH)
        m->flags |= MSG_HAS_LENGTH;
    h1_run_init(r, h1_codecs, CODEC_CLIENT, &codec_limits_response);
    codec_send_head(r->codec, NULL, m, &r->out);
    outv_clear(&r->out);
}

/* A server that switches before it has the whole request: the rest of it keeps its framing. */
static void run_early_switch(enum msg_body body, const char *part, const char *end)
{
    struct h1_run r;
    struct msg m;

    ask_with_body(&r, &m, body);
    codec_send_body(r.codec, NULL, SPAN("ab"), 0, &r.out);
    outv_clear(&r.out);
    feed(&r, SWITCHED "early");
    assert_string_equal(r.text, SWITCHED_HEAD "BODY early");
    codec_send_body(r.codec, NULL, SPAN("cd"), 0, &r.out);
    check_written(&r, part);
    codec_send_end(r.codec, NULL, NULL, &r.out);
    check_written(&r, end);
    codec_send_body(r.codec, NULL, SPAN("raw"), 0, &r.out);
    check_written(&r, "raw");
    codec_send_end(r.codec, NULL, NULL, &r.out);
    check_written(&r, "");
    codec_eof(r.codec, CODEC_ENDED);
    assert_string_equal(r.text, SWITCHED_HEAD "BODY early\nEND\nCLOSE\n");
    h1_run_fini(&r);
}

static void test_switched_within_the_request(void **state)
{
    (void)state;
    run_early_switch(MSG_BODY_LENGTH, "cd", "");
    run_early_switch(MSG_BODY_CHUNKED, "2\r\ncd\r\n", "0\r\n\r\n");
}

/* A body that ends before its length: nothing behind it can be told apart. */
static void test_switched_and_cut(void **state)
{
    struct h1_run r;
    struct msg m;

    (void)state;
    ask_with_body(&r, &m, MSG_BODY_LENGTH);
    codec_send_body(r.codec, NULL, SPAN("ab"), 0, &r.out);
    feed(&r, SWITCHED);
    codec_send_end(r.codec, NULL, NULL, &r.out);
    assert_false(codec_can_reuse(r.codec));
    h1_run_fini(&r);
}

static void send_switch(struct h1_run *r)
{
    struct msg m = {.base = "S", .base_len = 1, .reason_len = 1, .status = 101, .version = 11};

    codec_send_head(r->codec, NULL, &m, &r->out);
    check_written(r, "HTTP/1.1 101 S\r\n\r\n");
}

/* The server's side of it: the 101 goes out while the request is still coming. */
static void run_switch_while_reading(const char *head, const char *first, const char *rest,
                                     const char *want)
{
    struct h1_run r;

    h1_run_init(&r, h1_codecs, CODEC_SERVER, &codec_limits_request);
    r.is_brief = true;
    r.role = CODEC_CLIENT; /* answers nothing by itself */
    feed(&r, head);
    feed(&r, first);
    send_switch(&r);
    feed(&r, rest);
    r.has_ended = false;
    feed(&r, "GET / HTTP/1.1\r\n\r\n");
    codec_eof(r.codec, CODEC_ENDED);
    assert_string_equal(r.text, want);
    assert_false(codec_can_reuse(r.codec));
    h1_run_fini(&r);
}

static void test_switched_while_reading(void **state)
{
    (void)state;
    run_switch_while_reading(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
        "Content-Length: 4\r\n\r\n",
        "ab", "cd",
        "HEAD POST / len=4\nBODY abcd\nEND\nBODY GET / HTTP/1.1\\r\\n\\r\\n\nEND\n");
    run_switch_while_reading(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
        "Transfer-Encoding: chunked\r\n\r\n",
        "2\r\nab\r\n2\r\nc", "d\r\n0\r\nX: y\r\n\r\n",
        "HEAD POST / open\nBODY abcd\nTRAILERS\nEND\n"
        "BODY GET / HTTP/1.1\\r\\n\\r\\n\nEND\n");
}

static void test_keeps(void **state)
{
    (void)state;
    h1_table_check(keeps, sizeof(keeps) / sizeof(keeps[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_keeps),
        cmocka_unit_test(test_switched_within_the_request),
        cmocka_unit_test(test_switched_and_cut),
        cmocka_unit_test(test_switched_while_reading),
    };
    return cmocka_run_group_tests(tests, h1_table_setup, h1_table_teardown);
}
