/* What is said of certificates that are not right, and of whom to trust. */
#include "../base/cm.h"

#include <stdlib.h>

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

#define MARK "\xef\xbb\xbf"

static void refuse(struct span chain, struct span key, const char *field, const char *part)
{
    struct tlsio_certificate c;
    struct tlsio_refusal why;

    assert_int_equal(tlsio_certificate_read(chain, key, &c, &why), WERR_INVALID);
    if (strcmp(why.field, field) != 0 || strstr(why.text, part) == NULL)
        fail_msg("%s: %s, and not %s: %s", why.field, why.text, field, part);
    assert_null(c.chain);
    assert_null(c.key);
}

static void refuse_text(const char *chain, const char *key, const char *field, const char *part)
{
    refuse(span_from_str(chain), span_from_str(key), field, part);
}

static void test_bad_texts(void **state)
{
    char *cut = made_join(w.leaf.pem, NULL), *odd = made_join(w.leaf.pem, NULL);
    char *key_cut = made_join(w.leaf.secret, NULL);

    (void)state;
    cut[strlen(cut) / 2] = '\0';
    key_cut[strlen(key_cut) / 2] = '\0';
    memset(strchr(odd, '\n') + 1, 'A', 60);
    refuse_text("", w.leaf.secret, "chain", "no certificate in it");
    refuse_text("hello", w.leaf.secret, "chain", "no certificate in it");
    refuse_text(w.leaf.pem, "", "key", "no private key in it");
    refuse_text(w.leaf.pem, w.leaf.pem, "key", "a block \"CERTIFICATE\"");
    refuse_text(w.leaf.secret, w.leaf.pem, "chain", "a private key, but no certificate");
    refuse_text(w.leaf.secret, w.leaf.secret, "chain", "a private key, but no certificate");
    refuse_text("-----BEGIN X-----\nAAAA\n-----END X-----\n", "", "chain", "a block \"X\"");
    refuse_text(cut, w.leaf.secret, "chain", "block 1 of the PEM is damaged");
    refuse_text(odd, w.leaf.secret, "chain", "block 1 is no certificate");
    refuse_text(w.leaf.pem, key_cut, "key", "block 1 of the PEM is damaged");
    refuse_text(w.leaf.pem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "key", "holds no key that can be read");
    free(cut);
    free(odd);
    free(key_cut);
}

static void test_sizes(void **state)
{
    enum { N = TLSIO_CERTIFICATE_TEXT_MAX + 1 };
    char *huge = malloc(N);
    struct made more[TLSIO_CERTIFICATE_CHAIN_MAX];
    char *all = made_join(w.leaf.pem, NULL), *old;

    (void)state;
    memset(huge, 'a', N);
    refuse(span_from(huge, N), span_from_str(w.leaf.secret), "chain", "longer than 262144");
    refuse(span_from_str(w.leaf.pem), span_from(huge, N), "key", "longer than 262144");
    refuse(span_from(huge, N - 1), SPAN_NONE, "chain", "no certificate in it");
    for (int i = 0; i < TLSIO_CERTIFICATE_CHAIN_MAX; i++) {
        more[i] = made_of((struct made_wish){.name = "more"});
        all = made_join(old = all, more[i].pem, NULL);
        free(old);
    }
    refuse_text(all, w.leaf.secret, "chain", "more than 16 certificates");
    for (int i = 0; i < TLSIO_CERTIFICATE_CHAIN_MAX; i++)
        made_free(&more[i]);
    free(all);
    free(huge);
}

static void test_too_many_names(void **state)
{
    static char san[300 * 16];
    char *at = san;

    (void)state;
    for (int i = 0; i < 257; i++)
        at += sprintf(at, "%sDNS:n%d", i > 0 ? "," : "", i);
    struct made m = made_of((struct made_wish){.name = "many", .san = san});

    refuse_text(m.pem, m.secret, "chain", "more than 256 names");
    made_free(&m);
}

static void expect_encrypted(int (*write)(BIO *bio))
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(write(bio), 1);
    char *key = made_text(bio);

    refuse_text(w.leaf.pem, key, "key", "openssl pkey -in key.pem -out decrypted.pem");
    free(key);
}

static int write_pkcs8(BIO *bio)
{
    return PEM_write_bio_PrivateKey(bio, w.leaf.key, EVP_aes_256_cbc(),
                                    (const unsigned char *)"pass", 4, NULL, NULL);
}

static int write_traditional(BIO *bio)
{
    return PEM_write_bio_PrivateKey_traditional(bio, w.leaf.key, EVP_aes_128_cbc(),
                                                (const unsigned char *)"pass", 4, NULL, NULL);
}

static void test_encrypted_keys(void **state)
{
    (void)state;
    expect_encrypted(write_pkcs8);
    expect_encrypted(write_traditional);
}

static void refuse_made(struct made_wish wish, const char *field, const char *part)
{
    struct made m = made_of(wish);

    refuse_text(m.pem, m.secret, field, part);
    made_free(&m);
}

