#include "net/tlsio_staple.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <time.h>

#include "net/tlsio_certificate_int.h"
#include "net/tlsio_pem.h"

static const char field[] = "ocsp";

/* Is it about this serial number of this issuer? The hash of the issuer's name is enough, since
 * the chain need not have the issuer, whose key has a hash in the id too. */
static bool is_of(OCSP_CERTID *id, const X509 *x)
{
    ASN1_OCTET_STRING *name;
    ASN1_OBJECT *algorithm;
    ASN1_INTEGER *serial;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (OCSP_id_get0_info(&name, &algorithm, NULL, &serial, id) != 1 ||
        ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(x)) != 0)
        return false;
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);

    return digest != NULL && X509_NAME_digest(X509_get_issuer_name(x), digest, hash, &n) == 1 &&
           span_is_equal(span_from(hash, n), span_from(ASN1_STRING_get0_data(name),
                                                       (size_t)ASN1_STRING_length(name)));
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, const X509 *x)
{
    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);

        if (is_of((OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), x))
            return single;
    }
    return NULL;
}

static int judge_single(OCSP_SINGLERESP *single, int64_t *ends_s, struct tlsio_refusal *why)
{
    ASN1_GENERALIZEDTIME *next = NULL;
    const int status = OCSP_single_get0_status(single, NULL, NULL, NULL, &next);
    struct tm tm;

    if (status != V_OCSP_CERTSTATUS_GOOD)
        return tlsio_refuse(why, field, "it says \"%s\" of the certificate",
                            OCSP_cert_status_str(status));
    *ends_s = TLSIO_STAPLE_ENDLESS;
    if (next == NULL)
        return 0;
    if (ASN1_TIME_to_tm(next, &tm) != 1)
        return tlsio_refuse(why, field, "its nextUpdate can't be read");
    *ends_s = timegm(&tm);
    return 0;
}

static int judge(OCSP_RESPONSE *response, const X509 *x, int64_t *ends_s,
                 struct tlsio_refusal *why)
{
    const int status = OCSP_response_status(response);

    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return tlsio_refuse(why, field, "the responder has refused: %s",
                            OCSP_response_status_str(status));
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);

    if (basic == NULL)
        return tlsio_refuse(why, field, "it is of a kind that is not known");
    OCSP_SINGLERESP *single = find_single(basic, x);
    const int rc = single != NULL ? judge_single(single, ends_s, why)
                                  : tlsio_refuse(why, field, "it is of another certificate");

    OCSP_BASICRESP_free(basic);
    return rc;
}

/* All of the bytes, and no more. NULL: it can't be read. */
static OCSP_RESPONSE *read_response(struct span der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    OCSP_RESPONSE *response =
        der.len <= LONG_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)der.len) : NULL;

    if (response != NULL && at == (const unsigned char *)der.ptr + der.len)
        return response;
    OCSP_RESPONSE_free(response);
    return NULL;
}

static X509 *read_own(struct span chain)
{
    BIO *text = tlsio_pem_open(chain);
    X509 *x = text != NULL ? tlsio_pem_next_certificate(text) : NULL;

    BIO_free(text);
    return x;
}

int tlsio_staple_read(struct span der, struct span chain, int64_t *ends_s,
                      struct tlsio_refusal *why)
{
    *why = (struct tlsio_refusal){.field = ""};
    X509 *x = read_own(chain);

    if (x == NULL)
        return WERR_NOMEM; /* the chain has been judged before */
    OCSP_RESPONSE *response = read_response(der);
    const int rc = response != NULL ? judge(response, x, ends_s, why)
                                    : tlsio_refuse(why, field, "it is no OCSP response (DER)");

    OCSP_RESPONSE_free(response);
    X509_free(x);
    ERR_clear_error();
    return rc;
}
