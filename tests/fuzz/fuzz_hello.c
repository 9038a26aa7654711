/* The first words of a link: anything. What is read is written again as the same bytes, but for
 * those of an address that is not there or is shorter. */
#include <string.h>

#include "cluster/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hello h, again;
    char bytes[HELLO_BYTES];

    if (hello_read(span_from(data, size), &h) < 0)
        return 0;
    MUST(size == HELLO_BYTES && h.id != 0 && h.meant != 0);
    hello_write(&h, bytes);
    MUST(memcmp(bytes, data, 48) == 0); /* up to the address */
    MUST(h.address.family != AF_INET6 || memcmp(bytes, data, HELLO_BYTES) == 0);
    MUST(hello_read(span_from(bytes, HELLO_BYTES), &again) == 0);
    MUST(again.address.family == h.address.family);
    MUST(h.address.family == 0 || addr_is_equal(&h.address, &again.address));
    return 0;
}