static void test_weak_ones(void **state)
{
    (void)state;
    refuse_made((struct made_wish){.key = "rsa1024", .name = "a"}, "chain",
                "CN=a: RSA with 1024 bits, 2048 are the least");
    refuse_made((struct made_wish){.key = "secp256k1", .name = "a"}, "key", "of a kind");
    refuse_made((struct made_wish){.key = "ed448", .name = "a"}, "key", "of a kind");
    refuse_made((struct made_wish){.key = "P-192", .name = "a"}, "chain", "too short");
    refuse_made((struct made_wish){.name = "a", .digest = EVP_sha1()}, "chain", "SHA-1");
    refuse_made((struct made_wish){.key = "rsa2048", .name = "a", .digest = EVP_md5()}, "chain",
                "SHA-1 or MD5");
    refuse_made(
        (struct made_wish){.name = "a", .begins = "20300101000000Z", .ends = "20290101000000Z"},
        "chain", "ends before it begins");
}

static void test_no_names(void **state)
{
    (void)state;
    refuse_made((struct made_wish){.usage = "serverAuth"}, "chain", "no alternative name");
    refuse_made((struct made_wish){.name = "host.example", .usage = "serverAuth"}, "chain",
                "its common name does not count");
    refuse_made((struct made_wish){.name = "host",
                                   .san = "email:me@host",
                                   .usage = "serverAuth,emailProtection"},
                "chain", "no alternative name");
}

/* Weak certificates of authorities too: handshakes would refuse them. */
static void test_a_weak_authority(void **state)
{
    struct made weak = made_of((struct made_wish){
        .key = "rsa1024", .name = "weak", .is_authority = true, .by = &w.root});
    struct made m = made_of((struct made_wish){.name = "a", .by = &weak});
    char *chain = made_join(m.pem, weak.pem, NULL);

    (void)state;
    refuse_text(chain, m.secret, "chain", "CN=weak: RSA with 1024 bits");
    free(chain);
    made_free(&weak);
    made_free(&m);
}

static void test_what_does_not_belong(void **state)
{
    char *chain = made_join(w.leaf.pem, w.middle.pem, w.stranger.pem, NULL);

    (void)state;
    refuse_text(w.leaf.pem, w.stranger.secret, "key", "none of the certificates");
    refuse_text(chain, w.leaf.secret, "chain",
                "certificate 3 (CN=stranger) does not belong there");
    free(chain);
    /* The name of an authority, but not its signature. */
    struct made fake =
        made_of((struct made_wish){.name = "middle", .is_authority = true, .by = &w.stranger});

    chain = made_join(w.leaf.pem, fake.pem, NULL);
    refuse_text(chain, w.leaf.secret, "chain", "certificate 2 (CN=middle)");
    free(chain);
    made_free(&fake);
}

/* The public part is that of the certificate, the private one is not. */
static void test_a_damaged_key(void **state)
{
    struct made m = made_of((struct made_wish){.name = "a"});
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char *der = NULL;

    (void)state;
    const int n = i2d_PrivateKey(m.key, &der);

    assert_true(n > 20);
    der[10] ^= 1; /* SEQUENCE, version, OCTET STRING: within the number */
    (void)PEM_write_bio(bio, "EC PRIVATE KEY", "", der, n);
    char *key = made_text(bio);

    refuse_text(m.pem, key, "key", "damaged");
    free(key);
    OPENSSL_free(der);
    made_free(&m);
}

/* ---- whom to trust ---- */

static void expect_count(const char *text, int rc, const char *part)
{
    struct tlsio_refusal why;

    assert_int_equal(tlsio_certificate_count(span_from_str(text), "client_ca", &why), rc);
    if (rc < 0) {
        assert_string_equal(why.field, "client_ca");
        assert_non_null(strstr(why.text, part));
    }
}

static void test_count(void **state)
{
    char *two = made_join(MARK, w.root.pem, "\r\n", w.stranger.pem, NULL);
    char *with_key = made_join(w.root.pem, w.root.secret, NULL);
    char *cut = made_join(w.root.pem, w.stranger.pem, NULL);

    (void)state;
    cut[strlen(cut) - 10] = '\0';
    expect_count(two, 2, "");
    expect_count(w.leaf.pem, 1, "");
    expect_count("", WERR_INVALID, "no certificate in it");
    expect_count(with_key, WERR_INVALID, "a private key");
    expect_count(cut, WERR_INVALID, "block 2 of the PEM is damaged");
    expect_count("-----BEGIN X-----\nAAAA\n-----END X-----\n", WERR_INVALID, "a block \"X\"");
    expect_count("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", WERR_INVALID,
                 "block 1 is no certificate");
    free(two);
    free(with_key);
    free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_texts),        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_too_many_names),   cmocka_unit_test(test_encrypted_keys),
        cmocka_unit_test(test_weak_ones),        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_a_weak_authority), cmocka_unit_test(test_what_does_not_belong),
        cmocka_unit_test(test_a_damaged_key),    cmocka_unit_test(test_count),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
