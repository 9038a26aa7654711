/* What the own certificate says: names, subject, dates and the rest. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/ascii.h"
#include "base/fault.h"
#include "net/tlsio_certificate_int.h"

enum { TEXT_MAX = 1024, HOST_NAME_MAX_BYTES = 253, HOST_LABEL_MAX_BYTES = 63 };

char *tlsio_text_new(const void *bytes, size_t n)
{
    char *text = fault_malloc(n + 1);

    if (text == NULL)
        return NULL;
    if (n > 0)
        memcpy(text, bytes, n);
    text[n] = '\0';
    return text;
}

/* ---- names ---- */

static bool is_label(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_')
            return false;
    return s.len > 0 && s.len <= HOST_LABEL_MAX_BYTES;
}

/* What a client may ask for, or "*." before it. So no name holds a zero or a line end. */
static bool is_host_name(struct span s)
{
    if (span_has_prefix(s, SPAN("*.")))
        s = span_skip(s, 2);
    if (s.len == 0 || s.len > HOST_NAME_MAX_BYTES || s.ptr[s.len - 1] == '.')
        return false;
    while (s.len > 0)
        if (!is_label(span_cut(&s, '.')))
            return false;
    return true;
}

static bool has_name(const struct tlsio_certificate *c, struct span name)
{
    for (uint32_t i = 0; i < c->name_n; i++)
        if (span_is_equal_nocase(span_from_str(c->names[i]), name))
            return true;
    return false;
}

static int add_name(struct tlsio_certificate *c, struct span name)
{
    if (has_name(c, name))
        return 0;
    char *text = tlsio_text_new(name.ptr, name.len);

    if (text == NULL)
        return WERR_NOMEM;
    for (char *p = text; *p != '\0'; p++)
        *p = ascii_lower(*p);
    c->names[c->name_n++] = text;
    return 0;
}

static int add_host(struct tlsio_certificate *c, const ASN1_STRING *value)
{
    struct span name =
        span_from(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    return is_host_name(name) ? add_name(c, name) : 0;
}

static int add_address(struct tlsio_certificate *c, const ASN1_STRING *value)
{
    const int n = ASN1_STRING_length(value);
    struct addr a = {.family = AF_INET};
    char text[ADDR_TEXT_MAX];

    if (n == sizeof(struct in6_addr))
        a.family = AF_INET6;
    else if (n != sizeof(struct in_addr))
        return 0;
    memcpy(a.ip, ASN1_STRING_get0_data(value), (size_t)n);
    return add_name(c, span_from(text, addr_print_ip(&a, text)));
}

static int add_general(struct tlsio_certificate *c, const GENERAL_NAME *name)
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);

    if (kind == GEN_DNS)
        return add_host(c, value);
    return kind == GEN_IPADD ? add_address(c, value) : 0;
}

static int add_generals(struct tlsio_certificate *c, const GENERAL_NAMES *names,
                        struct tlsio_refusal *why)
{
    int rc = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && rc == 0; i++) {
        if (c->name_n == TLSIO_CERTIFICATE_NAMES_MAX)
            return tlsio_refuse(why, "chain", "more than %d names",
                                TLSIO_CERTIFICATE_NAMES_MAX);
        rc = add_general(c, sk_GENERAL_NAME_value(names, i));
    }
    return rc;
}

static int give_room(struct tlsio_certificate *c, int n)
{
    const size_t room =
        n < TLSIO_CERTIFICATE_NAMES_MAX ? (size_t)n : TLSIO_CERTIFICATE_NAMES_MAX;

    c->names = fault_malloc((room > 0 ? room : 1) * sizeof(*c->names));
    return c->names != NULL ? 0 : WERR_NOMEM;
}

/* The common name is none: no client may go by it (RFC 9110 section 4.3.4), Weldr does not
 * either. */
static int find_names(struct tlsio_certificate *c, X509 *x, struct tlsio_refusal *why)
{
    int found; /* -1: there is no such extension */
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &found, NULL);
    int rc = 0;

    if (names == NULL && found != -1)
        return tlsio_refuse(why, "chain", "its alternative names can't be read");
    rc = give_room(c, names != NULL ? sk_GENERAL_NAME_num(names) : 0);
    if (rc == 0)
        rc = names != NULL ? add_generals(c, names, why) : 0;
    GENERAL_NAMES_free(names);
    return rc;
}

