/*
 * A segment file of the log. The walk stays within it, and what it found whole is found again
 * when the file ends there, and when zeros come behind it. The checksums of the first batch are
 * set right once, so that the fuzzer need not find them.
 */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/werr.h"
#include "cluster/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIRST_BATCH = 8, HEAD_AT = 16, ZEROS = 40, ENTRY_HEAD = 16 };

static void check_whole_part(const uint8_t *bytes, const struct segment *s)
{
    uint8_t *part = calloc(1, s->offset + ZEROS);
    struct segment again;

    if (part == NULL)
        return;
    memcpy(part, bytes, s->offset);
    segment_walk(span_from(part, s->offset), s->entries_n, &again);
    MUST(again.end == SEGMENT_WHOLE && again.entries_n == s->entries_n);
    MUST(again.offset == s->offset && again.watched_term == s->last_term);
    segment_walk(span_from(part, s->offset + ZEROS), 0, &again);
    MUST(again.end == SEGMENT_ZEROS && again.entries_n == s->entries_n);
    free(part);
}

static void check(const uint8_t *bytes, size_t size)
{
    struct segment s;

    segment_walk(span_from(bytes, size), 1, &s);
    MUST(s.offset <= size && s.offset % 8 == 0 && s.bad_offset <= size);
    MUST((s.end == SEGMENT_BAD) == (s.what != NULL));
    MUST((s.entries_n > 0) == (s.offset > 0));
    MUST(s.end == SEGMENT_BAD || (!s.is_followed && !s.has_gap));
    if (s.offset > 0)
        check_whole_part(bytes, &s);
}

/* As if the first batch had n entries, and what follows were theirs. */
static void mend_checksums(uint8_t *bytes, size_t size)
{
    uint64_t n;
    size_t entries_n = 0;

    memcpy(&n, bytes + HEAD_AT, sizeof(n));
    n = le64toh(n);
    if (n == 0 || n > (size - HEAD_AT - 8) / ENTRY_HEAD)
        return;
    const size_t head_n = 8 + (size_t)n * ENTRY_HEAD;
    for (size_t i = 0; i < n; i++) {
        uint32_t length;

        memcpy(&length, bytes + HEAD_AT + 8 + i * ENTRY_HEAD + 12, sizeof(length));
        entries_n += le32toh(length);
    }
    if (entries_n > size - HEAD_AT - head_n)
        return;
    const uint32_t sums[2] = {
        htole32(segment_crc(0, span_from(bytes + HEAD_AT, head_n))),
        htole32(segment_crc(0, span_from(bytes + HEAD_AT + head_n, entries_n)))};
    memcpy(bytes + FIRST_BATCH, sums, sizeof(sums));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    if (size < HEAD_AT + 8)
        return 0;
    uint8_t *copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    mend_checksums(copy, size);
    check(copy, size);
    free(copy);
    return 0;
}
