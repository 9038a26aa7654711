/* certificate.h - a certificate of the description: who Weldr is for those who speak TLS.
 *
 * Holds the chain in PEM, the private key closed (base/seal.h: the description never holds one
 * that could be read), perhaps an OCSP response to staple, and facts that whoever proposed it
 * has read in the chain (net/tlsio_certificate.h): nothing here parses it. Listeners name the
 * certificates that they use, or use all; a pool names the one that it shows to its servers.
 * The name is what they are named by; who gives none gets the id as its name ("c-1f"). Name and
 * id stay when a certificate is replaced in place, pointers too; a changed one has another
 * digest. A certificate with a chain of two and an ECDSA key takes about 6 KB. Pure.
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
#define CERTIFICATE_NAME_WISH POOL_NAME_WISH ", and not be like an id (\"c-1f\")"
/* May people give it? Not the form of an id, which is the name of those without one. */
bool certificate_name_is_valid(struct span name);
/* Did people give its name? */
bool certificate_has_name(const struct certificate *c);

/* Its texts, for those who copy, check, read or write all of them. */
struct certificate_text {
    const char *key; /* in JSON */
    size_t offset;   /* of the char * in struct certificate */
    uint32_t most;   /* bytes */
    bool is_optional;
};
enum {
    CERTIFICATE_TEXT_CHAIN = 1,
    CERTIFICATE_TEXT_STAPLE = 3,
    CERTIFICATE_TEXT_FACTS = 4, /* the first that is a member of facts */
    CERTIFICATE_TEXT_N = 8
};
extern const struct certificate_text certificate_texts[CERTIFICATE_TEXT_N];
char **certificate_text_at(struct certificate *c, unsigned i);
const char *certificate_text_of(const struct certificate *c, unsigned i);

/* A copy without id, references and digest; *to is untouched when memory is short: WERR_NOMEM.
 */
int certificate_copy(struct certificate *to, const struct certificate *from) MUST_USE;
/* What it owns, not itself; zeroed is allowed. */
void certificate_fini(struct certificate *c);
void certificate_free(struct certificate *c); /* NULL allowed */

#endif
