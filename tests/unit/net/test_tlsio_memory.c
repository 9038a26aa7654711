/* The memory of the TLS library, called as the library does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "net/tlsio_memory.h"

enum { SIZE_MAX_BYTES = 70 * 1024, REGION_BYTES = 256 * 1024, SPARE_BYTES = 32 * REGION_BYTES };

static void fill(unsigned char *piece, size_t bytes, unsigned char with)
{
    memset(piece, with, bytes);
}

static void expect_filled(const unsigned char *piece, size_t bytes, unsigned char with)
{
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(piece[i], with);
}

/* Each size has room for what was asked, and pieces do not overlap. */
static void test_sizes(void **state)
{
    static unsigned char *pieces[SIZE_MAX_BYTES / 13 + 1];
    const size_t before = tlsio_memory_bytes();
    unsigned n = 0;

    (void)state;
    for (size_t bytes = 1; bytes <= SIZE_MAX_BYTES; bytes += 13, n++) {
        pieces[n] = tlsio_memory_new(bytes);
        assert_non_null(pieces[n]);
        assert_int_equal((uintptr_t)pieces[n] % 16, 0);
        fill(pieces[n], bytes, (unsigned char)n);
    }
    for (unsigned i = 0; i < n; i++)
        expect_filled(pieces[i], (size_t)i * 13 + 1, (unsigned char)i);
    for (unsigned i = 0; i < n; i++)
        tlsio_memory_free(pieces[i]);
    assert_true(tlsio_memory_bytes() <= before + SPARE_BYTES);
    tlsio_memory_settle();
    tlsio_memory_settle();
    assert_int_equal(tlsio_memory_bytes(), before);
    assert_null(tlsio_memory_new(0));
    tlsio_memory_free(NULL);
}

static void test_resize(void **state)
{
    unsigned char *piece = tlsio_memory_resize(NULL, 1);
    size_t held = 1;

    (void)state;
    fill(piece, held, 7);
    for (size_t bytes = 3; bytes <= SIZE_MAX_BYTES; bytes = bytes * 3 / 2 + 1) {
        piece = tlsio_memory_resize(piece, bytes);
        expect_filled(piece, held, 7);
        fill(piece, bytes, 7);
        held = bytes;
    }
    for (; held > 1; held /= 3) {
        piece = tlsio_memory_resize(piece, held);
        expect_filled(piece, held, 7);
    }
    assert_null(tlsio_memory_resize(piece, 0));
}

/* What other tests left. */
static void settle_all(void)
{
    tlsio_memory_settle();
    tlsio_memory_settle();
}

/* What a burst has taken is given back when it is over, the last of it when it was of no use
 * for a while. */
static void test_given_back(void **state)
{
    enum { PIECES = 5000, SSL_BYTES = 7624 };
    static void *pieces[PIECES];
    void *first = tlsio_memory_new(SSL_BYTES);
    settle_all();
    const size_t before = tlsio_memory_bytes();

    (void)state;
    for (unsigned i = 0; i < PIECES; i++)
        pieces[i] = tlsio_memory_new(SSL_BYTES);
    const size_t most = tlsio_memory_bytes() - before;

    assert_true(most > (size_t)PIECES * SSL_BYTES - 256 * 1024);
    assert_true(most < (size_t)PIECES * SSL_BYTES / 100 * 103); /* 3 % more than is used */
    for (unsigned i = 0; i < PIECES; i++)
        tlsio_memory_free(pieces[(i * 7919U) % PIECES]);
    assert_true(tlsio_memory_bytes() <= before + SPARE_BYTES);
    assert_true(tlsio_memory_bytes() > before);
    tlsio_memory_settle(); /* until now they were in use */
    assert_true(tlsio_memory_bytes() > before);
    tlsio_memory_settle();
    assert_int_equal(tlsio_memory_bytes(), before);
    tlsio_memory_free(first);
}

