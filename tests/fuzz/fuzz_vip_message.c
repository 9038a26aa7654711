/*
 * Messages between the manager and the helper of virtual IPs. What is taken is written again,
 * to the same bytes.
 */
#include <stdint.h>
#include <string.h>

#include "base/werr.h"
#include "wire/vip_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct vip_message m;
    char again[VIP_MESSAGE_MAX];
    const int rc = vip_message_get(span_from((const char *)data, size), &m);

    MUST(rc == 0 || rc == WERR_CORRUPT);
    if (rc < 0)
        return 0;
    MUST(vip_message_put(again, &m) == size);
    MUST(memcmp(again, data, size) == 0);
    return 0;
}
