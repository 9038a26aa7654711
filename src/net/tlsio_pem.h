/* tlsio_pem.h - PEM as OpenSSL reads it, without asking anybody for a passphrase. For tlsio*.c
 * alone: includes OpenSSL. */
#ifndef WELDR_NET_TLSIO_PEM_H
#define WELDR_NET_TLSIO_PEM_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/span.h"

/* To be read from, borrowed; NULL: no memory. An empty text is allowed. */
BIO *tlsio_pem_open(struct span text);
/* The next one, the caller's; NULL: there is none. No error is left in the library's queue. */
X509 *tlsio_pem_next_certificate(BIO *text);
EVP_PKEY *tlsio_pem_next_key(BIO *text);

#endif
