/* What a server speaks, which certificate it shows, and what else it tells: with a client that
 * is not ours. */
#include "../base/cm.h"

#include <time.h>

#include "base/fault.h"
#include "tls_talk.h"

static struct {
    struct made ecdsa, rsa, large, edwards;
    struct tlsio_shared *shared;
    struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX];
    int chosen_n; /* or what choose fails with */
    char asked[300];
    struct tlsio_context *server, *modern;
} w;

static int choose(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    (void)arg;
    assert_int_equal(span_to_str(name, w.asked, sizeof(w.asked)), 0);
    for (int i = 0; i < w.chosen_n; i++)
        chosen[i] = w.chosen[i];
    return w.chosen_n;
}

static struct tlsio_context *make_server(enum tlsio_profile profile)
{
    const struct tlsio_server_settings settings = {.profile = profile, .choose = choose};
    struct tlsio_context *c;

    assert_int_equal(tlsio_context_new_server(&settings, &c), 0);
    return c;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    w.ecdsa = made_of((struct made_wish){.name = "ecdsa"});
    w.rsa = made_of((struct made_wish){.name = "rsa", .key = "rsa2048"});
    w.large = made_of((struct made_wish){.name = "large", .key = "P-521"});
    w.edwards = made_of((struct made_wish){.name = "edwards", .key = "ed25519"});
    w.shared = tlsio_shared_new(TALK_PLAIN_BYTES);
    w.chosen[0] = talk_identity(&w.ecdsa, SPAN("a staple"));
    w.chosen[1] = talk_identity(&w.rsa, SPAN_NONE);
    w.chosen_n = 2;
    w.server = make_server(TLSIO_INTERMEDIATE);
    w.modern = make_server(TLSIO_MODERN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tlsio_context_put(w.server);
    tlsio_context_put(w.modern);
    tlsio_identity_put(w.chosen[0]);
    tlsio_identity_put(w.chosen[1]);
    tlsio_shared_free(w.shared);
    made_free(&w.ecdsa);
    made_free(&w.rsa);
    made_free(&w.large);
    made_free(&w.edwards);
    return 0;
}

/* Puts the client away, and the connection. */
static void end(struct talk *t, SSL_CTX *client)
{
    talk_end(t);
    SSL_CTX_free(client);
    talk_forget();
}

static void run(struct talk *t, struct tlsio_context *server, SSL_CTX *client)
{
    talk_begin(t, w.shared, server, client);
    talk_run(t);
}

/* ---- versions and ciphers ---- */

static void expect_version(struct tlsio_context *server, int version, const char *word)
{
    SSL_CTX *client = talk_client(version);
    struct talk t;

    run(&t, server, client);
    if (word != NULL)
        talk_expect_fault(&t, word, SSL_AD_PROTOCOL_VERSION);
    else
        talk_expect_open(&t);
    end(&t, client);
}

static void test_versions(void **state)
{
    (void)state;
    expect_version(w.server, TLS1_3_VERSION, NULL);
    expect_version(w.server, TLS1_2_VERSION, NULL);
    expect_version(w.server, TLS1_1_VERSION, "unsupported_version");
    expect_version(w.server, TLS1_VERSION, "unsupported_version");
    expect_version(w.modern, TLS1_3_VERSION, NULL);
    expect_version(w.modern, TLS1_2_VERSION, "unsupported_version");
}

/* chosen NULL: none of them is. */
static void expect_cipher(const char *offered, const char *chosen)
{
    SSL_CTX *client = talk_client(TLS1_2_VERSION);
    struct talk t;

    assert_int_equal(SSL_CTX_set_cipher_list(client, offered), 1);
    run(&t, w.server, client);
    if (chosen == NULL) {
        talk_expect_fault(&t, "no_shared_cipher", SSL_AD_HANDSHAKE_FAILURE);
    } else {
        talk_expect_open(&t);
        assert_string_equal(tlsio_facts(t.server).cipher, chosen);
    }
    end(&t, client);
}

static void test_ciphers(void **state)
{
    (void)state;
    expect_cipher("DEFAULT", "ECDHE-ECDSA-AES128-GCM-SHA256");
    expect_cipher("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384",
                  "ECDHE-ECDSA-AES256-GCM-SHA384");
    expect_cipher("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305",
                  "ECDHE-ECDSA-AES128-GCM-SHA256");
    expect_cipher("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
                  "ECDHE-ECDSA-CHACHA20-POLY1305");
    expect_cipher("AES128-GCM-SHA256:AES128-SHA", NULL);
    expect_cipher("ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA", NULL);
    expect_cipher("DHE-RSA-AES128-GCM-SHA256", NULL);
}

static void test_ciphers_of_1_3(void **state)
{
    SSL_CTX *client = talk_client(TLS1_3_VERSION);
    struct talk t;

    (void)state;
    run(&t, w.server, client); /* OpenSSL's own order has AES-256 first */
    assert_string_equal(tlsio_facts(t.server).cipher, "TLS_AES_128_GCM_SHA256");
    end(&t, client);
}

/* ---- two certificates for a name ---- */

/* signatures: what the client accepts; NULL: all. */
static void expect_shown(int version, const char *signatures, const struct made *shown)
{
    SSL_CTX *client = talk_client(version);
    struct talk t;

    if (signatures != NULL)
        assert_int_equal(SSL_CTX_set1_sigalgs_list(client, signatures), 1);
    run(&t, w.server, client);
    talk_expect_open(&t);
    X509 *x = SSL_get1_peer_certificate(t.client);

    if (X509_cmp(x, shown->x) != 0)
        fail_msg("%s: the other certificate", signatures != NULL ? signatures : "all");
    X509_free(x);
    end(&t, client);
}

static void test_each_gets_the_one_it_knows(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_shown(versions[i], "RSA-PSS+SHA256:RSA+SHA256", &w.rsa);
        expect_shown(versions[i], "ECDSA+SHA256", &w.ecdsa);
        expect_shown(versions[i], "RSA-PSS+SHA256:ECDSA+SHA256", &w.ecdsa);
        expect_shown(versions[i], NULL, &w.ecdsa);
    }
}

