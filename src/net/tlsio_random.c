/* The library has no other way to be given random bytes than this old one, short of a generator
 * of our own. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "net/tlsio_random.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/* A page of memory. About 20 handshakes take so much. */
enum { DRAWN_BYTES = 4096 - sizeof(size_t) };

/* All zero, and so empty, in a process that was forked. */
struct pool {
    size_t left_n; /* the last ones */
    unsigned char bytes[DRAWN_BYTES];
};

static struct pool *pool;

static struct pool *new_pool(void)
{
    void *at = mmap(NULL, sizeof(struct pool), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    if (madvise(at, sizeof(struct pool), MADV_WIPEONFORK) == 0 &&
        madvise(at, sizeof(struct pool), MADV_DONTDUMP) == 0)
        return at;
    (void)munmap(at, sizeof(struct pool));
    return NULL;
}

static int draw(unsigned char *to, size_t n)
{
    return EVP_RAND_generate(RAND_get0_private(NULL), to, n, 0, 0, NULL, 0);
}

static void take(unsigned char *to, size_t n)
{
    unsigned char *from = pool->bytes + DRAWN_BYTES - pool->left_n;

    memcpy(to, from, n);
    explicit_bzero(from, n);
    pool->left_n -= n;
}

/* 1 is well, as the library has it. */
static int give(unsigned char *to, int n)
{
    const size_t wanted_n = n > 0 ? (size_t)n : 0;

    if (wanted_n > DRAWN_BYTES)
        return draw(to, wanted_n);
    if (wanted_n > pool->left_n) {
        if (draw(pool->bytes, DRAWN_BYTES) != 1)
            return 0;
        pool->left_n = DRAWN_BYTES;
    }
    take(to, wanted_n);
    return 1;
}

/* The generator is made at once: at its end a process that has none would leak what the library
 * takes to clear it up. */
void tlsio_random_start(void)
{
    static RAND_METHOD method;

    if (pool != NULL || RAND_get0_private(NULL) == NULL)
        return;
    pool = new_pool();
    if (pool == NULL)
        return;
    method = *RAND_OpenSSL();
    method.bytes = method.pseudorand = give;
    (void)RAND_set_rand_method(&method);
}
