#include "net/tlsio_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/fault.h"
#include "net/tlsio_context_int.h"

/* Mozilla's intermediate: forward secrecy and AEAD; the order is the client's, since each of
 * them is good and it knows which it does fast. */
#define CIPHERS_12                                                            \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"              \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"              \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/* X25519 is the fastest; P-256 is also for certificates with a key of that curve (TLS 1.2). */
#define GROUPS "X25519:P-256:P-384"

/* What the server's part takes of a processor: most of it is the signature, which with RSA
 * grows with the third power of the key. */
enum { COST_LEAST_US = 200, COST_RSA_2048_US = 400, COST_RSA_4096_US = 2500 };

static uint32_t cost_of(const EVP_PKEY *key)
{
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return COST_LEAST_US;
    return EVP_PKEY_get_bits(key) > 2048 ? COST_RSA_4096_US : COST_RSA_2048_US;
}

uint32_t tlsio_context_cost_us(const struct tlsio_context *c)
{
    return c->cost_us;
}

int tlsio_start(void)
{
    return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 ? 0 : WERR_NOMEM;
}

static bool set_common(SSL_CTX *ssl, int least_version)
{
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    return SSL_CTX_set_min_proto_version(ssl, least_version) == 1 &&
           SSL_CTX_set_cipher_list(ssl, CIPHERS_12) == 1 &&
           SSL_CTX_set1_groups_list(ssl, GROUPS) == 1;
}

static struct tlsio_context *make(const SSL_METHOD *method, int least_version, bool is_server)
{
    struct tlsio_context *c = fault_malloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    *c = (struct tlsio_context){
        .ssl = SSL_CTX_new(method), .ref_n = 1, .cost_us = COST_LEAST_US, .is_server = is_server};
    if (c->ssl != NULL && set_common(c->ssl, least_version))
        return c;
    tlsio_context_put(c);
    ERR_clear_error();
    return NULL;
}

struct tlsio_context *tlsio_context_new_server(enum tlsio_profile profile)
{
    struct tlsio_context *c =
        make(TLS_server_method(), profile == TLSIO_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION, true);

    if (c == NULL)
        return NULL;
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF); /* tickets do it */
    (void)SSL_CTX_set_num_tickets(c->ssl, 1);
    return c;
}

struct tlsio_context *tlsio_context_new_client(void)
{
    struct tlsio_context *c = make(TLS_client_method(), TLS1_2_VERSION, false);

    if (c != NULL)
        SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
    return c;
}

struct tlsio_context *tlsio_context_get(struct tlsio_context *c)
{
    c->ref_n++;
    return c;
}

void tlsio_context_put(struct tlsio_context *c)
{
    if (c == NULL || --c->ref_n > 0)
        return;
    SSL_CTX_free(c->ssl);
    free(c);
}

/* ---- PEM ---- */

/* No passphrase is asked for: there is nobody who could be asked. */
static int no_passphrase(char *to, int max, int is_writing, void *arg)
{
    (void)to;
    (void)max;
    (void)is_writing;
    (void)arg;
    return 0;
}

/* Of no text: one that is empty. */
static BIO *open_text(struct span text)
{
    MUST(text.len <= INT32_MAX);
    return BIO_new_mem_buf(text.len > 0 ? text.ptr : "", (int)text.len);
}

static X509 *next_certificate(BIO *text)
{
    X509 *x = PEM_read_bio_X509(text, NULL, no_passphrase, NULL);

    ERR_clear_error();
    return x;
}

static int add_chain(SSL_CTX *ssl, BIO *text)
{
    X509 *x = next_certificate(text);

    if (x == NULL)
        return WERR_SYNTAX;
    int rc = SSL_CTX_use_certificate(ssl, x) == 1 ? 0 : WERR_INVALID;

    X509_free(x);
    while (rc == 0 && (x = next_certificate(text)) != NULL) {
        rc = SSL_CTX_add1_chain_cert(ssl, x) == 1 ? 0 : WERR_NOMEM;
        X509_free(x);
    }
    return rc;
}

static int add_key(struct tlsio_context *c, BIO *text)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL);

    if (key == NULL)
        return WERR_SYNTAX;
    const int rc = SSL_CTX_use_PrivateKey(c->ssl, key) == 1 ? 0 : WERR_INVALID;

    if (rc == 0 && cost_of(key) > c->cost_us)
        c->cost_us = cost_of(key);
    EVP_PKEY_free(key);
    return rc;
}

int tlsio_context_add_certificate(struct tlsio_context *c, struct span chain, struct span key)
{
    BIO *chain_text = open_text(chain);
    BIO *key_text = open_text(key);
    int rc = chain_text != NULL && key_text != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        rc = add_chain(c->ssl, chain_text);
    if (rc == 0)
        rc = add_key(c, key_text);
    BIO_free(chain_text);
    BIO_free(key_text);
    ERR_clear_error();
    return rc;
}

int tlsio_context_trust(struct tlsio_context *c, struct span authorities)
{
    BIO *text = open_text(authorities);
    X509_STORE *store = SSL_CTX_get_cert_store(c->ssl);
    X509 *x = NULL;
    unsigned n = 0;
    int rc = text != NULL ? 0 : WERR_NOMEM;

    while (rc == 0 && (x = next_certificate(text)) != NULL) {
        rc = X509_STORE_add_cert(store, x) == 1 ? 0 : WERR_NOMEM;
        X509_free(x);
        n++;
    }
    BIO_free(text);
    ERR_clear_error();
    return rc == 0 && n == 0 ? WERR_SYNTAX : rc;
}