static void test_what_both_cost(void **state)
{
    struct tlsio_context *c = make_server(TLSIO_INTERMEDIATE);
    SSL_CTX *client = talk_client(TLS1_3_VERSION);
    struct talk t;

    (void)state;
    assert_int_equal(tlsio_context_cost_us(c), tlsio_identity_cost_us(w.chosen[0]));
    run(&t, c, client);
    assert_int_equal(tlsio_context_cost_us(c), tlsio_identity_cost_us(w.chosen[1]));
    end(&t, client);
    tlsio_context_put(c);
}

/* A signature with a larger key is far dearer; with RSA by the third power. */
static void test_what_a_key_costs(void **state)
{
    static const struct {
        const char *kind;
        uint32_t least_us, most_us;
    } cases[] = {
        {"P-256", 150, 300},   {"ed25519", 150, 300},   {"P-384", 700, 1200},
        {"rsa2048", 300, 500}, {"rsa3072", 1500, 2500},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct made m = made_of((struct made_wish){.name = "m", .key = cases[i].kind});
        struct tlsio_identity *identity = talk_identity(&m, SPAN_NONE);

        assert_in_range(tlsio_identity_cost_us(identity), cases[i].least_us, cases[i].most_us);
        tlsio_identity_put(identity);
        made_free(&m);
    }
}

/* A client that knows none but P-384 makes its server's handshakes dearer than others do. */
static void test_what_a_group_costs(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tlsio_context *c = make_server(TLSIO_INTERMEDIATE);
        const char *const groups[] = {"X25519:P-384", "P-384"};

        for (size_t g = 0; g < COUNT(groups); g++) {
            SSL_CTX *client = talk_client(versions[i]);
            struct talk t;

            assert_int_equal(SSL_CTX_set1_groups_list(client, groups[g]), 1);
            run(&t, c, client);
            talk_expect_open(&t);
            if (g == 0)
                assert_int_equal(tlsio_context_cost_us(c), tlsio_identity_cost_us(w.chosen[1]));
            else
                assert_true(tlsio_context_cost_us(c) > 2 * tlsio_identity_cost_us(w.chosen[1]));
            end(&t, client);
        }
        tlsio_context_put(c);
    }
}

/* Who has said hello in two pieces, or is asked to say it again, has cost nothing yet: the dear
 * step is still to come. */
static void test_what_the_next_step_costs(void **state)
{
    struct tlsio_context *c = make_server(TLSIO_INTERMEDIATE);
    const uint32_t whole_us = tlsio_identity_cost_us(w.chosen[1]);
    SSL_CTX *client = talk_client(TLS1_3_VERSION);
    struct talk t;

    (void)state;
    run(&t, c, client);
    end(&t, client);
    for (int again = 0; again < 2; again++) {
        char *bytes;

        client = talk_client(TLS1_3_VERSION);
        assert_int_equal(SSL_CTX_set1_groups_list(client, again ? "P-521:X25519" : "X25519"),
                         1);
        talk_begin(&t, w.shared, c, client);
        assert_int_equal(tlsio_step_cost_us(t.server), whole_us);
        talk_client_step(&t);
        const size_t n = (size_t)BIO_get_mem_data(SSL_get_wbio(t.client), &bytes);

        talk_server_step(&t, span_from(bytes, again ? n : 6));
        if (again) {
            assert_true(tlsio_output(t.server).len > 0);
            (void)BIO_write(SSL_get_rbio(t.client), tlsio_output(t.server).ptr,
                            (int)tlsio_output(t.server).len);
            tlsio_output_taken(t.server);
            (void)BIO_reset(SSL_get_wbio(t.client));
        }
        assert_int_equal(tlsio_step_cost_us(t.server), whole_us);
        if (again) {
            talk_client_step(&t);
            talk_server_step(
                &t, span_from(bytes, (size_t)BIO_get_mem_data(SSL_get_wbio(t.client), &bytes)));
        } else {
            talk_server_step(&t, span_from(bytes + 6, n - 6));
        }
        tlsio_output_taken(t.server);
        assert_in_range(tlsio_step_cost_us(t.server), 1, whole_us / 2);
        end(&t, client);
    }
    tlsio_context_put(c);
}

