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

struct tlsio_ticket_row {
    const EVP_CIPHER *cipher;
    unsigned n;
    struct ticket_key keys[TLSIO_TICKET_SHARED_KEYS];
};

/* In memory that is not dumped. */
struct tlsio_tickets {
    EVP_CIPHER *cipher; /* looked up once: that is dear in each handshake */
    struct tlsio_ticket_row own, shared;
};

_Static_assert((int)TLSIO_TICKET_KEYS <= (int)TLSIO_TICKET_SHARED_KEYS, "a row holds either");

struct tlsio_tickets *tlsio_tickets_new(void)
{
    struct tlsio_tickets *t = seal_memory_new(sizeof(*t));

    if (t == NULL)
        return NULL;
    t->own.n = t->shared.n = 0;
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    t->own.cipher = t->shared.cipher = t->cipher;
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

bool tlsio_tickets_are_keys(struct span keys)
{
    const size_t n = keys.len / TLSIO_TICKET_KEY_BYTES;

    if (keys.len % TLSIO_TICKET_KEY_BYTES != 0 || n == 0)
        return false;
    return n <= TLSIO_TICKET_KEYS ||
           (n > TLSIO_TICKET_SHARED_KEYS && n - TLSIO_TICKET_SHARED_KEYS <= TLSIO_TICKET_KEYS);
}

static void set_row(struct tlsio_ticket_row *r, struct span keys)
{
    memset(r->keys, 0, sizeof(r->keys)); /* the memory stays, so this is no dead store */
    if (keys.len > 0)
        memcpy(r->keys, keys.ptr, keys.len);
    r->n = (unsigned)(keys.len / TLSIO_TICKET_KEY_BYTES);
}

int tlsio_tickets_set(struct tlsio_tickets *t, struct span keys)
{
    enum { SHARED_BYTES = TLSIO_TICKET_SHARED_KEYS * TLSIO_TICKET_KEY_BYTES };

    if (!tlsio_tickets_are_keys(keys))
        return WERR_SYNTAX;
    const size_t own = keys.len > SHARED_BYTES ? keys.len - SHARED_BYTES : keys.len;

    set_row(&t->own, span_first(keys, own));
    set_row(&t->shared, span_skip(keys, own));
    return 0;
}

bool tlsio_tickets_has_keys(const struct tlsio_tickets *t)
{
    return t != NULL && t->own.n > 0;
}

const struct tlsio_ticket_row *tlsio_tickets_row(const struct tlsio_tickets *t,
                                                 bool may_be_shared)
{
    return may_be_shared && t->shared.n > 0 ? &t->shared : &t->own;
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

bool tlsio_tickets_make(const struct tlsio_ticket_row *r, unsigned char *name,
                        unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *k = &r->keys[0];

    MUST(r->n > 0);
    memcpy(name, k->name, sizeof(k->name));
    return RAND_bytes(iv, IV_BYTES) == 1 &&
           EVP_EncryptInit_ex2(cipher, r->cipher, k->cipher, iv, NULL) == 1 && set_mac(mac, k);
}

int tlsio_tickets_open(const struct tlsio_ticket_row *r, const unsigned char *name,
                       const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (unsigned i = 0; i < r->n; i++) {
        const struct ticket_key *k = &r->keys[i];

        if (memcmp(k->name, name, sizeof(k->name)) != 0)
            continue;
        return EVP_DecryptInit_ex2(cipher, r->cipher, k->cipher, iv, NULL) == 1 &&
                       set_mac(mac, k)
                   ? (int)i
                   : WERR_NOMEM;
    }
    return WERR_NOT_FOUND;
}
