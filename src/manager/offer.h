/* offer.h - a certificate that somebody brings (the API, a file): judged, and made into what a
 * command of the pool holds, its private key closed.
 *
 * What is wrong with PEM, chain and key says net/tlsio_certificate.h; whether it is too late
 * for it, this room. Called by api_certificates.c and certificate_files.c.
 */
#ifndef WELDR_MANAGER_OFFER_H
#define WELDR_MANAGER_OFFER_H

#include "pool/certificate.h"
#include "pool/pool_error.h"

struct keyring;

struct offer {
    const char *name;       /* NULL: none */
    struct span chain, key; /* PEM; both may be one text that holds all */
    const char *staple;     /* base64; NULL: none */
    uint64_t wall_us;       /* now: a staple that is over is refused */
    bool is_of_file;
};

/* Fills all of *c but its id. WERR_INVALID with *error (field "chain", "key" or "ocsp"),
 * WERR_NOMEM, WERR_IO: no randomness. *c is the caller's to fini on success. */
int offer_take(const struct keyring *k, const struct offer *o, struct certificate *c,
               struct pool_error *error) MUST_USE;
/* Another name. WERR_NOMEM. */
int offer_rename(struct certificate *c, const char *name) MUST_USE;
/* Does it say what is there already, with a key that can be opened? Closed keys are not
 * compared: each has another nonce, and the key follows from the certificate. */
bool offer_is_same(const struct keyring *k, const struct certificate *now,
                   const struct certificate *next);
/* Is the certificate over by now? Then *error says since when. */
bool offer_has_expired(const struct certificate *c, uint64_t wall_us, struct pool_error *error);

#endif