/* Work of any sizes maps nothing more, and what it uses in between is not given back. */
static void test_spare_ones_serve_any_size(void **state)
{
    enum { ALL_BYTES = 600000, LEAST_BYTES = 1000 };
    static void *pieces[ALL_BYTES / LEAST_BYTES];

    (void)state;
    settle_all();
    const size_t before = tlsio_memory_bytes();

    for (size_t bytes = LEAST_BYTES; bytes < 8000; bytes += 500) {
        const size_t n = ALL_BYTES / bytes;

        for (size_t i = 0; i < n; i++)
            pieces[i] = tlsio_memory_new(bytes);
        for (size_t i = 0; i < n; i++)
            tlsio_memory_free(pieces[i]);
        tlsio_memory_settle();
        assert_true(tlsio_memory_bytes() >= before + ALL_BYTES / REGION_BYTES * REGION_BYTES);
        assert_true(tlsio_memory_bytes() <= before + 4 * REGION_BYTES);
    }
    tlsio_memory_settle();
    tlsio_memory_settle();
    assert_int_equal(tlsio_memory_bytes(), before);
}

/* By chance: no piece is ever another's. */
static void test_by_chance(void **state)
{
    enum { PIECES = 500, STEPS = 200000 };
    static struct {
        unsigned char *at;
        size_t bytes;
    } all[PIECES];
    struct rand_state rand;

    (void)state;
    rand_seed(&rand, 5);
    for (unsigned step = 0; step < STEPS; step++) {
        const unsigned i = (unsigned)(rand_u64(&rand) % PIECES);
        const size_t bytes =
            1 + (rand_u64(&rand) % 4 > 0 ? rand_u64(&rand) % 600 : rand_u64(&rand) % 9000);

        if (all[i].at != NULL)
            assert_int_equal(all[i].at[all[i].bytes - 1], i % 251);
        if (rand_u64(&rand) % 3 == 0) {
            all[i].at = tlsio_memory_resize(all[i].at, bytes);
        } else {
            tlsio_memory_free(all[i].at);
            all[i].at = tlsio_memory_new(bytes);
        }
        all[i].bytes = bytes;
        all[i].at[0] = all[i].at[bytes - 1] = (unsigned char)(i % 251);
    }
    for (unsigned i = 0; i < PIECES; i++)
        tlsio_memory_free(all[i].at);
}

/* The mapping that holds it says of itself that it is not dumped: "dd". */
static bool is_dumped(const void *piece)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_here = false, is_left_out = false;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            is_here = (uintptr_t)piece >= from && (uintptr_t)piece < to;
        else if (is_here && strncmp(line, "VmFlags:", 8) == 0)
            is_left_out = strstr(line, " dd") != NULL;
    }
    (void)fclose(file);
    return !is_left_out;
}

static void test_in_no_core(void **state)
{
    void *small = tlsio_memory_new(32), *large = tlsio_memory_new(100000);
    void *usual = malloc(32);

    (void)state;
    assert_false(is_dumped(small));
    assert_false(is_dumped(large));
    assert_true(is_dumped(usual));
    tlsio_memory_free(small);
    tlsio_memory_free(large);
    free(usual);
}

/* A piece has its last bytes until then, but for the list's link at its begin. */
static void test_cleared_when_freed(void **state)
{
    enum { BYTES = 64, LINK_BYTES = 8 };
    unsigned char *first = tlsio_memory_new(BYTES), *second = tlsio_memory_new(BYTES);
    void *other = tlsio_memory_new(BYTES); /* the region stays */

    (void)state;
    fill(first, BYTES, 7);
    fill(second, BYTES, 7);
    tlsio_memory_free(first);
    expect_filled(first + LINK_BYTES, BYTES - LINK_BYTES, 7);
    tlsio_memory_clear_freed(true);
    tlsio_memory_free(second);
    tlsio_memory_clear_freed(false);
    expect_filled(second + LINK_BYTES, BYTES - LINK_BYTES, 0);
    tlsio_memory_free(other);
}

static void test_start(void **state)
{
    (void)state;
    assert_int_equal(tlsio_memory_start(), 0);
    assert_int_equal(tlsio_memory_start(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_given_back),
        cmocka_unit_test(test_spare_ones_serve_any_size),
        cmocka_unit_test(test_by_chance),
        cmocka_unit_test(test_in_no_core),
        cmocka_unit_test(test_cleared_when_freed),
        cmocka_unit_test(test_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
