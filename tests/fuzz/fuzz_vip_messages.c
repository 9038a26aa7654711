/* What members and their leader say to each other of virtual IPs: the first byte says which of
 * the two, the rest is anything. What is read is written again as the same bytes. */
#include <string.h>

#include "cluster/vip_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_ask(struct span payload)
{
    static struct vip_ask m;
    char bytes[VIP_ASK_BYTES_MAX];

    if (vip_ask_decode(payload, &m) < 0)
        return;
    MUST(m.released_n <= ROSTER_VIPS_MAX && payload.len <= sizeof(bytes));
    MUST(vip_ask_encode(&m, bytes) == payload.len);
    MUST(memcmp(bytes, payload.ptr, payload.len) == 0);
}

static void try_grant(struct span payload)
{
    static struct vip_grant m;
    char bytes[VIP_GRANT_BYTES_MAX];

    if (vip_grant_decode(payload, &m) < 0)
        return;
    MUST(m.n <= ROSTER_VIPS_MAX && payload.len <= sizeof(bytes));
    MUST(vip_grant_encode(&m, bytes) == payload.len);
    MUST(memcmp(bytes, payload.ptr, payload.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        try_ask(span_from((const char *)data + 1, size - 1));
    else
        try_grant(span_from((const char *)data + 1, size - 1));
    return 0;
}
