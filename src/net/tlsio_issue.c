#include "net/tlsio_issue.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/ascii.h"
#include "base/fault.h"
#include "net/tlsio_certificate_int.h"
#include "net/tlsio_memory.h"
#include "net/tlsio_pem.h"

enum {
    SERIAL_BYTES = 16, /* RFC 5280 allows 20 */
    VERSION_3 = 2,
    SLACK_S = 60 * 60, /* so much a clock may be behind that of who signed */
    SANS_MAX = TLSIO_ISSUE_NAMES_MAX * (TLSIO_ISSUE_NAME_MAX + 5) + 1
};

/* 9999: later years have no way to be written. */
static const uint64_t now_max_s =
    UINT64_C(253402300799) - TLSIO_ISSUE_DAYS_MAX * UINT64_C(86400);

/* The library says no more than that it failed: without randomness it can't do much, and
 * without memory it leaves that word. */
static int failure(void)
{
    return RAND_status() == 1 ? WERR_NOMEM : WERR_IO;
}

/* What can't be read is wrong, unless there was no memory to read it. */
static int unreadable(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? WERR_NOMEM
                                                                         : WERR_INVALID;
}

/* ---- texts ---- */

static int take_text(BIO *bio, char **text)
{
    char *bytes;
    const long n = BIO_get_mem_data(bio, &bytes);

    *text = tlsio_text_new(bytes, (size_t)n);
    return *text != NULL ? 0 : WERR_NOMEM;
}

static int print_certificate(X509 *x, char **text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const int rc =
        bio != NULL && PEM_write_bio_X509(bio, x) == 1 ? take_text(bio, text) : WERR_NOMEM;

    BIO_free(bio);
    return rc;
}

static int print_request(X509_REQ *request, char **text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const int rc = bio != NULL && PEM_write_bio_X509_REQ(bio, request) == 1
                       ? take_text(bio, text)
                       : WERR_NOMEM;

    BIO_free(bio);
    return rc;
}

/* The library clears the text when it is freed. */
static int print_key(EVP_PKEY *key, struct seal_opened *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = WERR_NOMEM;

    if (bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        char *bytes;
        const size_t n = (size_t)BIO_get_mem_data(bio, &bytes);

        out->ptr = seal_memory_new(n + 1);
        if (out->ptr != NULL) {
            memcpy(out->ptr, bytes, n);
            out->ptr[n] = '\0';
            out->len = n;
            rc = 0;
        }
    }
    BIO_free(bio);
    return rc;
}

/* ---- parts of a certificate ---- */

static bool set_name(X509_NAME *name, const char *common_name)
{
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

/* By chance, positive and never short. */
static int set_serial(X509 *x)
{
    unsigned char bytes[SERIAL_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return WERR_IO;
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    const bool is_well =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;

    BN_free(number);
    return is_well ? 0 : WERR_NOMEM;
}

static bool set_dates(X509 *x, uint64_t now_s, uint32_t days)
{
    const time_t now = (time_t)now_s;

    return ASN1_TIME_adj(X509_getm_notBefore(x), now, 0, now_s > SLACK_S ? -SLACK_S : 0) !=
               NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), now, (int)days, 0) != NULL;
}

