#include "net/tlsio_context.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/fault.h"
#include "net/tlsio_context_int.h"
#include "net/tlsio_identity_int.h"
#include "net/tlsio_memory.h"
#include "net/tlsio_pem.h"

/* Mozilla's intermediate: forward secrecy and AEAD; the order is the client's, since each of
 * them is good and it knows which it does fast. */
#define CIPHERS_12                                               \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/* X25519 is the fastest; P-256 is also for certificates with a key of that curve (TLS 1.2). */
#define GROUPS "X25519:P-256:P-384"

/* Before any identity was chosen: with a key on P-256. */
enum { COST_LEAST_US = 200 };

uint32_t tlsio_context_cost_us(const struct tlsio_context *c)
{
    return c->cost_us;
}

int tlsio_start(void)
{
    const int rc = tlsio_memory_start();

    if (rc < 0)
        return rc;
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

struct tlsio_context *tlsio_context_make(const SSL_METHOD *method, int least_version,
                                         bool is_server)
{
    struct tlsio_context *c = fault_malloc(sizeof(*c));

    if (c == NULL)
        return NULL;
    *c = (struct tlsio_context){.ssl = SSL_CTX_new(method),
                                .ref_n = 1,
                                .cost_us = COST_LEAST_US,
                                .is_server = is_server};
    if (c->ssl != NULL && set_common(c->ssl, least_version))
        return c;
    tlsio_context_put(c);
    ERR_clear_error();
    return NULL;
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

/* ---- for those who accept ---- */

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

static bool use_identity(struct tlsio_context *c, SSL *ssl, const struct tlsio_identity *i)
{
    if (i->cost_us > c->cost_us)
        c->cost_us = i->cost_us;
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

    if (n == 0) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    for (int i = 0; i < n; i++)
        if (!use_identity(c, ssl, chosen[i]))
            return SSL_TLSEXT_ERR_ALERT_FATAL;
    return n > 0 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int tlsio_context_new_server(const struct tlsio_server_settings *settings,
                             struct tlsio_context **context)
{
    const int least = settings->profile == TLSIO_MODERN ? TLS1_3_VERSION : TLS1_2_VERSION;
    struct tlsio_context *c = tlsio_context_make(TLS_server_method(), least, true);

    *context = c;
    if (c == NULL)
        return WERR_NOMEM;
    c->choose = settings->choose;
    c->arg = settings->arg;
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_OFF); /* tickets do it */
    (void)SSL_CTX_set_num_tickets(c->ssl, 0);                   /* tlsio_write orders one */
    (void)SSL_CTX_set_tlsext_servername_callback(c->ssl, on_name);
    (void)SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
    return 0;
}
