/* Whom a client believes and resumes: names and addresses of certificates, authorities of all
 * kinds, versions, its own certificate, sessions. */
#include "tls_bad.h"

#include <time.h>

#include "net/tlsio_sessions.h"
#include "tls_made.h"

static struct {
    struct made root, middle, stranger;
    time_t later_s; /* so much later than the machine says */
} m;

/* In place of the C library's, whom OpenSSL asks. */
time_t time(time_t *to)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL)
        *to = now.tv_sec + m.later_s;
    return now.tv_sec + m.later_s;
}

static int set_up(void **state)
{
    (void)bad_set_up(state);
    m.root = made_of((struct made_wish){.name = "root", .is_authority = true});
    m.middle =
        made_of((struct made_wish){.name = "middle", .by = &m.root, .is_authority = true});
    m.stranger = made_of((struct made_wish){.name = "stranger", .is_authority = true});
    return 0;
}

static int tear_down(void **state)
{
    made_free(&m.root);
    made_free(&m.middle);
    made_free(&m.stranger);
    return bad_tear_down(state);
}

/* ---- a client of some settings, and a server with some certificate ---- */

static struct tlsio_context *context_of(struct tlsio_client_settings settings)
{
    struct tlsio_context *c;

    assert_int_equal(tlsio_context_new_client(&settings, &c), 0);
    return c;
}

static struct bad *asks(struct tlsio_context *context, const struct tlsio_peer_name *name)
{
    struct bad *b = bad_new(tlsio_new_client(bad_world.shared, context, name));

    bad_take(b);
    return b;
}

/* Its peer shows this, and what stands between it and an authority. */
static void meet(struct bad *b, int version, const struct made *shown, const struct made *by)
{
    bad_meet(b, true, version);
    SSL_certs_clear(b->peer);
    assert_int_equal(SSL_use_certificate(b->peer, shown->x), 1);
    assert_int_equal(SSL_use_PrivateKey(b->peer, shown->key), 1);
    if (by != NULL)
        assert_int_equal(SSL_add1_chain_cert(b->peer, by->x), 1);
    bad_talk(b);
}

/* ---- names ---- */

static const struct name_case {
    const char *san, *common_name, *asked; /* asked: NULL: the address 10.0.0.1 */
    const char *word;                      /* NULL: believed */
} name_cases[] = {
    {"DNS:a.example", "x", "a.example", NULL},
    {"DNS:a.example", "x", "A.Example", NULL},
    {"DNS:b.example,DNS:a.example", "x", "a.example", NULL},
    {"DNS:*.example.com", "x", "a.example.com", NULL},
    {"DNS:*.example.com", "x", "a.b.example.com", "certificate_name"},
    {"DNS:*.example.com", "x", "example.com", "certificate_name"},
    {"DNS:a*.example.com", "x", "ab.example.com", "certificate_name"},
    {"DNS:b.example", "a.example", "a.example", "certificate_name"},
    {NULL, "a.example", "a.example", "certificate_name"}, /* what is common is no name */
    {"IP:10.0.0.1", "x", NULL, NULL},
    {"IP:10.0.0.2", "x", NULL, "certificate_name"},
    {"DNS:10.0.0.1", "x", NULL, "certificate_name"},
    {"DNS:a.example", "10.0.0.1", NULL, "certificate_name"},
    {"IP:10.0.0.1", "x", "10.0.0.1", NULL},
    {"IP:2001:db8:0:0:0:0:0:1", "x", "2001:db8::1", NULL},
    {"IP:10.0.0.1", "x", "a.example", "certificate_name"},
};

static void expect_of(struct bad *b, const char *word, const char *what, size_t i)
{
    const bool is_failed = tlsio_state(b->t) == TLSIO_FAILED;

    if (is_failed != (word != NULL) || (is_failed && strcmp(tlsio_fault(b->t).word, word) != 0))
        fail_msg("%s %zu: %s %s", what, i, tlsio_state_name(b->t),
                 is_failed ? tlsio_fault(b->t).word : "");
    if (is_failed)
        assert_int_equal(tlsio_fault(b->t).error, WERR_DENIED);
}

