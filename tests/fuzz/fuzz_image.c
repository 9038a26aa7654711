/*
 * The container of a snapshot. What is taken is what would be made of its bytes, byte for byte;
 * what is made is taken, and refused with one bit changed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_made(const uint8_t *data, size_t size)
{
    const size_t whole_n = IMAGE_HEAD_BYTES + size;
    uint8_t *whole = malloc(whole_n);
    struct image image;

    if (whole == NULL)
        return;
    memcpy(whole + IMAGE_HEAD_BYTES, data, size);
    const struct image made = {.index = size * 3,
                               .level = (uint8_t)size,
                               .bytes = span_from(whole + IMAGE_HEAD_BYTES, size)};
    image_make(&made, whole);
    MUST(image_open(span_from(whole, whole_n), &image) == 0);
    MUST(image.index == made.index && image.level == made.level && image.bytes.len == size);
    const size_t bit = (size > 1 ? data[0] * 256U + data[1] : 0) % (whole_n * 8);
    whole[bit / 8] ^= (uint8_t)(1U << bit % 8);
    MUST(image_open(span_from(whole, whole_n), &image) < 0);
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image image;
    uint8_t head[IMAGE_HEAD_BYTES];

    if (image_open(span_from(data, size), &image) == 0) {
        MUST(image.bytes.len == size - IMAGE_HEAD_BYTES);
        image_make(&image, head);
        MUST(memcmp(head, data, sizeof(head)) == 0);
    }
    check_made(data, size);
    return 0;
}
