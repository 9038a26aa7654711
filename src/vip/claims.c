#include "vip/claims.h"

#include <string.h>

/* ---- ARP, of Ethernet and IPv4 ---- */

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { AT_OP = 6, AT_SENDER_MAC = 8, AT_SENDER = 14, AT_TARGET_MAC = 18, AT_TARGET = 24 };

static const uint8_t arp_head[] = {0, 1, 8, 0, 6, 4, 0};

size_t claims_put_arp(uint8_t *buf, const struct addr *a, const uint8_t *mac, bool is_reply)
{
    memset(buf, 0, CLAIMS_ARP_BYTES);
    memcpy(buf, arp_head, sizeof(arp_head));
    buf[AT_OP + 1] = is_reply ? ARP_REPLY : ARP_REQUEST;
    memcpy(buf + AT_SENDER_MAC, mac, VIP_MAC_BYTES);
    memcpy(buf + AT_SENDER, a->ip, 4);
    if (is_reply)
        memcpy(buf + AT_TARGET_MAC, mac, VIP_MAC_BYTES);
    memcpy(buf + AT_TARGET, a->ip, 4);
    return CLAIMS_ARP_BYTES;
}

/* Who asks says who he is too; who asks without having an address probes that of the target. */
enum claim claims_read_arp(struct span frame, struct addr *a, uint8_t *mac)
{
    static const uint8_t none[4];
    const uint8_t *at = (const uint8_t *)frame.ptr;

    if (frame.len < CLAIMS_ARP_BYTES || memcmp(at, arp_head, sizeof(arp_head)) != 0 ||
        (at[AT_OP + 1] != ARP_REQUEST && at[AT_OP + 1] != ARP_REPLY))
        return CLAIM_NONE;
    const bool is_probe = memcmp(at + AT_SENDER, none, sizeof(none)) == 0;

    if (is_probe && at[AT_OP + 1] != ARP_REQUEST)
        return CLAIM_NONE;
    *a = (struct addr){.family = AF_INET};
    memcpy(a->ip, at + (is_probe ? AT_TARGET : AT_SENDER), 4);
    memcpy(mac, at + AT_SENDER_MAC, VIP_MAC_BYTES);
    return is_probe ? CLAIM_PROBE : CLAIM_OWN;
}

/* ---- neighbour discovery ---- */

enum {
    IP6_HEAD_BYTES = 40,
    AT_LENGTH = 4,
    AT_NEXT = 6,
    AT_HOPS = 7,
    AT_FROM = 8,
    AT_TO = 24,
    AT_TYPE = 40,
    AT_CODE = 41,
    AT_SUM = 42,
    AT_FLAGS = 44,
    AT_NEIGHBOUR = 48,
    AT_OPTION = 64,
    NEXT_ICMP6 = 58,
    SOLICITATION = 135,
    ADVERTISEMENT = 136,
    OVERRIDE = 0x20,
    OPTION_TARGET_MAC = 2,
    HOPS = 255 /* who sees fewer is not on this link, or the frame is not from it */
};

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

static uint32_t sum_up(const uint8_t *at, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    return sum;
}

/* Of a pseudo header (both addresses, the length, the protocol) and all of the message. */
static uint16_t checksum(const uint8_t *packet, size_t bytes)
{
    uint32_t sum = sum_up(packet + AT_FROM, 32) + (uint32_t)(bytes - IP6_HEAD_BYTES) +
                   NEXT_ICMP6 + sum_up(packet + IP6_HEAD_BYTES, bytes - IP6_HEAD_BYTES);

    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

size_t claims_put_advertisement(uint8_t *buf, const struct addr *a, const uint8_t *mac)
{
    memset(buf, 0, CLAIMS_NA_BYTES);
    buf[0] = 6 << 4;
    buf[AT_LENGTH + 1] = CLAIMS_NA_BYTES - IP6_HEAD_BYTES;
    buf[AT_NEXT] = NEXT_ICMP6;
    buf[AT_HOPS] = HOPS;
    memcpy(buf + AT_FROM, a->ip, 16);
    memcpy(buf + AT_TO, all_nodes, 16);
    buf[AT_TYPE] = ADVERTISEMENT;
    buf[AT_FLAGS] = OVERRIDE;
    memcpy(buf + AT_NEIGHBOUR, a->ip, 16);
    buf[AT_OPTION] = OPTION_TARGET_MAC;
    buf[AT_OPTION + 1] = 1; /* times 8 bytes */
    memcpy(buf + AT_OPTION + 2, mac, VIP_MAC_BYTES);
    const uint16_t sum = checksum(buf, CLAIMS_NA_BYTES);

    buf[AT_SUM] = (uint8_t)(sum >> 8);
    buf[AT_SUM + 1] = (uint8_t)sum;
    return CLAIMS_NA_BYTES;
}

/* A solicitation that nobody has sent (RFC 4862 5.4) probes the address; others ask for it. */
static enum claim claim_of(const uint8_t *at)
{
    static const uint8_t none[16];

    if (at[AT_TYPE] == ADVERTISEMENT)
        return CLAIM_OWN;
    return at[AT_TYPE] == SOLICITATION && memcmp(at + AT_FROM, none, sizeof(none)) == 0
               ? CLAIM_PROBE
               : CLAIM_NONE;
}

enum claim claims_read_neighbour(struct span frame, const uint8_t *from_mac, struct addr *a,
                                 uint8_t *mac)
{
    const uint8_t *at = (const uint8_t *)frame.ptr;

    if (frame.len < AT_OPTION || at[0] >> 4 != 6 || at[AT_NEXT] != NEXT_ICMP6 ||
        at[AT_HOPS] != HOPS || at[AT_CODE] != 0)
        return CLAIM_NONE;
    *a = (struct addr){.family = AF_INET6};
    memcpy(a->ip, at + AT_NEIGHBOUR, 16);
    memcpy(mac, from_mac, VIP_MAC_BYTES);
    return claim_of(at);
}
