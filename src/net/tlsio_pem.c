#include "net/tlsio_pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "net/tlsio_memory.h"

/* There is nobody who could be asked. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
static int no_passphrase(char *to, int max, int is_writing, void *arg)
{
    (void)to;
    (void)max;
    (void)is_writing;
    (void)arg;
    return 0;
}

static bool put(BIO *bio, struct span bytes)
{
    return bytes.len == 0 || BIO_write(bio, bytes.ptr, (int)bytes.len) == (int)bytes.len;
}

/* What editors put before the first line, and files that were joined have in the middle; and
 * what indents a text within another one (YAML). */
static struct span skip_marks(struct span line)
{
    static const struct span mark = SPAN("\xef\xbb\xbf");

    for (;;) {
        if (span_has_prefix(line, mark))
            line = span_skip(line, mark.len);
        else if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
            line = span_skip(line, 1);
        else
            return line;
    }
}

/* The library finds a BEGIN at the very start of a line alone. It takes CRLF for an end. */
static bool put_lines(BIO *bio, struct span text)
{
    bool is_well = true;

    while (text.len > 0 && is_well) {
        const struct span line = span_cut(&text, '\n');

        is_well = put(bio, skip_marks(line)) && put(bio, SPAN("\n"));
    }
    return is_well;
}

BIO *tlsio_pem_open(struct span text)
{
    BIO *bio = BIO_new(BIO_s_mem());

    MUST(text.len <= INT32_MAX);
    if (bio == NULL)
        return NULL;
    (void)BIO_set_mem_eof_return(bio, 0);
    if (put_lines(bio, text))
        return bio;
    BIO_free(bio);
    return NULL;
}

X509 *tlsio_pem_next_certificate(BIO *text)
{
    X509 *x = PEM_read_bio_X509(text, NULL, no_passphrase, NULL);

    ERR_clear_error();
    return x;
}

EVP_PKEY *tlsio_pem_next_key(BIO *text)
{
    struct tlsio_pem_block block;
    EVP_PKEY *key = NULL;
    bool is_key = false;
    long der_bytes;

    while (!is_key && tlsio_pem_next_block(text, &block) > 0) {
        is_key = tlsio_pem_is_private_key(&block);
        if (is_key && !tlsio_pem_is_encrypted(&block))
            key = tlsio_pem_key(&block, &der_bytes);
        tlsio_pem_block_fini(&block);
    }
    ERR_clear_error();
    return key;
}

/* ---- blocks ---- */

int tlsio_pem_next_block(BIO *text, struct tlsio_pem_block *block)
{
    *block = (struct tlsio_pem_block){.label = NULL};
    /* SECURE: the library clears its own copies, but not the last 64 letters, which its decoder
     * of base64 holds. */
    tlsio_memory_clear_freed(true);
    const int result =
        PEM_read_bio_ex(text, &block->label, &block->header, &block->der, &block->der_bytes,
                        PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE);

    tlsio_memory_clear_freed(false);
    if (result == 1)
        return 1;
    const int reason = ERR_GET_REASON(ERR_peek_last_error());

    ERR_clear_error();
    *block = (struct tlsio_pem_block){.label = NULL};
    if (reason == ERR_R_MALLOC_FAILURE)
        return WERR_NOMEM;
    return reason == PEM_R_NO_START_LINE ? 0 : WERR_SYNTAX;
}

void tlsio_pem_block_fini(struct tlsio_pem_block *block)
{
    OPENSSL_secure_free(block->label);
    OPENSSL_secure_free(block->header);
    OPENSSL_secure_clear_free(block->der, (size_t)block->der_bytes);
    *block = (struct tlsio_pem_block){.label = NULL};
}

bool tlsio_pem_is_certificate(const struct tlsio_pem_block *block)
{
    return strcmp(block->label, PEM_STRING_X509) == 0 ||
           strcmp(block->label, PEM_STRING_X509_OLD) == 0;
}

bool tlsio_pem_is_private_key(const struct tlsio_pem_block *block)
{
    static const char end[] = "PRIVATE KEY";
    const size_t len = strlen(block->label), n = sizeof(end) - 1;

    return len >= n && strcmp(block->label + len - n, end) == 0;
}

/* PKCS #8 says it in the label, the older forms in the header. */
bool tlsio_pem_is_encrypted(const struct tlsio_pem_block *block)
{
    return strcmp(block->label, PEM_STRING_PKCS8) == 0 ||
           strstr(block->header, "ENCRYPTED") != NULL;
}

bool tlsio_pem_is_pkcs8(const struct tlsio_pem_block *block)
{
    return strcmp(block->label, PEM_STRING_PKCS8INF) == 0;
}

static EVP_PKEY *key_of_pkcs8(const unsigned char **at, long bytes)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, at, bytes);
    EVP_PKEY *key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;

    PKCS8_PRIV_KEY_INFO_free(info); /* clears it */
    return key;
}

/* The library encodes a key of PKCS #8 again to have it decoded (EVP_PKCS82PKEY), and frees
 * that copy as it is; its way for keys of any form leaves more of them. */
EVP_PKEY *tlsio_pem_key(const struct tlsio_pem_block *block, long *der_bytes)
{
    const unsigned char *at = block->der;

    tlsio_memory_clear_freed(true);
    EVP_PKEY *key = tlsio_pem_is_pkcs8(block) ? key_of_pkcs8(&at, block->der_bytes)
                                              : d2i_AutoPrivateKey(NULL, &at, block->der_bytes);
    tlsio_memory_clear_freed(false);
    *der_bytes = at - block->der;
    return key;
}

X509 *tlsio_pem_certificate(const struct tlsio_pem_block *block)
{
    const unsigned char *at = block->der;
    X509 *x = d2i_X509(NULL, &at, block->der_bytes);

    if (x != NULL && at == block->der + block->der_bytes)
        return x;
    X509_free(x);
    return NULL;
}
