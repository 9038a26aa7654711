/* claims.h - the frames by which a host says that an address is its own: ARP (RFC 826, 5227)
 * and neighbour advertisements (RFC 4861), written and read.
 *
 * They begin behind the header of the link, which the kernel writes and takes off. Those that
 * come are of strangers: read within their bounds, and what is not as it must be is no claim.
 * Pure.
 */
#ifndef WELDR_VIP_CLAIMS_H
#define WELDR_VIP_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "wire/vip_message.h"

enum { CLAIMS_ARP_BYTES = 28, CLAIMS_NA_BYTES = 72, CLAIMS_BYTES_MAX = CLAIMS_NA_BYTES };

/* Gratuitous ARP, as a request or as a reply: some hosts heed only one of them. The length. */
size_t claims_put_arp(uint8_t *buf, const struct addr *a, const uint8_t *mac, bool is_reply);
/* Unsolicited neighbour advertisement to all nodes, with Override. The length. */
size_t claims_put_advertisement(uint8_t *buf, const struct addr *a, const uint8_t *mac);

enum claim {
    CLAIM_NONE,
    CLAIM_PROBE, /* somebody is about to take the address, if nobody objects */
    CLAIM_OWN    /* somebody has it */
};

/* Which address somebody claims. mac: of who says so; for IPv6 as the frame's source, from_mac,
 * for a probe names none. CLAIM_NONE: *a and mac are not to be used. */
enum claim claims_read_arp(struct span frame, struct addr *a, uint8_t *mac);
enum claim claims_read_neighbour(struct span frame, const uint8_t *from_mac, struct addr *a,
                                 uint8_t *mac);

#endif
