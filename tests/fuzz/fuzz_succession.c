/*
 * What a manager and its successor tell each other in an upgrade. What is taken is written
 * again, to the same bytes; of another protocol nothing but its number is known.
 */
#include <stdint.h>

#include "base/werr.h"
#include "manager/succession.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span bytes = span_from((const char *)data, size);
    char again[SUCCESSION_MAX_BYTES];
    struct succession s;
    const int rc = succession_get(bytes, &s);

    MUST(rc == 0 || rc == WERR_CORRUPT);
    if (rc < 0 || (s.type == SUCCESSION_HELLO && s.protocol != SUCCESSION_PROTOCOL))
        return 0;
    if (s.seal.len + s.text.len > SUCCESSION_MAX_BYTES - 16)
        return 0; /* keys of a length that no end sends */
    MUST(span_is_equal(span_from(again, succession_put(again, &s)), bytes));
    return 0;
}
