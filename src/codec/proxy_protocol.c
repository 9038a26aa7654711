#include "codec/proxy_protocol.h"

#include "base/num.h"

enum {
    SIGNATURE_BYTES = 12,
    HEAD_BYTES = 16, /* signature, version and command, family, length */
    LOCAL = 0x20,
    PROXY = 0x21,
    UNSPEC = 0x00,
    TCP4 = 0x11,
    TCP6 = 0x21,
    UNIX_STREAM = 0x31,
    IP4_BYTES = 12,
    IP6_BYTES = 36,
    UNIX_BYTES = 216,
    TLV_HEAD_BYTES = 3
};

static const char signature[SIGNATURE_BYTES] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                                '\n', 'Q',  'U',  'I',  'T', '\n'};
static const char v1_begin[] = "PROXY ";

/* ---- version 1 ---- */

/* Cuts off up to the next space; none: all of it. */
static struct span next_word(struct span *rest)
{
    size_t space = span_find(*rest, ' ');
    struct span word = span_first(*rest, space);

    *rest = space < rest->len ? span_skip(*rest, space + 1) : SPAN_NONE;
    return word;
}

static int read_v1_port(struct span word, struct addr *a)
{
    uint64_t port = 0;

    if (word.len == 0 || (word.len > 1 && word.ptr[0] == '0') ||
        num_from_dec(word, UINT16_MAX, &port) < 0)
        return WERR_SYNTAX;
    a->port = (uint16_t)port;
    return 0;
}

static int read_v1_ip(struct span word, bool is_ip6, struct addr *a)
{
    if (span_find(word, '[') < word.len || (span_find(word, ':') < word.len) != is_ip6)
        return WERR_SYNTAX;
    return addr_from_ip(word, 0, a);
}

/* What stands behind UNKNOWN is to be ignored; it must be text all the same. */
static int check_v1_text(struct span rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] < ' ' || rest.ptr[i] > '~')
            return WERR_SYNTAX;
    }
    return 0;
}

static int read_v1_line(struct span rest, struct proxy_header *h)
{
    struct span family = next_word(&rest);
    bool is_ip6 = span_is_equal(family, SPAN("TCP6"));

    if (span_is_equal(family, SPAN("UNKNOWN")))
        return check_v1_text(rest);
    if (!is_ip6 && !span_is_equal(family, SPAN("TCP4")))
        return WERR_SYNTAX;
    if (read_v1_ip(next_word(&rest), is_ip6, &h->client) < 0 ||
        read_v1_ip(next_word(&rest), is_ip6, &h->local) < 0 ||
        read_v1_port(next_word(&rest), &h->client) < 0)
        return WERR_SYNTAX;
    return read_v1_port(rest, &h->local);
}

static int64_t read_v1(struct span in, struct proxy_header *out)
{
    struct proxy_header h = {0};
    struct span line = span_first(in, PROXY_V1_MAX_BYTES);
    size_t end = span_find(line, '\n');

    if (end == line.len)
        return line.len < PROXY_V1_MAX_BYTES ? 0 : WERR_SYNTAX;
    if (line.ptr[end - 1] != '\r')
        return WERR_SYNTAX;
    line = span_skip(span_first(line, end - 1), sizeof(v1_begin) - 1);
    if (read_v1_line(line, &h) < 0)
        return WERR_SYNTAX;
    *out = h;
    return (int64_t)end + 1;
}

/* ---- version 2 ---- */

static uint16_t get_u16(const char *at)
{
    return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

/* Bytes that the addresses of a family take; WERR_SYNTAX: no family that a TCP connection
 * has. */
static int address_bytes(unsigned char family)
{
    switch (family) {
    case UNSPEC:
        return 0;
    case TCP4:
        return IP4_BYTES;
    case TCP6:
        return IP6_BYTES;
    case UNIX_STREAM:
        return UNIX_BYTES;
    default:
        return WERR_SYNTAX;
    }
}

static void take_v2_addr(const char *ip, const char *port, unsigned ip_bytes, struct addr *a)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (ip_bytes == 4) {
        a->family = AF_INET;
        memcpy(a->ip, ip, ip_bytes);
    } else { /* the way that turns mapped addresses into IPv4 */
        memcpy(&in6.sin6_addr, ip, ip_bytes);
        addr_from_sockaddr((const struct sockaddr *)&in6, a);
    }
    a->port = get_u16(port);
}

static void take_v2_addresses(const char *at, unsigned ip_bytes, struct proxy_header *h)
{
    const char *ports = at + 2 * (size_t)ip_bytes;

    take_v2_addr(at, ports, ip_bytes, &h->client);
    take_v2_addr(at + ip_bytes, ports + 2, ip_bytes, &h->local);
}

