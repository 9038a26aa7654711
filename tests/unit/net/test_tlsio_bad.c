/* A server among bad clients: what comes in clear, before there are keys. The right alert goes
 * out, the right word stays, and nothing is left behind (the sanitizer looks). */
#include "tls_bad.h"

enum { HELLO_MAX = 4096 };

struct hello {
    unsigned char bytes[HELLO_MAX];
    size_t n;
};

/* A server, and a client that has said its first word, which is not given yet. */
static struct bad *greeted(struct hello *h, int version)
{
    struct bad *b = bad_server();

    bad_meet(b, false, version);
    h->n = bad_hear(b, (char *)h->bytes, sizeof(h->bytes));
    assert_in_range(h->n, 50, HELLO_MAX - 1);
    return b;
}

/* Part of a message as a record of its own. */
static void give_fragment(struct bad *b, const unsigned char *part, size_t n)
{
    unsigned char record[5 + HELLO_MAX] = {RECORD_HANDSHAKE, 3, 1, (unsigned char)(n >> 8),
                                           (unsigned char)n};

    memcpy(record + 5, part, n);
    bad_give(b, record, 5 + n);
}

/* ---- a ClientHello in fragments ---- */

static void test_hello_in_fragments(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 41, 200};
    struct hello h;

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct bad *b = greeted(&h, TLS1_3_VERSION);

        for (size_t at = 5; at < h.n; at += sizes[i])
            give_fragment(b, h.bytes + at, h.n - at < sizes[i] ? h.n - at : sizes[i]);
        bad_talk(b);
        bad_expect(b, "OPEN", NULL);
        bad_free(b);
    }
}

/* Its head promises more than anybody has to say: it is not kept. */
static void test_hello_without_an_end(void **state)
{
    static unsigned char part[HELLO_MAX] = {1, 1, 0xf0, 0}; /* 126,976 bytes */
    struct bad *b = bad_server();

    (void)state;
    for (unsigned i = 0; i < 16 && tlsio_state(b->t) == TLSIO_HANDSHAKE; i++)
        give_fragment(b, part, sizeof(part));
    bad_expect(b, "FAILED", "message_too_long");
    assert_int_equal(bad_sent_alert(b), SSL_AD_ILLEGAL_PARAMETER);
    bad_free(b);
}

/* Each byte of it comes alone. */
static void test_hello_byte_by_byte(void **state)
{
    struct hello h;
    struct bad *b = greeted(&h, TLS1_3_VERSION);

    (void)state;
    for (size_t i = 0; i < h.n; i++)
        bad_give(b, h.bytes + i, 1);
    bad_talk(b);
    bad_expect(b, "OPEN", NULL);
    bad_free(b);
}

/* ---- what stands between its fragments, or in its place ---- */

