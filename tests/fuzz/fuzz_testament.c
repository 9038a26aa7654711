/* What a member's helper tells the other members: anything. What is read is written again as
 * the same bytes. */
#include <string.h>

#include "cluster/testament.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char bytes[TESTAMENT_BYTES];
    struct testament t;

    if (testament_decode(span_from((const char *)data, size), &t) < 0)
        return 0;
    MUST(size == sizeof(bytes) && t.member != 0);
    testament_encode(&t, bytes);
    MUST(memcmp(bytes, data, size) == 0);
    return 0;
}