static void expect_alone(const struct made *m, int version)
{
    struct tlsio_identity *usual = w.chosen[0];
    SSL_CTX *client = talk_client(version);
    struct talk t;

    w.chosen[0] = talk_identity(m, SPAN_NONE);
    w.chosen_n = 1;
    run(&t, w.server, client);
    talk_expect_open(&t);
    end(&t, client);
    tlsio_identity_put(w.chosen[0]);
    w.chosen[0] = usual;
    w.chosen_n = 2;
}

/* Each kind that tlsio_certificate_read takes. */
static void test_other_kinds_of_keys(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_alone(&w.large, versions[i]);
        expect_alone(&w.edwards, versions[i]);
        expect_alone(&w.rsa, versions[i]);
    }
}

/* ---- names ---- */

static void expect_asked(const char *sent, const char *asked)
{
    SSL_CTX *client = talk_client(TLS1_3_VERSION);
    struct talk t;

    talk_begin(&t, w.shared, w.server, client);
    if (sent != NULL)
        assert_int_equal(SSL_set_tlsext_host_name(t.client, sent), 1);
    talk_run(&t);
    talk_expect_open(&t);
    assert_string_equal(w.asked, asked);
    end(&t, client);
}

static void test_names(void **state)
{
    (void)state;
    expect_asked("a.example", "a.example");
    expect_asked("A.EXAMPLE.", "a.example");
    expect_asked(NULL, "");
}

static void test_no_certificate(void **state)
{
    static const struct {
        int chosen_n;
        int alert;
        const char *word;
    } cases[] = {{0, SSL_AD_UNRECOGNIZED_NAME, "unrecognized_name"},
                 {WERR_NOMEM, SSL_AD_INTERNAL_ERROR, "no_memory"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        SSL_CTX *client = talk_client(TLS1_3_VERSION);
        struct talk t;

        w.chosen_n = cases[i].chosen_n;
        run(&t, w.server, client);
        talk_expect_fault(&t, cases[i].word, cases[i].alert);
        end(&t, client);
        w.chosen_n = 2;
    }
}

/* ---- protocols ---- */

/* The facts say the same. */
static void expect_fact(const struct talk *t, const char *chosen)
{
    const char *protocol = tlsio_facts(t->server).protocol;

    if (chosen[0] == '\0')
        assert_null(protocol);
    else
        assert_string_equal(protocol, chosen);
}

/* chosen NULL: refused; "": none is named. */
static void expect_protocol(struct tlsio_context *server, struct span offered,
                            const char *chosen)
{
    SSL_CTX *client = talk_client(TLS1_3_VERSION);
    const unsigned char *got;
    unsigned n;
    struct talk t;

    if (offered.len > 0)
        assert_int_equal(SSL_CTX_set_alpn_protos(client, (const unsigned char *)offered.ptr,
                                                 (unsigned)offered.len),
                         0);
    run(&t, server, client);
    if (chosen == NULL) {
        talk_expect_fault(&t, "no_application_protocol", SSL_AD_NO_APPLICATION_PROTOCOL);
    } else {
        talk_expect_open(&t);
        SSL_get0_alpn_selected(t.client, &got, &n);
        assert_int_equal(n, strlen(chosen));
        assert_memory_equal(n > 0 ? (const char *)got : "", chosen, n);
        expect_fact(&t, chosen);
    }
    end(&t, client);
}

static void test_protocols(void **state)
{
    (void)state;
    expect_protocol(w.server, SPAN_NONE, "");
    expect_protocol(w.server, SPAN("\x08http/1.1"), "http/1.1");
    expect_protocol(w.server, SPAN("\x02h2\x08http/1.1"), "http/1.1");
    expect_protocol(w.server, SPAN("\x08http/1.1\x02h2"), "http/1.1");
    expect_protocol(w.server, SPAN("\x02h2"), NULL);
    expect_protocol(w.server, SPAN("\x08http/1.0\x07http/1."), NULL);
}

/* A server's own list and its order count. */
static void test_other_protocols(void **state)
{
    const struct tlsio_server_settings settings = {
        .profile = TLSIO_MODERN, .choose = choose, .protocols = {"one/1", "two/1", "three/1"}};
    struct tlsio_context *c;

    (void)state;
    assert_int_equal(tlsio_context_new_server(&settings, &c), 0);
    expect_protocol(c, SPAN_NONE, "");
    expect_protocol(c, SPAN("\x05two/1"), "two/1");
    expect_protocol(c, SPAN("\x07three/1"), "three/1");
    expect_protocol(c, SPAN("\x07three/1\x05one/1"), "one/1");
    expect_protocol(c, SPAN("\x08http/1.1"), NULL);
    expect_protocol(c, SPAN("\x05one/2\x04one/"), NULL);
    tlsio_context_put(c);
}

/* ---- staples ---- */

static void expect_staple(int version, const char *signatures, bool is_asked,
                          const char *staple)
{
    SSL_CTX *client = talk_client(version);
    const unsigned char *got = NULL;
    struct talk t;

    assert_int_equal(SSL_CTX_set1_sigalgs_list(client, signatures), 1);
    if (is_asked)
        assert_int_equal(SSL_CTX_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp), 1);
    run(&t, w.server, client);
    talk_expect_open(&t);
    const long n = SSL_get_tlsext_status_ocsp_resp(t.client, &got);

    assert_int_equal(n, staple != NULL ? (long)strlen(staple) : -1);
    if (staple != NULL)
        assert_memory_equal(got, staple, strlen(staple));
    end(&t, client);
}

