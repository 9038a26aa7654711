#include "net/tlsio_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "net/tlsio_certificate_int.h"
#include "net/tlsio_memory.h"
#include "net/tlsio_pem.h"

/* SEAL_PLAIN_MAX: what can be closed. A key of RSA with 16384 bits takes 13 KB. */
enum { KEY_TEXT_MAX = 64 * 1024 };

int tlsio_refuse(struct tlsio_refusal *why, const char *field, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    why->field = field;
    (void)vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return WERR_INVALID;
}

/* ---- the text of the chain ---- */

/* What was passed over, to say what was brought in place of certificates. */
struct passed {
    char label[48]; /* of the last one */
    bool is_key;
};

static void pass_over(struct passed *p, const struct tlsio_pem_block *block)
{
    p->is_key |= tlsio_pem_is_private_key(block);
    (void)snprintf(p->label, sizeof(p->label), "%s", block->label);
}

static bool is_given(const struct tlsio_reading *r, const X509 *x)
{
    for (int i = 0; i < sk_X509_num(r->given); i++)
        if (X509_cmp(sk_X509_value(r->given, i), x) == 0)
            return true;
    return false;
}

static int take_certificate(struct tlsio_reading *r, const struct tlsio_pem_block *block)
{
    const int n = sk_X509_num(r->given);
    X509 *x = tlsio_pem_certificate(block);

    if (x == NULL)
        return tlsio_refuse(r->why, "chain", "block %d is no certificate, or more than one",
                            n + 1);
    if (is_given(r, x)) {
        X509_free(x);
        return 0;
    }
    if (n < TLSIO_CERTIFICATE_CHAIN_MAX && sk_X509_push(r->given, x) > 0)
        return 0;
    X509_free(x);
    return n < TLSIO_CERTIFICATE_CHAIN_MAX
               ? WERR_NOMEM
               : tlsio_refuse(r->why, "chain", "more than %d certificates",
                              TLSIO_CERTIFICATE_CHAIN_MAX);
}

static int refuse_chainless(struct tlsio_refusal *why, const struct passed *p)
{
    if (p->is_key)
        return tlsio_refuse(why, "chain", "a private key, but no certificate in it");
    if (p->label[0] != '\0')
        return tlsio_refuse(why, "chain", "no certificate in it, but a block \"%s\"", p->label);
    return tlsio_refuse(why, "chain",
                        "no certificate in it: PEM begins with -----BEGIN CERTIFICATE-----");
}

static int damaged(struct tlsio_refusal *why, const char *field, int n)
{
    return tlsio_refuse(why, field, "block %d of the PEM is damaged: no END line, or no base64",
                        n);
}

/* Other blocks are passed over: files that hold chain and key are common. */
static int read_chain(struct tlsio_reading *r, BIO *text)
{
    struct passed passed = {.label = ""};
    struct tlsio_pem_block block;
    int n = 0, rc;

    while ((rc = tlsio_pem_next_block(text, &block)) > 0) {
        n++;
        if (tlsio_pem_is_certificate(&block))
            rc = take_certificate(r, &block);
        else
            pass_over(&passed, &block);
        tlsio_pem_block_fini(&block);
        if (rc < 0)
            return rc;
    }
    if (rc < 0)
        return rc == WERR_SYNTAX ? damaged(r->why, "chain", n + 1) : rc;
    return sk_X509_num(r->given) > 0 ? 0 : refuse_chainless(r->why, &passed);
}

/* ---- the text of the key ---- */

/* Bytes that are PKCS #8 stay as they are: the library's way back to bytes is for older forms
 * alone. */
static int print_key(struct tlsio_reading *r, const struct tlsio_pem_block *block, long bytes)
{
    r->key_pem = BIO_new(BIO_s_mem());
    if (r->key_pem == NULL)
        return WERR_NOMEM;
    tlsio_memory_clear_freed(true);
    const bool is_well =
        tlsio_pem_is_pkcs8(block)
            ? PEM_write_bio(r->key_pem, PEM_STRING_PKCS8INF, "", block->der, bytes) > 0
            : PEM_write_bio_PKCS8PrivateKey(r->key_pem, r->key, NULL, NULL, 0, NULL, NULL) == 1;

    tlsio_memory_clear_freed(false);
    return is_well ? 0 : WERR_NOMEM;
}

