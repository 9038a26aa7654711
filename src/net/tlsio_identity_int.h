/* tlsio_identity_int.h - for tlsio*.c alone: includes OpenSSL. */
#ifndef WELDR_NET_TLSIO_IDENTITY_INT_H
#define WELDR_NET_TLSIO_IDENTITY_INT_H

#include <openssl/ssl.h>

#include "net/tlsio_identity.h"

struct tlsio_identity {
    X509 *certificate;
    STACK_OF(X509) * chain; /* without the own one */
    EVP_PKEY *key;
    unsigned ref_n;
    uint32_t cost_us;
    size_t staple_bytes;
    unsigned char *staple;
    int64_t staple_ends_s;
};

/* Whose certificate that is; NULL: of none that lives. */
const struct tlsio_identity *tlsio_identity_of(const X509 *certificate);

#endif
