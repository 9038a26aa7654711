/* certificate.h - a certificate of the description: who Weldr is for those who speak TLS.
 *
 * Holds the chain in PEM, the private key closed (base/seal.h: the description never holds one
 * that could be read), perhaps an OCSP response to staple, and facts that whoever proposed it
 * has read in the chain (net/tlsio_certificate.h): nothing here parses it. Listeners name the
 * certificates that they use, or use all; a pool names the one that it shows to its servers.
 * The name is what they are named by; who gives none gets the id as its name ("c-1f").
 * Pure.
 */
#ifndef WELDR_POOL_CERTIFICATE_H
#define WELDR_POOL_CERTIFICATE_H

#include "pool/pool.h"

enum certificate_limits {
    CERTIFICATE_MAX = 16384,
    CERTIFICATE_NAMES_MAX = 256,
    CERTIFICATE_CHAIN_BYTES_MAX = 256 * 1024,
    CERTIFICATE_KEY_BYTES_MAX = 128 * 1024, /* closed, in base64 */
    CERTIFICATE_STAPLE_BYTES_MAX = 64 * 1024,
    CERTIFICATE_TEXT_MAX = 1024 /* subject, issuer, a name */
};

enum certificate_key_type {
    CERTIFICATE_RSA,
    CERTIFICATE_ECDSA,
    CERTIFICATE_ED25519,
    CERTIFICATE_KEY_TYPE_N
};

/* As in struct tlsio_certificate. */
struct certificate_facts {
    char **names;
    uint32_t name_n;
    char *subject, *issuer, *serial, *fingerprint;
    int64_t not_before_s, not_after_s; /* of UTC since 1970 */
    uint8_t key_type;                  /* enum certificate_key_type */
    uint16_t key_bits;
};

struct certificate {
    uint64_t id;     /* index of the entry that added it; shown as "c-<hex>" */
    char *name;      /* unique; its id when none was given */
    char *chain;     /* PEM */
    char *key;       /* closed */
    char *staple;    /* base64 of DER; NULL: none */
    bool is_of_file; /* of --certificate: follows its file, the API does not change it */
    struct certificate_facts facts;
    uint32_t ref_n;  /* listeners and pools that name it */
    uint64_t digest; /* hash of its encoding */
};

/* By name, or by id ("c-1f"); NULL: none. */
struct certificate *certificate_find(const struct pool_state *s, struct span name_or_id);
struct certificate *certificate_find_id(const struct pool_state *s, uint64_t id);
/* The first with this fingerprint; NULL: none. */
struct certificate *certificate_find_fingerprint(const struct pool_state *s,
                                                 struct span fingerprint);
const char *certificate_key_type_word(enum certificate_key_type type); /* "ecdsa" */
int certificate_key_type_from_word(struct span word, uint8_t *type) MUST_USE;
/* What it owns, not itself; zeroed is allowed. */
void certificate_fini(struct certificate *c);
void certificate_free(struct certificate *c); /* NULL allowed */

#endif
