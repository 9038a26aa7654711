/* Why TLS failed, in words that stay the same whatever the library calls it. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "net/tlsio_int.h"

enum { ALERT_END = SSL_AD_REASON_OFFSET + 256 };

struct word {
    int reason; /* of the library */
    int error;  /* WERR_* */
    const char *word;
};

/* Alerts of the peer have the reason 1000 + the alert's number. */
static const struct word words[] = {
#define FAULT(reason, error, word) {SSL_R_##reason, WERR_##error, word},
#define VERIFY(verdict, word)
#define ALERT(number, error, word) {SSL_AD_REASON_OFFSET + (number), WERR_##error, word},
#include "net/tlsio_faults.def"
#undef FAULT
#undef VERIFY
#undef ALERT
};

static const struct word verdicts[] = {
#define FAULT(reason, error, word)
#define VERIFY(verdict, word) {X509_V_ERR_##verdict, WERR_DENIED, word},
#define ALERT(number, error, word)
#include "net/tlsio_faults.def"
#undef FAULT
#undef VERIFY
#undef ALERT
};

static struct tlsio_fault find(const struct word *table, size_t n, int reason,
                               struct tlsio_fault other)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].reason == reason)
            return (struct tlsio_fault){table[i].error, table[i].word};
    return other;
}

static struct tlsio_fault of_reason(int reason)
{
    const bool is_alert = reason >= SSL_AD_REASON_OFFSET && reason < ALERT_END;

    return find(words, sizeof(words) / sizeof(words[0]), reason,
                is_alert ? (struct tlsio_fault){WERR_REFUSED, "peer_unknown_alert"}
                         : (struct tlsio_fault){WERR_SYNTAX, "protocol_error"});
}

static struct tlsio_fault of_certificate(long verdict)
{
    if (verdict == X509_V_ERR_OUT_OF_MEM)
        return (struct tlsio_fault){WERR_NOMEM, "no_memory"};
    return find(verdicts, sizeof(verdicts) / sizeof(verdicts[0]), (int)verdict,
                (struct tlsio_fault){WERR_DENIED, "certificate_invalid"});
}

/* What lies below may have complained first: its reasons have numbers of their own. Empties the
 * queue. */
static int take_reason(void)
{
    int reason = 0;
    unsigned long code;

    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            reason = ERR_R_MALLOC_FAILURE;
        else if (reason == 0 && ERR_GET_LIB(code) == ERR_LIB_SSL)
            reason = ERR_GET_REASON(code);
    }
    return reason;
}

struct tlsio_fault tlsio_fault_take(const SSL *ssl, int result)
{
    const int kind = SSL_get_error(ssl, result);
    const int reason = take_reason();

    if (kind == SSL_ERROR_WANT_READ)
        return (struct tlsio_fault){WERR_AGAIN, ""};
    if (kind == SSL_ERROR_ZERO_RETURN)
        return (struct tlsio_fault){WERR_EOF, ""};
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return of_certificate(SSL_get_verify_result(ssl));
    if (reason == ERR_R_MALLOC_FAILURE)
        return (struct tlsio_fault){WERR_NOMEM, "no_memory"};
    return of_reason(reason);
}