static void test_names(void **state)
{
    const struct addr address = {.family = AF_INET, .ip = {10, 0, 0, 1}};
    struct tlsio_context *c =
        context_of((struct tlsio_client_settings){.authorities = span_from_str(m.root.pem)});

    (void)state;
    for (size_t i = 0; i < COUNT(name_cases); i++) {
        const struct name_case *n = &name_cases[i];
        struct made shown =
            made_of((struct made_wish){.name = n->common_name, .san = n->san, .by = &m.root});
        struct bad *b =
            asks(c, &(struct tlsio_peer_name){.name = n->asked, .address = &address});

        meet(b, TLS1_3_VERSION, &shown, NULL);
        expect_of(b, n->word, "name", i);
        const char *sni = SSL_get_servername(b->peer, TLSEXT_NAMETYPE_host_name);

        assert_true((sni != NULL) == (n->asked != NULL && strchr(n->asked, 'x') != NULL));
        bad_free(b);
        made_free(&shown);
    }
    tlsio_context_put(c);
}

/* ---- authorities ---- */

static const struct trust_case {
    struct made_wish wish;
    bool shows_middle;
    const char *word;
    int alert;
} trust_cases[] = {
    {{.by = &m.root}, false, NULL, NO_ALERT},
    {{.by = &m.middle}, true, NULL, NO_ALERT},
    {{.by = &m.middle}, false, "certificate_unknown_ca", SSL_AD_UNKNOWN_CA},
    {{.by = &m.stranger}, false, "certificate_unknown_ca", SSL_AD_UNKNOWN_CA},
    {{.by = NULL}, false, "certificate_self_signed", SSL_AD_UNKNOWN_CA},
    {{.by = &m.root, .begins = "20200101000000Z", .ends = "20210101000000Z"},
     false,
     "certificate_expired",
     SSL_AD_CERTIFICATE_EXPIRED},
    {{.by = &m.root, .begins = "20980101000000Z", .ends = "20990101000000Z"},
     false,
     "certificate_not_yet_valid",
     SSL_AD_BAD_CERTIFICATE},
    {{.by = &m.root, .usage = "clientAuth"},
     false,
     "certificate_purpose",
     SSL_AD_UNSUPPORTED_CERTIFICATE},
    {{.by = &m.root, .key = "rsa1024"}, false, "certificate_weak", SSL_AD_BAD_CERTIFICATE},
};

static void test_authorities(void **state)
{
    struct tlsio_context *c =
        context_of((struct tlsio_client_settings){.authorities = span_from_str(m.root.pem)});
    struct tlsio_context *any =
        context_of((struct tlsio_client_settings){.is_unverified = true});

    (void)state;
    for (size_t i = 0; i < COUNT(trust_cases); i++) {
        const struct trust_case *t = &trust_cases[i];
        struct made_wish wish = t->wish;

        wish.name = "x";
        wish.san = "DNS:a.example";
        struct made shown = made_of(wish);

        for (unsigned believes = 0; believes < 2; believes++) {
            struct bad *b =
                asks(believes ? any : c, &(struct tlsio_peer_name){.name = "a.example"});

            meet(b, TLS1_3_VERSION, &shown, t->shows_middle ? &m.middle : NULL);
            expect_of(b, believes ? NULL : t->word, believes ? "unverified" : "authority", i);
            if (!believes)
                assert_int_equal(b->alert, t->alert);
            bad_free(b);
        }
        made_free(&shown);
    }
    tlsio_context_put(c);
    tlsio_context_put(any);
}

/* One that is no root, and the server's own certificate. */
static void test_pinned(void **state)
{
    struct made shown =
        made_of((struct made_wish){.name = "x", .san = "DNS:a.example", .by = &m.middle});
    const struct made *pins[] = {&m.middle, &shown};

    (void)state;
    for (size_t i = 0; i < COUNT(pins); i++) {
        struct tlsio_context *c = context_of(
            (struct tlsio_client_settings){.authorities = span_from_str(pins[i]->pem)});
        struct bad *b = asks(c, &(struct tlsio_peer_name){.name = "a.example"});

        meet(b, TLS1_2_VERSION, &shown, NULL);
        expect_of(b, NULL, "pin", i);
        bad_free(b);
        tlsio_context_put(c);
    }
    made_free(&shown);
}

