/*
 * What people bring as a certificate. The first byte says what the rest is: 'c', a certificate
 * in DER, which gets our key and signature, so that all of it is read; 'k', changes of our key;
 * else a text, which is taken for a chain, for a key and for authorities. What is read is as
 * the header says and, read again, the same; what is refused has a field and a reason.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdlib.h>

#include "net/tlsio_certificate.h"
#include "net/tlsio_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a number that everybody knows: each run is the same. */
static struct {
    EVP_PKEY *key;
    char *key_text, *chain_text;
} our;

static char *text_of(BIO *bio)
{
    char *bytes;
    const long n = BIO_get_mem_data(bio, &bytes);
    char *text = malloc((size_t)n + 1);

    MUST(text != NULL);
    memcpy(text, bytes, (size_t)n);
    text[n] = '\0';
    BIO_free(bio);
    return text;
}

static char *print_certificate(X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());

    MUST(PEM_write_bio_X509(bio, x) == 1);
    return text_of(bio);
}

static char *print_key(const unsigned char *der, long n)
{
    BIO *bio = BIO_new(BIO_s_mem());

    MUST(PEM_write_bio(bio, "PRIVATE KEY", "", der, n) > 0);
    return text_of(bio);
}

/* Of our key. False: the changed certificate can't be written. */
static bool sign(X509 *x)
{
    return X509_set_pubkey(x, our.key) == 1 && X509_sign(x, our.key, NULL) > 0;
}

static char *make_chain(void)
{
    X509 *x = X509_new();

    (void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), 0);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)"a.example", -1, -1, 0);
    MUST(sign(x));
    char *text = print_certificate(x);

    X509_free(x);
    return text;
}

static int key_der(unsigned char **der)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(our.key);

    *der = NULL;
    const int n = i2d_PKCS8_PRIV_KEY_INFO(info, der);

    PKCS8_PRIV_KEY_INFO_free(info);
    return n;
}

static void begin(void)
{
    static const unsigned char number[32] = "a number that everybody may know";
    unsigned char *der;

    MUST(tlsio_start() == 0);
    our.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, number, sizeof(number));
    MUST(our.key != NULL);
    our.chain_text = make_chain();
    const int n = key_der(&der);

    our.key_text = print_key(der, n);
    OPENSSL_free(der);
}

static void check_names(const struct tlsio_certificate *c)
{
    static const char of_names[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.*:";

    MUST(c->name_n <= TLSIO_CERTIFICATE_NAMES_MAX);
    for (uint32_t i = 0; i < c->name_n; i++)
        MUST(c->names[i][0] != '\0' && strspn(c->names[i], of_names) == strlen(c->names[i]));
}

static void check_printable(const char *text)
{
    for (; *text != '\0'; text++)
        MUST(*text >= ' ' && *text <= '~');
}

static void check_again(const struct tlsio_certificate *c)
{
    struct tlsio_certificate again;
    struct tlsio_refusal why;

    MUST(tlsio_certificate_read(span_from_str(c->chain), span_from_str(c->key), &again, &why) ==
         0);
    MUST(strcmp(again.chain, c->chain) == 0 && strcmp(again.key, c->key) == 0);
    MUST(again.name_n == c->name_n && strcmp(again.fingerprint, c->fingerprint) == 0);
    tlsio_certificate_fini(&again);
}

static void read_one(struct span chain, struct span key)
{
    struct tlsio_certificate c;
    struct tlsio_refusal why;
    const int rc = tlsio_certificate_read(chain, key, &c, &why);

    MUST(rc == 0 || rc == WERR_INVALID);
    if (rc < 0) {
        MUST(strcmp(why.field, "chain") == 0 || strcmp(why.field, "key") == 0);
        MUST(why.text[0] != '\0' && c.chain == NULL && c.key == NULL);
        return;
    }
    check_names(&c);
    check_printable(c.subject);
    check_printable(c.issuer);
    check_printable(c.serial);
    MUST(c.not_before_s <= c.not_after_s && strlen(c.fingerprint) == TLSIO_FINGERPRINT_LEN);
    check_again(&c);
    tlsio_certificate_fini(&c);
}

static void read_certificate(const uint8_t *data, size_t size)
{
    const unsigned char *at = data;
    X509 *x = d2i_X509(NULL, &at, (long)size);

    if (x != NULL && sign(x)) {
        char *text = print_certificate(x);

        read_one(span_from_str(text), span_from_str(our.key_text));
        free(text);
    }
    X509_free(x);
}

/* Pairs of where and what. */
static void read_changed_key(const uint8_t *data, size_t size)
{
    unsigned char *der;
    const int n = key_der(&der);

    for (size_t i = 0; i + 1 < size; i += 2)
        der[data[i] % n] ^= data[i + 1];
    char *text = print_key(der, n);

    read_one(span_from_str(our.chain_text), span_from_str(text));
    free(text);
    OPENSSL_free(der);
}

static void read_text(struct span text)
{
    struct tlsio_refusal why;

    read_one(text, span_from_str(our.key_text));
    read_one(span_from_str(our.chain_text), text);
    read_one(text, text);
    const int rc = tlsio_certificate_count(text, "ca", &why);

    MUST(rc > 0 || (rc == WERR_INVALID && why.text[0] != '\0' && strcmp(why.field, "ca") == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (our.key == NULL)
        begin();
    if (size > 0 && data[0] == 'c')
        read_certificate(data + 1, size - 1);
    else if (size > 0 && data[0] == 'k')
        read_changed_key(data + 1, size - 1);
    else
        read_text(span_from(data, size));
    return 0;
}
