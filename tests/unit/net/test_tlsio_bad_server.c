/* A client among bad servers: what comes in clear, what is broken off and what is changed on
 * its way. */
#include "tls_bad.h"

enum { FLIGHT_MAX = 8192 };

/* What the server says first: hello, certificate and all, which is not given yet. */
struct flight {
    char bytes[FLIGHT_MAX];
    size_t n;
};

static struct bad *answered(struct flight *f, int version)
{
    struct bad *b = bad_client();

    bad_meet(b, true, version);
    f->n = bad_hear(b, f->bytes, sizeof(f->bytes));
    assert_in_range(f->n, 200, FLIGHT_MAX - 1);
    return b;
}

static const int both_versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* ---- other fragments, the same bytes ---- */

static void test_byte_by_byte(void **state)
{
    struct flight f;

    (void)state;
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        struct bad *b = answered(&f, both_versions[v]);

        for (size_t i = 0; i < f.n; i++)
            bad_give(b, f.bytes + i, 1);
        bad_talk(b);
        bad_expect(b, "OPEN", NULL);
        bad_free(b);
    }
}

/* Each record of a flight in clear becomes records of one byte. */
static void test_records_of_one_byte(void **state)
{
    struct flight f;
    struct bad *b = answered(&f, TLS1_2_VERSION);
    const unsigned char *p = (const unsigned char *)f.bytes;

    (void)state;
    for (size_t at = 0; at < f.n;) {
        const size_t len = (size_t)(p[at + 3] << 8 | p[at + 4]);

        for (size_t i = 0; i < len; i++)
            bad_give(b, (unsigned char[]){p[at], 3, 3, 0, 1, p[at + 5 + i]}, 6);
        at += 5 + len;
    }
    bad_talk(b);
    bad_expect(b, "OPEN", NULL);
    bad_free(b);
}

/* ---- no TLS, or not as it should be ---- */

static const struct stranger {
    const char *bytes;
    size_t n;
    int alert;
    const char *word;
} strangers[] = {
    {"HTTP/1.1 400 Bad Request\r\n\r\n", 28, NO_ALERT, "not_tls"},
    {"SSH-2.0-OpenSSH_9.2\r\n", 21, NO_ALERT, "not_tls"},
    {"\x17\x03\x03\x00\x01x", 6, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    {"\x14\x03\x03\x00\x01\x01", 6, SSL_AD_UNEXPECTED_MESSAGE, "unexpected_message"},
    {"\x16\x03\x03\x00\x04\x0b\x00\x00\x00", 9, SSL_AD_UNEXPECTED_MESSAGE,
     "unexpected_message"},
    {"\x16\x03\x03\x00\x04\x02\xff\xff\xff", 9, SSL_AD_ILLEGAL_PARAMETER, "message_too_long"},
    {"\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9, SSL_AD_DECODE_ERROR, "decode_error"},
    {"\x16\x03\x03\x7f\xff", 5, SSL_AD_RECORD_OVERFLOW, "record_overflow"},
    {"\x15\x03\x03\x00\x02\x02\x46", 7, NO_ALERT, "peer_unsupported_version"},
    {"\x15\x03\x03\x00\x02\x02\x74", 7, NO_ALERT, "peer_certificate_required"},
    {"\x15\x03\x03\x00\x02\x01\x00", 7, NO_ALERT, "closed_in_handshake"},
};

static void test_strangers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(strangers); i++) {
        const struct stranger *s = &strangers[i];
        struct bad *b = bad_client();

        bad_give(b, s->bytes, s->n);
        if (tlsio_state(b->t) != TLSIO_FAILED || bad_sent_alert(b) != s->alert ||
            strcmp(tlsio_fault(b->t).word, s->word) != 0)
            fail_msg("stranger %zu: %s, alert %d, %s", i, tlsio_state_name(b->t),
                     bad_sent_alert(b),
                     tlsio_state(b->t) == TLSIO_FAILED ? tlsio_fault(b->t).word : "");
        bad_free(b);
    }
}

