/* Certificates of clients: who may come, what is told of who may not, and what is shown of who
 * has come. */
#include "../base/cm.h"

#include <time.h>

#include "net/tlsio_tickets.h"
#include "tls_talk.h"

static struct {
    struct made self;                                            /* of the server */
    struct made authority, middle, stranger;                     /* who sign */
    struct made leaf, deep, odd, old, early, rich, alien, brief; /* clients */
    struct tlsio_shared *shared;
    struct tlsio_identity *identity;
    struct tlsio_tickets *tickets;
    time_t later_s; /* so much later than the machine says */
} w;

/* In place of the C library's, whom OpenSSL asks. */
time_t time(time_t *to)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL)
        *to = now.tv_sec + w.later_s;
    return now.tv_sec + w.later_s;
}

static int choose(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    (void)arg;
    (void)name;
    chosen[0] = w.identity;
    return 1;
}

static int make_server(enum tlsio_client_auth auth, const char *ca, struct tlsio_context **c)
{
    return tlsio_context_new_server(
        &(struct tlsio_server_settings){.client_auth = auth,
                                        .client_ca = span_from_str(ca),
                                        .tickets = w.tickets,
                                        .choose = choose},
        c);
}

static struct tlsio_context *server_of(enum tlsio_client_auth auth, const char *ca)
{
    struct tlsio_context *c;

    assert_int_equal(make_server(auth, ca, &c), 0);
    return c;
}

enum { BRIEF_S = 600 };

/* Its certificate ends before sessions do. */
static struct made make_brief(void)
{
    const time_t end_s = time(NULL) + BRIEF_S;
    char ends[32];
    struct tm tm;

    (void)strftime(ends, sizeof(ends), "%Y%m%d%H%M%SZ", gmtime_r(&end_s, &tm));
    return made_of((struct made_wish){.name = "brief", .by = &w.authority, .ends = ends});
}

static void make_clients(void)
{
    w.brief = make_brief();
    w.leaf = made_of((struct made_wish){
        .name = "leaf", .by = &w.authority, .san = "DNS:a.example,IP:10.0.0.1,email:me@b"});
    w.deep = made_of((struct made_wish){.name = "deep", .by = &w.middle});
    w.odd = made_of(
        (struct made_wish){.name = "o,dd\r\nX: y", .by = &w.authority, .san = "DNS:ok"});
    made_add_name(&w.odd, &w.authority, GEN_URI, SPAN("http://x,DNS:admin\n\\"));
    w.old = made_of((struct made_wish){.name = "old",
                                       .by = &w.authority,
                                       .begins = "20200101000000Z",
                                       .ends = "20210101000000Z"});
    w.early = made_of((struct made_wish){.name = "early",
                                         .by = &w.authority,
                                         .begins = "20900101000000Z",
                                         .ends = "20910101000000Z"});
    w.alien = made_of((struct made_wish){.name = "alien", .by = &w.stranger});
    w.rich = made_of((struct made_wish){
        .name = "rich", .by = &w.authority, .san = "DNS:one.example,DNS:two.example"});
}

