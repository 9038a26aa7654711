#include "net/tlsio_context.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "net/tlsio_context_int.h"
#include "net/tlsio_memory.h"
#include "net/tlsio_random.h"

/* Mozilla's intermediate: forward secrecy and AEAD. ECDSA comes first, since it costs a server
 * half of what RSA does; a server's order counts (tlsio_context_server.c). Its suites with
 * finite fields (DHE) are left out: their exponentiation costs a server eight times X25519's,
 * at the client's will, and whoever knows AEAD knows curves. */
#define CIPHERS_12                                                 \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:"                               \
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
/* X25519 is the fastest; P-256 is also for certificates with a key of that curve (TLS 1.2). */
#define GROUPS "X25519:P-256:P-384"

/* Before any identity was chosen: with a key on P-256. The library has P-384 without the
 * processor's help: making a key and deriving the secret take 700 µs each. */
enum { COST_LEAST_US = 200, P384_MORE_US = 1400 };

uint32_t tlsio_context_cost_us(const struct tlsio_context *c)
{
    return c->cost_us + c->group_us;
}

void tlsio_context_note_group(struct tlsio_context *c, int nid)
{
    if (nid == NID_secp384r1)
        c->group_us = P384_MORE_US;
}

int tlsio_start(void)
{
    const int rc = tlsio_memory_start();

    if (rc < 0)
        return rc;
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return WERR_NOMEM;
    tlsio_random_start();
    return 0;
}

static bool set_common(SSL_CTX *ssl, int least_version)
{
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    return SSL_CTX_set_min_proto_version(ssl, least_version) == 1 &&
           SSL_CTX_set_cipher_list(ssl, CIPHERS_12) == 1 &&
           SSL_CTX_set_ciphersuites(ssl, CIPHERS_13) == 1 &&
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

void tlsio_context_speak(struct tlsio_context *c, const char *const *protocols)
{
    if (protocols[0] == NULL) {
        c->protocols[0] = "http/1.1";
        return;
    }
    for (int i = 0; i < TLSIO_PROTOCOLS_MAX && protocols[i] != NULL; i++) {
        MUST(strlen(protocols[i]) <= TLSIO_PROTOCOL_NAME_MAX);
        c->protocols[i] = protocols[i];
    }
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