/* A bundle with damaged blocks: whoever stands before and behind them is believed. */
static void test_damaged_authorities(void **state)
{
    static const char *const damages[] = {
        "-----BEGIN CERTIFICATE-----\n?????\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAAx\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAAx\n",
    };
    struct made shown =
        made_of((struct made_wish){.name = "x", .san = "DNS:a.example", .by = &m.root});

    (void)state;
    for (size_t i = 0; i < COUNT(damages); i++) {
        char *bundle = made_join(m.stranger.pem, damages[i], m.middle.pem, m.root.pem, NULL);
        struct tlsio_context *c =
            context_of((struct tlsio_client_settings){.authorities = span_from_str(bundle)});
        struct bad *b = asks(c, &(struct tlsio_peer_name){.name = "a.example"});

        meet(b, TLS1_3_VERSION, &shown, NULL);
        expect_of(b, NULL, "damage", i);
        bad_free(b);
        tlsio_context_put(c);
        free(bundle);
    }
    made_free(&shown);
}

/* ---- versions and own certificate ---- */

static void expect_version(enum tlsio_version least, int version, const char *word)
{
    struct tlsio_context *c = context_of(
        (struct tlsio_client_settings){.is_unverified = true, .least_version = least});
    struct bad *b = asks(c, &(struct tlsio_peer_name){.name = "a.example"});

    bad_meet(b, true, version);
    (void)SSL_set_cipher_list(b->peer, "ALL:@SECLEVEL=0");
    bad_talk(b);
    bad_expect(b, word != NULL ? "FAILED" : "OPEN", word);
    bad_free(b);
    tlsio_context_put(c);
}

static void test_versions(void **state)
{
    (void)state;
    expect_version(TLSIO_1_2, TLS1_3_VERSION, NULL);
    expect_version(TLSIO_1_2, TLS1_2_VERSION, NULL);
    expect_version(TLSIO_1_2, TLS1_1_VERSION, "peer_unsupported_version");
    expect_version(TLSIO_1_3, TLS1_3_VERSION, NULL);
    expect_version(TLSIO_1_3, TLS1_2_VERSION, "peer_unsupported_version");
}

static void test_own_certificate(void **state)
{
    struct tlsio_identity *identity;

    (void)state;
    assert_int_equal(tlsio_identity_new(span_from_str(bad_world.leaf.chain),
                                        span_from_str(bad_world.leaf.secret), SPAN_NONE,
                                        &identity),
                     0);
    struct tlsio_context *c =
        context_of((struct tlsio_client_settings){.is_unverified = true, .identity = identity});

    tlsio_identity_put(identity);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct bad *b = asks(c, &(struct tlsio_peer_name){.name = "a.example"});

        bad_meet(b, true, version);
        SSL_set_verify(b->peer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        assert_int_equal(
            X509_STORE_add_cert(SSL_CTX_get_cert_store(b->context), bad_world.authority.x), 1);
        (void)SSL_set_purpose(b->peer, X509_PURPOSE_SSL_CLIENT);
        bad_talk(b);
        bad_expect(b, "OPEN", NULL);
        assert_true(SSL_is_init_finished(b->peer));
        assert_int_equal(X509_cmp(SSL_get0_peer_certificate(b->peer), bad_world.leaf.x), 0);
        bad_free(b);
    }
    tlsio_context_put(c);
}

/* ---- protocols ---- */

/* What the client offers, and which of it its peer takes. */
struct offer {
    struct span expected;
    unsigned taken_at;
    bool is_asked;
};

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                        const unsigned char *in, unsigned in_n, void *arg)
{
    struct offer *o = arg;

    (void)ssl;
    assert_int_equal(in_n, o->expected.len);
    assert_memory_equal(in, o->expected.ptr, in_n);
    *out = in + o->taken_at + 1;
    *out_n = in[o->taken_at];
    o->is_asked = true;
    return SSL_TLSEXT_ERR_OK;
}

static void expect_offer(struct bad *b, struct offer o, const char *agreed)
{
    bad_meet(b, true, TLS1_3_VERSION);
    SSL_CTX_set_alpn_select_cb(b->context, on_protocols, &o);
    bad_talk(b);
    bad_expect(b, "OPEN", NULL);
    assert_true(o.is_asked);
    assert_string_equal(tlsio_facts(b->t).protocol, agreed);
    bad_free(b);
}

