/* segment.h - the bytes of one segment file of the engine's log, walked.
 *
 * A segment (libraft 0.20 … 0.22, format 1, little endian) is its format (u64) and batches:
 *
 *     checksum of the head u32, checksum of the entries u32,
 *     head: number of entries u64, for each: term u64, type u8, 3 unused, length u32,
 *     the entries, each a multiple of 8 bytes
 *
 * A closed one ends with its last batch; an open one was allocated whole (8 MiB) and has zeros
 * behind it. The engine writes whole blocks at their place, several batches at once when it is
 * busy, and acknowledges none of them before all have been synced. A write that was cut off
 * leaves some sectors of the allocated zeros: a torn batch has a sector (or the rest of the one
 * that it begins in) without a single bit. A damaged one hasn't.
 *
 * Pure; the bytes may be anything.
 */
#ifndef WELDR_CLUSTER_SEGMENT_H
#define WELDR_CLUSTER_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum { SEGMENT_SECTOR_BYTES = 512, SEGMENT_FILE_MAX = 64 * 1024 * 1024 };

enum segment_end {
    SEGMENT_WHOLE, /* the last batch ends where the file does */
    SEGMENT_ZEROS, /* nothing but zeros behind the last batch, or in all of it */
    SEGMENT_BAD    /* what comes next is no batch */
};

struct segment {
    enum segment_end end;
    uint64_t entries_n;
    uint64_t last_term; /* of the last entry; 0: there is none */
    size_t offset;      /* behind the last whole batch; 0: there is none */
    size_t bad_offset;  /* SEGMENT_BAD: where what is no batch begins */
    const char *what;   /* SEGMENT_BAD: what is wrong there */
    bool is_followed;   /* SEGMENT_BAD: a whole batch comes behind it */
    bool has_gap;       /* SEGMENT_BAD: it has a sector of zeros, as a torn write leaves it */
    uint64_t watched_term;     /* of the entry that was asked for; 0: it is not in here */
    uint64_t watched_checksum; /* high_water_checksum of it; 0: it is no command */
};

/* watched: the number of an entry, from 1; 0: none. */
void segment_walk(struct span bytes, uint64_t watched, struct segment *s);
/* The engine's checksum: CRC-32 with the polynomial 04C11DB7, most significant bit first,
 * starting with crc, no bit turned (zlib's is another one). */
uint32_t segment_crc(uint32_t crc, struct span bytes);

#endif
