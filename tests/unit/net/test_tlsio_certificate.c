/* What people bring as a certificate: every order and form that is right. What is said of those
 * that are not: test_tlsio_certificate_refused.c. */
#include "../base/cm.h"

#include <stdlib.h>

#include "base/fault.h"
#include "net/tlsio_certificate.h"
#include "net/tlsio_context.h"
#include "tls_made.h"

static struct {
    struct made root, middle, leaf, stranger;
} w;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tlsio_start(), 0);
    w.root = made_of((struct made_wish){.name = "root", .is_authority = true});
    w.middle =
        made_of((struct made_wish){.name = "middle", .is_authority = true, .by = &w.root});
    w.leaf = made_of((struct made_wish){.name = "Leaf",
                                        .san = "DNS:A.example,DNS:*.b.example,IP:10.0.0.1",
                                        .by = &w.middle,
                                        .begins = "20240102030405Z",
                                        .ends = "20991231235959Z"});
    w.stranger = made_of((struct made_wish){.name = "stranger", .is_authority = true});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_free(&w.root);
    made_free(&w.middle);
    made_free(&w.leaf);
    made_free(&w.stranger);
    return 0;
}

/* ---- right ones ---- */

static struct tlsio_certificate read_well(const char *chain, const char *key)
{
    struct tlsio_certificate c;
    struct tlsio_refusal why;
    const int rc = tlsio_certificate_read(span_from_str(chain), span_from_str(key), &c, &why);

    if (rc != 0)
        fail_msg("%s: %s", why.field, why.text);
    return c;
}

/* Takes chain, a heap text. */
static void expect_chain(char *chain, const char *key, const char *sorted)
{
    struct tlsio_certificate c = read_well(chain, key);

    assert_string_equal(c.chain, sorted);
    tlsio_certificate_fini(&c);
    free(chain);
}

static void test_what_it_says(void **state)
{
    struct tlsio_certificate c = read_well(w.leaf.pem, w.leaf.secret);
    char serial[32];
    unsigned char digest[32];

    (void)state;
    assert_string_equal(c.chain, w.leaf.pem);
    assert_string_equal(c.key, w.leaf.secret);
    assert_int_equal(c.name_n, 3);
    assert_string_equal(c.names[0], "a.example");
    assert_string_equal(c.names[1], "*.b.example");
    assert_string_equal(c.names[2], "10.0.0.1");
    assert_string_equal(c.subject, "CN=Leaf");
    assert_string_equal(c.issuer, "CN=middle");
    snprintf(serial, sizeof(serial), "%lx", ASN1_INTEGER_get(X509_get0_serialNumber(w.leaf.x)));
    assert_string_equal(c.serial, serial);
    assert_int_equal(c.not_before_s, 1704164645);
    assert_int_equal(c.not_after_s, 4102444799);
    assert_string_equal(c.key_type, "ecdsa");
    assert_int_equal(c.key_bits, 256);
    assert_int_equal(X509_digest(w.leaf.x, EVP_sha256(), digest, NULL), 1);
    for (size_t i = 0; i < sizeof(digest); i++) {
        char byte[3];

        snprintf(byte, sizeof(byte), "%02x", digest[i]);
        assert_memory_equal(c.fingerprint + 2 * i, byte, 2);
    }
    assert_int_equal(strlen(c.fingerprint), TLSIO_FINGERPRINT_LEN);
    tlsio_certificate_fini(&c);
}

static void test_order_of_the_chain(void **state)
{
    char *sorted = made_join(w.leaf.pem, w.middle.pem, NULL);

    (void)state;
    expect_chain(made_join(w.leaf.pem, w.middle.pem, NULL), w.leaf.secret, sorted);
    expect_chain(made_join(w.middle.pem, w.leaf.pem, NULL), w.leaf.secret, sorted);
    expect_chain(made_join(w.root.pem, w.middle.pem, w.leaf.pem, NULL), w.leaf.secret, sorted);
    expect_chain(made_join(w.leaf.pem, w.leaf.pem, w.middle.pem, w.middle.pem, NULL),
                 w.leaf.secret, sorted);
    expect_chain(made_join(w.leaf.pem, NULL), w.leaf.secret, w.leaf.pem);
    free(sorted);
}