static int take_key(struct tlsio_reading *r, const struct tlsio_pem_block *block)
{
    long bytes;

    if (tlsio_pem_is_encrypted(block))
        return tlsio_refuse(r->why, "key",
                            "the key is encrypted; decrypt it before: "
                            "openssl pkey -in key.pem -out decrypted.pem");
    r->key = tlsio_pem_key(block, &bytes);
    if (r->key != NULL)
        return print_key(r, block, bytes);
    return tlsio_refuse(r->why, "key", "the block \"%.40s\" holds no key that can be read",
                        block->label);
}

static int refuse_keyless(struct tlsio_refusal *why, const char *label)
{
    if (label[0] != '\0')
        return tlsio_refuse(why, "key", "no private key in it, but a block \"%s\"", label);
    return tlsio_refuse(why, "key",
                        "no private key in it: PEM begins with -----BEGIN PRIVATE KEY-----");
}

/* The first one that is there. */
static int read_key(struct tlsio_reading *r, BIO *text)
{
    struct passed passed = {.label = ""};
    struct tlsio_pem_block block;
    int n = 0, rc;

    while ((rc = tlsio_pem_next_block(text, &block)) > 0) {
        const bool is_key = tlsio_pem_is_private_key(&block);

        n++;
        if (is_key)
            rc = take_key(r, &block);
        else
            pass_over(&passed, &block);
        tlsio_pem_block_fini(&block);
        if (is_key)
            return rc < 0 ? rc : 0;
    }
    if (rc < 0)
        return rc == WERR_SYNTAX ? damaged(r->why, "key", n + 1) : rc;
    return refuse_keyless(r->why, passed.label);
}

/* ---- what comes of it ---- */

static int take_text(BIO *bio, char **text)
{
    char *bytes;
    const long n = BIO_get_mem_data(bio, &bytes);

    *text = tlsio_text_new(bytes, (size_t)n);
    return *text != NULL ? 0 : WERR_NOMEM;
}

static int print_chain(const struct tlsio_reading *r, char **text)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = bio != NULL ? 0 : WERR_NOMEM;

    for (int i = 0; i < sk_X509_num(r->chain) && rc == 0; i++)
        rc = PEM_write_bio_X509(bio, sk_X509_value(r->chain, i)) == 1 ? 0 : WERR_NOMEM;
    if (rc == 0)
        rc = take_text(bio, text);
    BIO_free(bio);
    return rc;
}

/* As PEM with short lines a text may have grown. */
static int check_sizes(const struct tlsio_certificate *out, struct tlsio_refusal *why)
{
    if (strlen(out->chain) > TLSIO_CERTIFICATE_TEXT_MAX)
        return tlsio_refuse(why, "chain", "longer than %d bytes", TLSIO_CERTIFICATE_TEXT_MAX);
    if (strlen(out->key) > KEY_TEXT_MAX)
        return tlsio_refuse(why, "key", "longer than %d bytes", KEY_TEXT_MAX);
    return 0;
}

static int write_out(const struct tlsio_reading *r, struct tlsio_certificate *out)
{
    int rc = tlsio_facts_read(sk_X509_value(r->chain, 0), out, r->why);

    if (rc == 0)
        rc = print_chain(r, &out->chain);
    if (rc == 0)
        rc = take_text(r->key_pem, &out->key);
    return rc == 0 ? check_sizes(out, r->why) : rc;
}

static int read_texts(struct tlsio_reading *r, struct span chain, struct span key)
{
    BIO *chain_text = tlsio_pem_open(chain);
    BIO *key_text = tlsio_pem_open(key);
    int rc = chain_text != NULL && key_text != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        rc = read_chain(r, chain_text);
    if (rc == 0)
        rc = read_key(r, key_text);
    BIO_free(chain_text);
    BIO_free(key_text);
    return rc;
}

