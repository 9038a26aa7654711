#include "base/seal.h"

#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fault.h"
#include "base/poison.h"

_Static_assert(SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES &&
                   SEAL_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "as the library has them");
_Static_assert(SEAL_KEY_BYTES >= crypto_generichash_KEYBYTES_MIN &&
                   SEAL_KEY_BYTES <= crypto_generichash_KEYBYTES_MAX,
               "a key to derive from");

enum {
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    CLOSED_MAX = SEAL_NONCE_BYTES + SEAL_PLAIN_MAX + TAG_BYTES,
    TEXT_MAX = sodium_base64_ENCODED_LEN(CLOSED_MAX, sodium_base64_VARIANT_ORIGINAL),
    DERIVED_PIECE = crypto_generichash_BYTES_MAX,
    HEAD_BYTES = 64 /* of a mapping: its size; what follows is aligned for anything */
};

/* ---- memory ---- */

/* The kernel hands out whole pages, which come back as zeros and are in no core file. */
void *seal_memory_new(size_t bytes)
{
    if (fault_countdown != 0 && --fault_countdown == 0)
        return NULL;
    const size_t whole = HEAD_BYTES + bytes;
    char *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    if (madvise(pages, whole, MADV_DONTDUMP) != 0) {
        (void)munmap(pages, whole);
        return NULL;
    }
    *(size_t *)(void *)pages = whole;
    LOOK_THROUGH(pages, whole);
    return pages + HEAD_BYTES;
}

void seal_memory_free(void *memory)
{
    if (memory == NULL)
        return;
    char *pages = (char *)memory - HEAD_BYTES;
    const size_t whole = *(size_t *)(void *)pages;
    sodium_memzero(pages, whole);
    LOOK_AWAY(pages, whole);
    (void)munmap(pages, whole);
}

void seal_clear_and_free(void *block)
{
    if (block == NULL)
        return;
    sodium_memzero(block, malloc_usable_size(block));
    free(block);
}

/* ---- deriving ---- */

/* Piece by piece: its number, the caller's (both little-endian) and the label are hashed. */
static void derive_piece(const unsigned char *key, const char *label, uint64_t number,
                         uint8_t piece, unsigned char *to)
{
    unsigned char head[1 + sizeof(number)] = {piece};
    crypto_generichash_state state;

    for (unsigned i = 0; i < sizeof(number); i++)
        head[1 + i] = (unsigned char)(number >> (8 * i));
    (void)crypto_generichash_init(&state, key, SEAL_KEY_BYTES, DERIVED_PIECE);
    (void)crypto_generichash_update(&state, head, sizeof(head));
    (void)crypto_generichash_update(&state, (const unsigned char *)label, strlen(label));
    (void)crypto_generichash_final(&state, to, DERIVED_PIECE);
    sodium_memzero(&state, sizeof(state));
}

void seal_derive(const unsigned char *key, const char *label, uint64_t number,
                 unsigned char *derived, size_t n)
{
    unsigned char piece[DERIVED_PIECE];

    MUST(n <= SEAL_DERIVED_MAX);
    for (size_t done = 0; done < n; done += DERIVED_PIECE) {
        derive_piece(key, label, number, (uint8_t)(done / DERIVED_PIECE), piece);
        memcpy(derived + done, piece, n - done < DERIVED_PIECE ? n - done : DERIVED_PIECE);
    }
    sodium_memzero(piece, sizeof(piece));
}

/* ---- closing and opening ---- */

static char *to_text(const unsigned char *closed, size_t bytes)
{
    const size_t room = sodium_base64_encoded_len(bytes, sodium_base64_VARIANT_ORIGINAL);
    char *text = fault_malloc(room);
    if (text != NULL)
        (void)sodium_bin2base64(text, room, closed, bytes, sodium_base64_VARIANT_ORIGINAL);
    return text;
}

char *seal_close(const unsigned char *key, const unsigned char *nonce, struct span plain)
{
    if (plain.len > SEAL_PLAIN_MAX)
        return NULL;
    const size_t bytes = SEAL_NONCE_BYTES + plain.len + TAG_BYTES;
    unsigned char *closed = fault_malloc(bytes);
    if (closed == NULL)
        return NULL;
    memcpy(closed, nonce, SEAL_NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(closed + SEAL_NONCE_BYTES, NULL,
                                                     (const unsigned char *)plain.ptr,
                                                     plain.len, NULL, 0, NULL, nonce, key);
    char *text = to_text(closed, bytes);
    free(closed);
    return text;
}

/* What the text stands for. WERR_SYNTAX, WERR_NOMEM. */
static int from_text(struct span text, unsigned char **closed, size_t *bytes)
{
    if (text.len == 0 || text.len > TEXT_MAX)
        return WERR_SYNTAX;
    *closed = fault_malloc(text.len);
    if (*closed == NULL)
        return WERR_NOMEM;
    if (sodium_base642bin(*closed, text.len, text.ptr, text.len, NULL, bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0 &&
        *bytes >= SEAL_NONCE_BYTES + TAG_BYTES)
        return 0;
    free(*closed);
    return WERR_SYNTAX;
}

static int open_closed(const unsigned char *key, const unsigned char *closed, size_t bytes,
                       struct seal_opened *opened)
{
    const size_t len = bytes - SEAL_NONCE_BYTES - TAG_BYTES;
    char *plain = seal_memory_new(len + 1); /* and a zero, as a string has */
    if (plain == NULL)
        return WERR_NOMEM;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)plain, NULL, NULL, closed + SEAL_NONCE_BYTES,
            bytes - SEAL_NONCE_BYTES, NULL, 0, closed, key) != 0) {
        seal_memory_free(plain);
        return WERR_SYNTAX;
    }
    *opened = (struct seal_opened){plain, len};
    return 0;
}

int seal_open(const unsigned char *key, struct span text, struct seal_opened *opened)
{
    unsigned char *closed = NULL;
    size_t bytes = 0;
    *opened = (struct seal_opened){NULL, 0};
    int rc = from_text(text, &closed, &bytes);
    if (rc != 0)
        return rc;
    rc = open_closed(key, closed, bytes, opened);
    free(closed);
    return rc;
}

void seal_opened_free(struct seal_opened *opened)
{
    seal_memory_free(opened->ptr);
    *opened = (struct seal_opened){NULL, 0};
}