/* Its own root: it is the chain. */
static void test_signed_by_itself(void **state)
{
    struct made m = made_of((struct made_wish){.san = "DNS:own.example", .is_authority = true});
    struct tlsio_certificate c = read_well(m.pem, m.secret);

    (void)state;
    assert_string_equal(c.chain, m.pem);
    assert_string_equal(c.names[0], "own.example");
    tlsio_certificate_fini(&c);
    made_free(&m);
}

/* Another certificate of the same authority, for those who know another root: one is enough. */
static void test_cross_signed(void **state)
{
    struct made cross = made_of((struct made_wish){
        .name = "middle", .is_authority = true, .by = &w.stranger, .key_of = &w.middle});

    (void)state;
    char *first = made_join(w.leaf.pem, w.middle.pem, NULL);
    char *second = made_join(w.leaf.pem, cross.pem, NULL);

    expect_chain(made_join(w.leaf.pem, w.middle.pem, cross.pem, NULL), w.leaf.secret, first);
    expect_chain(made_join(cross.pem, w.leaf.pem, w.middle.pem, NULL), w.leaf.secret, second);
    free(first);
    free(second);
    made_free(&cross);
}

static char *with_crlf(const char *text)
{
    char *out = malloc(2 * strlen(text) + 1), *at = out;

    for (; *text != '\0'; text++) {
        if (*text == '\n')
            *at++ = '\r';
        *at++ = *text;
    }
    *at = '\0';
    return out;
}

static char *indented(const char *text)
{
    char *out = malloc(4 * strlen(text) + 4), *at = out;
    bool is_begin = true;

    for (; *text != '\0'; text++) {
        if (is_begin)
            at = stpcpy(at, "  \t");
        is_begin = *text == '\n';
        *at++ = *text;
    }
    *at = '\0';
    return out;
}

static void expect_form(char *chain, char *key)
{
    struct tlsio_certificate c = read_well(chain, key);
    char *sorted = made_join(w.leaf.pem, w.middle.pem, NULL);

    assert_string_equal(c.chain, sorted);
    assert_string_equal(c.key, w.leaf.secret);
    tlsio_certificate_fini(&c);
    free(sorted);
    free(chain);
    free(key);
}

#define MARK "\xef\xbb\xbf"

static void test_forms_of_text(void **state)
{
    char *chain = made_join(w.leaf.pem, w.middle.pem, NULL);
    char *crlf = with_crlf(chain), *key_crlf = with_crlf(w.leaf.secret);

    (void)state;
    expect_form(made_join(crlf, NULL), made_join(key_crlf, NULL));
    expect_form(made_join(MARK, crlf, NULL), made_join(MARK, key_crlf, NULL));
    expect_form(made_join(MARK, w.leaf.pem, MARK, w.middle.pem, NULL),
                made_join(w.leaf.secret, "\n\n", NULL));
    expect_form(made_join("Bag Attributes\n  friendlyName: x\n", w.leaf.pem,
                          "what is this -----BEGIN CERTIFICATE-----?\n-----END-----\n",
                          w.middle.pem, "# the end", NULL),
                made_join("subject=CN = Leaf\n", w.leaf.secret, NULL));
    expect_form(indented(chain), indented(w.leaf.secret));
    /* One file with both, in each order. */
    expect_form(made_join(w.leaf.secret, chain, NULL), made_join(w.leaf.secret, chain, NULL));
    expect_form(made_join(chain, w.leaf.secret, NULL), made_join(chain, w.leaf.secret, NULL));
    free(crlf);
    free(key_crlf);
    free(chain);
}

