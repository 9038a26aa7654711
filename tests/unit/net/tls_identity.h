/* tls_identity.h - certificates made for a test: an authority, and whom it signs, as PEM text.
 * Made anew in each run, so no key lies in the repository and none expires. */
#ifndef WELDR_TESTS_TLS_IDENTITY_H
#define WELDR_TESTS_TLS_IDENTITY_H

#include "net/tlsio_context.h"
#include "net/tlsio_identity.h"
#include "net/tlsio_tickets.h"
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"

enum { PEM_MAX = 16384, DAY_S = 86400 };

struct identity {
    X509 *x;
    EVP_PKEY *key;
    char chain[PEM_MAX], secret[PEM_MAX];
};

enum identity_key { KEY_P256, KEY_RSA };

struct identity_wish {
    enum identity_key kind;
    const char *name;          /* common name and DNS name */
    const struct identity *by; /* NULL: itself, an authority */
    long begins_s, ends_s;     /* from now */
};

static inline void identity_extend(X509 *x, X509 *by, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, by, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void identity_print(BIO *bio, char *to)
{
    char *text;
    const long n = BIO_get_mem_data(bio, &text);

    assert_in_range(n, 1, PEM_MAX - 1);
    memcpy(to, text, (size_t)n);
    to[n] = '\0';
    BIO_free(bio);
}

static inline void identity_make(struct identity *id, const struct identity_wish *wish)
{
    X509 *by = wish->by != NULL ? wish->by->x : NULL;
    char name[128];

    id->key = wish->kind == KEY_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    id->x = X509_new();
    assert_non_null(id->key);
    (void)X509_set_version(id->x, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(id->x), by != NULL ? 2 : 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(id->x), wish->begins_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(id->x), wish->ends_s);
    (void)X509_set_pubkey(id->x, id->key);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(id->x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)wish->name, -1, -1, 0);
    (void)X509_set_issuer_name(id->x, X509_get_subject_name(by != NULL ? by : id->x));
    snprintf(name, sizeof(name), "DNS:%s", wish->name);
    if (by != NULL)
        identity_extend(id->x, by, NID_subject_alt_name, name);
    else
        identity_extend(id->x, id->x, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(id->x, wish->by != NULL ? wish->by->key : id->key, EVP_sha256()) > 0);

    BIO *bio = BIO_new(BIO_s_mem());

    (void)PEM_write_bio_X509(bio, id->x);
    identity_print(bio, id->chain);
    bio = BIO_new(BIO_s_mem());
    (void)PEM_write_bio_PrivateKey(bio, id->key, NULL, NULL, 0, NULL, NULL);
    identity_print(bio, id->secret);
}

static inline void identity_free(struct identity *id)
{
    X509_free(id->x);
    EVP_PKEY_free(id->key);
}

/* Contexts of a test: a server that is these, whatever name is asked for, and a client that
 * believes this authority. */
struct identities {
    struct tlsio_tickets *tickets; /* of all servers that identities_server makes */
    struct tlsio_identity *at[TLSIO_CHOSEN_MAX];
    int n;
};

static inline int identities_choose(void *arg, struct span name,
                                    struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX])
{
    const struct identities *all = arg;

    (void)name;
    for (int i = 0; i < all->n; i++)
        chosen[i] = all->at[i];
    return all->n;
}

static inline void identities_add(struct identities *all, const struct identity *id)
{
    assert_int_equal(tlsio_identity_new(span_from_str(id->chain), span_from_str(id->secret),
                                        SPAN_NONE, &all->at[all->n++]),
                     0);
}

static inline void identities_free(struct identities *all)
{
    while (all->n > 0)
        tlsio_identity_put(all->at[--all->n]);
    tlsio_tickets_free(all->tickets);
    all->tickets = NULL;
}

static inline struct tlsio_context *identities_server(struct identities *all,
                                                      enum tlsio_profile profile)
{
    static const char key[TLSIO_TICKET_KEY_BYTES] = "of a test";
    struct tlsio_server_settings settings = {
        .profile = profile, .choose = identities_choose, .arg = all};
    struct tlsio_context *c;

    if (all->tickets == NULL)
        all->tickets = tlsio_tickets_new();
    settings.tickets = all->tickets;
    assert_int_equal(tlsio_tickets_set(all->tickets, span_from(key, sizeof(key))), 0);
    assert_int_equal(tlsio_context_new_server(&settings, &c), 0);
    return c;
}

static inline struct tlsio_context *client_that_trusts(const struct identity *authority)
{
    const struct tlsio_client_settings settings = {.authorities =
                                                       span_from_str(authority->chain)};
    struct tlsio_context *c;

    assert_int_equal(tlsio_context_new_client(&settings, &c), 0);
    return c;
}

#endif
