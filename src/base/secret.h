/* secret.h - texts that only some know, as bearer tokens: recognised when somebody shows one.
 *
 * No text is kept: a digest of each is (BLAKE2b with a key that is chosen by chance, of
 * libsodium). So a process that recognises tokens, as a worker does, can't tell them, and what
 * leaks from its memory is worth nothing elsewhere. A text that is shown is digested and
 * compared with every digest, in a time that depends on its length alone, so that nobody finds
 * a token byte by byte. Pure: the key is given. Owner: whoever embeds it.
 */
#ifndef WELDR_BASE_SECRET_H
#define WELDR_BASE_SECRET_H

#include <stdbool.h>

#include "base/span.h"

enum {
    SECRET_MAX = 4096, /* bytes of a text */
    SECRETS_MAX = 64,
    SECRET_BYTES = 32, /* of the key, and of each digest */
    SECRETS_BYTES_MAX = (1 + SECRETS_MAX) * SECRET_BYTES
};

struct secrets {
    unsigned n;
    unsigned char bytes[SECRETS_BYTES_MAX]; /* the key, then the digests */
};

/* None yet. key has SECRET_BYTES. */
void secrets_init(struct secrets *s, const unsigned char *key);
/* WERR_INVALID: it is empty, or longer than SECRET_MAX; WERR_EXISTS: it is there; WERR_TOO_BIG:
 * there are SECRETS_MAX. */
int secrets_add(struct secrets *s, struct span text) __attribute__((warn_unused_result));
/* In the order of secrets_add, from 0; WERR_NOT_FOUND. */
int secrets_find(const struct secrets *s, struct span shown)
    __attribute__((warn_unused_result));
/* What another process needs to recognise the same texts; borrowed. */
struct span secrets_bytes(const struct secrets *s);
/* WERR_SYNTAX: that is none. */
int secrets_from_bytes(struct secrets *s, struct span bytes)
    __attribute__((warn_unused_result));

#endif