/* Who says nothing of it speaks HTTP/1.1 and nothing else. */
static void test_protocol(void **state)
{
    (void)state;
    expect_offer(bad_client(), (struct offer){.expected = SPAN("\x08http/1.1")}, "http/1.1");
}

static void test_other_protocols(void **state)
{
    struct tlsio_context *c = context_of(
        (struct tlsio_client_settings){.is_unverified = true, .protocols = {"one/1", "two/1"}});

    (void)state;
    expect_offer(asks(c, &(struct tlsio_peer_name){.name = "a.example"}),
                 (struct offer){.expected = SPAN("\x05one/1\x05two/1"), .taken_at = 6},
                 "two/1");
    expect_offer(asks(c, &(struct tlsio_peer_name){.name = "a.example", .protocol = "two/1"}),
                 (struct offer){.expected = SPAN("\x05two/1")}, "two/1");
    struct bad *b = asks(c, &(struct tlsio_peer_name){.name = "a.example"});

    bad_meet(b, true, TLS1_3_VERSION);
    bad_talk(b);
    bad_expect(b, "OPEN", NULL);
    assert_null(tlsio_facts(b->t).protocol); /* its peer knows of none */
    bad_free(b);
    tlsio_context_put(c);
}

/* ---- sessions ---- */

/* A server that has the same tickets from one connection to the next. */
static SSL_CTX *server_that_shows(int version, X509 *x, EVP_PKEY *key)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());

    assert_non_null(c);
    (void)SSL_CTX_set_max_proto_version(c, version);
    assert_int_equal(SSL_CTX_use_cert_and_key(c, x, key, NULL, 1), 1);
    return c;
}

static SSL_CTX *server_with_tickets(int version)
{
    return server_that_shows(version, bad_world.leaf.x, bad_world.leaf.key);
}

/* word NULL: it opens. */
static struct bad *meet_with(SSL_CTX *server, struct tlsio_context *client,
                             struct tlsio_sessions *sessions, const char *word)
{
    struct bad *b =
        asks(client, &(struct tlsio_peer_name){.name = "a.example", .sessions = sessions});

    bad_meet(b, true, TLS1_3_VERSION);
    SSL_free(b->peer);
    b->peer = SSL_new(server);
    SSL_set_app_data(b->peer, (void *)b);
    SSL_set_bio(b->peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(b->peer);
    (void)BIO_write(SSL_get_rbio(b->peer), b->sent, (int)b->sent_n);
    bad_talk(b);
    bad_expect(b, word != NULL ? "FAILED" : "OPEN", word);
    return b;
}

static struct bad *open_with(SSL_CTX *server, struct tlsio_sessions *sessions)
{
    return meet_with(server, bad_world.client, sessions, NULL);
}

static bool is_resumed_with(SSL_CTX *server, struct tlsio_sessions *sessions)
{
    struct bad *b = open_with(server, sessions);
    const bool is_resumed = tlsio_facts(b->t).is_resumed;

    bad_free(b);
    return is_resumed;
}

static void test_sessions_of_both_versions(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *server = server_with_tickets(version), *other = server_with_tickets(version);
        struct tlsio_sessions *s = tlsio_sessions_new(), *none = tlsio_sessions_new();

        assert_false(is_resumed_with(server, s));
        for (unsigned i = 0; i < 10; i++)
            assert_true(is_resumed_with(server, s));
        assert_false(is_resumed_with(server, none));
        assert_false(is_resumed_with(other, s)); /* has other keys: begins anew */
        SSL_CTX_free(server);
        SSL_CTX_free(other);
        tlsio_sessions_put(s);
        tlsio_sessions_put(none);
    }
}

/* Whoever is resumed shows no certificate: what it had shown must still be valid. */
static void test_sessions_end_with_the_certificate(void **state)
{
    enum { BRIEF_S = 600 };
    const time_t end_s = time(NULL) + BRIEF_S;
    char ends[32];
    struct tm tm;

    (void)state;
    (void)strftime(ends, sizeof(ends), "%Y%m%d%H%M%SZ", gmtime_r(&end_s, &tm));
    struct made brief = made_of((struct made_wish){
        .name = "brief", .by = &m.root, .san = "DNS:a.example", .ends = ends});
    struct tlsio_context *client =
        context_of((struct tlsio_client_settings){.authorities = span_from_str(m.root.pem)});

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *server = server_that_shows(version, brief.x, brief.key);
        struct tlsio_sessions *s = tlsio_sessions_new();

        bad_free(meet_with(server, client, s, NULL));
        m.later_s = BRIEF_S / 2;
        struct bad *b = meet_with(server, client, s, NULL);

        assert_true(tlsio_facts(b->t).is_resumed);
        bad_free(b);
        m.later_s = BRIEF_S + 1;
        bad_free(meet_with(server, client, s, "certificate_expired"));
        m.later_s = 0;
        SSL_CTX_free(server);
        tlsio_sessions_put(s);
    }
    tlsio_context_put(client);
    made_free(&brief);
}

