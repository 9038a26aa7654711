/* segment_writer.h - files as the engine writes them, made by hand: formats of libraft 0.22. */
#ifndef WELDR_TESTS_SEGMENT_WRITER_H
#define WELDR_TESTS_SEGMENT_WRITER_H

#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { WRITER_COMMAND = 1, WRITER_BARRIER = 2, WRITER_CHANGE = 3, WRITER_ENTRY_MAX = 4096 };

struct writer {
    uint8_t *bytes;
    size_t n;
    size_t cap;
    uint32_t type; /* of entries to come; 0: commands */
};

/* Bit by bit, so that the tested one is compared with something else. */
static inline uint32_t writer_crc(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n * 8; i++) {
        const uint32_t bit = p[i / 8] >> (7 - i % 8) & 1U;

        crc = crc << 1 ^ ((crc >> 31 ^ bit) != 0 ? 0x04c11db7U : 0);
    }
    return crc;
}

static inline void writer_put(struct writer *w, const void *bytes, size_t n)
{
    memcpy(w->bytes + w->n, bytes, n);
    w->n += n;
}

static inline void writer_u32(struct writer *w, uint32_t value)
{
    value = htole32(value);
    writer_put(w, &value, sizeof(value));
}

static inline void writer_u64(struct writer *w, uint64_t value)
{
    value = htole64(value);
    writer_put(w, &value, sizeof(value));
}

/* A file of cap bytes at most, zeros for now; its format is there. */
static inline void writer_begin(struct writer *w, size_t cap)
{
    *w = (struct writer){.bytes = calloc(1, cap), .cap = cap};
    if (w->bytes == NULL)
        abort();
    writer_u64(w, 1);
}

static inline void writer_free(struct writer *w)
{
    free(w->bytes);
}

/* The bytes of entry i of a log: no two are equal, none is zero. */
static inline void writer_entry(uint64_t i, uint8_t *bytes, size_t n)
{
    for (size_t at = 0; at < n; at++)
        bytes[at] = (uint8_t)(1 + (i * 31 + at * 7) % 255);
}

/* A batch of n entries of so many bytes, the first of them number first of the log. */
static inline void writer_batch(struct writer *w, uint64_t term, uint64_t first, unsigned n,
                                size_t entry_bytes)
{
    const size_t begin = w->n;
    uint8_t entry[WRITER_ENTRY_MAX];

    w->n += 8;
    writer_u64(w, n);
    for (unsigned i = 0; i < n; i++) {
        writer_u64(w, term);
        writer_u32(w, w->type != 0 ? w->type : WRITER_COMMAND);
        writer_u32(w, (uint32_t)entry_bytes);
    }
    const size_t head_n = w->n - begin - 8;
    for (unsigned i = 0; i < n; i++) {
        writer_entry(first + i, entry, entry_bytes);
        writer_put(w, entry, entry_bytes);
    }
    const size_t end = w->n;
    w->n = begin;
    writer_u32(w, writer_crc(0, w->bytes + begin + 8, head_n));
    writer_u32(w, writer_crc(0, w->bytes + begin + 8 + head_n, end - begin - 8 - head_n));
    w->n = end;
}

/* metadata1 or metadata2. */
static inline void writer_vote(uint8_t bytes[32], uint64_t version, uint64_t term,
                               uint64_t voted_for)
{
    const uint64_t words[4] = {htole64(1), htole64(version), htole64(term), htole64(voted_for)};

    memcpy(bytes, words, sizeof(words));
}

/* A .meta with 16 bytes of members. */
static inline void writer_meta(uint8_t bytes[48], uint64_t members_index)
{
    uint64_t words[6] = {htole64(1), 0, htole64(members_index), htole64(16), 11, 12};

    words[1] = htole64(writer_crc(0, (const uint8_t *)&words[2], 32));
    memcpy(bytes, words, sizeof(words));
}

#endif
