/* What joins tells and hears secrets: none of them stays in memory that was freed. free() is
 * wrapped by the linker, so that what this test sees is each block as it is given back. The TLS
 * library's own blocks are left out: net/tlsio_memory.h has those. */
#include "cluster_fixture.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include "cluster/raft_int.h"
#include "cluster/token.h"

enum { FREED_BYTES_MAX = 256 * 1024 * 1024, NEEDLE_BYTES = 24 };

static char *freed; /* NULL: not looked at */
static size_t freed_n;

void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
    const size_t n = block != NULL && freed != NULL ? malloc_usable_size(block) : 0;

    if (n >= NEEDLE_BYTES && n <= FREED_BYTES_MAX - freed_n) {
        memcpy(freed + freed_n, block, n);
        freed_n += n;
    }
    __real_free(block);
}

static void *library_new(size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(bytes);
}

static void *library_resize(void *block, size_t bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    return realloc(block, bytes);
}

static void library_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    __real_free(block);
}

static bool has_copy(const void *needle)
{
    return memmem(freed, freed_n, needle, NEEDLE_BYTES) != NULL;
}

static void watch(void)
{
    freed_n = 0;
    freed = malloc(FREED_BYTES_MAX);
    assert_non_null(freed);
}

static void stop_watching(void)
{
    char *was = freed;

    freed = NULL;
    __real_free(was);
}

/* At the leader and by way of a follower, which hears the token's text of the leader. */
static void test_no_secret_stays(void **state)
{
    static unsigned char key[SEAL_KEY_BYTES];
    struct token tokens[2];
    char texts[2][sizeof(lab.token)];

    (void)state;
    make_first();
    watch();
    memcpy(key, ((struct engine *)cluster_of(0))->member.cluster_key, sizeof(key));
    for (unsigned i = 0; i < 2; i++) {
        get_token(i);
        memcpy(texts[i], lab.token, sizeof(texts[i]));
        assert_int_equal(token_read(span_from_str(lab.token), &tokens[i]), 0);
        join(i + 1, i);
        AWAIT(has_settled, i + 1);
    }
    for (unsigned i = 0; i < 3; i++)
        close_node(i);
    assert_true(freed_n < FREED_BYTES_MAX - 1024 * 1024);
    assert_true(has_copy("-----BEGIN CERTIFICATE REQUEST-----")); /* it would be seen */
    assert_false(has_copy(key));
    for (unsigned i = 0; i < 2; i++) {
        assert_false(has_copy(tokens[i].secret));
        /* Behind format, cluster and expiry, which the others have too. */
        assert_false(has_copy(texts[i] + strlen("weldr1.") + 64));
    }
    stop_watching();
    end_lab();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_secret_stays)};

    if (CRYPTO_set_mem_functions(library_new, library_resize, library_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
