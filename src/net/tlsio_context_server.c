/* Contexts of those who accept: which certificate is shown, who may come, what is resumed.
 *
 * In the order of a handshake: on_hello (the whole ClientHello is there), on_ticket and
 * on_opened (it wants to resume), on_name, on_protocols, on_status; on_ticket again when a
 * ticket is made.
 */
#include <openssl/err.h>
#include <string.h>
#include <time.h>

#include "base/ascii.h"
#include "net/tlsio_context_int.h"
#include "net/tlsio_identity_int.h"
#include "net/tlsio_pem.h"
#include "net/tlsio_tickets_int.h"

/* Mozilla's; a client's own certificate is signed with one of them too. */
#define SIGNATURES                                    \
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:" \
    "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"   \
    "RSA+SHA256:RSA+SHA384:RSA+SHA512"

enum {
    SECURITY_LEVEL =
        2, /* 112 bits: RSA from 2048, no SHA-1; whatever the library was built for */
    SESSION_S = 12 * 3600,
    SESSION_OF_CLIENT_S = 3600, /* with a certificate, that may be recalled */
    CLIENT_CHAIN_BYTES_MAX = 32 * 1024,
    AUTHORITY_NAMES_BYTES_MAX = 32 * 1024
};

static struct tlsio_context *context_of(const SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* ---- tickets ---- */

/* Without keys the library would make tickets of its own, which no other worker can open. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    const struct tlsio_context *c = arg;

    (void)alert;
    if (!tlsio_tickets_has_keys(c->tickets))
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* The library's results: 1 is well, 2 well and to be renewed, 0 unknown, -1 failed. With
 * TLS 1.3 a client uses a ticket once, so each is renewed. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_making)
{
    const struct tlsio_context *c = context_of(ssl);
    const bool is_1_3 = SSL_version(ssl) == TLS1_3_VERSION;
    const struct tlsio_ticket_row *r =
        tlsio_tickets_row(c->tickets, is_1_3 && !c->asks_clients);

    if (is_making != 0)
        return tlsio_tickets_make(r, name, iv, cipher, mac) ? 1 : -1;
    const int place = tlsio_tickets_open(r, name, iv, cipher, mac);

    if (place == WERR_NOT_FOUND)
        return 0;
    if (place < 0)
        return -1;
    return place > 0 || is_1_3 ? 2 : 1;
}

/* What was verified once stays true as long as the certificate lasts, and no longer: each
 * resumption would begin the session's life anew. */
static SSL_TICKET_RETURN on_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                   size_t name_bytes, SSL_TICKET_STATUS status, void *arg)
{
    const X509 *shown = session != NULL ? SSL_SESSION_get0_peer(session) : NULL;

    (void)ssl;
    (void)name;
    (void)name_bytes;
    (void)arg;
    if (shown != NULL && X509_cmp_current_time(X509_get0_notAfter(shown)) < 0)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    switch (status) {
    case SSL_TICKET_SUCCESS:
        return SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
        return SSL_TICKET_RETURN_USE_RENEW;
    default:
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
}

static bool set_sessions(struct tlsio_context *c, const struct tlsio_server_settings *settings)
{
    c->asks_clients = settings->client_auth != TLSIO_CLIENT_NONE;
    c->tickets = settings->tickets;
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF); /* tickets do it */
    SSL_CTX_set_client_hello_cb(c->ssl, on_hello, c);
    (void)SSL_CTX_set_num_tickets(c->ssl, 0); /* tlsio_write orders one */
    (void)SSL_CTX_set_timeout(c->ssl, c->asks_clients ? SESSION_OF_CLIENT_S : SESSION_S);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, on_ticket) == 1 &&
           SSL_CTX_set_session_ticket_cb(c->ssl, NULL, on_opened, NULL) == 1 &&
           SSL_CTX_set_session_id_context(c->ssl,
                                          (const unsigned char *)&settings->session_scope,
                                          sizeof(settings->session_scope)) == 1;
}

/* ---- which certificate ---- */

/* As certificates have it: small letters, no final dot. */
static struct span asked_name(const SSL *ssl, char *buf, size_t size)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t len = name != NULL ? strlen(name) : 0;

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len >= size)
        return SPAN_NONE;
    for (size_t i = 0; i < len; i++)
        buf[i] = ascii_lower(name[i]);
    return span_from(buf, len);
}

/* Who resumes a session is shown none. */
static bool use_identity(struct tlsio_context *c, SSL *ssl, const struct tlsio_identity *i)
{
    if (i->cost_us > c->cost_us)
        c->cost_us = i->cost_us;
    if (SSL_session_reused(ssl) == 1)
        return true;
    return SSL_use_cert_and_key(ssl, i->certificate, i->key, i->chain, 1) == 1;
}

/* Called in each handshake, also of who asks for no name. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
    enum { NAME_MAX_BYTES = 256 };
    struct tlsio_context *c = arg;
    struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX];
    char buf[NAME_MAX_BYTES];
    const int n = c->choose(c->arg, asked_name(ssl, buf, sizeof(buf)), chosen);

    MUST(n <= TLSIO_CHOSEN_MAX);
    if (n == 0) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    if (n == WERR_NOMEM) /* told apart from a name that is not known */
        ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
    for (int i = 0; i < n; i++)
        if (!use_identity(c, ssl, chosen[i]))
            return SSL_TLSEXT_ERR_ALERT_FATAL;
    return n > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool offers(const unsigned char *offered, unsigned n, struct span wanted)
{
    for (unsigned at = 0; at < n; at += 1U + offered[at])
        if (span_is_equal(span_first(span_from(offered + at + 1, n - at - 1), offered[at]),
                          wanted))
            return true;
    return false;
}