static int set_up(void **state)
{
    static const char keys[TLSIO_TICKET_KEY_BYTES] = "by chance";

    (void)state;
    assert_int_equal(tlsio_start(), 0);
    w.self = made_of((struct made_wish){.name = "self"});
    w.authority = made_of((struct made_wish){.name = "authority", .is_authority = true});
    w.stranger = made_of((struct made_wish){.name = "stranger", .is_authority = true});
    w.middle =
        made_of((struct made_wish){.name = "middle", .is_authority = true, .by = &w.authority});
    make_clients();
    w.shared = tlsio_shared_new(TALK_PLAIN_BYTES);
    w.identity = talk_identity(&w.self, SPAN_NONE);
    w.tickets = tlsio_tickets_new();
    assert_non_null(w.tickets);
    assert_int_equal(tlsio_tickets_set(w.tickets, span_from(keys, sizeof(keys))), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct made *all[] = {&w.self,  &w.authority, &w.middle, &w.stranger, &w.leaf,  &w.alien,
                          &w.brief, &w.deep,      &w.odd,    &w.old,      &w.early, &w.rich};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        made_free(all[i]);
    tlsio_identity_put(w.identity);
    tlsio_tickets_free(w.tickets);
    tlsio_shared_free(w.shared);
    return 0;
}

/* m NULL: it shows none; over NULL: it shows no chain. */
static SSL_CTX *client_with(int version, const struct made *m, const struct made *over)
{
    SSL_CTX *c = talk_client(version);

    if (m != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(c, m->x), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(c, m->key), 1);
    }
    if (over != NULL)
        assert_int_equal(SSL_CTX_add1_chain_cert(c, over->x), 1);
    return c;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* word NULL: it may come. */
static void expect(struct tlsio_context *server, const struct made *m, const struct made *over,
                   const char *word, int alert)
{
    for (size_t i = 0; i < 2; i++) {
        SSL_CTX *client = client_with(versions[i], m, over);
        struct talk t;

        talk_begin(&t, w.shared, server, client);
        talk_run(&t);
        if (word != NULL) {
            talk_expect_fault(&t, word, 0);
            assert_int_equal(tlsio_fault(t.server).error, WERR_DENIED);
            /* With TLS 1.2 a missing one is a failed handshake: there was no alert of it. */
            if (alert == SSL_AD_CERTIFICATE_REQUIRED && versions[i] == TLS1_2_VERSION)
                assert_int_equal(t.reason, SSL_AD_REASON_OFFSET + SSL_AD_HANDSHAKE_FAILURE);
            else
                assert_int_equal(t.reason, SSL_AD_REASON_OFFSET + alert);
        } else {
            talk_expect_open(&t);
        }
        talk_end(&t);
        SSL_CTX_free(client);
        talk_forget();
    }
}

/* ---- who may come ---- */

static void expect_wrong_ones(struct tlsio_context *c)
{
    expect(c, &w.alien, NULL, "certificate_unknown_ca", SSL_AD_UNKNOWN_CA);
    expect(c, &w.deep, NULL, "certificate_unknown_ca", SSL_AD_UNKNOWN_CA);
    expect(c, &w.old, NULL, "certificate_expired", SSL_AD_CERTIFICATE_EXPIRED);
    expect(c, &w.early, NULL, "certificate_not_yet_valid", SSL_AD_BAD_CERTIFICATE);
}

static void test_required(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_REQUIRE, w.authority.pem);

    (void)state;
    expect(c, NULL, NULL, "certificate_required", SSL_AD_CERTIFICATE_REQUIRED);
    expect_wrong_ones(c);
    expect(c, &w.leaf, NULL, NULL, 0);
    expect(c, &w.deep, &w.middle, NULL, 0);
    tlsio_context_put(c);
}

/* It may be missing, but not wrong. */
static void test_optional(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_OPTIONAL, w.authority.pem);

    (void)state;
    expect(c, NULL, NULL, NULL, 0);
    expect_wrong_ones(c);
    expect(c, &w.leaf, NULL, NULL, 0);
    tlsio_context_put(c);
}

static void test_not_asked_for(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_NONE, "");

    (void)state;
    expect(c, &w.stranger, NULL, NULL, 0);
    expect(c, NULL, NULL, NULL, 0);
    tlsio_context_put(c);
}

/* One who is listed is believed, without who signed it. */
static void test_an_authority_that_is_no_root(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_REQUIRE, w.middle.pem);

    (void)state;
    expect(c, &w.deep, NULL, NULL, 0);
    expect(c, &w.leaf, NULL, "certificate_unknown_ca", SSL_AD_UNKNOWN_CA);
    tlsio_context_put(c);
}

/* How many; the last one is the stranger's. */
static int names_told(struct tlsio_context *c, int version)
{
    SSL_CTX *client = client_with(version, &w.leaf, NULL);
    struct talk t;

    talk_begin(&t, w.shared, c, client);
    talk_run(&t);
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(t.client);
    const int n = names != NULL ? sk_X509_NAME_num(names) : 0;

    if (n > 0)
        assert_int_equal(X509_NAME_cmp(sk_X509_NAME_value(names, n - 1),
                                       X509_get_subject_name(w.stranger.x)),
                         0);
    talk_end(&t);
    SSL_CTX_free(client);
    talk_forget();
    return n;
}

