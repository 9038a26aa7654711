#include "net/tlsio_tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/seal.h"
#include "net/tlsio_tickets_int.h"

enum { SECRET_BYTES = 32, IV_BYTES = 16 };

struct ticket_key {
    unsigned char name[TICKET_NAME_BYTES];
    unsigned char cipher[SECRET_BYTES]; /* AES-256-CBC */
    unsigned char mac[SECRET_BYTES];    /* HMAC of SHA-256 */
};

_Static_assert(sizeof(struct ticket_key) == TLSIO_TICKET_KEY_BYTES, "as they are sent");

/* In memory that is not dumped. */
struct tlsio_tickets {
    EVP_CIPHER *cipher; /* looked up once: that is dear in each handshake */
    unsigned n;
    struct ticket_key keys[TLSIO_TICKET_KEYS];
};

struct tlsio_tickets *tlsio_tickets_new(void)
{
    struct tlsio_tickets *t = seal_memory_new(sizeof(*t));

    if (t == NULL)
        return NULL;
    t->n = 0;
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (t->cipher != NULL)
        return t;
    seal_memory_free(t);
    return NULL;
}

void tlsio_tickets_free(struct tlsio_tickets *t)
{
    if (t == NULL)
        return;
    EVP_CIPHER_free(t->cipher);
    seal_memory_free(t);
}

int tlsio_tickets_set(struct tlsio_tickets *t, struct span keys)
{
    const size_t n = keys.len / TLSIO_TICKET_KEY_BYTES;

    if (keys.len % TLSIO_TICKET_KEY_BYTES != 0 || n == 0 || n > TLSIO_TICKET_KEYS)
        return WERR_SYNTAX;
    memset(t->keys, 0, sizeof(t->keys)); /* the memory stays, so this is no dead store */
    memcpy(t->keys, keys.ptr, keys.len);
    t->n = (unsigned)n;
    return 0;
}

bool tlsio_tickets_has_keys(const struct tlsio_tickets *t)
{
    return t != NULL && t->n > 0;
}

static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *k)
{
    char digest[] = "SHA256";
    unsigned char secret[SECRET_BYTES]; /* the library's type is not const */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, sizeof(secret)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    memcpy(secret, k->mac, sizeof(secret));
    const bool is_well = EVP_MAC_CTX_set_params(mac, params) == 1;

    OPENSSL_cleanse(secret, sizeof(secret));
    return is_well;
}

bool tlsio_tickets_make(const struct tlsio_tickets *t, unsigned char *name, unsigned char *iv,
                        EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *k = &t->keys[0];

    MUST(t->n > 0);
    memcpy(name, k->name, sizeof(k->name));
    return RAND_bytes(iv, IV_BYTES) == 1 &&
           EVP_EncryptInit_ex2(cipher, t->cipher, k->cipher, iv, NULL) == 1 && set_mac(mac, k);
}

int tlsio_tickets_open(const struct tlsio_tickets *t, const unsigned char *name,
                       const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (unsigned i = 0; i < t->n; i++) {
        const struct ticket_key *k = &t->keys[i];

        if (memcmp(k->name, name, sizeof(k->name)) != 0)
            continue;
        return EVP_DecryptInit_ex2(cipher, t->cipher, k->cipher, iv, NULL) == 1 &&
                       set_mac(mac, k)
                   ? (int)i
                   : WERR_NOMEM;
    }
    return WERR_NOT_FOUND;
}
