/* library_memory.h - the memory of the TLS library in a test's hands: what it has freed is
 * looked through, and it runs out when the test says so. One that includes it begins with
 * library_memory_take, before the library has any memory. */
#ifndef WELDR_TESTS_LIBRARY_MEMORY_H
#define WELDR_TESTS_LIBRARY_MEMORY_H

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "net/tlsio_memory.h"

enum { FREED_BYTES_MAX = 64 * 1024 * 1024, SIZES_LARGEST = 32 * 1024, NEEDLE_BYTES = 24 };

/* What was left in pieces right after they were freed, one behind the other: the next one to
 * have the piece writes over it. Their regions stay, since some free ones are kept. */
static unsigned char freed[FREED_BYTES_MAX];
static size_t freed_n;
/* 1: the next piece is not given, nor any after it; 0: all are. */
static unsigned library_fails_at;

/* The size stands before the piece. */
static void *library_new(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    if (library_fails_at > 1)
        library_fails_at--;
    else if (library_fails_at == 1)
        return NULL;
    size_t *piece = bytes > 0 ? tlsio_memory_new(bytes + 16) : NULL;

    if (piece == NULL)
        return NULL;
    *piece = bytes;
    return piece + 2;
}

static void library_free(void *piece, const char *file, int line)
{
    size_t *whole = piece;

    (void)file;
    (void)line;
    if (piece == NULL)
        return;
    whole -= 2;
    const size_t bytes = *whole;

    tlsio_memory_free(whole);
    if (bytes >= SIZES_LARGEST - 16 || bytes > FREED_BYTES_MAX - freed_n)
        return;
    memcpy(freed + freed_n, piece, bytes);
    freed_n += bytes;
}

static void *library_resize(void *piece, size_t bytes, const char *file, int line)
{
    void *fresh = library_new(bytes, file, line);

    if (piece != NULL && fresh != NULL) {
        const size_t before = *((size_t *)piece - 2);

        memcpy(fresh, piece, before < bytes ? before : bytes);
    }
    if (fresh != NULL || bytes == 0)
        library_free(piece, file, line);
    return fresh;
}

static inline bool has_copy(const unsigned char *needle)
{
    return memmem(freed, freed_n, needle, NEEDLE_BYTES) != NULL;
}

/* Room for more, and something to look through. */
static inline bool has_freed(void)
{
    return freed_n > 0 && freed_n <= FREED_BYTES_MAX - SIZES_LARGEST;
}

/* Works with AddressSanitizer, too. */
static inline bool library_memory_take(void)
{
    return CRYPTO_set_mem_functions(library_new, library_resize, library_free) == 1;
}

#endif
