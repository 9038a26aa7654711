/*
 * The file of the last applied entry. The input is cut into three, one part a slot, with zeros
 * behind each; and it is read as it is. A mark that is found is of a slot that is not damaged.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/high_water.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IDENTITY_AT = 16 };

static void check(struct span file, const uint8_t *identity)
{
    struct high_water_slots slots;
    const int rc = high_water_read(file, identity, &slots);

    MUST(rc == 0 || rc == WERR_CORRUPT || rc == WERR_INVALID);
    MUST(rc == WERR_CORRUPT || file.len == HIGH_WATER_FILE_BYTES);
    MUST(slots.newest < HIGH_WATER_SLOTS && slots.bad < 1U << HIGH_WATER_SLOTS);
    if (rc != WERR_CORRUPT)
        MUST((slots.bad >> slots.newest & 1U) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nobody[DATA_DIR_IDENTITY_BYTES];
    char *file = calloc(1, HIGH_WATER_FILE_BYTES);
    const size_t part = size / HIGH_WATER_SLOTS;

    if (file == NULL)
        return 0;
    for (size_t i = 0; i < HIGH_WATER_SLOTS; i++)
        memcpy(file + i * HIGH_WATER_SLOT_BYTES, data + i * part,
               part < HIGH_WATER_SLOT_BYTES ? part : HIGH_WATER_SLOT_BYTES);
    check(span_from(file, HIGH_WATER_FILE_BYTES), (const uint8_t *)file + IDENTITY_AT);
    check(span_from(file, HIGH_WATER_FILE_BYTES), nobody);
    check(span_from(data, size), nobody);
    free(file);
    return 0;
}