static const struct stranger {
    const char *bytes;
    size_t n;
    int alert;
    const char *word;
} strangers[] = {
    {"\x17\x03\x03\x00\x01x", 6, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    {"\x14\x03\x03\x00\x01\x01", 6, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    {"\x63\x03\x03\x00\x01x", 6, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    /* It is too early for alerts. */
    {"\x15\x03\x03\x00\x02\x02\x28", 7, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    {"\x15\x03\x03\x00\x02\x01\x00", 7, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    {"\x16\x03\x03\x7f\xff", 5, SSL_AD_RECORD_OVERFLOW, "record_overflow"},
};

static void meet_stranger(const struct stranger *s, size_t before_n)
{
    struct hello h;
    struct bad *b = greeted(&h, TLS1_3_VERSION);

    if (before_n > 0)
        give_fragment(b, h.bytes + 5, before_n);
    bad_give(b, s->bytes, s->n);
    if (tlsio_state(b->t) != TLSIO_FAILED || bad_sent_alert(b) != s->alert ||
        strcmp(tlsio_fault(b->t).word, s->word) != 0)
        fail_msg("stranger %zu behind %zu: %s, alert %d, %s", (size_t)(s - strangers), before_n,
                 tlsio_state_name(b->t), bad_sent_alert(b),
                 tlsio_state(b->t) == TLSIO_FAILED ? tlsio_fault(b->t).word : "");
    bad_free(b);
}

static void test_strangers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strangers); i++) {
        meet_stranger(&strangers[i], 0);
        meet_stranger(&strangers[i], 1);
        meet_stranger(&strangers[i], 40);
    }
}

static void test_empty_records_in_masses(void **state)
{
    struct hello h;
    struct bad *b = greeted(&h, TLS1_2_VERSION);

    (void)state;
    give_fragment(b, h.bytes + 5, 30);
    for (unsigned i = 0; i < 100; i++)
        bad_give(b, "\x16\x03\x01\x00\x00", 5);
    bad_expect(b, "FAILED", "empty_records");
    assert_int_equal(bad_sent_alert(b), SSL_AD_UNEXPECTED_MESSAGE);
    bad_free(b);
}

/* The client's second flight, which is not given yet. */
static struct bad *half_way(struct hello *second, int version)
{
    struct bad *b = greeted(second, version);

    bad_give(b, second->bytes, second->n);
    second->n = bad_hear(b, (char *)second->bytes, sizeof(second->bytes));
    assert_in_range(second->n, 20, HELLO_MAX - 1);
    return b;
}

/* ---- alerts in clear, in place of what the client has to say last ---- */

static void expect_alert(int version, int alert)
{
    struct hello h;
    struct bad *b = half_way(&h, version);
    const unsigned char record[] = {RECORD_ALERT, 3, 3, 0, 2, 2, (unsigned char)alert};
    const size_t sent_n = b->sent_n;

    bad_give(b, record, sizeof(record));
    bad_expect(b, "FAILED", NULL);
    if (tlsio_fault(b->t).error != WERR_REFUSED ||
        strncmp(tlsio_fault(b->t).word, "peer_", 5) != 0 || b->sent_n != sent_n)
        fail_msg("version %x, alert %d: %s", version, alert, tlsio_fault(b->t).word);
    bad_free(b);
}

static void test_alerts_in_clear(void **state)
{
    (void)state;
    for (int alert = 1; alert < 256; alert++)
        if (alert != SSL_AD_USER_CANCELLED) /* a close_notify follows it */
            expect_alert(alert % 2 ? TLS1_2_VERSION : TLS1_3_VERSION, alert);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct hello h;
        struct bad *b = half_way(&h, version);

        bad_give(b, "\x15\x03\x03\x00\x02\x01\x00", 7);
        bad_expect(b, "FAILED", "closed_in_handshake");
        bad_free(b);
    }
}

static void test_alerts_in_masses(void **state)
{
    struct hello h;
    struct bad *b = half_way(&h, TLS1_2_VERSION);

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        bad_give(b, "\x15\x03\x03\x00\x02\x01\x5a", 7);
    bad_expect(b, "FAILED", "too_many_alerts");
    assert_int_equal(bad_sent_alert(b), SSL_AD_UNEXPECTED_MESSAGE);
    bad_free(b);
}

/* ---- not TLS, or not this one ---- */

static void expect_of_first(const char *bytes, size_t n, const char *word)
{
    struct bad *b = bad_server();

    bad_give(b, bytes, n);
    bad_expect(b, "FAILED", word);
    bad_free(b);
}

static void test_not_tls(void **state)
{
    (void)state;
    expect_of_first("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, "not_tls");
    expect_of_first("CONNECT a:443 HTTP/1.1\r\n\r\n", 26, "not_tls");
    expect_of_first("SSH-2.0-OpenSSH_9.2\r\n", 21, "not_tls");
    /* SSLv2's hello: its gate is tlsio_gate. */
    assert_int_equal(tlsio_gate(span_from("\x80\x2e\x01\x03\x01", 5)), WERR_SYNTAX);
}

static void test_old_versions(void **state)
{
    static const int versions[] = {SSL3_VERSION, TLS1_VERSION, TLS1_1_VERSION};
    struct hello h;

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct bad *b = greeted(&h, TLS1_2_VERSION);

        h.bytes[10] = (unsigned char)versions[i]; /* legacy_version; no supported_versions */
        bad_give(b, h.bytes, h.n);
        bad_expect(b, "FAILED", "unsupported_version");
        assert_int_equal(tlsio_fault(b->t).error, WERR_UNSUPPORTED);
        assert_int_equal(bad_sent_alert(b), versions[i] == SSL3_VERSION
                                                ? SSL_AD_HANDSHAKE_FAILURE /* has no other */
                                                : SSL_AD_PROTOCOL_VERSION);
        bad_free(b);
    }
}

/* ---- what is broken off ---- */

/* The client ends, or is silent for ever, behind each byte of what it says. */
static void test_end_at_each_byte_of_the_hello(void **state)
{
    struct hello h;
    struct bad *b = greeted(&h, TLS1_3_VERSION);
    const size_t n = h.n;

    (void)state;
    bad_free(b);
    for (size_t end = 1; end < n; end++) {
        b = bad_server();
        bad_give(b, h.bytes, end);
        bad_expect(b, "HANDSHAKE", NULL);
        assert_int_equal(b->sent_n, 0);
        bad_free(b);
    }
}

static void test_end_at_each_byte_behind_it(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct hello h;

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        size_t n = 2;

        for (size_t end = 1; end < n; end++) {
            struct bad *b = half_way(&h, versions[i]);

            n = h.n;
            bad_give(b, h.bytes, end);
            bad_expect(b, "HANDSHAKE", NULL);
            bad_free(b);
        }
    }
}