static void test_names_of_authorities_are_told(void **state)
{
    char *two = made_join("\xef\xbb\xbf", w.authority.pem, "and\r\n", w.stranger.pem, NULL);
    struct tlsio_context *c = server_of(TLSIO_CLIENT_OPTIONAL, two);

    (void)state;
    assert_int_equal(names_told(c, TLS1_2_VERSION), 2);
    assert_int_equal(names_told(c, TLS1_3_VERSION), 2);
    tlsio_context_put(c);
    free(two);
}

/* More names than a message may hold: none of them, and it works. */
static void test_very_many_authorities(void **state)
{
    enum { N = 36 };
    struct made more[N];
    char name[1000], *all = made_join(w.authority.pem, NULL), *old;

    (void)state;
    for (int i = 0; i < N; i++) {
        struct made m = made_of((struct made_wish){.name = "x"});

        free(m.pem);
        free(m.secret);
        memset(name, 'a' + i % 26, sizeof(name));
        for (int part = 0; part < 20; part++)
            (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(m.x), "OU", MBSTRING_ASC,
                                             (const unsigned char *)name, 60, -1, 0);
        assert_true(X509_sign(m.x, m.key, EVP_sha256()) > 0);
        made_print(&m);
        more[i] = m;
        all = made_join(old = all, m.pem, NULL);
        free(old);
    }
    struct tlsio_context *c = server_of(TLSIO_CLIENT_REQUIRE, all);

    expect(c, &w.leaf, NULL, NULL, 0);
    assert_int_equal(names_told(c, TLS1_3_VERSION), 0);
    tlsio_context_put(c);
    for (int i = 0; i < N; i++)
        made_free(&more[i]);
    free(all);
}

static void test_authorities_that_are_none(void **state)
{
    char *cut = made_join(w.authority.pem, w.stranger.pem, NULL);
    const char *wrong[] = {"", "nobody", w.self.secret, cut};
    struct tlsio_context *c;

    (void)state;
    cut[strlen(cut) - 10] = '\0';
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(make_server(TLSIO_CLIENT_OPTIONAL, wrong[i], &c), WERR_INVALID);
        assert_null(c);
    }
    free(cut);
}

/* ---- resumed ---- */

/* True: resumed. Keeps the session for the next one. */
static bool come(struct tlsio_context *server, int version, const struct made *m)
{
    SSL_CTX *client = client_with(version, m, NULL);
    char buf[512];
    struct tlsio_shown shown;
    struct talk t;

    talk_begin(&t, w.shared, server, client);
    if (talk_kept.session != NULL)
        assert_int_equal(SSL_set_session(t.client, talk_kept.session), 1);
    talk_run(&t);
    const bool is_open = tlsio_state(t.server) == TLSIO_OPEN;
    const bool is_resumed = is_open && tlsio_facts(t.server).is_resumed;

    if (is_open) {
        assert_true(tlsio_shown(t.server, buf, sizeof(buf), &shown));
        assert_true(span_is_equal(shown.subject, SPAN("CN=brief")));
        talk_respond(&t);
    } else {
        assert_string_equal(tlsio_fault(t.server).word, "certificate_expired");
    }
    talk_end(&t);
    SSL_CTX_free(client);
    return is_resumed;
}

/* What it has shown comes with the session, whoever it is resumed by; not beyond its end. */
static void test_resumed(void **state)
{
    struct tlsio_context *one = server_of(TLSIO_CLIENT_REQUIRE, w.authority.pem);
    struct tlsio_context *two = server_of(TLSIO_CLIENT_REQUIRE, w.authority.pem);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        talk_forget();
        assert_false(come(one, versions[i], &w.brief));
        assert_true(come(two, versions[i], &w.brief));
        w.later_s = BRIEF_S / 2;
        assert_true(come(one, versions[i], &w.brief));
        w.later_s = 2 * BRIEF_S;
        assert_false(come(two, versions[i], &w.brief));
        w.later_s = 0;
    }
    talk_forget();
    tlsio_context_put(one);
    tlsio_context_put(two);
}

/* ---- what is shown ---- */

struct case_of_shown {
    const struct made *m;
    size_t size;
    const char *subject, *names;
};

