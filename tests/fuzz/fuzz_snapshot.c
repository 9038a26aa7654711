/*
 * Snapshots. A checksum guards them, so a fuzzer would hardly get behind it: the input is tried
 * as it is, and once more with the length and checksum put right (layout: pool_snapshot.h).
 * What decodes must encode to the same state.
 */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pool/pool_apply.h"
#include "pool/pool_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = 40, INDEX_AT = 8, LENGTH_AT = 24, CHECKSUM_AT = 32 };

static void try_bytes(struct span bytes)
{
    struct pool_state *s = NULL;
    struct pool_state *again = NULL;
    char *out = NULL;
    size_t len = 0;
    if (pool_snapshot_decode(bytes, &s) != 0)
        return;
    MUST(s->digest == pool_state_digest_recompute(s));
    MUST(pool_snapshot_encode(s, &out, &len) == 0);
    MUST(pool_snapshot_decode(span_from(out, len), &again) == 0);
    MUST(again->digest == s->digest && again->index == s->index);
    pool_state_free(again);
    pool_state_free(s);
    free(out);
}

static void put_u64(uint8_t *at, uint64_t n)
{
    uint64_t little = htole64(n);
    memcpy(at, &little, sizeof(little));
}

static void try_repaired(const uint8_t *data, size_t size)
{
    uint64_t index = 0;
    uint8_t *copy = malloc(size);
    MUST(copy != NULL);
    memcpy(copy, data, size);
    memcpy(&index, copy + INDEX_AT, sizeof(index));
    put_u64(copy + LENGTH_AT, size - HEAD_BYTES);
    put_u64(copy + CHECKSUM_AT,
            XXH3_64bits_withSeed(copy + HEAD_BYTES, size - HEAD_BYTES, le64toh(index)));
    try_bytes(span_from(copy, size));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_bytes(span_from(data, size));
    if (size >= HEAD_BYTES)
        try_repaired(data, size);
    return 0;
}
