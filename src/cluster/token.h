/* token.h - what a node needs to join a cluster, as one word that can be copied and pasted.
 *
 *     weldr1.<base64url of format u8, cluster id, expiry u64 (wall clock, s), token id, secret,
 *             SHA-256 of the CA's certificate, n u8, n addresses, checksum u32 (XXH3)>
 *
 * Integers are little-endian, an address is as in bytes.h. The checksum tells one that was cut
 * off or mistyped at once. Pure.
 */
#ifndef WELDR_CLUSTER_TOKEN_H
#define WELDR_CLUSTER_TOKEN_H

#include "cluster/roster.h"

enum { TOKEN_SECRET_BYTES = 32, TOKEN_ADDRESSES_MAX = 5, TOKEN_TEXT_MAX = 512 };

struct token {
    uint8_t uuid[ROSTER_UUID_BYTES];
    uint64_t expiry_s;
    uint8_t id[ROSTER_TOKEN_ID_BYTES];
    uint8_t secret[TOKEN_SECRET_BYTES];
    uint8_t authority[ROSTER_DIGEST_BYTES]; /* SHA-256 of its certificate's DER */
    unsigned address_n;
    struct addr addresses[TOKEN_ADDRESSES_MAX];
};

/* address_n is 1 to TOKEN_ADDRESSES_MAX (MUST). Into text, which has TOKEN_TEXT_MAX bytes, and
 * a zero; returns the length. */
size_t token_write(const struct token *t, char *text);
/* WERR_SYNTAX: not a token; WERR_CORRUPT: one that is not whole; WERR_UNSUPPORTED: of a later
 * Weldr. *t is written on success only. */
int token_read(struct span text, struct token *t) MUST_USE;

#endif
