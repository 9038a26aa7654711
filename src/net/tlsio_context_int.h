/* tlsio_context_int.h - for tlsio*.c alone: includes OpenSSL. */
#ifndef WELDR_NET_TLSIO_CONTEXT_INT_H
#define WELDR_NET_TLSIO_CONTEXT_INT_H

#include <openssl/ssl.h>

#include "net/tlsio_context.h"

struct tlsio_context {
    SSL_CTX *ssl;
    unsigned ref_n;
    uint32_t cost_us;  /* with the dearest identity so far */
    uint32_t group_us; /* what the dearest group so far takes beyond the usual one */
    bool is_server;
    int (*choose)(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX]);
    void *arg;
    struct tlsio_tickets *tickets;              /* of servers; NULL: none are made */
    const char *protocols[TLSIO_PROTOCOLS_MAX]; /* at least one; NULL ends them */
    bool asks_clients;                          /* of servers: for certificates */
};

/* With what both sides have in common. NULL: no memory. */
struct tlsio_context *tlsio_context_make(const SSL_METHOD *method, int least_version,
                                         bool is_server);
/* A handshake exchanges keys in this group (NID_*; NID_undef: not yet). */
void tlsio_context_note_group(struct tlsio_context *c, int nid);
/* protocols[0] NULL: the usual one. */
void tlsio_context_speak(struct tlsio_context *c, const char *const *protocols);

#endif