/* TLS 1.3: one ticket is for one connection (RFC 8446 appendix C.4). */
static void test_a_ticket_is_used_once(void **state)
{
    SSL_CTX *server = server_with_tickets(TLS1_3_VERSION);
    struct tlsio_sessions *s = tlsio_sessions_new();
    struct bad *b = open_with(server, s); /* got two tickets */

    (void)state;
    (void)SSL_CTX_set_num_tickets(server, 0); /* and no more */
    bad_free(b);
    assert_true(is_resumed_with(server, s));
    assert_true(is_resumed_with(server, s));
    assert_false(is_resumed_with(server, s));
    SSL_CTX_free(server);
    tlsio_sessions_put(s);
}

static void send_ticket(struct bad *b)
{
    assert_int_equal(SSL_new_session_ticket(b->peer), 1);
    (void)SSL_do_handshake(b->peer);
    bad_talk(b);
}

/* On a connection that nobody uses: no plain byte, and a session. Of many the newest are kept.
 */
static void test_tickets_when_idle(void **state)
{
    SSL_CTX *server = server_with_tickets(TLS1_3_VERSION);
    struct tlsio_sessions *s = tlsio_sessions_new();

    (void)state;
    (void)SSL_CTX_set_num_tickets(server, 0);
    struct bad *b = open_with(server, s);
    const size_t sent_n = b->sent_n;

    for (unsigned i = 0; i < 100; i++)
        send_ticket(b);
    bad_expect(b, "OPEN", NULL);
    assert_false(tlsio_has_more(b->t));
    assert_int_equal(b->got_n, 0);
    assert_int_equal(b->sent_n, sent_n);
    for (unsigned i = 0; i < 4; i++)
        assert_true(is_resumed_with(server, s));
    assert_false(is_resumed_with(server, s));
    bad_free(b);
    SSL_CTX_free(server);
    tlsio_sessions_put(s);
}

/* It could be the session that a handshake failed for: the next one does without. */
static void test_a_failed_handshake_forgets(void **state)
{
    SSL_CTX *server = server_with_tickets(TLS1_2_VERSION);
    struct tlsio_sessions *s = tlsio_sessions_new();
    const struct tlsio_peer_name name = {.name = "a.example", .sessions = s};

    (void)state;
    assert_false(is_resumed_with(server, s));
    assert_true(is_resumed_with(server, s));
    bad_free(asks(bad_world.client, &name)); /* the server ends without a word */
    assert_false(is_resumed_with(server, s));
    SSL_CTX_free(server);
    tlsio_sessions_put(s);
}

/* ---- parts of records ---- */

static void test_has_more(void **state)
{
    struct bad *b = bad_open_client(TLS1_3_VERSION);
    unsigned char record[64];
    const size_t n = bad_record(b, RECORD_DATA, "word", 4, record);

    (void)state;
    assert_false(tlsio_has_more(b->t));
    for (size_t i = 0; i + 1 < n; i++) {
        bad_give(b, record + i, 1);
        if (!tlsio_has_more(b->t))
            fail_msg("byte %zu of %zu", i, n);
    }
    bad_give(b, record + n - 1, 1);
    assert_false(tlsio_has_more(b->t));
    assert_int_equal(b->got_n, 4);
    bad_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_authorities),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_damaged_authorities),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_own_certificate),
        cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_other_protocols),
        cmocka_unit_test(test_sessions_of_both_versions),
        cmocka_unit_test(test_sessions_end_with_the_certificate),
        cmocka_unit_test(test_a_ticket_is_used_once),
        cmocka_unit_test(test_tickets_when_idle),
        cmocka_unit_test(test_a_failed_handshake_forgets),
        cmocka_unit_test(test_has_more),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
