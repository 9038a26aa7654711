#include "cluster/image.h"

#include <endian.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FORMAT = 1 };

struct image_head {
    char magic[8];
    uint16_t format;
    uint16_t level;
    uint32_t head_bytes;
    uint64_t index;
    uint64_t length;
    uint64_t checksum;
    uint64_t head_checksum;
};
_Static_assert(sizeof(struct image_head) == IMAGE_HEAD_BYTES, "the head has no holes");

static const char magic[8] = {'W', 'E', 'L', 'D', 'R', 'I', 'M', 'G'};

static uint64_t head_checksum(const struct image_head *head)
{
    return XXH3_64bits(head, offsetof(struct image_head, head_checksum));
}

void image_make_of(const struct image *image, const struct span *pieces, unsigned n,
                   uint8_t head[IMAGE_HEAD_BYTES])
{
    XXH3_state_t state;
    uint64_t length = 0;

    (void)XXH3_64bits_reset(&state);
    for (unsigned i = 0; i < n; i++) {
        (void)XXH3_64bits_update(&state, pieces[i].ptr, pieces[i].len);
        length += pieces[i].len;
    }
    struct image_head h = {.format = htole16(FORMAT),
                           .level = htole16(image->level),
                           .head_bytes = htole32(IMAGE_HEAD_BYTES),
                           .index = htole64(image->index),
                           .length = htole64(length),
                           .checksum = htole64(XXH3_64bits_digest(&state))};

    memcpy(h.magic, magic, sizeof(magic));
    h.head_checksum = htole64(head_checksum(&h));
    memcpy(head, &h, sizeof(h));
}

void image_make(const struct image *image, uint8_t head[IMAGE_HEAD_BYTES])
{
    image_make_of(image, &image->bytes, 1, head);
}

int image_open(struct span whole, struct image *image)
{
    struct image_head h;

    if (whole.len < sizeof(h))
        return WERR_CORRUPT;
    memcpy(&h, whole.ptr, sizeof(h));
    if (memcmp(h.magic, magic, sizeof(magic)) != 0 ||
        le64toh(h.head_checksum) != head_checksum(&h))
        return WERR_CORRUPT;
    if (le16toh(h.format) != FORMAT || le16toh(h.level) > UINT8_MAX ||
        le32toh(h.head_bytes) != sizeof(h))
        return WERR_UNSUPPORTED;
    const struct span bytes = span_skip(whole, sizeof(h));
    if (le64toh(h.length) != bytes.len ||
        le64toh(h.checksum) != XXH3_64bits(bytes.ptr, bytes.len))
        return WERR_CORRUPT;
    *image = (struct image){
        .index = le64toh(h.index), .level = (uint8_t)le16toh(h.level), .bytes = bytes};
    return 0;
}
