/* What a peer may say once there are keys: records of any type and content, alerts of all
 * kinds, KeyUpdates, tickets. To a server and to a client. */
#include "tls_bad.h"

#include "net/tlsio_sessions.h"

static const struct forgery {
    int type;
    const char *bytes;
    size_t n;
    int alert; /* that the peer hears */
    const char *state, *word;
} forgeries[] = {
    {RECORD_DATA, "x", 1, NO_ALERT, "OPEN", NULL},
    {RECORD_DATA, "", 0, NO_ALERT, "OPEN", NULL},
    {0, "", 0, SSL_AD_UNEXPECTED_MESSAGE, "FAILED", "unexpected_message"},
    {99, "x", 1, SSL_AD_UNEXPECTED_MESSAGE, "FAILED", "unexpected_message"},
    {RECORD_CCS, "\1", 1, SSL_AD_UNEXPECTED_MESSAGE, "FAILED", "unexpected_message"},
    {RECORD_HANDSHAKE, "", 0, SSL_AD_UNEXPECTED_MESSAGE, "FAILED", "decode_error"},
    /* KeyUpdate: of a request neither of the two, too long, not at the end of its record. */
    {RECORD_HANDSHAKE, "\x18\0\0\1\2", 5, SSL_AD_ILLEGAL_PARAMETER, "FAILED", "decode_error"},
    {RECORD_HANDSHAKE, "\x18\0\0\2\0\0", 6, SSL_AD_ILLEGAL_PARAMETER, "FAILED",
     "message_too_long"},
    {RECORD_HANDSHAKE, "\x18\0\0\1\0\x18", 6, SSL_AD_UNEXPECTED_MESSAGE, "FAILED",
     "unexpected_message"},
    /* Messages of a handshake that is over: Finished, Certificate, ClientHello, ServerHello. */
    {RECORD_HANDSHAKE, "\x14\0\0\4wxyz", 8, SSL_AD_UNEXPECTED_MESSAGE, "FAILED",
     "unexpected_message"},
    {RECORD_HANDSHAKE, "\x0b\0\0\4wxyz", 8, SSL_AD_UNEXPECTED_MESSAGE, "FAILED",
     "unexpected_message"},
    {RECORD_HANDSHAKE, "\x01\0\0\4wxyz", 8, SSL_AD_UNEXPECTED_MESSAGE, "FAILED",
     "unexpected_message"},
    {RECORD_HANDSHAKE, "\x02\0\0\4wxyz", 8, SSL_AD_UNEXPECTED_MESSAGE, "FAILED",
     "unexpected_message"},
    {RECORD_HANDSHAKE, "\xfe\0\0\4wxyz", 8, SSL_AD_UNEXPECTED_MESSAGE, "FAILED",
     "unexpected_message"},
    {RECORD_ALERT, "\2", 1, SSL_AD_UNEXPECTED_MESSAGE, "FAILED", "bad_alert"},
    {RECORD_ALERT, "\2\x28\0", 3, SSL_AD_UNEXPECTED_MESSAGE, "FAILED", "bad_alert"},
};

static void expect_forgery(struct bad *b, size_t i, const char *who)
{
    const struct forgery *f = &forgeries[i];

    bad_forge(b, f->type, f->bytes, f->n);
    if (b->alert != f->alert || strcmp(tlsio_state_name(b->t), f->state) != 0 ||
        (f->word != NULL && strcmp(tlsio_fault(b->t).word, f->word) != 0))
        fail_msg("%s, forgery %zu: alert %d, %s %s", who, i, b->alert, tlsio_state_name(b->t),
                 tlsio_state(b->t) == TLSIO_FAILED ? tlsio_fault(b->t).word : "");
    assert_int_equal(b->got_n, f->type == RECORD_DATA ? f->n : 0);
    if (tlsio_state(b->t) == TLSIO_FAILED) { /* it stays so, whatever comes */
        struct span plain;

        tlsio_give(b->t, SPAN("more"));
        assert_int_equal(tlsio_read(b->t, &plain), tlsio_fault(b->t).error);
        assert_int_equal(plain.len, 0);
    }
    bad_free(b);
}

static void test_forgeries(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forgeries); i++) {
        expect_forgery(bad_open_server(TLS1_3_VERSION), i, "server");
        expect_forgery(bad_open_client(TLS1_3_VERSION), i, "client");
    }
}

/* A part of a message, and then something else. */
static void test_data_within_a_message(void **state)
{
    struct bad *b = bad_open_server(TLS1_3_VERSION);

    (void)state;
    bad_forge(b, RECORD_HANDSHAKE, "\x18\0", 2);
    bad_expect(b, "OPEN", NULL);
    bad_forge(b, RECORD_DATA, "x", 1);
    bad_expect(b, "FAILED", "unexpected_message");
    assert_int_equal(b->alert, SSL_AD_UNEXPECTED_MESSAGE);
    assert_int_equal(b->got_n, 0);
    bad_free(b);
}