/* The form that openssl wrote before version 3, with parameters before the key. */
static void test_traditional_key(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());

    (void)state;
    (void)BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                        "-----END EC PARAMETERS-----\n");
    (void)PEM_write_bio_PrivateKey_traditional(bio, w.leaf.key, NULL, NULL, 0, NULL, NULL);
    char *key = made_text(bio);
    struct tlsio_certificate c = read_well(w.leaf.pem, key);

    assert_non_null(strstr(key, "BEGIN EC PRIVATE KEY"));
    assert_string_equal(c.key, w.leaf.secret);
    tlsio_certificate_fini(&c);
    free(key);
}

/* ---- sizes and kinds ---- */

static void expect_kind(const char *key, const char *type, uint32_t bits)
{
    struct made m = made_of((struct made_wish){.key = key, .name = "a.example"});
    struct tlsio_certificate c = read_well(m.pem, m.secret);

    assert_string_equal(c.key_type, type);
    assert_int_equal(c.key_bits, bits);
    tlsio_certificate_fini(&c);
    made_free(&m);
}

static void test_kinds_of_keys(void **state)
{
    (void)state;
    expect_kind("P-256", "ecdsa", 256);
    expect_kind("P-384", "ecdsa", 384);
    expect_kind("P-521", "ecdsa", 521);
    expect_kind("rsa2048", "rsa", 2048);
    expect_kind("rsa4096", "rsa", 4096);
    expect_kind("ed25519", "ed25519", 256);
}

static void test_64_names(void **state)
{
    char san[64 * 32] = "", *at = san;

    (void)state;
    for (int i = 0; i < 64; i++)
        at += sprintf(at, "%sDNS:host%d.example", i > 0 ? "," : "", i);
    struct made m = made_of((struct made_wish){.name = "many", .san = san});
    struct tlsio_certificate c = read_well(m.pem, m.secret);

    assert_int_equal(c.name_n, 64);
    assert_string_equal(c.names[0], "host0.example");
    assert_string_equal(c.names[63], "host63.example");
    tlsio_certificate_fini(&c);
    made_free(&m);
}

/* The own one and nine above it, backwards; the last of them is the root. */
static void test_chain_of_ten(void **state)
{
    enum { N = 10 };
    struct made all[N];
    char name[16], *backwards = made_join("", NULL), *sorted = made_join("", NULL), *old;

    (void)state;
    for (int i = N - 1; i >= 0; i--) {
        snprintf(name, sizeof(name), "level%d", i);
        all[i] = made_of((struct made_wish){
            .name = name, .by = i < N - 1 ? &all[i + 1] : NULL, .is_authority = i > 0});
        backwards = made_join(old = backwards, all[i].pem, NULL);
        free(old);
    }
    for (int i = 0; i < N - 1; i++) {
        sorted = made_join(old = sorted, all[i].pem, NULL);
        free(old);
    }
    expect_chain(backwards, all[0].secret, sorted);
    free(sorted);
    for (int i = 0; i < N; i++)
        made_free(&all[i]);
}

/* ---- names ---- */

/* names: each followed by a blank. */
static void expect_names(const struct made_wish *wish, const char *names)
{
    struct made m = made_of(*wish);
    struct tlsio_certificate c = read_well(m.pem, m.secret);
    char all[512] = "";

    for (uint32_t i = 0; i < c.name_n; i++)
        strcat(strcat(all, c.names[i]), " ");
    assert_string_equal(all, names);
    tlsio_certificate_fini(&c);
    made_free(&m);
}