static int read_all(struct tlsio_reading *r, struct span chain, struct span key,
                    struct tlsio_certificate *out)
{
    int rc = r->given != NULL && r->chain != NULL ? 0 : WERR_NOMEM;

    if (rc == 0)
        rc = read_texts(r, chain, key);
    if (rc == 0)
        rc = tlsio_chain_sort(r);
    if (rc == 0)
        rc = tlsio_chain_judge(r);
    return rc == 0 ? write_out(r, out) : rc;
}

int tlsio_certificate_read(struct span chain, struct span key, struct tlsio_certificate *out,
                           struct tlsio_refusal *why)
{
    *out = (struct tlsio_certificate){.chain = NULL};
    *why = (struct tlsio_refusal){.field = ""};
    if (chain.len > TLSIO_CERTIFICATE_TEXT_MAX)
        return tlsio_refuse(why, "chain", "longer than %d bytes", TLSIO_CERTIFICATE_TEXT_MAX);
    if (key.len > TLSIO_CERTIFICATE_TEXT_MAX)
        return tlsio_refuse(why, "key", "longer than %d bytes", TLSIO_CERTIFICATE_TEXT_MAX);
    struct tlsio_reading r = {
        .given = sk_X509_new_null(), .chain = sk_X509_new_null(), .why = why};
    const int rc = read_all(&r, chain, key, out);

    sk_X509_free(r.chain);
    sk_X509_pop_free(r.given, X509_free);
    EVP_PKEY_free(r.key);
    BIO_free(r.key_pem);
    ERR_clear_error();
    if (rc < 0)
        tlsio_certificate_fini(out);
    return rc;
}

void tlsio_certificate_fini(struct tlsio_certificate *c)
{
    if (c->key != NULL)
        OPENSSL_cleanse(c->key, strlen(c->key));
    for (uint32_t i = 0; i < c->name_n; i++)
        free(c->names[i]);
    free(c->names);
    free(c->chain);
    free(c->key);
    free(c->subject);
    free(c->issuer);
    free(c->serial);
    *c = (struct tlsio_certificate){.chain = NULL};
}

/* ---- whom to trust ---- */

static int count_block(const struct tlsio_pem_block *block, int n, const char *field,
                       struct tlsio_refusal *why)
{
    if (tlsio_pem_is_private_key(block))
        return tlsio_refuse(why, field, "a private key, which is not for others");
    if (!tlsio_pem_is_certificate(block))
        return tlsio_refuse(why, field, "a block \"%.40s\", which is no certificate",
                            block->label);
    X509 *x = tlsio_pem_certificate(block);

    if (x == NULL)
        return tlsio_refuse(why, field, "block %d is no certificate, or more than one", n + 1);
    X509_free(x);
    return 1;
}

static int count(BIO *text, const char *field, struct tlsio_refusal *why)
{
    struct tlsio_pem_block block;
    int n = 0, rc;

    while ((rc = tlsio_pem_next_block(text, &block)) > 0) {
        rc = count_block(&block, n, field, why);
        tlsio_pem_block_fini(&block);
        if (rc < 0)
            return rc;
        n++;
    }
    if (rc < 0)
        return rc == WERR_SYNTAX ? damaged(why, field, n + 1) : rc;
    if (n > 0)
        return n;
    return tlsio_refuse(why, field,
                        "no certificate in it: PEM begins with -----BEGIN CERTIFICATE-----");
}

int tlsio_certificate_count(struct span authorities, const char *field,
                            struct tlsio_refusal *why)
{
    *why = (struct tlsio_refusal){.field = ""};
    if (authorities.len > INT32_MAX)
        return tlsio_refuse(why, field, "too long");
    BIO *text = tlsio_pem_open(authorities);
    const int rc = text != NULL ? count(text, field, why) : WERR_NOMEM;

    BIO_free(text);
    ERR_clear_error();
    return rc;
}
