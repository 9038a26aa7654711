#include "cluster/segment.h"

#include <endian.h>
#include <string.h>

#include "cluster/high_water.h"

enum {
    DISK_FORMAT = 1,
    FORMAT_BYTES = 8,
    CHECKSUM_BYTES = 8,
    COUNT_BYTES = 8,
    ENTRY_HEAD_BYTES = 16,
    ENTRY_TYPE_AT = 8,
    ENTRY_LENGTH_AT = 12,
    ENTRY_COMMAND = 1,
    ENTRY_TYPE_MAX = 3, /* command, barrier, change */
    ALIGNMENT = 8,
    CRC_LANES = 8,
    CRC_TOP_BYTE = 24
};

static const uint32_t crc_polynomial = 0x04c11db7;

/* Lane k: what a byte does to the checksum when k more bytes follow it, so that eight are taken
 * a turn: a log is read at a gigabyte a second instead of a third. */
static uint32_t crc_lanes[CRC_LANES][256];

static void make_lanes(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte << CRC_TOP_BYTE;

        for (int bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ ((crc >> 31) != 0 ? crc_polynomial : 0);
        crc_lanes[0][byte] = crc;
    }
    for (unsigned lane = 1; lane < CRC_LANES; lane++)
        for (unsigned byte = 0; byte < 256; byte++) {
            const uint32_t crc = crc_lanes[lane - 1][byte];

            crc_lanes[lane][byte] = crc << 8 ^ crc_lanes[0][crc >> CRC_TOP_BYTE];
        }
}

static uint32_t crc_of_eight(uint32_t crc, const uint8_t *p)
{
    uint32_t be;
    uint32_t sum = 0;

    memcpy(&be, p, sizeof(be));
    crc ^= be32toh(be);
    for (unsigned i = 0; i < 4; i++)
        sum ^=
            crc_lanes[7 - i][crc >> (CRC_TOP_BYTE - 8 * i) & 255U] ^ crc_lanes[3 - i][p[4 + i]];
    return sum;
}

uint32_t segment_crc(uint32_t crc, struct span bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.ptr;
    size_t n = bytes.len;

    if (crc_lanes[0][1] == 0)
        make_lanes();
    for (; n >= CRC_LANES; n -= CRC_LANES, p += CRC_LANES)
        crc = crc_of_eight(crc, p);
    for (; n > 0; n--, p++)
        crc = crc << 8 ^ crc_lanes[0][(crc >> CRC_TOP_BYTE ^ *p) & 255U];
    return crc;
}

static uint64_t read_u64(const char *p)
{
    uint64_t le;

    memcpy(&le, p, sizeof(le));
    return le64toh(le);
}

static uint32_t read_u32(const char *p)
{
    uint32_t le;

    memcpy(&le, p, sizeof(le));
    return le32toh(le);
}

/* A batch: where its parts are. */
struct batch {
    struct span head; /* the number of entries and what is said of each */
    struct span entries;
    size_t n;
};

static const char *entry_head(const struct batch *b, size_t i)
{
    return b->head.ptr + COUNT_BYTES + i * ENTRY_HEAD_BYTES;
}

/* NULL: the heads are such as the engine writes; *bytes is what they speak of. */
static const char *sum_entries(const struct batch *b, size_t room, size_t *bytes)
{
    *bytes = 0;
    for (size_t i = 0; i < b->n; i++) {
        const char *head = entry_head(b, i);
        const uint8_t type = (uint8_t)head[ENTRY_TYPE_AT];
        const uint32_t length = read_u32(head + ENTRY_LENGTH_AT);

        if (type < ENTRY_COMMAND || type > ENTRY_TYPE_MAX || length % ALIGNMENT != 0)
            return "an entry of no kind";
        if (length > room - *bytes)
            return "an entry that is longer than the file";
        *bytes += length;
    }
    return NULL;
}

