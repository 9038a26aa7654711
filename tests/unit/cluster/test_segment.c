#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cluster/high_water.h"
#include "cluster/segment.h"
#include "segment_writer.h"

enum { FILE_BYTES = 16384, ENTRY_BYTES = 80, BATCH_BYTES = 8 + 8 + 16 + ENTRY_BYTES };

/* n batches of one entry each, terms 1 … n; the file is longer by zeros. */
static void make(struct writer *w, unsigned n, size_t entry_bytes)
{
    writer_begin(w, FILE_BYTES);
    for (unsigned i = 1; i <= n; i++)
        writer_batch(w, i, i, 1, entry_bytes);
}

static struct segment walk(const struct writer *w, size_t n, uint64_t watched)
{
    struct segment s;
    uint8_t *exact = malloc(n > 0 ? n : 1); /* one byte read too far is seen */

    memcpy(exact, w->bytes, n);
    segment_walk(span_from(exact, n), watched, &s);
    free(exact);
    return s;
}

static void test_crc(void **state)
{
    uint8_t bytes[64];

    (void)state;
    /* The check value of CRC-32 with this polynomial, no start value and no turned bits. */
    assert_int_equal(segment_crc(0, SPAN("123456789")), 0x89a1897fU);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof(bytes); n++)
        assert_int_equal(segment_crc(77, span_from(bytes, n)), writer_crc(77, bytes, n));
}

static void test_whole(void **state)
{
    struct writer w;

    (void)state;
    make(&w, 5, ENTRY_BYTES);
    struct segment s = walk(&w, w.n, 0);
    assert_int_equal(s.end, SEGMENT_WHOLE);
    assert_int_equal(s.entries_n, 5);
    assert_int_equal(s.last_term, 5);
    assert_int_equal(s.offset, w.n);
    s = walk(&w, w.cap, 0);
    assert_int_equal(s.end, SEGMENT_ZEROS);
    assert_int_equal(s.entries_n, 5);
    assert_int_equal(s.offset, w.n);
    writer_batch(&w, 9, 6, 20, 16);
    s = walk(&w, w.n, 0);
    assert_int_equal(s.entries_n, 25);
    assert_int_equal(s.last_term, 9);
    writer_free(&w);
}

static void test_nothing(void **state)
{
    struct writer w;

    (void)state;
    make(&w, 0, 8);
    assert_int_equal(walk(&w, 0, 0).end, SEGMENT_WHOLE);
    assert_int_equal(walk(&w, 8, 0).end, SEGMENT_WHOLE);
    assert_int_equal(walk(&w, 8, 0).offset, 0);
    assert_int_equal(walk(&w, FILE_BYTES, 0).end, SEGMENT_ZEROS);
    w.bytes[0] = 0;
    assert_int_equal(walk(&w, 3, 0).end, SEGMENT_ZEROS);
    assert_int_equal(walk(&w, FILE_BYTES, 0).end, SEGMENT_ZEROS);
    writer_free(&w);
}

static void test_watched(void **state)
{
    struct writer w;
    uint8_t entry[16];

    (void)state;
    make(&w, 2, 16);
    writer_batch(&w, 7, 3, 4, 16);
    for (uint64_t i = 1; i <= 6; i++) {
        const struct segment s = walk(&w, w.cap, i);

        writer_entry(i, entry, sizeof(entry));
        assert_int_equal(s.watched_term, i < 3 ? i : 7);
        assert_true(s.watched_checksum == high_water_checksum(span_from(entry, 16)));
    }
    assert_int_equal(walk(&w, w.cap, 0).watched_term, 0);
    assert_int_equal(walk(&w, w.cap, 7).watched_term, 0);
    writer_free(&w);
}