/* Every alert in place of a ServerHello; nothing is said to it. */
static void test_alerts_in_clear(void **state)
{
    (void)state;
    for (int alert = 1; alert < 256; alert++) {
        struct bad *b = bad_client();
        const unsigned char record[] = {RECORD_ALERT, 3, 3, 0, 2, 2, (unsigned char)alert};
        const size_t sent_n = b->sent_n;

        bad_give(b, record, sizeof(record));
        bad_expect(b, "FAILED", NULL);
        assert_int_equal(tlsio_fault(b->t).error, WERR_REFUSED);
        assert_memory_equal(tlsio_fault(b->t).word, "peer_", 5);
        assert_int_equal(b->sent_n, sent_n);
        bad_free(b);
    }
}

/* ---- broken off, changed ---- */

static void test_end_at_each_byte(void **state)
{
    struct flight f;

    (void)state;
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        struct bad *b = answered(&f, both_versions[v]);

        /* One and the same goes on, byte by byte, so that each end is seen at no great cost;
         * and some are ended there. */
        for (size_t i = 0; i + 1 < f.n; i++) {
            bad_give(b, f.bytes + i, 1);
            bad_expect(b, "HANDSHAKE", NULL);
            if (i % 97 == 96) {
                bad_free(b);
                b = answered(&f, both_versions[v]);
                bad_give(b, f.bytes, i + 1 < f.n ? i + 1 : f.n - 1);
                bad_expect(b, "HANDSHAKE", NULL);
            }
        }
        bad_free(b);
    }
}

/* The minor version in the first record's head is not looked at (RFC 8446 section 5.1). */
static void change(int version, size_t at)
{
    struct flight f;
    struct bad *b = answered(&f, version);

    if (at < f.n) {
        f.bytes[at] ^= 0x55;
        bad_give(b, f.bytes, f.n);
        bad_talk(b);
        if (tlsio_state(b->t) == TLSIO_OPEN && at != 2)
            fail_msg("version %x, byte %zu of %zu", version, at, f.n);
    }
    bad_free(b);
}

/* Each of the first records, which are in clear; some of those behind them. */
static void test_changed_bytes(void **state)
{
    (void)state;
    for (size_t at = 0; at < 250; at++)
        change(TLS1_3_VERSION, at);
    for (size_t at = 250; at < 1500; at += 23)
        change(TLS1_3_VERSION, at);
    for (size_t at = 0; at < 1500; at += 11)
        change(TLS1_2_VERSION, at);
}

/* ---- a record that belongs to nobody ---- */

/* Two connections, each with records of its own under way: none gets to the other, whoever made
 * them and in which call. */
static void test_own_words_stay_apart(void **state)
{
    struct bad *a = bad_open_client(TLS1_3_VERSION), *b = bad_open_server(TLS1_3_VERSION);
    const struct iovec words = {(void *)(uintptr_t) "hello", 5};

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        bad_forge(i % 2 ? a : b, RECORD_HANDSHAKE, "\x18\0\0\1\1", 5);
        bad_next_key(i % 2 ? a : b);
        assert_int_equal(tlsio_output(a->t).len, 0);
        assert_int_equal(tlsio_output(b->t).len, 0);
        assert_int_equal(tlsio_write(a->t, &words, 1), 0);
        assert_int_equal(tlsio_output(b->t).len, 0); /* not its own */
        bad_drain(a);
        bad_talk(a);
        bad_talk(b);
        assert_int_equal(a->plain_n, 5 * (i + 1));
        bad_expect(b, "OPEN", NULL);
    }
    /* An alert too: b fails, a does not. */
    bad_forge(b, 99, "x", 1);
    bad_expect(b, "FAILED", "unexpected_message");
    assert_int_equal(b->alert, SSL_AD_UNEXPECTED_MESSAGE);
    bad_forge(a, RECORD_DATA, "fine", 4);
    assert_int_equal(a->got_n, 4);
    assert_int_equal(a->alert, NO_ALERT);
    bad_free(a);
    bad_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_records_of_one_byte),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_alerts_in_clear),
        cmocka_unit_test(test_end_at_each_byte),
        cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_own_words_stay_apart),
    };

    return cmocka_run_group_tests(tests, bad_set_up, bad_tear_down);
}
