/* Certificates that Weldr makes itself: what strict readers take, and what is not signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "net/tlsio_context.h"
#include "net/tlsio_issue.h"
#include "tls_made.h"

static const uint64_t now_s = 1800000000;
static const char authority_name[] = "Weldr cluster 00112233445566778899aabbccddeeff";
static const char any_member[] = "member.weldr.internal";
static const char this_member[] =
    "0123456789abcdef.00112233445566778899aabbccddeeff.weldr.internal";
static const char *const both_names[] = {any_member, this_member};

static struct tlsio_issued authority;

static struct span key_of(const struct tlsio_issued *i)
{
    return span_from(i->key.ptr, i->key.len);
}

static struct tlsio_order order_of(const char *request)
{
    return (struct tlsio_order){.authority = span_from_str(authority.text),
                                .authority_key = key_of(&authority),
                                .request = span_from_str(request),
                                .names = both_names,
                                .name_n = 2,
                                .now_s = now_s,
                                .days = 90};
}

static char *signed_of(const char *request)
{
    const struct tlsio_order order = order_of(request);
    char *certificate;

    assert_int_equal(tlsio_issue_sign(&order, &certificate), 0);
    return certificate;
}

static X509 *read_certificate(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    assert_non_null(x);
    BIO_free(bio);
    return x;
}

/* Returns X509_V_OK or why not. */
static int verify_with(X509 *x, X509 *by, X509 *between, uint64_t at_s, int purpose,
                       unsigned long flags)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
    STACK_OF(X509) *others = sk_X509_new_null();

    if (between != NULL)
        (void)sk_X509_push(others, between);
    assert_int_equal(X509_STORE_add_cert(store, by), 1);
    (void)X509_VERIFY_PARAM_set_flags(param, flags);
    (void)X509_VERIFY_PARAM_set_purpose(param, purpose);
    X509_VERIFY_PARAM_set_time(param, (time_t)at_s);
    assert_int_equal(X509_STORE_CTX_init(context, store, x, others), 1);
    (void)X509_verify_cert(context);
    const int rc = X509_STORE_CTX_get_error(context);

    sk_X509_free(others);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return rc;
}

/* As readers that take RFC 5280 at its word. */
static int verify(X509 *x, X509 *by, uint64_t at_s, int purpose)
{
    return verify_with(x, by, NULL, at_s, purpose, X509_V_FLAG_X509_STRICT);
}

static int begin(void **state)
{
    (void)state;
    return tlsio_start() == 0 ? tlsio_issue_authority(authority_name, now_s, &authority) : -1;
}

static int end(void **state)
{
    (void)state;
    tlsio_issued_fini(&authority);
    return 0;
}

/* ---- what is made ---- */

