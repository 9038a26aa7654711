#include "net/tlsio_identity.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "net/tlsio_identity_int.h"
#include "net/tlsio_pem.h"

/* What the server's part takes of a processor: most of it is the signature. With RSA it grows
 * with the third power of the key, but the library is quicker at 2048 bits than at any other
 * size; so it is at P-256. */
enum {
    COST_LEAST_US = 200,
    COST_LARGE_CURVE_US = 900,
    COST_RSA_2048_US = 400,
    COST_RSA_4096_US = 4200
};

static uint32_t cost_of(const EVP_PKEY *key)
{
    const uint64_t bits = (uint64_t)EVP_PKEY_get_bits(key);
    const uint64_t base = 4096;

    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return bits > 256 ? COST_LARGE_CURVE_US : COST_LEAST_US;
    return bits > 2048 ? (uint32_t)(COST_RSA_4096_US * bits * bits * bits / base / base / base)
                       : COST_RSA_2048_US;
}

static int read_chain(struct tlsio_identity *i, BIO *text)
{
    X509 *x;

    i->certificate = tlsio_pem_next_certificate(text);
    i->chain = sk_X509_new_null();
    if (i->certificate == NULL)
        return WERR_SYNTAX;
    if (i->chain == NULL)
        return WERR_NOMEM;
    while ((x = tlsio_pem_next_certificate(text)) != NULL)
        if (sk_X509_push(i->chain, x) == 0) {
            X509_free(x);
            return WERR_NOMEM;
        }
    return 0;
}

static int read_key(struct tlsio_identity *i, BIO *text)
{
    i->key = tlsio_pem_next_key(text);
    if (i->key == NULL)
        return WERR_SYNTAX;
    i->cost_us = cost_of(i->key);
    return X509_check_private_key(i->certificate, i->key) == 1 ? 0 : WERR_INVALID;
}

static int take_staple(struct tlsio_identity *i, struct span staple)
{
    if (staple.len == 0)
        return 0;
    i->staple = OPENSSL_memdup(staple.ptr, staple.len);
    i->staple_bytes = staple.len;
    return i->staple != NULL ? 0 : WERR_NOMEM;
}

static int read_all(struct tlsio_identity *i, struct span chain, struct span key,
                    struct span staple)
{
    BIO *chain_text = tlsio_pem_open(chain);
    BIO *key_text = tlsio_pem_open(key);
    int rc = chain_text != NULL && key_text != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        rc = read_chain(i, chain_text);
    if (rc == 0)
        rc = read_key(i, key_text);
    if (rc == 0)
        rc = take_staple(i, staple);
    BIO_free(chain_text);
    BIO_free(key_text);
    ERR_clear_error();
    return rc;
}

/* Where a certificate has whose it is: once a process, which is told by the library. */
static int owner_index(void)
{
    static int index = -1;

    if (index < 0)
        index = X509_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

const struct tlsio_identity *tlsio_identity_of(const X509 *certificate)
{
    return X509_get_ex_data(certificate, owner_index());
}

static bool own(struct tlsio_identity *i)
{
    return owner_index() >= 0 && X509_set_ex_data(i->certificate, owner_index(), i) == 1;
}

int tlsio_identity_new(struct span chain, struct span key, struct span staple,
                       struct tlsio_identity **identity)
{
    struct tlsio_identity *i = fault_malloc(sizeof(*i));

    *identity = NULL;
    if (i == NULL)
        return WERR_NOMEM;
    *i = (struct tlsio_identity){.ref_n = 1, .staple_ends_s = INT64_MAX};
    int rc = read_all(i, chain, key, staple);

    if (rc == 0 && !own(i))
        rc = WERR_NOMEM;
    if (rc == 0)
        *identity = i;
    else
        tlsio_identity_put(i);
    return rc;
}

void tlsio_identity_end_staple(struct tlsio_identity *i, int64_t ends_s)
{
    i->staple_ends_s = ends_s;
}

struct tlsio_identity *tlsio_identity_get(struct tlsio_identity *i)
{
    i->ref_n++;
    return i;
}

void tlsio_identity_put(struct tlsio_identity *i)
{
    if (i == NULL || --i->ref_n > 0)
        return;
    if (i->certificate != NULL)
        (void)X509_set_ex_data(i->certificate, owner_index(),
                               NULL); /* handshakes may have it */
    X509_free(i->certificate);
    sk_X509_pop_free(i->chain, X509_free);
    EVP_PKEY_free(i->key);
    OPENSSL_free(i->staple);
    free(i);
}

uint32_t tlsio_identity_cost_us(const struct tlsio_identity *i)
{
    return i->cost_us;
}
