/* tlsio_pem.h - PEM as people bring it, without asking anybody for a passphrase: line ends of
 * any system, byte order marks, indented lines, text around the blocks. For tlsio*.c alone:
 * includes OpenSSL. */
#ifndef WELDR_NET_TLSIO_PEM_H
#define WELDR_NET_TLSIO_PEM_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "base/span.h"
#include "base/werr.h"

/* To be read from: a copy, cleared when it is freed. NULL: no memory. An empty text is allowed.
 */
BIO *tlsio_pem_open(struct span text);
/* The next one, the caller's; NULL: there is none. No error is left in the library's queue. */
X509 *tlsio_pem_next_certificate(BIO *text);
EVP_PKEY *tlsio_pem_next_key(BIO *text);

/* What stands between a BEGIN and its END. */
struct tlsio_pem_block {
    char *label;  /* "CERTIFICATE" */
    char *header; /* of RFC 1421: names a cipher when the block is encrypted; mostly empty */
    unsigned char *der;
    long der_bytes;
};

/* 1: the next one, whatever it is; 0: there is none; WERR_SYNTAX: no END, or no base64;
 * WERR_NOMEM. */
int tlsio_pem_next_block(BIO *text, struct tlsio_pem_block *block) MUST_USE;
void tlsio_pem_block_fini(struct tlsio_pem_block *block); /* clears it; zeroed is allowed */
bool tlsio_pem_is_certificate(const struct tlsio_pem_block *block);
bool tlsio_pem_is_private_key(const struct tlsio_pem_block *block);
bool tlsio_pem_is_encrypted(const struct tlsio_pem_block *block);
/* NULL: it is none, or more than one, or there is no memory. */
X509 *tlsio_pem_certificate(const struct tlsio_pem_block *block);

#endif
