/* Why TLS failed, in words that stay the same whatever the library calls it. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "net/tlsio_int.h"

struct word {
    int reason; /* of the library */
    int error;  /* WERR_* */
    const char *word;
};

/* Alerts of the peer have the reason 1000 + the alert's number (RFC 8446 section 6). */
static const struct word words[] = {
#define FAULT(reason, error, word) {SSL_R_##reason, WERR_##error, word},
#define ALERT(number, error, word) {SSL_AD_REASON_OFFSET + (number), WERR_##error, word},
#include "net/tlsio_faults.def"
#undef FAULT
#undef ALERT
};

static struct tlsio_fault find(int reason)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].reason == reason)
            return (struct tlsio_fault){words[i].error, words[i].word};
    return (struct tlsio_fault){WERR_SYNTAX, "protocol_error"};
}

static struct tlsio_fault of_certificate(long result)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return (struct tlsio_fault){WERR_DENIED, "certificate_expired"};
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return (struct tlsio_fault){WERR_DENIED, "certificate_not_yet_valid"};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return (struct tlsio_fault){WERR_DENIED, "certificate_name"};
    default:
        return (struct tlsio_fault){WERR_DENIED, "certificate_unknown_ca"};
    }
}

struct tlsio_fault tlsio_fault_take(const SSL *ssl, int result)
{
    const int kind = SSL_get_error(ssl, result);
    const unsigned long code = ERR_peek_error();
    const int reason = ERR_GET_REASON(code);

    ERR_clear_error();
    if (kind == SSL_ERROR_WANT_READ)
        return (struct tlsio_fault){WERR_AGAIN, ""};
    if (kind == SSL_ERROR_ZERO_RETURN)
        return (struct tlsio_fault){WERR_EOF, ""};
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return of_certificate(SSL_get_verify_result(ssl));
    if (reason == ERR_R_MALLOC_FAILURE)
        return (struct tlsio_fault){WERR_NOMEM, "no_memory"};
    return find(reason);
}
