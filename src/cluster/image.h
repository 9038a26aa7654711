/* image.h - the container of a snapshot: what tells that it is whole, and of which index.
 *
 * The engine stores and sends snapshots without a checksum (CLUSTER: a flipped byte is loaded
 * silently), so all that it gets is put behind a head of IMAGE_HEAD_BYTES:
 *
 *     magic "WELDRIMG", format u16, level u16, head bytes u32, index u64, length u64,
 *     checksum of what follows u64, checksum of the head before it u64 (XXH3; little endian)
 *
 * level is that of the features (pool/levels.h) that a node needs to restore it, 0: any does.
 * Pure. The head and the bytes can be given to the engine as several buffers, nothing is
 * copied.
 */
#ifndef WELDR_CLUSTER_IMAGE_H
#define WELDR_CLUSTER_IMAGE_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum { IMAGE_HEAD_BYTES = 48 };

struct image {
    uint64_t index; /* of the last entry in it */
    uint8_t level;
    struct span bytes; /* borrowed from what was read */
};

/* The head of image->bytes, which follow it. */
void image_make(const struct image *image, uint8_t head[IMAGE_HEAD_BYTES]);
/* … of bytes that lie in several pieces, in this order; image->bytes plays no part. */
void image_make_of(const struct image *image, const struct span *pieces, unsigned n,
                   uint8_t head[IMAGE_HEAD_BYTES]);
/* whole: the head and what follows, no more. WERR_CORRUPT: a byte of it was changed, or it is
 * shorter or longer; WERR_UNSUPPORTED: it is whole, and of a later format. *image is written on
 * success only. Who restores it compares the index with the one that the engine gives it: a
 * snapshot under the name of another is whole; and judges the level. */
int image_open(struct span whole, struct image *image) MUST_USE;

#endif
