/* header.h - PROXY headers as a balancer in front of Weldr writes them, made by hand. */
#ifndef WELDR_TESTS_SIM_HEADER_H
#define WELDR_TESTS_SIM_HEADER_H

#include <stdio.h>

#include "peer.h"

enum header_kind {
    HEADER_V1,
    HEADER_V1_IP6,
    HEADER_V1_UNKNOWN,
    HEADER_V2,
    HEADER_V2_IP6,
    HEADER_V2_VALUES, /* with TLVs behind the addresses */
    HEADER_V2_LOCAL,
    HEADER_KINDS
};

static inline void header_add_v2(struct text *t, unsigned char command, bool is_ip6,
                                 unsigned char n, struct span values)
{
    unsigned char h[16 + 36] = "\r\n\r\n\0\r\nQUIT\n";
    size_t addrs = is_ip6 ? 36 : 12;
    size_t at = 16 + (is_ip6 ? 15 : 3); /* the last byte of the source */

    h[12] = command;
    h[13] = is_ip6 ? 0x21 : 0x11;
    h[15] = (unsigned char)(addrs + values.len);
    h[16] = is_ip6 ? 0x20 : 192;
    h[17] = is_ip6 ? 0x01 : 0;
    h[18] = is_ip6 ? 0x0d : 2;
    if (is_ip6)
        h[19] = 0xb8;
    h[at] = n;
    text_add(t, span_from((const char *)h, 16 + addrs));
    text_add(t, values);
}

/* A header that names the n-th of many clients (0 < n < 256) or none; ip: how Weldr shall call
 * it. */
static inline void header_add(struct text *t, enum header_kind kind, unsigned char n,
                              char ip[48])
{
    bool is_ip6 = kind == HEADER_V1_IP6 || kind == HEADER_V2_IP6;
    bool is_none = kind == HEADER_V1_UNKNOWN || kind == HEADER_V2_LOCAL;

    (void)snprintf(ip, 48, is_none ? "127.0.0.1" : is_ip6 ? "2001:db8::%x" : "192.0.2.%u", n);
    switch (kind) {
    case HEADER_V1:
        text_addf(t, "PROXY TCP4 %s 198.51.100.1 4711 80\r\n", ip);
        break;
    case HEADER_V1_IP6:
        text_addf(t, "PROXY TCP6 %s 2001:db8::1:1 4711 80\r\n", ip);
        break;
    case HEADER_V1_UNKNOWN:
        text_addf(t, "PROXY UNKNOWN\r\n");
        break;
    case HEADER_V2:
    case HEADER_V2_IP6:
        header_add_v2(t, 0x21, is_ip6, n, SPAN_NONE);
        break;
    case HEADER_V2_VALUES:
        header_add_v2(t, 0x21, false, n, SPAN("\x01\x00\x02h2\x04\x00\x03\x00\x00\x00"));
        break;
    case HEADER_V2_LOCAL:
        header_add_v2(t, 0x20, false, n, SPAN_NONE);
        break;
    case HEADER_KINDS:
        break;
    }
}

#endif
