/* Contexts of those who connect: whom they believe, what they show, which sessions they keep.
 */
#include <openssl/err.h>
#include <string.h>

#include "net/tlsio_context_int.h"
#include "net/tlsio_identity_int.h"
#include "net/tlsio_pem.h"
#include "net/tlsio_sessions_int.h"

/* One that can't be read is nobody's loss but its own. */
static int trust_one(X509_STORE *store, const struct tlsio_pem_block *block, unsigned *n)
{
    X509 *x = tlsio_pem_is_certificate(block) ? tlsio_pem_certificate(block) : NULL;
    const bool is_short = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;

    ERR_clear_error();
    if (x == NULL)
        return is_short ? WERR_NOMEM : 0;
    const int rc = X509_STORE_add_cert(store, x) == 1 ? 0 : WERR_NOMEM;

    X509_free(x);
    *n += 1;
    return rc;
}

/* A damaged block of a machine's bundle does not hide those behind it. */
static int trust(SSL_CTX *ssl, struct span authorities)
{
    BIO *text = tlsio_pem_open(authorities);
    struct tlsio_pem_block block;
    unsigned n = 0;
    int rc = text != NULL ? 1 : WERR_NOMEM;

    while (rc > 0 || rc == WERR_SYNTAX) {
        rc = tlsio_pem_next_block(text, &block);
        if (rc <= 0)
            continue;
        const int added = trust_one(SSL_CTX_get_cert_store(ssl), &block, &n);

        tlsio_pem_block_fini(&block);
        rc = added < 0 ? added : 1;
    }
    BIO_free(text);
    return rc == 0 && n == 0 ? WERR_INVALID : rc;
}

/* Whoever is among the authorities is believed, root or not: people pin what signs their
 * servers, or the server's own certificate. */
static int believe(SSL_CTX *ssl, const struct tlsio_client_settings *settings)
{
    const struct tlsio_context *as = settings->believes_as;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl);

    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
        return WERR_NOMEM;
    if (as == NULL)
        return trust(ssl, settings->authorities);
    MUST(!as->is_server);
    SSL_CTX_set1_cert_store(ssl, SSL_CTX_get_cert_store(as->ssl));
    return 0;
}

/* What a connection may resume by is kept where its tlsio_peer_name says. */
static void keep_sessions(SSL_CTX *ssl)
{
    (void)SSL_CTX_set_session_cache_mode(ssl,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tlsio_sessions_on_new);
}

static bool show(SSL_CTX *ssl, const struct tlsio_identity *i)
{
    return i == NULL || SSL_CTX_use_cert_and_key(ssl, i->certificate, i->key, i->chain, 1) == 1;
}

/* RFC 7301: names with a byte of length before each. */
static bool offer(struct tlsio_context *c)
{
    unsigned char list[TLSIO_PROTOCOLS_MAX * (1 + TLSIO_PROTOCOL_NAME_MAX)];
    unsigned n = 0;

    for (int i = 0; i < TLSIO_PROTOCOLS_MAX && c->protocols[i] != NULL; i++) {
        const size_t len = strlen(c->protocols[i]);

        list[n++] = (unsigned char)len;
        memcpy(list + n, c->protocols[i], len);
        n += (unsigned)len;
    }
    return SSL_CTX_set_alpn_protos(c->ssl, list, n) == 0;
}

static int set_client(struct tlsio_context *c, const struct tlsio_client_settings *settings)
{
    tlsio_context_speak(c, settings->protocols);
    if (!offer(c) || !show(c->ssl, settings->identity))
        return WERR_NOMEM;
    keep_sessions(c->ssl);
    SSL_CTX_set_verify(c->ssl, settings->is_unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       NULL);
    return settings->is_unverified ? 0 : believe(c->ssl, settings);
}

int tlsio_context_new_client(const struct tlsio_client_settings *settings,
                             struct tlsio_context **context)
{
    const int least = settings->least_version == TLSIO_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    struct tlsio_context *c = tlsio_context_make(TLS_client_method(), least, false);
    const int rc = c != NULL ? set_client(c, settings) : WERR_NOMEM;

    *context = rc == 0 ? c : NULL;
    if (rc < 0)
        tlsio_context_put(c);
    ERR_clear_error();
    return rc;
}