/* by: whose certificate signs. */
static bool extend(X509 *x, X509 *by, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, by, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    const bool is_well = extension != NULL && X509_add_ext(x, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return is_well;
}

static int begin(X509 *x, EVP_PKEY *key, uint64_t now_s, uint32_t days)
{
    const int rc = set_serial(x);

    if (rc < 0)
        return rc;
    return X509_set_version(x, VERSION_3) == 1 && set_dates(x, now_s, days) &&
                   X509_set_pubkey(x, key) == 1
               ? 0
               : WERR_NOMEM;
}

/* ---- a CA and a request ---- */

static int make_authority(X509 *x, EVP_PKEY *key, const char *common_name, uint64_t now_s)
{
    const int rc = begin(x, key, now_s, TLSIO_ISSUE_DAYS_MAX);

    if (rc < 0)
        return rc;
    const bool is_well = set_name(X509_get_subject_name(x), common_name) &&
                         X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
                         extend(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                         extend(x, x, NID_key_usage, "critical,keyCertSign") &&
                         extend(x, x, NID_subject_key_identifier, "hash") &&
                         extend(x, x, NID_authority_key_identifier, "keyid:always") &&
                         X509_sign(x, key, EVP_sha256()) > 0;

    return is_well ? 0 : failure();
}

static int fill_authority(EVP_PKEY *key, const char *common_name, uint64_t now_s,
                          struct tlsio_issued *out)
{
    X509 *x = X509_new();
    int rc = x != NULL ? make_authority(x, key, common_name, now_s) : WERR_NOMEM;

    if (rc == 0)
        rc = print_certificate(x, &out->text);
    X509_free(x);
    return rc;
}

static int fill_request(EVP_PKEY *key, const char *common_name, struct tlsio_issued *out)
{
    X509_REQ *request = X509_REQ_new();
    int rc = request != NULL ? 0 : WERR_NOMEM;

    if (rc == 0 && !(X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
                     set_name(X509_REQ_get_subject_name(request), common_name) &&
                     X509_REQ_set_pubkey(request, key) == 1 &&
                     X509_REQ_sign(request, key, EVP_sha256()) > 0))
        rc = failure();
    if (rc == 0)
        rc = print_request(request, &out->text);
    X509_REQ_free(request);
    return rc;
}

/* now_s 0: a request. The library encodes the key more than once and frees that as it is
 * (tlsio_memory_clear_freed). */
static int issue(const char *common_name, bool is_authority, uint64_t now_s,
                 struct tlsio_issued *out)
{
    const size_t n = strlen(common_name);

    MUST(n > 0 && n <= TLSIO_ISSUE_NAME_MAX && now_s <= now_max_s);
    *out = (struct tlsio_issued){.text = NULL};
    tlsio_memory_clear_freed(true);
    EVP_PKEY *key = EVP_EC_gen(SN_X9_62_prime256v1);
    int rc = key != NULL ? print_key(key, &out->key) : failure();

    if (rc == 0)
        rc = is_authority ? fill_authority(key, common_name, now_s, out)
                          : fill_request(key, common_name, out);
    EVP_PKEY_free(key);
    tlsio_memory_clear_freed(false);
    ERR_clear_error();
    if (rc < 0)
        tlsio_issued_fini(out);
    return rc;
}

int tlsio_issue_authority(const char *common_name, uint64_t now_s, struct tlsio_issued *out)
{
    return issue(common_name, true, now_s, out);
}

int tlsio_issue_request(const char *common_name, struct tlsio_issued *out)
{
    return issue(common_name, false, 0, out);
}

void tlsio_issued_fini(struct tlsio_issued *i)
{
    seal_opened_free(&i->key);
    free(i->text);
    *i = (struct tlsio_issued){.text = NULL};
}

/* ---- signing ---- */

struct signing {
    X509 *authority;
    EVP_PKEY *authority_key;
    X509_REQ *request;
    EVP_PKEY *key; /* the request's; borrowed */
};

static bool is_request(const struct tlsio_pem_block *block)
{
    return strcmp(block->label, PEM_STRING_X509_REQ) == 0 ||
           strcmp(block->label, PEM_STRING_X509_REQ_OLD) == 0;
}

static int read_first_certificate(struct span text, X509 **x)
{
    if (text.len > TLSIO_CERTIFICATE_TEXT_MAX)
        return WERR_INVALID;
    BIO *bio = tlsio_pem_open(text);

    if (bio == NULL)
        return WERR_NOMEM;
    *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    const int rc = *x != NULL ? 0 : unreadable();

    BIO_free(bio);
    return rc;
}

static int read_authority(struct signing *s, struct span certificate, struct span key)
{
    int rc = read_first_certificate(certificate, &s->authority);

    if (rc < 0 || key.len > TLSIO_ISSUE_TEXT_MAX)
        return rc < 0 ? rc : WERR_INVALID;
    BIO *bio = tlsio_pem_open(key);

    if (bio == NULL)
        return WERR_NOMEM;
    s->authority_key = tlsio_pem_next_key(bio);
    BIO_free(bio);
    if (s->authority_key == NULL)
        return WERR_INVALID;
    return X509_check_ca(s->authority) == 1 &&
                   X509_check_private_key(s->authority, s->authority_key) == 1
               ? 0
               : WERR_INVALID;
}

/* The first one in the text, with nothing behind it in its block. */
static int read_request_of(struct signing *s, BIO *bio)
{
    struct tlsio_pem_block block;
    int rc = tlsio_pem_next_block(bio, &block);

    while (rc > 0 && !is_request(&block)) {
        tlsio_pem_block_fini(&block);
        rc = tlsio_pem_next_block(bio, &block);
    }
    if (rc <= 0)
        return rc == WERR_NOMEM ? rc : WERR_INVALID;
    const unsigned char *at = block.der;

    s->request = d2i_X509_REQ(NULL, &at, block.der_bytes);
    if (s->request == NULL)
        rc = unreadable();
    else
        rc = at == block.der + block.der_bytes ? 0 : WERR_INVALID;
    tlsio_pem_block_fini(&block);
    return rc;
}

/* A curve that is written out as numbers may be P-256 and is refused all the same: strict
 * readers take no such certificate. */
static bool is_p256(const EVP_PKEY *key)
{
    char name[32];
    int is_explicit = 0;

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1 &&
           OBJ_sn2nid(name) == NID_X9_62_prime256v1 &&
           EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                  &is_explicit) == 1 &&
           is_explicit == 0;
}

static int read_request(struct signing *s, struct span text)
{
    if (text.len > TLSIO_ISSUE_TEXT_MAX)
        return WERR_INVALID;
    BIO *bio = tlsio_pem_open(text);

    if (bio == NULL)
        return WERR_NOMEM;
    const int rc = read_request_of(s, bio);

    BIO_free(bio);
    if (rc < 0)
        return rc;
    s->key = X509_REQ_get0_pubkey(s->request);
    if (s->key == NULL)
        return unreadable();
    return is_p256(s->key) && X509_REQ_verify(s->request, s->key) == 1 ? 0 : unreadable();
}

static bool is_host_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++)
        if (!ascii_is_alnum(*p) && *p != '-' && *p != '.')
            return false;
    return *name != '\0' && strlen(name) <= TLSIO_ISSUE_NAME_MAX;
}