static void test_authority(void **state)
{
    X509 *x = read_certificate(authority.text);
    char name[128];

    (void)state;
    assert_int_equal(X509_check_ca(x), 1);
    assert_int_equal(X509_get_pathlen(x), 0);
    assert_int_equal(X509_get_key_usage(x), KU_KEY_CERT_SIGN);
    assert_non_null(X509_get0_subject_key_id(x));
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name,
                                    sizeof(name));
    assert_string_equal(name, authority_name);
    const uint64_t year_s = UINT64_C(365) * 86400;

    for (uint64_t years = 0; years < 100; years += 33)
        assert_int_equal(verify(x, x, now_s + years * year_s, X509_PURPOSE_ANY), X509_V_OK);
    assert_int_equal(verify(x, x, now_s - 3599, X509_PURPOSE_ANY), X509_V_OK);
    assert_int_equal(verify(x, x, now_s - 3601, X509_PURPOSE_ANY),
                     X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(verify(x, x, now_s + 100 * year_s + 1, X509_PURPOSE_ANY),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    X509_free(x);
}

static void test_member(void **state)
{
    struct tlsio_issued asked;

    (void)state;
    assert_int_equal(tlsio_issue_request("whatever it says", &asked), 0);
    char *text = signed_of(asked.text);
    X509 *x = read_certificate(text), *by = read_certificate(authority.text);

    assert_int_equal(verify(x, by, now_s, X509_PURPOSE_SSL_SERVER), X509_V_OK);
    assert_int_equal(verify(x, by, now_s, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    assert_int_equal(X509_get_extension_flags(x) & (EXFLAG_CA | EXFLAG_BCONS), EXFLAG_BCONS);
    assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    assert_int_equal(
        ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x), X509_get0_subject_key_id(by)), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(X509_check_host(x, both_names[i], 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "whatever it says", 0, 0, NULL), 0);
    assert_int_equal(X509_check_host(x, "other.weldr.internal", 0, 0, NULL), 0);
    BIO *bio = BIO_new_mem_buf(asked.key.ptr, (int)asked.key.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    assert_int_equal(X509_check_private_key(x, key), 1);
    EVP_PKEY_free(key);
    BIO_free(bio);
    X509_free(x);
    X509_free(by);
    free(text);
    tlsio_issued_fini(&asked);
}

static void test_ends(void **state)
{
    struct tlsio_issued asked;
    uint64_t end_s;

    (void)state;
    assert_int_equal(tlsio_issue_request("n", &asked), 0);
    char *text = signed_of(asked.text);
    X509 *x = read_certificate(text), *by = read_certificate(authority.text);

    assert_int_equal(tlsio_issue_end(span_from_str(text), &end_s), 0);
    assert_int_equal(end_s, now_s + UINT64_C(90) * 86400);
    assert_int_equal(verify(x, by, end_s - 1, X509_PURPOSE_ANY), X509_V_OK);
    assert_int_equal(verify(x, by, end_s + 1, X509_PURPOSE_ANY), X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(tlsio_issue_end(span_from_str(authority.text), &end_s), 0);
    assert_int_equal(end_s, now_s + UINT64_C(36500) * 86400);
    assert_int_equal(tlsio_issue_end(SPAN("no certificate"), &end_s), WERR_INVALID);
    X509_free(x);
    X509_free(by);
    free(text);
    tlsio_issued_fini(&asked);
}

static void test_nothing_twice(void **state)
{
    struct tlsio_issued one, other;

    (void)state;
    assert_int_equal(tlsio_issue_request("n", &one), 0);
    assert_int_equal(tlsio_issue_request("n", &other), 0);
    assert_string_not_equal(one.key.ptr, other.key.ptr);
    char *first = signed_of(one.text), *second = signed_of(one.text);
    X509 *x = read_certificate(first), *y = read_certificate(second);

    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(x), X509_get0_serialNumber(y)),
                         0);
    assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(x)), 16);
    assert_int_equal(ASN1_STRING_type(X509_get0_serialNumber(x)), V_ASN1_INTEGER);
    X509_free(x);
    X509_free(y);
    free(first);
    free(second);
    tlsio_issued_fini(&one);
    tlsio_issued_fini(&other);
    tlsio_issued_fini(&other);
}

static void test_digests(void **state)
{
    static const uint8_t of_abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    uint8_t digest[TLSIO_DIGEST_BYTES], expected[TLSIO_DIGEST_BYTES];
    X509 *x = read_certificate(authority.text);
    char text[8192];

    (void)state;
    tlsio_digest(SPAN("abc"), digest);
    assert_memory_equal(digest, of_abc, sizeof(of_abc));
    (void)X509_digest(x, EVP_sha256(), expected, NULL);
    assert_int_equal(tlsio_issue_fingerprint(span_from_str(authority.text), digest), 0);
    assert_memory_equal(digest, expected, sizeof(digest));
    (void)snprintf(text, sizeof(text), "before\n%s%s", authority.text, authority.text);
    assert_int_equal(tlsio_issue_fingerprint(span_from_str(text), digest), 0);
    assert_memory_equal(digest, expected, sizeof(digest));
    assert_int_equal(tlsio_issue_fingerprint(SPAN_NONE, digest), WERR_INVALID);
    assert_int_equal(tlsio_issue_fingerprint(key_of(&authority), digest), WERR_INVALID);
    X509_free(x);
}

