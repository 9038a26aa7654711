/* tlsio_identity.h - who one is: a certificate with its chain and its key, as handshakes need
 * them.
 *
 * Made of what tlsio_certificate_read has found to be right, used by any number of contexts and
 * connections; counted, since handshakes go on with the one they began with.
 */
#ifndef WELDR_NET_TLSIO_IDENTITY_H
#define WELDR_NET_TLSIO_IDENTITY_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

struct tlsio_identity;

/* chain: PEM, the own certificate first; key: PEM; staple: an OCSP response in DER, or empty.
 * WERR_SYNTAX: can't be read; WERR_INVALID: the key is of another certificate; WERR_NOMEM. One
 * reference, the caller's. */
int tlsio_identity_new(struct span chain, struct span key, struct span staple,
                       struct tlsio_identity **identity) MUST_USE;
/* The staple is sent before that moment alone (UTC since 1970); without this it never ends. */
void tlsio_identity_end_staple(struct tlsio_identity *i, int64_t ends_s);
struct tlsio_identity *tlsio_identity_get(struct tlsio_identity *i);
void tlsio_identity_put(struct tlsio_identity *i); /* NULL allowed */
/* What a server's handshake with it costs, estimated (TLS-H2 measurements), in µs. */
uint32_t tlsio_identity_cost_us(const struct tlsio_identity *i);

#endif