/* What is wrong with the batch that begins at rest, or NULL. */
static const char *read_batch(struct span rest, struct batch *b)
{
    size_t bytes;

    if (rest.len < CHECKSUM_BYTES + COUNT_BYTES)
        return "a batch that is cut off";
    const uint64_t n = read_u64(rest.ptr + CHECKSUM_BYTES);
    const size_t room = rest.len - CHECKSUM_BYTES - COUNT_BYTES;
    if (n == 0 || n > room / ENTRY_HEAD_BYTES)
        return "a wrong number of entries";
    b->n = (size_t)n;
    b->head = span_from(rest.ptr + CHECKSUM_BYTES, COUNT_BYTES + b->n * ENTRY_HEAD_BYTES);
    const char *what = sum_entries(b, room - b->n * ENTRY_HEAD_BYTES, &bytes);
    if (what != NULL)
        return what;
    b->entries = span_from(b->head.ptr + b->head.len, bytes);
    if (segment_crc(0, b->head) != read_u32(rest.ptr))
        return "a wrong checksum of a batch's head";
    if (segment_crc(0, b->entries) != read_u32(rest.ptr + 4))
        return "a wrong checksum of entries";
    return NULL;
}

static void watch_entry(const struct batch *b, size_t number, struct segment *s)
{
    size_t at = 0;

    for (size_t i = 0; i < number; i++)
        at += read_u32(entry_head(b, i) + ENTRY_LENGTH_AT);
    const char *head = entry_head(b, number);
    const struct span entry = span_from(b->entries.ptr + at, read_u32(head + ENTRY_LENGTH_AT));
    s->watched_term = read_u64(head);
    if (head[ENTRY_TYPE_AT] == ENTRY_COMMAND)
        s->watched_checksum = high_water_checksum(entry);
}

static void take_batch(const struct batch *b, uint64_t watched, struct segment *s)
{
    if (watched > s->entries_n && watched <= s->entries_n + b->n)
        watch_entry(b, (size_t)(watched - s->entries_n - 1), s);
    s->entries_n += b->n;
    s->last_term = read_u64(entry_head(b, b->n - 1));
    s->offset += CHECKSUM_BYTES + b->head.len + b->entries.len;
}

static bool is_zero(struct span bytes)
{
    return bytes.len == 0 ||
           (bytes.ptr[0] == 0 && memcmp(bytes.ptr, bytes.ptr + 1, bytes.len - 1) == 0);
}

/* Where the next whole batch begins, or the end of the file. */
static size_t find_batch(struct span bytes, size_t from)
{
    struct batch b;

    for (size_t at = from; at + CHECKSUM_BYTES + COUNT_BYTES <= bytes.len; at += ALIGNMENT)
        if (read_batch(span_skip(bytes, at), &b) == NULL)
            return at;
    return bytes.len;
}

/* Is there a sector within these bytes that was never written? The first one is looked at from
 * where they begin, and the last one may be cut off by the end of the file. */
static bool has_gap(struct span bytes, size_t from, size_t to)
{
    for (size_t at = from; at < to;) {
        const size_t sector = at - at % SEGMENT_SECTOR_BYTES + SEGMENT_SECTOR_BYTES;
        const size_t end = sector < bytes.len ? sector : bytes.len;

        if (end > to && at != from)
            return false;
        if (is_zero(span_from(bytes.ptr + at, end - at)))
            return true;
        at = sector;
    }
    return false;
}

static void end_badly(struct span bytes, size_t at, const char *what, struct segment *s)
{
    const size_t next = find_batch(bytes, at < FORMAT_BYTES ? FORMAT_BYTES : at + ALIGNMENT);

    s->end = SEGMENT_BAD;
    s->bad_offset = at;
    s->what = what;
    s->is_followed = next < bytes.len;
    s->has_gap = has_gap(bytes, at, next);
}

void segment_walk(struct span bytes, uint64_t watched, struct segment *s)
{
    struct batch b;

    *s = (struct segment){.end = bytes.len == 0 ? SEGMENT_WHOLE : SEGMENT_ZEROS};
    if (is_zero(bytes))
        return;
    if (bytes.len < FORMAT_BYTES || read_u64(bytes.ptr) != DISK_FORMAT) {
        end_badly(bytes, 0, "a wrong format", s);
        return;
    }
    s->offset = FORMAT_BYTES;
    while (s->offset < bytes.len) {
        const struct span rest = span_skip(bytes, s->offset);
        const char *what = read_batch(rest, &b);

        if (what != NULL && !is_zero(rest))
            end_badly(bytes, s->offset, what, s);
        if (what != NULL)
            break;
        take_batch(&b, watched, s);
    }
    if (s->offset == bytes.len)
        s->end = SEGMENT_WHOLE;
    if (s->entries_n == 0)
        s->offset = 0;
}
