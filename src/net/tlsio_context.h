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

/* Once, before anything else here. Nothing of the system's OpenSSL configuration is read. */
int tlsio_start(void) MUST_USE;

/* NULL: no memory. One reference, the caller's. */
struct tlsio_context *tlsio_context_new_server(enum tlsio_profile profile);
struct tlsio_context *tlsio_context_new_client(void);
/* What a handshake costs with the dearest of its keys, estimated (TLS-H2 measurements), in µs. */
uint32_t tlsio_context_cost_us(const struct tlsio_context *c);
struct tlsio_context *tlsio_context_get(struct tlsio_context *c);
void tlsio_context_put(struct tlsio_context *c); /* NULL allowed */

/* The certificate, its chain and its key, all in PEM. One for each kind of key. WERR_SYNTAX:
 * can't be read; WERR_INVALID: the key is of another certificate; WERR_NOMEM. */
int tlsio_context_add_certificate(struct tlsio_context *c, struct span chain,
                                struct span key) MUST_USE;
/* Client: believes what these certificates (PEM, any number) have signed, and nobody else.
 * WERR_SYNTAX, WERR_NOMEM. */
int tlsio_context_trust(struct tlsio_context *c, struct span authorities) MUST_USE;

#endif