static void test_names(void **state)
{
    (void)state;
    /* The common name is none, even where there is no other. */
    expect_names(&(struct made_wish){.name = "common.example"}, "");
    expect_names(&(struct made_wish){.name = "c", .san = "email:me@b"}, "");
    expect_names(&(struct made_wish){.name = "common", .san = "DNS:other"}, "other ");
    expect_names(&(struct made_wish){.name = "c", .san = "DNS:x,DNS:X,DNS:x."}, "x ");
    expect_names(&(struct made_wish){.name = "c", .san = "IP:2001:DB8::1,IP:127.0.0.1"},
                 "2001:db8::1 127.0.0.1 ");
    expect_names(&(struct made_wish){.name = "c", .san = "DNS:xn--bcher-kva.example,DNS:_a.b"},
                 "xn--bcher-kva.example _a.b ");
    /* What nobody can ask for is none. */
    expect_names(&(struct made_wish){.name = "c",
                                     .san = "DNS:ok,DNS:a b,DNS:*,DNS:a.*.b,DNS:a..b,DNS:.a,"
                                            "URI:http://x,email:me@b"},
                 "ok ");
    expect_names(&(struct made_wish){.name = "Some Body", .usage = "serverAuth,clientAuth"},
                 "");
    expect_names(
        &(struct made_wish){.name = "c", .san = "URI:spiffe://a/b", .usage = "clientAuth"}, "");
}

/* "good.example\0.evil.example" is not good.example. */
static void test_a_zero_in_a_name(void **state)
{
    struct made m = made_of((struct made_wish){.name = "c", .san = "DNS:ok"});

    (void)state;
    made_add_name(&m, &m, GEN_DNS, SPAN("good.example\0.evil.example"));
    struct tlsio_certificate c = read_well(m.pem, m.secret);

    assert_int_equal(c.name_n, 1);
    assert_string_equal(c.names[0], "ok");
    tlsio_certificate_fini(&c);
    made_free(&m);
}

/* What stands in a subject can't end a line, nor be taken for more of it. */
static void test_subjects_are_escaped(void **state)
{
    struct made m = made_of(
        (struct made_wish){.name = "a,O=b\r\nc \xc3\xa9", .san = "DNS:x", .by = &w.root});
    struct tlsio_certificate c = read_well(m.pem, m.secret);

    (void)state;
    assert_string_equal(c.subject, "CN=a\\,O=b\\0D\\0Ac \\C3\\A9");
    tlsio_certificate_fini(&c);
    made_free(&m);
}

/* Told, and not judged. */
static void test_dates(void **state)
{
    struct made old = made_of((struct made_wish){
        .name = "old", .begins = "19990101000000Z", .ends = "20000101000000Z"});
    struct made early = made_of((struct made_wish){
        .name = "early", .begins = "20900101000000Z", .ends = "99991231235959Z"});
    struct tlsio_certificate c = read_well(old.pem, old.secret);

    (void)state;
    assert_int_equal(c.not_after_s, 946684800);
    tlsio_certificate_fini(&c);
    c = read_well(early.pem, early.secret);
    assert_int_equal(c.not_before_s, 3786912000);
    assert_int_equal(c.not_after_s, 253402300799);
    tlsio_certificate_fini(&c);
    made_free(&old);
    made_free(&early);
}

/* ---- without memory ---- */

static void test_no_memory(void **state)
{
    struct tlsio_refusal why;
    struct tlsio_certificate c;
    bool is_done = false;

    (void)state;
    for (unsigned n = 1; !is_done; n++) {
        fault_set(n);
        const int rc = tlsio_certificate_read(span_from_str(w.leaf.pem),
                                              span_from_str(w.leaf.secret), &c, &why);

        is_done = fault_is_armed();
        fault_set(0);
        assert_int_equal(rc, is_done ? 0 : WERR_NOMEM);
        assert_true(n < 100 && (is_done || c.chain == NULL));
    }
    tlsio_certificate_fini(&c);
    tlsio_certificate_fini(&c); /* zeroed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says),
        cmocka_unit_test(test_order_of_the_chain),
        cmocka_unit_test(test_signed_by_itself),
        cmocka_unit_test(test_cross_signed),
        cmocka_unit_test(test_forms_of_text),
        cmocka_unit_test(test_traditional_key),
        cmocka_unit_test(test_kinds_of_keys),
        cmocka_unit_test(test_64_names),
        cmocka_unit_test(test_chain_of_ten),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_zero_in_a_name),
        cmocka_unit_test(test_subjects_are_escaped),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