static bool is_whole_tlvs(struct span rest)
{
    while (rest.len >= TLV_HEAD_BYTES) {
        size_t bytes = get_u16(rest.ptr + 1);

        if (bytes > rest.len - TLV_HEAD_BYTES)
            return false;
        rest = span_skip(rest, TLV_HEAD_BYTES + bytes);
    }
    return rest.len == 0;
}

static int read_v2_body(unsigned char family, struct span body, struct proxy_header *h)
{
    int bytes = address_bytes(family);

    if (family == TCP4)
        take_v2_addresses(body.ptr, 4, h);
    else if (family == TCP6)
        take_v2_addresses(body.ptr, 16, h);
    if (family != UNSPEC && !is_whole_tlvs(span_skip(body, (size_t)bytes)))
        return WERR_SYNTAX;
    return 0;
}

/* Version, command, family and length, judged before the rest is waited for. */
static int check_v2_head(struct span in)
{
    unsigned char command = (unsigned char)in.ptr[SIGNATURE_BYTES];
    unsigned char family = (unsigned char)in.ptr[SIGNATURE_BYTES + 1];
    size_t body = get_u16(in.ptr + SIGNATURE_BYTES + 2);

    if (body > PROXY_V2_MAX_BYTES - HEAD_BYTES)
        return WERR_SYNTAX;
    if (command == LOCAL)
        return 0; /* the rest is to be ignored, whatever it is */
    if (command != PROXY || address_bytes(family) < 0 || body < (size_t)address_bytes(family))
        return WERR_SYNTAX;
    return 0;
}

static int64_t read_v2(struct span in, struct proxy_header *out)
{
    struct proxy_header h = {0};

    if (in.len < HEAD_BYTES)
        return 0;
    if (check_v2_head(in) < 0)
        return WERR_SYNTAX;
    size_t body = get_u16(in.ptr + SIGNATURE_BYTES + 2);
    if (in.len < HEAD_BYTES + body)
        return 0;
    if (in.ptr[SIGNATURE_BYTES] == PROXY &&
        read_v2_body((unsigned char)in.ptr[SIGNATURE_BYTES + 1],
                     span_from(in.ptr + HEAD_BYTES, body), &h) < 0)
        return WERR_SYNTAX;
    *out = h;
    return (int64_t)(HEAD_BYTES + body);
}

/* ---- both ---- */

/* As far as there are bytes, are they those of begin? */
static bool begins_as(struct span in, struct span begin)
{
    size_t n = in.len < begin.len ? in.len : begin.len;

    return memcmp(in.ptr, begin.ptr, n) == 0;
}

int64_t proxy_header_read(struct span in, struct proxy_header *out)
{
    const struct span v1 = {v1_begin, sizeof(v1_begin) - 1};
    const struct span v2 = {signature, sizeof(signature)};

    if (in.len == 0)
        return 0;
    if (begins_as(in, v2))
        return in.len < v2.len ? 0 : read_v2(in, out);
    if (begins_as(in, v1))
        return in.len < v1.len ? 0 : read_v1(in, out);
    return WERR_SYNTAX;
}

static char *put_u16(char *at, size_t n)
{
    *at++ = (char)(n >> 8);
    *at++ = (char)(n & 0xff);
    return at;
}

static char *put_ip(char *at, const struct addr *a, size_t ip_bytes)
{
    if (ip_bytes == 16 && a->family == AF_INET) {
        static const char mapped_prefix[12] = {[10] = (char)0xff, [11] = (char)0xff};
        memcpy(at, mapped_prefix, sizeof(mapped_prefix));
        memcpy(at + sizeof(mapped_prefix), a->ip, 4);
    } else {
        memcpy(at, a->ip, ip_bytes);
    }
    return at + ip_bytes;
}

size_t proxy_header_write(char *buf, const struct proxy_header *h)
{
    bool is_local = h->client.family == 0 || h->local.family == 0;
    bool is_ip4 = h->client.family == AF_INET && h->local.family == AF_INET;
    size_t ip_bytes = is_ip4 ? 4 : 16;
    char *at = buf;

    memcpy(at, signature, sizeof(signature));
    at += sizeof(signature);
    at = put_u16(at, is_local ? LOCAL << 8 | UNSPEC : PROXY << 8 | (is_ip4 ? TCP4 : TCP6));
    at = put_u16(at, is_local ? 0 : is_ip4 ? IP4_BYTES : IP6_BYTES);
    if (!is_local) {
        at = put_ip(at, &h->client, ip_bytes);
        at = put_ip(at, &h->local, ip_bytes);
        at = put_u16(at, h->client.port);
        at = put_u16(at, h->local.port);
    }
    return (size_t)(at - buf);
}
