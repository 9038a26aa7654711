/*
 * Frames of strangers: ARP and neighbour discovery. The first byte says which. What is taken as
 * a claim names an address of its family.
 */
#include <stdint.h>

#include "base/werr.h"
#include "vip/claims.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t from[VIP_MAC_BYTES] = {2, 0, 0, 0, 0, 1};
    uint8_t mac[VIP_MAC_BYTES];
    struct addr a;

    if (size == 0)
        return 0;
    const struct span frame = span_from((const char *)data + 1, size - 1);

    if (data[0] == 4 && claims_read_arp(frame, &a, mac))
        MUST(a.family == AF_INET && a.port == 0);
    if (data[0] == 6 && claims_read_neighbour(frame, from, &a, mac))
        MUST(a.family == AF_INET6 && a.port == 0 && mac[5] == 1);
    return 0;
}