static void expect_text(struct span text, const char *expected)
{
    if (!span_is_equal(text, span_from_str(expected)))
        fail_msg("\"%.*s\", not \"%s\"", (int)text.len, text.len > 0 ? text.ptr : "", expected);
}

static void expect_shown(struct tlsio_context *server, const struct case_of_shown *c)
{
    SSL_CTX *client = client_with(TLS1_3_VERSION, c->m, NULL);
    char *buf = malloc(c->size);
    struct tlsio_shown shown;
    struct talk t;

    talk_begin(&t, w.shared, server, client);
    talk_run(&t);
    talk_expect_open(&t);
    assert_int_equal(tlsio_shown(t.server, buf, c->size, &shown), c->m != NULL);
    expect_text(shown.subject, c->subject);
    expect_text(shown.names, c->names);
    assert_int_equal(shown.fingerprint.len, c->m != NULL && c->size >= 64 ? 64 : 0);
    free(buf);
    talk_end(&t);
    SSL_CTX_free(client);
    talk_forget();
}

static void test_shown(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_OPTIONAL, w.authority.pem);
    const struct case_of_shown cases[] = {
        {NULL, 512, "", ""},
        {&w.leaf, 512, "CN=leaf", "DNS:a.example, IP:10.0.0.1, email:me@b"},
        /* One name, and one line. */
        {&w.odd, 512, "CN=o\\,dd\\0D\\0AX: y", "DNS:ok, URI:http://x\\2CDNS:admin\\0A\\5C"},
        /* To the byte; a byte less, and the last name is missing. */
        {&w.rich, 64 + 7 + 15 + 2 + 15, "CN=rich", "DNS:one.example, DNS:two.example"},
        {&w.rich, 64 + 7 + 15 + 2 + 14, "CN=rich", "DNS:one.example"},
        {&w.rich, 64 + 7 + 14, "CN=rich", ""},
        {&w.rich, 64 + 6, "", ""},
        {&w.rich, 63, "CN=rich", "DNS:one.example, DNS:two.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_shown(c, &cases[i]);
    tlsio_context_put(c);
}

static void test_fingerprint(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_OPTIONAL, w.authority.pem);
    SSL_CTX *client = client_with(TLS1_3_VERSION, &w.leaf, NULL);
    unsigned char digest[32];
    char buf[256], hex[65];
    struct tlsio_shown shown;
    struct talk t;

    (void)state;
    talk_begin(&t, w.shared, c, client);
    talk_run(&t);
    assert_true(tlsio_shown(t.server, buf, sizeof(buf), &shown));
    (void)X509_digest(w.leaf.x, EVP_sha256(), digest, NULL);
    for (int i = 0; i < 32; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_true(span_is_equal(shown.fingerprint, span_from_str(hex)));
    talk_end(&t);
    SSL_CTX_free(client);
    talk_forget();
    tlsio_context_put(c);
}

/* What the library complains of while it prints a certificate ends no connection. */
static void test_shown_with_complaints(void **state)
{
    struct tlsio_context *c = server_of(TLSIO_CLIENT_OPTIONAL, w.authority.pem);
    SSL_CTX *client = client_with(TLS1_3_VERSION, &w.leaf, NULL);
    struct tlsio_shown shown;
    struct span plain;
    char buf[256];
    struct talk t;

    (void)state;
    talk_begin(&t, w.shared, c, client);
    talk_run(&t);
    ERR_raise(ERR_LIB_ASN1, ERR_R_NESTED_ASN1_ERROR);
    assert_true(tlsio_shown(t.server, buf, sizeof(buf), &shown));
    assert_int_equal(tlsio_read(t.server, &plain), 0);
    talk_expect_open(&t);
    talk_end(&t);
    SSL_CTX_free(client);
    talk_forget();
    tlsio_context_put(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_optional),
        cmocka_unit_test(test_not_asked_for),
        cmocka_unit_test(test_an_authority_that_is_no_root),
        cmocka_unit_test(test_names_of_authorities_are_told),
        cmocka_unit_test(test_very_many_authorities),
        cmocka_unit_test(test_authorities_that_are_none),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_shown_with_complaints),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