static void test_message_of_16_mb(void **state)
{
    struct bad *b = bad_open_server(TLS1_3_VERSION);

    (void)state;
    bad_forge(b, RECORD_HANDSHAKE, "\x18\xff\xff\xff\0", 5);
    bad_expect(b, "FAILED", "message_too_long");
    assert_int_equal(b->alert, SSL_AD_ILLEGAL_PARAMETER);
    bad_free(b);
}

/* ---- sizes ---- */

static void test_the_longest_record(void **state)
{
    static const char bytes[TLSIO_RECORD_BYTES + 1];
    struct bad *b = bad_open_server(TLS1_3_VERSION);

    (void)state;
    bad_forge(b, RECORD_DATA, bytes, TLSIO_RECORD_BYTES);
    bad_expect(b, "OPEN", NULL);
    assert_int_equal(b->got_n, TLSIO_RECORD_BYTES);
    bad_forge(b, RECORD_DATA, bytes, TLSIO_RECORD_BYTES + 1);
    bad_expect(b, "FAILED", "record_overflow");
    assert_int_equal(b->alert, SSL_AD_RECORD_OVERFLOW);
    bad_free(b);
    b = bad_open_client(TLS1_3_VERSION);
    bad_give(b, "\x17\x03\x03\x41\x01", 5); /* 16384 + 257 */
    bad_talk(b);
    bad_expect(b, "FAILED", "record_overflow");
    assert_int_equal(b->alert, SSL_AD_RECORD_OVERFLOW);
    bad_free(b);
}

/* One byte each, and what is in it is padding for the most part. */
static void test_small_records_padded(void **state)
{
    unsigned char inner[1000] = {'y', RECORD_DATA}, record[1100];
    struct bad *b = bad_open_server(TLS1_3_VERSION);

    (void)state;
    for (unsigned i = 0; i < 500; i++)
        bad_give(b, record, bad_seal(b, inner, 2 + i, record));
    bad_expect(b, "OPEN", NULL);
    assert_int_equal(b->got_n, 500);
    bad_free(b);
}

static void test_empty_records_in_masses(void **state)
{
    struct bad *b = bad_open_server(TLS1_3_VERSION);

    (void)state;
    for (unsigned i = 0; i < 100; i++) { /* with a byte now and then all is well */
        bad_forge(b, RECORD_DATA, "", 0);
        if (i % 10 == 9)
            bad_forge(b, RECORD_DATA, "x", 1);
    }
    bad_expect(b, "OPEN", NULL);
    for (unsigned i = 0; i < 100 && tlsio_state(b->t) == TLSIO_OPEN; i++)
        bad_forge(b, RECORD_DATA, "", 0);
    bad_expect(b, "FAILED", "empty_records");
    assert_int_equal(b->alert, SSL_AD_UNEXPECTED_MESSAGE);
    bad_free(b);
}

/* ---- records in clear, behind the handshake ---- */

static void expect_clear(const char *bytes, size_t n, int alert, const char *word)
{
    struct bad *b = bad_open_server(TLS1_3_VERSION);

    bad_give(b, bytes, n);
    bad_talk(b);
    bad_expect(b, "FAILED", word);
    assert_int_equal(b->alert, alert);
    assert_int_equal(b->got_n, 0);
    bad_free(b);
}

static void test_records_in_clear(void **state)
{
    (void)state;
    expect_clear("\x17\x03\x03\x00\x12xxxxxxxxxxxxxxxxxx", 23, SSL_AD_BAD_RECORD_MAC,
                 "bad_record_mac");
    expect_clear("\x17\x03\x03\x00\x03xxx", 8, SSL_AD_BAD_RECORD_MAC, "bad_record_mac");
    expect_clear("\x16\x03\x03\x00\x04\x01\x00\x00\x00", 9, SSL_AD_UNEXPECTED_MESSAGE,
                 "unexpected_message");
    expect_clear("\x14\x03\x03\x00\x01\x01", 6, SSL_AD_UNEXPECTED_MESSAGE,
                 "unexpected_message");
    expect_clear("GET / HTTP/1.1\r\n\r\n", 18, SSL_AD_PROTOCOL_VERSION, "not_tls");
}

/* A record that came once comes again. */
static void test_a_record_again(void **state)
{
    struct bad *b = bad_open_client(TLS1_3_VERSION);
    unsigned char record[64];
    const size_t n = bad_record(b, RECORD_DATA, "once", 4, record);

    (void)state;
    bad_give(b, record, n);
    bad_give(b, record, n);
    bad_talk(b);
    bad_expect(b, "FAILED", "bad_record_mac");
    assert_int_equal(b->alert, SSL_AD_BAD_RECORD_MAC);
    assert_int_equal(b->got_n, 4);
    bad_free(b);
}

/* ---- alerts of all kinds ---- */

static const char *state_after(int alert)
{
    if (alert == SSL_AD_CLOSE_NOTIFY)
        return "ENDED";
    return alert == SSL_AD_USER_CANCELLED ? "OPEN" : "FAILED";
}