/* RFC 7301: names with a byte of length before each, ours count first. The library sends
 * no_application_protocol when it is told of a fatal error. */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_bytes,
                        const unsigned char *offered, unsigned n, void *arg)
{
    const struct tlsio_context *c = arg;

    (void)ssl;
    for (int i = 0; i < TLSIO_PROTOCOLS_MAX && c->protocols[i] != NULL; i++) {
        const struct span name = span_from_str(c->protocols[i]);

        if (offers(offered, n, name)) {
            *chosen = (const unsigned char *)name.ptr;
            *chosen_bytes = (unsigned char)name.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The certificate is chosen by then. A staple that is over would end handshakes of clients that
 * look at it; without one they go on. The copy is the library's. */
static int on_status(SSL *ssl, void *arg)
{
    const X509 *x = SSL_get_certificate(ssl);
    const struct tlsio_identity *i = x != NULL ? tlsio_identity_of(x) : NULL;

    (void)arg;
    if (i == NULL || i->staple_bytes == 0 || i->staple_ends_s <= time(NULL))
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = OPENSSL_memdup(i->staple, i->staple_bytes);

    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    (void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)i->staple_bytes);
    return SSL_TLSEXT_ERR_OK;
}

/* ---- who may come ---- */

/* The names of authorities help a client to find the right certificate; a list that would take
 * more than a message may is not sent. */
static bool tell_authority(SSL_CTX *ssl, const X509 *x, size_t *bytes)
{
    const int n = i2d_X509_NAME(X509_get_subject_name(x), NULL);

    *bytes += n > 0 ? (size_t)n : 0;
    if (*bytes <= AUTHORITY_NAMES_BYTES_MAX)
        return SSL_CTX_add_client_CA(ssl, (X509 *)x) == 1;
    SSL_CTX_set_client_CA_list(ssl, NULL);
    return true;
}

static int trust_one(SSL_CTX *ssl, const struct tlsio_pem_block *block, size_t *bytes)
{
    X509 *x = tlsio_pem_is_certificate(block) ? tlsio_pem_certificate(block) : NULL;

    if (x == NULL)
        return WERR_INVALID;
    const bool is_well = X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), x) == 1 &&
                         tell_authority(ssl, x, bytes);

    X509_free(x);
    return is_well ? 0 : WERR_NOMEM;
}

static int trust(SSL_CTX *ssl, BIO *text)
{
    struct tlsio_pem_block block;
    size_t bytes = 0;
    unsigned n = 0;
    int rc;

    while ((rc = tlsio_pem_next_block(text, &block)) > 0) {
        rc = trust_one(ssl, &block, &bytes);
        tlsio_pem_block_fini(&block);
        if (rc < 0)
            return rc;
        n++;
    }
    if (rc == WERR_SYNTAX || (rc == 0 && n == 0))
        return WERR_INVALID;
    return rc;
}

/* Whoever is listed is believed, be it a root or not. */
static int set_client_auth(SSL_CTX *ssl, const struct tlsio_server_settings *settings)
{
    const bool is_required = settings->client_auth == TLSIO_CLIENT_REQUIRE;

    if (settings->client_auth == TLSIO_CLIENT_NONE)
        return 0;
    BIO *text = tlsio_pem_open(settings->client_ca);
    int rc = text != NULL ? trust(ssl, text) : WERR_NOMEM;

    BIO_free(text);
    if (rc == 0 &&
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN) != 1)
        rc = WERR_NOMEM;
    SSL_CTX_set_max_cert_list(ssl, CLIENT_CHAIN_BYTES_MAX);
    SSL_CTX_set_verify(
        ssl, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return rc;
}

/* ---- all of it ---- */

/* By our order, in which ECDSA comes before RSA; but a client whose first cipher is ChaCha20,
 * since it lacks AES in hardware, gets that. */
static bool set_strength(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
    return SSL_CTX_set1_sigalgs_list(ssl, SIGNATURES) == 1 &&
           SSL_CTX_set_max_early_data(ssl, 0) == 1 &&
           SSL_CTX_set_recv_max_early_data(ssl, 0) == 1;
}

static void set_callbacks(struct tlsio_context *c)
{
    (void)SSL_CTX_set_app_data(c->ssl, c);
    (void)SSL_CTX_set_tlsext_servername_callback(c->ssl, on_name);
    (void)SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
    SSL_CTX_set_alpn_select_cb(c->ssl, on_protocols, c);
    (void)SSL_CTX_set_tlsext_status_cb(c->ssl, on_status);
}

static int set_server(struct tlsio_context *c, const struct tlsio_server_settings *settings)
{
    c->choose = settings->choose;
    c->arg = settings->arg;
    tlsio_context_speak(c, settings->protocols);
    set_callbacks(c);
    if (!set_strength(c->ssl) || !set_sessions(c, settings))
        return WERR_NOMEM;
    return set_client_auth(c->ssl, settings);
}

int tlsio_context_new_server(const struct tlsio_server_settings *settings,
                             struct tlsio_context **context)
{
    const int least = settings->profile == TLSIO_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION;
    struct tlsio_context *c = tlsio_context_make(TLS_server_method(), least, true);
    const int rc = c != NULL ? set_server(c, settings) : WERR_NOMEM;

    *context = rc == 0 ? c : NULL;
    if (rc < 0)
        tlsio_context_put(c);
    ERR_clear_error();
    return rc;
}