/* ---- what is changed on its way ---- */

/* The version that a record's head says is not looked at in the first one (RFC 8446 5.1). */
static bool is_free(size_t at)
{
    return at == 1 || at == 2;
}

static void test_each_byte_of_the_hello_changed(void **state)
{
    struct hello h;
    size_t n = 1;

    (void)state;
    for (size_t at = 0; at < n; at++) {
        struct bad *b = greeted(&h, TLS1_3_VERSION);

        n = h.n;
        h.bytes[at] ^= 0x55;
        bad_give(b, h.bytes, h.n);
        bad_talk(b);
        if (tlsio_state(b->t) == TLSIO_OPEN && !is_free(at))
            fail_msg("byte %zu", at);
        bad_free(b);
    }
}

static void change_behind_hello(int version)
{
    struct hello h;
    size_t n = 1;

    for (size_t at = 0; at < n; at++) {
        struct bad *b = half_way(&h, version);

        n = h.n;
        h.bytes[at] ^= 0x55;
        bad_give(b, h.bytes, h.n);
        if (tlsio_state(b->t) == TLSIO_OPEN)
            fail_msg("version %x, byte %zu of %zu", version, at, n);
        bad_free(b);
    }
}

static void test_each_byte_behind_it_changed(void **state)
{
    (void)state;
    change_behind_hello(TLS1_3_VERSION);
    change_behind_hello(TLS1_2_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello_in_fragments),
        cmocka_unit_test(test_hello_byte_by_byte),
        cmocka_unit_test(test_hello_without_an_end),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_empty_records_in_masses),
        cmocka_unit_test(test_alerts_in_clear),
        cmocka_unit_test(test_alerts_in_masses),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_old_versions),
        cmocka_unit_test(test_end_at_each_byte_of_the_hello),
        cmocka_unit_test(test_end_at_each_byte_behind_it),
        cmocka_unit_test(test_each_byte_of_the_hello_changed),
        cmocka_unit_test(test_each_byte_behind_it_changed),
    };

    return cmocka_run_group_tests(tests, bad_set_up, bad_tear_down);
}
