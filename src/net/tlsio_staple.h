/* tlsio_staple.h - an OCSP response (RFC 6960) that is to be stapled to a certificate, read and
 * judged before any handshake sends it.
 *
 * For the manager, when people bring one, and for the worker, which may have one that an older
 * manager took unread. The signature is not verified: clients do that, and the key that signed
 * may be of somebody whom the chain does not name.
 */
#ifndef WELDR_NET_TLSIO_STAPLE_H
#define WELDR_NET_TLSIO_STAPLE_H

#include <stdint.h>

#include "net/tlsio_certificate.h"

/* What nextUpdate says when a response has none: it never ends. */
#define TLSIO_STAPLE_ENDLESS INT64_MAX

/* der: the response; chain: PEM, the certificate that it is for comes first. *ends_s:
 * nextUpdate, UTC since 1970. WERR_INVALID: *why says what is wrong, with field "ocsp": it
 * can't be read, is no success, is of another certificate, or does not say "good"; WERR_NOMEM.
 */
int tlsio_staple_read(struct span der, struct span chain, int64_t *ends_s,
                      struct tlsio_refusal *why) MUST_USE;

#endif
