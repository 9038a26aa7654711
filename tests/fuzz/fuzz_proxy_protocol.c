/*
 * The header of the PROXY protocol. Fewer bytes of a header are never a header nor an error,
 * more bytes behind it change nothing, and what is refused stays refused; what was read is
 * written and read again as the same addresses.
 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_prefixes(struct span in, int64_t result)
{
    size_t limit = result > 0 ? (size_t)result : in.len;
    struct proxy_header h;
    int64_t before = 0;
    for (size_t n = 0; n < limit; n++) {
        int64_t rc = proxy_header_read(span_first(in, n), &h);
        MUST(rc == 0 || (rc == result && rc < 0));
        MUST(before == 0 || rc == before);
        before = rc;
    }
    MUST(before == 0 || before == result);
}

static void check_again(const struct proxy_header *h)
{
    char buf[PROXY_WRITE_MAX_BYTES];
    struct proxy_header back;
    size_t len = proxy_header_write(buf, h);
    MUST(len <= sizeof(buf));
    MUST(proxy_header_read(span_from(buf, len), &back) == (int64_t)len);
    if (h->client.family == 0 || h->local.family == 0)
        MUST(back.client.family == 0 && back.local.family == 0);
    else
        MUST(addr_is_equal(&back.client, &h->client) && addr_is_equal(&back.local, &h->local));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct proxy_header h = {0};
    int64_t result = proxy_header_read(in, &h);
    MUST(result <= PROXY_V2_MAX_BYTES && result <= (int64_t)size);
    MUST(result >= 0 || result == WERR_SYNTAX);
    MUST(result != 0 || size < PROXY_V2_MAX_BYTES);
    check_prefixes(in, result);
    if (result > 0)
        check_again(&h);
    return 0;
}