static void test_staples(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_staple(versions[i], "ECDSA+SHA256", true, "a staple");
        expect_staple(versions[i], "ECDSA+SHA256", false, NULL);
        /* That one has none. */
        expect_staple(versions[i], "RSA-PSS+SHA256:RSA+SHA256", true, NULL);
        tlsio_identity_end_staple(w.chosen[0], time(NULL) + 3600);
        expect_staple(versions[i], "ECDSA+SHA256", true, "a staple");
        tlsio_identity_end_staple(w.chosen[0], time(NULL));
        expect_staple(versions[i], "ECDSA+SHA256", true, NULL);
        tlsio_identity_end_staple(w.chosen[0], INT64_MAX);
    }
}

/* ---- what a server does not do ---- */

static void test_no_renegotiation(void **state)
{
    SSL_CTX *client = talk_client(TLS1_2_VERSION);
    struct talk t;

    (void)state;
    run(&t, w.server, client);
    talk_expect_open(&t);
    assert_int_equal(SSL_renegotiate(t.client), 1);
    talk_run(&t);
    assert_int_equal(t.reason, SSL_R_NO_RENEGOTIATION); /* upon which this client gives up */
    talk_expect_fault(&t, "peer_handshake_failure", 0);
    end(&t, client);
}

static void test_no_compression(void **state)
{
    SSL_CTX *client = talk_client(TLS1_2_VERSION);
    struct talk t;

    (void)state;
    SSL_CTX_clear_options(client, SSL_OP_NO_COMPRESSION);
    run(&t, w.server, client);
    talk_expect_open(&t);
    assert_null(SSL_get_current_compression(t.client));
    end(&t, client);
}

/* ---- without memory ---- */

static bool try_all(void)
{
    const struct tlsio_server_settings settings = {.choose = choose};
    struct tlsio_identity *i = NULL;
    struct tlsio_context *c = NULL;
    const int rc_i = tlsio_identity_new(span_from_str(w.ecdsa.pem),
                                        span_from_str(w.ecdsa.secret), SPAN("x"), &i);
    const int rc_c = tlsio_context_new_server(&settings, &c);

    assert_true(rc_i == 0 ? i != NULL : rc_i == WERR_NOMEM && i == NULL);
    assert_true(rc_c == 0 ? c != NULL : rc_c == WERR_NOMEM && c == NULL);
    tlsio_identity_put(i);
    tlsio_context_put(c);
    return rc_i == 0 && rc_c == 0;
}

static void test_no_memory(void **state)
{
    unsigned n = 0;
    bool is_done = false;

    (void)state;
    while (!is_done) {
        fault_set(++n);
        const bool is_well = try_all();

        is_done = fault_is_armed();
        fault_set(0);
        assert_true(is_well == is_done);
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_ciphers),
        cmocka_unit_test(test_ciphers_of_1_3),
        cmocka_unit_test(test_each_gets_the_one_it_knows),
        cmocka_unit_test(test_what_both_cost),
        cmocka_unit_test(test_what_a_key_costs),
        cmocka_unit_test(test_what_a_group_costs),
        cmocka_unit_test(test_what_the_next_step_costs),
        cmocka_unit_test(test_other_kinds_of_keys),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_certificate),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_other_protocols),
        cmocka_unit_test(test_staples),
        cmocka_unit_test(test_no_renegotiation),
        cmocka_unit_test(test_no_compression),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
