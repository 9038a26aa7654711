/* seal.h - secrets that are kept or sent: closed with a key, so that who has the bytes without
 * the key has nothing (XChaCha20-Poly1305 of libsodium).
 *
 * Private keys of certificates are closed as soon as they have been judged, and opened only
 * where OpenSSL takes them: the description, its log, its snapshots, frames and core files hold
 * closed ones alone. What is opened lies in memory that is not dumped, and is cleared when it
 * is freed. Pure: key and nonce are given.
 */
#ifndef WELDR_BASE_SEAL_H
#define WELDR_BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum {
    SEAL_KEY_BYTES = 32,
    SEAL_NONCE_BYTES = 24,
    SEAL_PLAIN_MAX = 64 * 1024,
    SEAL_DERIVED_MAX = 256
};

/* Heap text (base64) of the nonce and what is closed. NULL: no memory, or plain is longer than
 * SEAL_PLAIN_MAX. The nonce is used once: by chance. */
char *seal_close(const unsigned char *key, const unsigned char *nonce, struct span plain);

/* What was closed, with a zero behind it; seal_opened_free clears and frees it. WERR_SYNTAX:
 * not of this key, or changed; WERR_NOMEM. */
struct seal_opened {
    char *ptr;
    size_t len;
};
int seal_open(const unsigned char *key, struct span text, struct seal_opened *opened) MUST_USE;
void seal_opened_free(struct seal_opened *opened); /* zeroed is allowed */

/* n bytes (up to SEAL_DERIVED_MAX, MUST) that follow from the key, a label and a number, and
 * tell nothing of the key nor of what follows from another label or number (BLAKE2b of
 * libsodium with the key). */
void seal_derive(const unsigned char *key, const char *label, uint64_t number,
                 unsigned char *derived, size_t n);

/* Memory that is not dumped and cleared when it is freed, for what is secret for long (the key
 * itself). NULL: no memory. */
void *seal_memory_new(size_t bytes);
void seal_memory_free(void *memory); /* NULL allowed */
/* As free(), of what malloc() gave, and clears it: for a library that has copied a secret. */
void seal_clear_and_free(void *block);

#endif
