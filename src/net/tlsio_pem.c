#include "net/tlsio_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/werr.h"

/* There is nobody who could be asked. */
static int no_passphrase(char *to, int max, int is_writing, void *arg)
{
    (void)to;
    (void)max;
    (void)is_writing;
    (void)arg;
    return 0;
}

BIO *tlsio_pem_open(struct span text)
{
    MUST(text.len <= INT32_MAX);
    return BIO_new_mem_buf(text.len > 0 ? text.ptr : "", (int)text.len);
}

X509 *tlsio_pem_next_certificate(BIO *text)
{
    X509 *x = PEM_read_bio_X509(text, NULL, no_passphrase, NULL);

    ERR_clear_error();
    return x;
}

EVP_PKEY *tlsio_pem_next_key(BIO *text)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL);

    ERR_clear_error();
    return key;
}
