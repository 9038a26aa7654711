/* The certificate that the peer has shown, as text for those who decide by it. So nothing is
 * cut within: a part of a name is another name. And no name ends a line, or looks like two. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "net/tlsio_certificate_int.h"
#include "net/tlsio_int.h"

/* What is written goes to at; is_full: something had no room, and nothing more is written. */
struct room {
    char *at;
    size_t left;
    bool is_full;
};

static void put(struct room *r, const char *bytes, size_t n)
{
    r->is_full |= n > r->left;
    if (r->is_full)
        return;
    memcpy(r->at, bytes, n);
    r->at += n;
    r->left -= n;
}

/* RFC 2253's escape: a backslash and two digits. */
static void put_escaped(struct room *r, const ASN1_STRING *text)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(text);

    for (int i = 0; i < ASN1_STRING_length(text); i++) {
        const char c = (char)bytes[i];
        char escaped[4];

        if (c > ' ' && c <= '~' && c != ',' && c != '\\') {
            put(r, &c, 1);
            continue;
        }
        (void)snprintf(escaped, sizeof(escaped), "\\%02X", bytes[i]);
        put(r, escaped, 3);
    }
}

static void put_address(struct room *r, const ASN1_STRING *bytes)
{
    const int n = ASN1_STRING_length(bytes);
    struct addr a = {.family = n == sizeof(struct in_addr) ? AF_INET : AF_INET6};
    char text[ADDR_TEXT_MAX];

    if (n != sizeof(struct in_addr) && n != sizeof(struct in6_addr))
        return;
    memcpy(a.ip, ASN1_STRING_get0_data(bytes), (size_t)n);
    put(r, text, addr_print_ip(&a, text));
}

static const char *label_of(int kind)
{
    switch (kind) {
    case GEN_DNS:
        return "DNS:";
    case GEN_IPADD:
        return "IP:";
    case GEN_EMAIL:
        return "email:";
    case GEN_URI:
        return "URI:";
    default:
        return NULL;
    }
}

static void put_name(struct room *r, const GENERAL_NAME *name, bool is_first)
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    const char *label = label_of(kind);

    if (label == NULL)
        return;
    if (!is_first)
        put(r, ", ", 2);
    put(r, label, strlen(label));
    if (kind == GEN_IPADD)
        put_address(r, value);
    else
        put_escaped(r, value);
}

/* What was written since, nothing when there was no room for it. */
static struct span take(struct room *r, const struct room *before)
{
    if (!r->is_full)
        return span_from(before->at, (size_t)(r->at - before->at));
    *r = *before;
    return SPAN_NONE;
}

static struct span put_fingerprint(struct room *r, const X509 *x)
{
    const struct room before = *r;
    char text[TLSIO_FINGERPRINT_LEN + 1];

    tlsio_fingerprint(x, text);
    put(r, text, TLSIO_FINGERPRINT_LEN);
    return take(r, &before);
}

static struct span put_subject(struct room *r, const X509 *x)
{
    const struct room before = *r;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;

    if (bio == NULL)
        return SPAN_NONE;
    if (X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        const long n = BIO_get_mem_data(bio, &text);

        put(r, text, (size_t)n);
    }
    BIO_free(bio);
    return take(r, &before);
}

static struct span put_names(struct room *r, const X509 *x)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    const char *begin = r->at;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const struct room before = *r;

        put_name(r, sk_GENERAL_NAME_value(names, i), r->at == begin);
        if (r->is_full) {
            *r = before;
            break;
        }
    }
    GENERAL_NAMES_free(names);
    return span_from(begin, (size_t)(r->at - begin));
}

/* NOLINTNEXTLINE(readability-non-const-parameter): buf is written by way of room */
bool tlsio_shown(const struct tlsio *t, char *buf, size_t size, struct tlsio_shown *shown)
{
    const X509 *x = SSL_get0_peer_certificate(t->ssl);
    struct room room = {buf, size, false};

    *shown = (struct tlsio_shown){.subject = SPAN_NONE};
    if (x == NULL)
        return false;
    shown->fingerprint = put_fingerprint(&room, x);
    shown->subject = put_subject(&room, x);
    shown->names = put_names(&room, x);
    /* What went wrong here is left out, and no failure of the connection, which the next call
     * of the library would take it for. */
    ERR_clear_error();
    return true;
}