static const char *word_after(int alert)
{
    switch (alert) {
#define FAULT(reason, error, word)
#define VERIFY(verdict, word)
#define ALERT(number, error, word) \
    case number:                   \
        return word;
#include "net/tlsio_faults.def"
    default:
        return "peer_unknown_alert";
    }
}

/* In TLS 1.3 what an alert says of its own weight means nothing. */
static void test_alerts(void **state)
{
    (void)state;
    for (int alert = 0; alert < 256; alert++) {
        struct bad *b =
            alert % 2 ? bad_open_server(TLS1_3_VERSION) : bad_open_client(TLS1_3_VERSION);
        const char record[] = {(char)(1 + alert % 4 / 2), (char)alert};
        const size_t sent_n = b->sent_n;

        bad_forge(b, RECORD_ALERT, record, 2);
        if (strcmp(tlsio_state_name(b->t), state_after(alert)) != 0)
            fail_msg("alert %d: %s", alert, tlsio_state_name(b->t));
        if (tlsio_state(b->t) == TLSIO_FAILED) {
            assert_string_equal(tlsio_fault(b->t).word, word_after(alert));
            assert_int_equal(tlsio_fault(b->t).error, WERR_REFUSED);
        }
        assert_int_equal(b->sent_n, sent_n);
        bad_free(b);
    }
}

/* ---- KeyUpdate ---- */

static void test_key_update(void **state)
{
    struct bad *b = bad_open_server(TLS1_3_VERSION);
    const struct iovec words = {(void *)(uintptr_t) "hello", 5};

    (void)state;
    bad_forge(b, RECORD_HANDSHAKE, "\x18\0\0\1\0", 5);
    bad_next_key(b);
    bad_forge(b, RECORD_DATA, "new", 3);
    assert_int_equal(b->got_n, 3);
    bad_forge(b, RECORD_HANDSHAKE, "\x18\0\0\1\1", 5); /* asks for one, which goes … */
    bad_next_key(b);
    const size_t sent_n = b->sent_n;

    assert_int_equal(tlsio_write(b->t, &words, 1), 0);
    bad_drain(b);
    bad_talk(b);
    assert_true(b->sent_n > sent_n + 2 * (5 + 16 + 1)); /* … before the next words */
    assert_int_equal(b->plain_n, 5); /* the peer reads what has the next key */
    bad_forge(b, RECORD_DATA, "newer", 5);
    assert_int_equal(b->got_n, 8);
    bad_free(b);
}

/* As many as find room in one read of the socket: each is answered, and none is too many for
 * the output. */
static void test_key_updates_in_masses(void **state)
{
    enum { TIMES = 9000 };
    struct bad *b = bad_open_server(TLS1_3_VERSION);
    unsigned char *records = malloc(TIMES * 32);
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < TIMES; i++) {
        n += bad_record(b, RECORD_HANDSHAKE, "\x18\0\0\1\1", 5, records + n);
        bad_next_key(b);
    }
    SSL_free(b->peer);
    b->peer = NULL;
    bad_give(b, records, n);
    bad_expect(b, "OPEN", NULL);
    free(records);
    bad_free(b);
}

/* ---- TLS 1.2: who wants to begin anew ---- */

static void renegotiate(struct bad *b)
{
    char said[1024];

    (void)SSL_renegotiate(b->peer);
    bad_give(b, said, bad_hear(b, said, sizeof(said)));
    bad_expect(b, "OPEN", NULL); /* it is told that there is none, and may go on */
    (void)bad_hear(b, said, sizeof(said));
    assert_int_equal(b->alert, SSL_AD_NO_RENEGOTIATION);
    bad_free(b);
}

static void test_renegotiation(void **state)
{
    (void)state;
    renegotiate(bad_open_server(TLS1_2_VERSION));
    renegotiate(bad_open_client(TLS1_2_VERSION));
}

static void test_a_changed_byte_12(void **state)
{
    struct bad *b = bad_open_server(TLS1_2_VERSION);
    char record[100];
    size_t n = 0;

    (void)state;
    assert_int_equal(SSL_write(b->peer, "secret", 6), 6);
    n = (size_t)BIO_read(SSL_get_wbio(b->peer), record, sizeof(record));
    record[n - 1] ^= 1;
    bad_give(b, record, n);
    bad_talk(b);
    bad_expect(b, "FAILED", "bad_record_mac");
    assert_int_equal(b->alert, SSL_AD_BAD_RECORD_MAC);
    bad_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forgeries),
        cmocka_unit_test(test_data_within_a_message),
        cmocka_unit_test(test_message_of_16_mb),
        cmocka_unit_test(test_the_longest_record),
        cmocka_unit_test(test_small_records_padded),
        cmocka_unit_test(test_empty_records_in_masses),
        cmocka_unit_test(test_records_in_clear),
        cmocka_unit_test(test_a_record_again),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_key_update),
        cmocka_unit_test(test_key_updates_in_masses),
        cmocka_unit_test(test_renegotiation),
        cmocka_unit_test(test_a_changed_byte_12),
    };

    return cmocka_run_group_tests(tests, bad_set_up, bad_tear_down);
}
