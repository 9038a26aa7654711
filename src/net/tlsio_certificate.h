/* tlsio_certificate.h - what a certificate says, read from what people bring: PEM of any order
 * and any line ends, judged before anything uses it.
 *
 * For the manager, when a certificate comes; handshakes use tlsio_identity.h.
 */
#ifndef WELDR_NET_TLSIO_CERTIFICATE_H
#define WELDR_NET_TLSIO_CERTIFICATE_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum tlsio_certificate_limits {
    TLSIO_CERTIFICATE_NAMES_MAX = 256,
    TLSIO_CERTIFICATE_CHAIN_MAX = 16, /* certificates */
    TLSIO_CERTIFICATE_TEXT_MAX = 256 * 1024,
    TLSIO_FINGERPRINT_LEN = 64 /* SHA-256 in small hexadecimal digits */
};

/* All text is heap memory of its own. */
struct tlsio_certificate {
    char *chain;  /* PEM with LF, the own certificate first, each followed by who signed it, the
                     root left out */
    char *key;    /* PEM (PKCS #8) as it is; cleared by fini */
    char **names; /* what it is for: subjectAltName's DNS names and addresses, small letters */
    uint32_t name_n;
    char *subject, *issuer, *serial;   /* RFC 2253 text; serial in small hexadecimal digits */
    int64_t not_before_s, not_after_s; /* of UTC since 1970 */
    const char *key_type;              /* "rsa", "ecdsa", "ed25519" */
    uint32_t key_bits;
    char fingerprint[TLSIO_FINGERPRINT_LEN + 1];
};

/* What is wrong, for people: field "chain" or "key" (of a JSON body, or of a pair of files). */
struct tlsio_refusal {
    const char *field;
    char text[256];
};

/* 0; WERR_INVALID: *why says what; WERR_NOMEM. Refused are: no PEM, no certificate, a key that
 * is encrypted (with a word on how to decrypt it), of another certificate or damaged, RSA below
 * 2048 bits and keys of unknown kind, MD5 and SHA-1 signatures, a chain with something that
 * does not belong there, not_after before not_before, no names (unless clients may show it,
 * since its extendedKeyUsage has clientAuth or it has none: name_n is 0 then). The own one is
 * that of the key, wherever it stands. Blocks of other kinds are passed over (one text may hold
 * chain and key), as is a second certificate of someone who signed. Dates are not judged
 * against now: that is the caller's. */
int tlsio_certificate_read(struct span chain, struct span key, struct tlsio_certificate *out,
                           struct tlsio_refusal *why) MUST_USE;
void tlsio_certificate_fini(struct tlsio_certificate *c); /* zeroed is allowed */
/* PEM of certificates only, of any number: whom to trust. Their number; WERR_INVALID with *why
 * (field as given), WERR_NOMEM. */
int tlsio_certificate_count(struct span authorities, const char *field,
                            struct tlsio_refusal *why) MUST_USE;

#endif
