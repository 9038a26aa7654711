/* header.h - PROXY headers as a balancer in front of Weldr writes them, made by hand; and how
 * long one is, believing everything. */
#ifndef WELDR_TESTS_SIM_HEADER_H
#define WELDR_TESTS_SIM_HEADER_H

#include <stdio.h>
#include <string.h>

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

/* Of what begins with a header: its bytes; 0: it is not whole yet; -1: this is none. */
static inline int64_t header_bytes(struct span s)
{
    static const char v1[] = "PROXY ", v2[] = "\r\n\r\n\0\r\nQUIT\n";
    enum { V1_BYTES = sizeof(v1) - 1, V2_BYTES = sizeof(v2) - 1, FIXED_BYTES = 16 };
    const bool is_v2 = s.len > 0 && s.ptr[0] == v2[0];
    const size_t n = is_v2 ? V2_BYTES : V1_BYTES;

    if (s.len > 0 && memcmp(s.ptr, is_v2 ? v2 : v1, s.len < n ? s.len : n) != 0)
        return -1;
    if (!is_v2) {
        const char *end = s.len > 0 ? memmem(s.ptr, s.len, "\r\n", 2) : NULL;

        return end != NULL ? end + 2 - s.ptr : 0;
    }
    if (s.len < FIXED_BYTES)
        return 0;
    const size_t whole =
        FIXED_BYTES + ((size_t)(unsigned char)s.ptr[14] << 8 | (unsigned char)s.ptr[15]);

    return s.len >= whole ? (int64_t)whole : 0;
}

#endif