/* "DNS:a,DNS:b" */
static void join_names(const struct tlsio_order *o, char *sans)
{
    size_t n = 0;

    for (unsigned i = 0; i < o->name_n; i++)
        n +=
            (size_t)snprintf(sans + n, SANS_MAX - n, "%sDNS:%s", i > 0 ? "," : "", o->names[i]);
}

static int make_certificate(const struct signing *s, const struct tlsio_order *o, X509 *x)
{
    char sans[SANS_MAX];
    const int rc = begin(x, s->key, o->now_s, o->days);

    if (rc < 0)
        return rc;
    join_names(o, sans);
    const bool is_well =
        set_name(X509_get_subject_name(x), o->names[o->name_n - 1]) &&
        X509_set_issuer_name(x, X509_get_subject_name(s->authority)) == 1 &&
        extend(x, s->authority, NID_basic_constraints, "critical,CA:FALSE") &&
        extend(x, s->authority, NID_key_usage, "critical,digitalSignature") &&
        extend(x, s->authority, NID_ext_key_usage, "serverAuth,clientAuth") &&
        extend(x, s->authority, NID_subject_alt_name, sans) &&
        extend(x, s->authority, NID_subject_key_identifier, "hash") &&
        extend(x, s->authority, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(x, s->authority_key, EVP_sha256()) > 0;

    return is_well ? 0 : failure();
}

static int sign(const struct signing *s, const struct tlsio_order *o, char **certificate)
{
    X509 *x = X509_new();
    int rc = x != NULL ? make_certificate(s, o, x) : WERR_NOMEM;

    if (rc == 0)
        rc = print_certificate(x, certificate);
    X509_free(x);
    return rc;
}

int tlsio_issue_sign(const struct tlsio_order *order, char **certificate)
{
    struct signing s = {.authority = NULL};

    MUST(order->name_n > 0 && order->name_n <= TLSIO_ISSUE_NAMES_MAX && order->days > 0 &&
         order->days <= TLSIO_ISSUE_DAYS_MAX && order->now_s <= now_max_s);
    for (unsigned i = 0; i < order->name_n; i++)
        MUST(is_host_name(order->names[i]));
    *certificate = NULL;
    ERR_clear_error();
    int rc = read_authority(&s, order->authority, order->authority_key);

    if (rc == 0)
        rc = read_request(&s, order->request);
    if (rc == 0)
        rc = sign(&s, order, certificate);
    X509_free(s.authority);
    EVP_PKEY_free(s.authority_key);
    X509_REQ_free(s.request);
    ERR_clear_error();
    return rc;
}

/* ---- what a certificate says ---- */

int tlsio_issue_fingerprint(struct span certificate, uint8_t digest[TLSIO_DIGEST_BYTES])
{
    X509 *x = NULL;
    int rc = read_first_certificate(certificate, &x);

    if (rc == 0 && X509_digest(x, EVP_sha256(), digest, NULL) != 1)
        rc = WERR_NOMEM;
    X509_free(x);
    ERR_clear_error();
    return rc;
}

int tlsio_issue_end(struct span certificate, uint64_t *end_s)
{
    X509 *x = NULL;
    struct tm tm;
    int rc = read_first_certificate(certificate, &x);

    if (rc == 0 && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
        rc = WERR_INVALID;
    if (rc == 0) {
        const time_t end = timegm(&tm);

        rc = end > 0 ? 0 : WERR_INVALID;
        *end_s = (uint64_t)end;
    }
    X509_free(x);
    ERR_clear_error();
    return rc;
}

void tlsio_digest(struct span bytes, uint8_t digest[TLSIO_DIGEST_BYTES])
{
    (void)SHA256((const unsigned char *)bytes.ptr, bytes.len, digest);
}