/* Those that clients show have no name of a host to hold. Without the extension it is for any
 * use. */
static bool is_of_clients(X509 *x)
{
    return (X509_get_extension_flags(x) & EXFLAG_XKUSAGE) == 0 ||
           (X509_get_extended_key_usage(x) & XKU_SSL_CLIENT) != 0;
}

static int read_names(struct tlsio_certificate *c, X509 *x, struct tlsio_refusal *why)
{
    const int rc = find_names(c, x, why);

    if (rc < 0 || c->name_n > 0 || is_of_clients(x))
        return rc;
    return tlsio_refuse(why, "chain",
                        "it has no alternative name (subjectAltName) of a host or an address, "
                        "and is not one that clients show; its common name does not count");
}

/* ---- the rest ---- */

static int take_text(BIO *bio, const char *what, char **text, struct tlsio_refusal *why)
{
    char *bytes;
    const long n = BIO_get_mem_data(bio, &bytes);

    if (n > TEXT_MAX)
        return tlsio_refuse(why, "chain", "its %s is longer than %d bytes", what, TEXT_MAX);
    *text = tlsio_text_new(bytes, (size_t)n);
    return *text != NULL ? 0 : WERR_NOMEM;
}

static int read_distinguished(const X509_NAME *name, const char *what, char **text,
                              struct tlsio_refusal *why)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = bio != NULL ? 0 : WERR_NOMEM;

    if (rc == 0 && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0)
        rc = tlsio_refuse(why, "chain", "its %s can't be read", what);
    if (rc == 0)
        rc = take_text(bio, what, text, why);
    BIO_free(bio);
    return rc;
}

static int read_serial(X509 *x, char **text, struct tlsio_refusal *why)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *digits = number != NULL ? BN_bn2hex(number) : NULL;
    const size_t n = digits != NULL ? strlen(digits) : 0;
    int rc = digits != NULL ? 0 : WERR_NOMEM;

    if (n > TEXT_MAX)
        rc = tlsio_refuse(why, "chain", "its serial number is longer than %d digits", TEXT_MAX);
    for (size_t i = 0; i < n; i++)
        digits[i] = ascii_lower(digits[i]);
    if (rc == 0) {
        *text = tlsio_text_new(digits, n);
        rc = *text != NULL ? 0 : WERR_NOMEM;
    }
    OPENSSL_free(digits);
    BN_free(number);
    return rc;
}

static int read_time(const ASN1_TIME *time, int64_t *seconds, struct tlsio_refusal *why)
{
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return tlsio_refuse(why, "chain", "its dates can't be read");
    *seconds = timegm(&tm);
    return 0;
}

static int read_dates(struct tlsio_certificate *c, X509 *x, struct tlsio_refusal *why)
{
    int rc = read_time(X509_get0_notBefore(x), &c->not_before_s, why);

    if (rc == 0)
        rc = read_time(X509_get0_notAfter(x), &c->not_after_s, why);
    if (rc == 0 && c->not_after_s < c->not_before_s)
        rc = tlsio_refuse(why, "chain", "it ends before it begins");
    return rc;
}

static void read_key(struct tlsio_certificate *c, X509 *x)
{
    const EVP_PKEY *key = X509_get0_pubkey(x);
    const int kind = EVP_PKEY_get_base_id(key);

    c->key_bits = (uint32_t)EVP_PKEY_get_bits(key);
    c->key_type = kind == EVP_PKEY_RSA ? "rsa" : kind == EVP_PKEY_EC ? "ecdsa" : "ed25519";
}

void tlsio_fingerprint(const X509 *x, char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    (void)X509_digest(x, EVP_sha256(), bytes, &n);
    for (unsigned i = 0; i < n; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

int tlsio_facts_read(X509 *x, struct tlsio_certificate *out, struct tlsio_refusal *why)
{
    int rc = read_names(out, x, why);

    if (rc == 0)
        rc = read_distinguished(X509_get_subject_name(x), "subject", &out->subject, why);
    if (rc == 0)
        rc = read_distinguished(X509_get_issuer_name(x), "issuer", &out->issuer, why);
    if (rc == 0)
        rc = read_serial(x, &out->serial, why);
    if (rc == 0)
        rc = read_dates(out, x, why);
    read_key(out, x);
    tlsio_fingerprint(x, out->fingerprint);
    return rc;
}
