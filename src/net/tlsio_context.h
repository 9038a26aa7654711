/* tlsio_context.h - what connections with TLS share: versions, ciphers, certificates, trust.
 *
 * Made whole, then used by any number of connections; counted, since a connection goes on with
 * the one it began with while new ones get the next. Nothing here reads a file: callers bring
 * bytes in PEM form.
 */
#ifndef WELDR_NET_TLSIO_CONTEXT_H
#define WELDR_NET_TLSIO_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

struct tlsio_context;

/* The two profiles that servers offer (Mozilla's Server Side TLS): intermediate is TLS 1.2 with
 * forward secrecy and AEAD, and 1.3; modern is 1.3 alone. */
enum tlsio_profile { TLSIO_INTERMEDIATE, TLSIO_MODERN };

/* Before anything else here. Nothing of the system's OpenSSL configuration is read. */
int tlsio_start(void) MUST_USE;

struct tlsio_identity;
struct tlsio_tickets;

/* What is spoken within TLS (ALPN, RFC 7301). Whoever names none speaks http/1.1. */
enum { TLSIO_PROTOCOLS_MAX = 4, TLSIO_PROTOCOL_NAME_MAX = 32 };

/* ---- for those who accept ---- */

/* Does the client show a certificate? OPTIONAL: asked for, may be missing, must be right. */
enum tlsio_client_auth { TLSIO_CLIENT_NONE, TLSIO_CLIENT_OPTIONAL, TLSIO_CLIENT_REQUIRE };

/* At most so many identities for one name: one of RSA and one of ECDSA. */
enum { TLSIO_CHOSEN_MAX = 2 };

struct tlsio_server_settings {
    enum tlsio_profile profile;
    enum tlsio_client_auth client_auth;
    struct span client_ca;         /* PEM: who signs certificates of clients; empty with NONE */
    struct tlsio_tickets *tickets; /* outlives all contexts; NULL: none are made */
    uint64_t session_scope; /* sessions of another scope are not resumed: whoever trusts others
                               than it did has another one */
    /* Whose certificates for a client that asks for this name (small letters, no final dot;
     * empty: for none)? How many are in chosen, which keeps no reference for the callee's sake:
     * they live until the callee lets them go after this call. 0: refused with the alert
     * unrecognized_name; WERR_NOMEM. */
    int (*choose)(void *arg, struct span name, struct tlsio_identity *chosen[TLSIO_CHOSEN_MAX]);
    void *arg; /* outlives the context's connections */
    /* Literals, the best first; the first NULL ends them; none: "http/1.1". A client that
     * offers none of them is refused (no_application_protocol); one that offers no protocol at
     * all is not: see tlsio_facts. */
    const char *protocols[TLSIO_PROTOCOLS_MAX];
};

/* WERR_INVALID: client_ca can't be read; WERR_NOMEM. One reference, the caller's. */
int tlsio_context_new_server(const struct tlsio_server_settings *settings,
                             struct tlsio_context **context) MUST_USE;
/* What a handshake costs with the dearest identity and the dearest group that were chosen so
 * far, in µs. Who estimates too much takes fewer of them in a turn, and has more turns. */
uint32_t tlsio_context_cost_us(const struct tlsio_context *c);

/* ---- for those who connect ---- */

enum tlsio_version { TLSIO_1_2, TLSIO_1_3 };

struct tlsio_client_settings {
    bool is_unverified;      /* believes everybody */
    struct span authorities; /* PEM: whose signatures are believed; must be there but with
                                is_unverified */
    const struct tlsio_context
        *believes_as; /* a context of who connects: the same authorities
                         as it has, in the same memory; NULL: those above */
    enum tlsio_version least_version;
    struct tlsio_identity *identity; /* shown when asked for; NULL: none. The context keeps a
                                        reference */
    const char *protocols[TLSIO_PROTOCOLS_MAX]; /* that it offers, the best first; as above */
};

/* WERR_INVALID: authorities can't be read; WERR_NOMEM. One reference, the caller's. */
int tlsio_context_new_client(const struct tlsio_client_settings *settings,
                             struct tlsio_context **context) MUST_USE;

struct tlsio_context *tlsio_context_get(struct tlsio_context *c);
void tlsio_context_put(struct tlsio_context *c); /* NULL allowed */

#endif
