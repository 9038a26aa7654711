/* tlsio_issue.h - keys and certificates that Weldr makes itself: those of a cluster's members.
 *
 * EC P-256 and SHA-256; what is made holds under the strict reading of RFC 5280
 * (X509_V_FLAG_X509_STRICT). Certificates of listeners come from outside (tlsio_certificate.h).
 * Private keys lie in memory that is not dumped and is cleared (base/seal.h). Used by cluster/
 * alone, on the manager's thread, after tlsio_start.
 */
#ifndef WELDR_NET_TLSIO_ISSUE_H
#define WELDR_NET_TLSIO_ISSUE_H

#include <stdint.h>

#include "base/seal.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    TLSIO_DIGEST_BYTES = 32,
    TLSIO_ISSUE_TEXT_MAX = 16 * 1024, /* of what is signed, and of the CA's two texts */
    TLSIO_ISSUE_NAME_MAX = 64,        /* a common name: RFC 5280, ub-common-name */
    TLSIO_ISSUE_NAMES_MAX = 4,
    TLSIO_ISSUE_DAYS_MAX = 36500
};

/* A key (PEM, PKCS #8) and what goes with it: a certificate or a request, PEM, heap. */
struct tlsio_issued {
    struct seal_opened key;
    char *text;
};
void tlsio_issued_fini(struct tlsio_issued *i); /* zeroed is allowed */

/* A CA: common_name (1 to TLSIO_ISSUE_NAME_MAX bytes, MUST), basicConstraints CA with path
 * length 0, keyCertSign; valid from an hour before now_s on for 100 years, for clocks of nodes
 * differ. WERR_NOMEM; WERR_IO: no randomness. *out is zeroed then. */
int tlsio_issue_authority(const char *common_name, uint64_t now_s,
                          struct tlsio_issued *out) MUST_USE;
/* A fresh key and a certificate signing request of it (PKCS #10). WERR_NOMEM, WERR_IO. */
int tlsio_issue_request(const char *common_name, struct tlsio_issued *out) MUST_USE;
/* What is to be signed, and by whom. Borrowed. */
struct tlsio_order {
    struct span authority, authority_key; /* PEM */
    struct span request;                  /* PEM; of anybody */
    const char *const *names; /* 1 to TLSIO_ISSUE_NAMES_MAX, each of 1 to TLSIO_ISSUE_NAME_MAX
                                 letters of host names (MUST) */
    unsigned name_n;
    uint64_t now_s;
    uint32_t days; /* 1 to TLSIO_ISSUE_DAYS_MAX (MUST) */
};
/* Signs what the request's key has proved to be its own: no CA, client and server, the names as
 * DNS SANs, the last one as common name too, and nothing of the request but its key. Valid from
 * an hour before now_s on, until the days after it are over. *certificate: PEM, heap; NULL on
 * failure. WERR_INVALID: the request can't be read or is longer than TLSIO_ISSUE_TEXT_MAX, its
 * signature is wrong or its key is none of the named curve P-256; authority can't be read, is
 * no CA, or authority_key is not its key. WERR_NOMEM; WERR_IO: no randomness. */
int tlsio_issue_sign(const struct tlsio_order *order, char **certificate) MUST_USE;
/* SHA-256 of the DER of the first certificate in this PEM. WERR_INVALID, WERR_NOMEM. */
int tlsio_issue_fingerprint(struct span certificate,
                            uint8_t digest[TLSIO_DIGEST_BYTES]) MUST_USE;
/* When the first certificate in this PEM ends, wall clock in s. WERR_INVALID, WERR_NOMEM. */
int tlsio_issue_end(struct span certificate, uint64_t *end_s) MUST_USE;
/* SHA-256 of bytes. */
void tlsio_digest(struct span bytes, uint8_t digest[TLSIO_DIGEST_BYTES]);

#endif