/* Each bit of each batch: the walk ends before it, and tells whether others follow. */
static void test_flipped(void **state)
{
    struct writer w;

    (void)state;
    make(&w, 5, ENTRY_BYTES);
    for (size_t i = 8 * 8; i < w.n * 8; i++) {
        const size_t batch = (i / 8 - 8) / BATCH_BYTES;

        w.bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        const struct segment s = walk(&w, w.cap, 0);
        w.bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        /* Three bytes of an entry's head are not used, and are under the checksum. */
        assert_int_equal(s.end, SEGMENT_BAD);
        assert_int_equal(s.entries_n, batch);
        assert_int_equal(s.bad_offset, 8 + batch * BATCH_BYTES);
        assert_int_equal(s.offset, batch > 0 ? s.bad_offset : 0);
        assert_int_equal(s.is_followed, batch < 4);
        assert_true(!s.has_gap || batch == 4);
        assert_non_null(s.what);
    }
    for (unsigned i = 0; i < 64; i++) {
        w.bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        const struct segment s = walk(&w, w.cap, 0);
        w.bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_equal(s.end, SEGMENT_BAD);
        assert_int_equal(s.bad_offset, 0);
        assert_true(s.is_followed && !s.has_gap);
    }
    writer_free(&w);
}

static void test_cut(void **state)
{
    struct writer w;

    (void)state;
    make(&w, 5, ENTRY_BYTES);
    for (size_t n = 0; n < w.n; n++) {
        const struct segment s = walk(&w, n, 0);
        const size_t batches = n < 8 ? 0 : (n - 8) / BATCH_BYTES;
        const bool is_even = n == 0 || (n >= 8 && (n - 8) % BATCH_BYTES == 0);

        assert_int_equal(s.end, is_even ? SEGMENT_WHOLE : SEGMENT_BAD);
        assert_int_equal(s.entries_n, batches);
        assert_false(s.is_followed);
    }
    writer_free(&w);
}

/* One write of five batches, of which some sectors did not reach the disk. What was written
 * before it, in the first sector, did. */
static void test_torn_writes(void **state)
{
    enum { BEFORE = 1, SECTORS = 7, BIG = 600 };
    unsigned seen = 0;

    (void)state;
    for (unsigned lost = 1; lost < 1U << SECTORS; lost++) {
        struct writer w;

        make(&w, BEFORE, ENTRY_BYTES);
        const size_t kept = w.n;
        for (unsigned i = 0; i < 5; i++)
            writer_batch(&w, 9, BEFORE + 1 + i, 1, BIG);
        for (size_t sector = 0; sector < SECTORS; sector++) {
            size_t from = sector * SEGMENT_SECTOR_BYTES;

            from = from > kept ? from : kept;
            if ((lost >> sector & 1U) != 0)
                memset(w.bytes + from, 0, (sector + 1) * SEGMENT_SECTOR_BYTES - from);
        }
        const struct segment s = walk(&w, w.cap, 0);
        writer_free(&w);
        if (s.end == SEGMENT_ZEROS)
            continue; /* nothing of it is there, or nothing behind what is */
        assert_int_equal(s.end, SEGMENT_BAD);
        assert_in_range(s.entries_n, BEFORE, 5);
        assert_true(s.has_gap);
        seen += s.is_followed ? 1 : 0;
    }
    assert_true(seen > 10);
}

/* Numbers of entries and lengths that nothing could hold. */
static void test_big_numbers(void **state)
{
    struct writer w;

    (void)state;
    make(&w, 2, ENTRY_BYTES);
    memset(w.bytes + 8 + 8, 0xff, 8);
    assert_int_equal(walk(&w, w.cap, 0).end, SEGMENT_BAD);
    memset(w.bytes + 8 + 8, 0, 8);
    w.bytes[8 + 8 + 7] = 0x10; /* times 16 it is 0 */
    assert_int_equal(walk(&w, w.cap, 0).end, SEGMENT_BAD);
    writer_free(&w);
    make(&w, 2, ENTRY_BYTES);
    memset(w.bytes + 8 + 8 + 8 + 12, 0xf8, 4);
    assert_int_equal(walk(&w, w.cap, 0).end, SEGMENT_BAD);
    assert_true(walk(&w, w.cap, 0).is_followed);
    writer_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),         cmocka_unit_test(test_whole),
        cmocka_unit_test(test_nothing),     cmocka_unit_test(test_watched),
        cmocka_unit_test(test_flipped),     cmocka_unit_test(test_cut),
        cmocka_unit_test(test_torn_writes), cmocka_unit_test(test_big_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