/* ---- what is refused ---- */

static void refuse_order(const struct tlsio_order *order)
{
    char text[] = "", *certificate = text;

    assert_int_equal(tlsio_issue_sign(order, &certificate), WERR_INVALID);
    assert_null(certificate);
}

static void refuse(const char *request)
{
    const struct tlsio_order order = order_of(request);

    refuse_order(&order);
}

static char *print_request(X509_REQ *r)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_X509_REQ(bio, r), 1);
    X509_REQ_free(r);
    return made_text(bio);
}

static X509_REQ *request_of(EVP_PKEY *key, EVP_PKEY *by)
{
    X509_REQ *r = X509_REQ_new();

    assert_int_equal(X509_REQ_set_pubkey(r, key), 1);
    assert_true(
        X509_REQ_sign(r, by,
                      EVP_PKEY_get_base_id(by) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
    return r;
}

static void refuse_key(EVP_PKEY *key)
{
    char *text = print_request(request_of(key, key));

    refuse(text);
    free(text);
    EVP_PKEY_free(key);
}

static void test_other_keys_are_refused(void **state)
{
    (void)state;
    refuse_key(made_key("rsa2048"));
    refuse_key(made_key("P-384"));
    refuse_key(made_key("secp256k1"));
    refuse_key(made_key("ed25519"));
    EVP_PKEY *spelled_out = made_key("P-256");

    assert_int_equal(EVP_PKEY_set_utf8_string_param(spelled_out, "encoding", "explicit"), 1);
    refuse_key(spelled_out);
}

static void test_key_of_somebody_else_is_refused(void **state)
{
    EVP_PKEY *ours = made_key(NULL), *theirs = made_key(NULL);

    (void)state;
    char *text = print_request(request_of(theirs, ours));
    refuse(text);
    free(text);
    text = print_request(request_of(ours, ours));
    free(signed_of(text));
    free(text);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
}

/* A bit of each byte: of what is signed, of the signature, or of how they are written down. */
static void test_changed_requests(void **state)
{
    struct tlsio_issued asked;
    unsigned char *der = NULL;

    (void)state;
    assert_int_equal(tlsio_issue_request("n", &asked), 0);
    BIO *bio = BIO_new_mem_buf(asked.text, -1);
    X509_REQ *r = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    const int n = i2d_X509_REQ(r, &der);

    BIO_free(bio);
    for (int i = 0; i < n; i++) {
        der[i] ^= (unsigned char)(1U << (i % 8));
        bio = BIO_new(BIO_s_mem());
        (void)PEM_write_bio(bio, PEM_STRING_X509_REQ, "", der, n);
        char *text = made_text(bio);

        refuse(text);
        free(text);
        der[i] ^= (unsigned char)(1U << (i % 8));
    }
    OPENSSL_free(der);
    X509_REQ_free(r);
    tlsio_issued_fini(&asked);
}

static void test_cut_and_other_texts_are_refused(void **state)
{
    struct tlsio_issued asked;
    static char long_text[TLSIO_ISSUE_TEXT_MAX + 2];

    (void)state;
    assert_int_equal(tlsio_issue_request("n", &asked), 0);
    const size_t n = strlen(asked.text);
    struct tlsio_order order = order_of(asked.text);

    for (size_t i = 0; i < n - 1; i++) { /* the last line end may be missing */
        order.request.len = i;
        refuse_order(&order);
    }
    refuse("");
    refuse("what?");
    refuse(authority.text);
    refuse(asked.key.ptr);
    memset(long_text, '\n', sizeof(long_text) - 1);
    memcpy(long_text, asked.text, n);
    refuse(long_text);
    long_text[TLSIO_ISSUE_TEXT_MAX] = '\0';
    free(signed_of(long_text));
    tlsio_issued_fini(&asked);
}

static void test_what_signs_must_be_a_CA_with_its_key(void **state)
{
    struct tlsio_issued asked, other;

    (void)state;
    assert_int_equal(tlsio_issue_request("n", &asked), 0);
    assert_int_equal(tlsio_issue_authority("other", now_s, &other), 0);
    char *member = signed_of(asked.text);
    struct tlsio_order order = order_of(asked.text);

    order.authority_key = key_of(&other);
    refuse_order(&order);
    order.authority = span_from_str(member); /* with its own key */
    order.authority_key = key_of(&asked);
    refuse_order(&order);
    order = order_of(asked.text);
    order.authority = SPAN("what?");
    refuse_order(&order);
    order = order_of(asked.text);
    order.authority_key = SPAN("what?");
    refuse_order(&order);
    free(member);
    tlsio_issued_fini(&asked);
    tlsio_issued_fini(&other);
}

/* Who has the CA's key, or a member's, can sign with other tools: it is not believed. */
static void test_no_CA_below(void **state)
{
    struct tlsio_issued asked;

    (void)state;
    assert_int_equal(tlsio_issue_request("n", &asked), 0);
    char *text = signed_of(asked.text);
    BIO *bio = BIO_new_mem_buf(asked.key.ptr, (int)asked.key.len);
    struct made member = {.x = read_certificate(text),
                          .key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)};
    BIO_free(bio);
    bio = BIO_new_mem_buf(authority.key.ptr, (int)authority.key.len);
    struct made ca = {.x = read_certificate(authority.text),
                      .key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)};
    BIO_free(bio);
    const char *begins = "20270101000000Z", *ends = "20280101000000Z";
    struct made below = made_of((struct made_wish){
        .name = "b", .san = "DNS:b", .by = &member, .begins = begins, .ends = ends});
    struct made ca_below = made_of((struct made_wish){
        .name = "c", .by = &ca, .is_authority = true, .begins = begins, .ends = ends});
    struct made last = made_of((struct made_wish){
        .name = "d", .san = "DNS:d", .by = &ca_below, .begins = begins, .ends = ends});

    assert_int_equal(verify_with(below.x, ca.x, member.x, now_s, X509_PURPOSE_ANY, 0),
                     X509_V_ERR_INVALID_CA);
    assert_int_equal(verify_with(last.x, ca.x, ca_below.x, now_s, X509_PURPOSE_ANY, 0),
                     X509_V_ERR_PATH_LENGTH_EXCEEDED);
    X509_free(member.x);
    EVP_PKEY_free(member.key);
    X509_free(ca.x);
    EVP_PKEY_free(ca.key);
    made_free(&below);
    made_free(&ca_below);
    made_free(&last);
    free(text);
    tlsio_issued_fini(&asked);
}

