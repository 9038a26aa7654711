/*
 * What somebody who wants to join brings to be signed. The first byte says what the rest is:
 * 'd', a request in DER; 's', one that gets our key and signature, so that all of it is read;
 * else a text. What is signed is as tlsio_issue.h says, whatever the request asks for.
 */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/tlsio_context.h"
#include "net/tlsio_issue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"member.weldr.internal", "n.c.weldr.internal"};
static const uint64_t now_s = 1800000000;

static struct {
    struct tlsio_issued authority;
    EVP_PKEY *key;
} our;

static void begin(void)
{
    MUST(tlsio_start() == 0);
    MUST(tlsio_issue_authority("authority", now_s, &our.authority) == 0);
    our.key = EVP_EC_gen("P-256");
    MUST(our.key != NULL);
}

static X509 *read_signed(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    MUST(x != NULL);
    BIO_free(bio);
    return x;
}

static void check_names(X509 *x)
{
    GENERAL_NAMES *shown = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

    MUST(sk_GENERAL_NAME_num(shown) == 2);
    for (int i = 0; i < 2; i++) {
        int kind;
        const ASN1_STRING *name =
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(shown, i), &kind);

        MUST(kind == GEN_DNS && ASN1_STRING_length(name) == (int)strlen(names[i]));
        MUST(memcmp(ASN1_STRING_get0_data(name), names[i], strlen(names[i])) == 0);
    }
    GENERAL_NAMES_free(shown);
}

static void check(const char *text)
{
    X509 *x = read_signed(text), *by = read_signed(our.authority.text);
    char group[32];

    MUST(X509_verify(x, X509_get0_pubkey(by)) == 1);
    MUST(X509_check_ca(x) == 0 && X509_get_ext_count(x) == 6);
    MUST(X509_NAME_entry_count(X509_get_subject_name(x)) == 1);
    MUST(X509_get_key_usage(x) == KU_DIGITAL_SIGNATURE);
    MUST(EVP_PKEY_get_group_name(X509_get0_pubkey(x), group, sizeof(group), NULL) == 1);
    MUST(strcmp(group, "prime256v1") == 0);
    check_names(x);
    X509_free(x);
    X509_free(by);
}

static int sign_text(struct span request)
{
    const struct tlsio_order order = {
        .authority = span_from_str(our.authority.text),
        .authority_key = span_from(our.authority.key.ptr, our.authority.key.len),
        .request = request,
        .names = names,
        .name_n = 2,
        .now_s = now_s,
        .days = 90};
    char *certificate;
    const int rc = tlsio_issue_sign(&order, &certificate);

    MUST(rc == 0 ? certificate != NULL : rc == WERR_INVALID && certificate == NULL);
    if (rc == 0)
        check(certificate);
    free(certificate);
    return rc;
}

static int sign_bio(BIO *bio)
{
    char *bytes;
    const long n = BIO_get_mem_data(bio, &bytes);
    const int rc = sign_text(span_from(bytes, (size_t)n));

    BIO_free(bio);
    return rc;
}

static void sign_der(const uint8_t *data, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());

    MUST(PEM_write_bio(bio, PEM_STRING_X509_REQ, "", data, (long)size) > 0);
    (void)sign_bio(bio);
}

/* A request that can't be written again, or is too long then, is none. */
static void sign_with_our_key(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)size);

    if (request != NULL && X509_REQ_set_pubkey(request, our.key) == 1 &&
        X509_REQ_sign(request, our.key, EVP_sha256()) > 0) {
        BIO *bio = BIO_new(BIO_s_mem());

        MUST(PEM_write_bio_X509_REQ(bio, request) == 1);
        (void)sign_bio(bio);
    }
    X509_REQ_free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (our.key == NULL)
        begin();
    if (size > 1 && data[0] == 'd')
        sign_der(data + 1, size - 1);
    else if (size > 1 && data[0] == 's')
        sign_with_our_key(data + 1, size - 1);
    else
        (void)sign_text(span_from(data, size));
    return 0;
}
