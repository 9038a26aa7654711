/* tlsio_certificate_int.h - what the files of tlsio_certificate share: one reading. Includes
 * OpenSSL: for tlsio*.c alone. */
#ifndef WELDR_NET_TLSIO_CERTIFICATE_INT_H
#define WELDR_NET_TLSIO_CERTIFICATE_INT_H

#include <openssl/x509.h>

#include "net/tlsio_certificate.h"

struct tlsio_reading {
    STACK_OF(X509) * given; /* in the order of the text, none twice */
    STACK_OF(X509) * chain; /* in order; all of given's */
    EVP_PKEY *key;
    struct tlsio_refusal *why;
};

/* WERR_INVALID. */
int tlsio_refuse(struct tlsio_refusal *why, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* tlsio_certificate_chain.c: given and key → chain. */
int tlsio_chain_sort(struct tlsio_reading *r) MUST_USE;
/* ... and whether each of it is strong enough, the first of a kind that is used. */
int tlsio_chain_judge(const struct tlsio_reading *r) MUST_USE;

/* tlsio_certificate_facts.c: what the own one says, into what is zeroed. */
int tlsio_facts_read(X509 *x, struct tlsio_certificate *out,
                     struct tlsio_refusal *why) MUST_USE;
/* SHA-256 in small hexadecimal digits: TLSIO_FINGERPRINT_LEN and a zero. */
void tlsio_fingerprint(const X509 *x, char *text);
/* Heap memory of n bytes and a zero behind; NULL: no memory. */
char *tlsio_text_new(const void *bytes, size_t n);

#endif
