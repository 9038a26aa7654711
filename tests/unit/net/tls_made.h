/* tls_made.h - certificates of every kind, made for a test: any key, any names, signed by any
 * other. For what tls_identity.h, which makes the usual ones, does not have. */
#ifndef WELDR_TESTS_TLS_MADE_H
#define WELDR_TESTS_TLS_MADE_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"

struct made {
    X509 *x;
    EVP_PKEY *key;
    char *pem, *secret; /* certificate, key */
};

struct made_wish {
    const char *key;           /* "P-256" and other curves, "rsa2048", "ed25519"; NULL: P-256 */
    const char *name;          /* common name; NULL: none */
    const char *san;           /* "DNS:a.example,IP:10.0.0.1"; NULL: no such extension */
    const struct made *by;     /* NULL: itself */
    const struct made *key_of; /* has the key of that one */
    const char *usage;         /* "clientAuth"; NULL: none */
    const EVP_MD *digest;      /* NULL: SHA-256 */
    const char *begins, *ends; /* "20240101000000Z"; NULL: now, and in a day */
    bool is_authority;
};

static inline EVP_PKEY *made_key(const char *kind)
{
    if (kind == NULL)
        return EVP_EC_gen("P-256");
    if (strncmp(kind, "rsa", 3) == 0)
        return EVP_RSA_gen((unsigned)atoi(kind + 3));
    if (strcmp(kind, "ed25519") == 0 || strcmp(kind, "ed448") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, kind);
    return EVP_EC_gen(kind);
}

static inline void made_extend(X509 *x, X509 *by, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, by, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline char *made_text(BIO *bio)
{
    char *bytes;
    const long n = BIO_get_mem_data(bio, &bytes);
    char *text = malloc((size_t)n + 1);

    memcpy(text, bytes, (size_t)n);
    text[n] = '\0';
    BIO_free(bio);
    return text;
}

static inline void made_print(struct made *m)
{
    BIO *bio = BIO_new(BIO_s_mem());

    (void)PEM_write_bio_X509(bio, m->x);
    m->pem = made_text(bio);
    bio = BIO_new(BIO_s_mem());
    (void)PEM_write_bio_PrivateKey(bio, m->key, NULL, NULL, 0, NULL, NULL);
    m->secret = made_text(bio);
}

static inline void made_date(X509 *x, const struct made_wish *wish)
{
    (void)X509_gmtime_adj(X509_getm_notBefore(x), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    if (wish->begins != NULL)
        assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), wish->begins), 1);
    if (wish->ends != NULL)
        assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), wish->ends), 1);
}

static inline void made_extensions(X509 *x, const struct made_wish *wish)
{
    X509 *by = wish->by != NULL ? wish->by->x : x;

    if (wish->is_authority)
        made_extend(x, by, NID_basic_constraints, "critical,CA:TRUE");
    if (wish->san != NULL)
        made_extend(x, by, NID_subject_alt_name, wish->san);
    if (wish->usage != NULL)
        made_extend(x, by, NID_ext_key_usage, wish->usage);
}

static inline struct made made_of(struct made_wish wish)
{
    static long serial = 0x1000;
    struct made m = {.x = X509_new()};
    const struct made *by = wish.by != NULL ? wish.by : &m;

    m.key = wish.key_of != NULL ? wish.key_of->key : made_key(wish.key);
    assert_non_null(m.key);
    if (wish.key_of != NULL)
        assert_int_equal(EVP_PKEY_up_ref(m.key), 1);
    (void)X509_set_version(m.x, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(m.x), ++serial);
    made_date(m.x, &wish);
    (void)X509_set_pubkey(m.x, m.key);
    if (wish.name != NULL)
        (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(m.x), "CN", MBSTRING_UTF8,
                                         (const unsigned char *)wish.name, -1, -1, 0);
    (void)X509_set_issuer_name(m.x, X509_get_subject_name(by->x));
    made_extensions(m.x, &wish);
    const bool is_without = EVP_PKEY_get_base_id(by->key) == EVP_PKEY_ED25519 ||
                            EVP_PKEY_get_base_id(by->key) == EVP_PKEY_ED448;
    const EVP_MD *digest = wish.digest != NULL ? wish.digest : EVP_sha256();

    assert_true(X509_sign(m.x, by->key, is_without ? NULL : digest) > 0);
    made_print(&m);
    return m;
}

/* One more name, of any bytes, for one that has a name already; signed anew. */
static inline void made_add_name(struct made *m, const struct made *by, int kind,
                                 struct span bytes)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(m->x, NID_subject_alt_name, NULL, NULL);
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    (void)ASN1_STRING_set(text, bytes.ptr, (int)bytes.len);
    GENERAL_NAME_set0_value(name, kind, text);
    (void)sk_GENERAL_NAME_push(names, name);
    assert_int_equal(
        X509_add1_ext_i2d(m->x, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE), 1);
    GENERAL_NAMES_free(names);
    assert_true(X509_sign(m->x, by->key, EVP_sha256()) > 0);
    free(m->pem);
    free(m->secret);
    made_print(m);
}

static inline void made_free(struct made *m)
{
    X509_free(m->x);
    EVP_PKEY_free(m->key);
    free(m->pem);
    free(m->secret);
}

/* Text of its own, of all that are given; NULL ends them. */
static inline char *made_join(const char *first, ...)
{
    va_list args;
    size_t n = 0;
    char *text = calloc(1, 1);

    va_start(args, first);
    for (const char *piece = first; piece != NULL; piece = va_arg(args, const char *)) {
        const size_t more = strlen(piece);

        text = realloc(text, n + more + 1);
        memcpy(text + n, piece, more + 1);
        n += more;
    }
    va_end(args);
    return text;
}

#endif