/* ---- our own memory runs out; the library's: test_tlsio_issue_memory.c ---- */

static void test_no_memory(void **state)
{
    struct tlsio_issued asked;
    char *text;
    int rc = WERR_NOMEM;

    (void)state;
    for (unsigned n = 1; rc == WERR_NOMEM; n++) {
        fault_countdown = n;
        rc = tlsio_issue_request("n", &asked);
        fault_countdown = 0;
    }
    assert_int_equal(rc, 0);
    const struct tlsio_order order = order_of(asked.text);

    rc = WERR_NOMEM;
    for (unsigned n = 1; rc == WERR_NOMEM; n++) {
        fault_countdown = n;
        rc = tlsio_issue_sign(&order, &text);
        fault_countdown = 0;
    }
    assert_int_equal(rc, 0);
    free(text);
    tlsio_issued_fini(&asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authority),
        cmocka_unit_test(test_member),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_nothing_twice),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_other_keys_are_refused),
        cmocka_unit_test(test_key_of_somebody_else_is_refused),
        cmocka_unit_test(test_changed_requests),
        cmocka_unit_test(test_cut_and_other_texts_are_refused),
        cmocka_unit_test(test_what_signs_must_be_a_CA_with_its_key),
        cmocka_unit_test(test_no_CA_below),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
