#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/num.h"

enum { MAPPED_PREFIX_BYTES = 12, IP_TEXT_MAX = 48 };

static const uint8_t mapped_prefix[MAPPED_PREFIX_BYTES] = {[10] = 0xff, [11] = 0xff};

static size_t ip_bytes(const struct addr *a)
{
    return a->family == AF_INET6 ? 16 : a->family == AF_INET ? 4 : 0;
}

static void set_ip6(struct addr *a, const uint8_t ip[16])
{
    if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        a->family = AF_INET;
        memcpy(a->ip, ip + sizeof(mapped_prefix), 4);
    } else {
        a->family = AF_INET6;
        memcpy(a->ip, ip, 16);
    }
}

int addr_from_ip(struct span text, uint16_t port, struct addr *out)
{
    struct addr a = {.port = port};
    char str[ADDR_TEXT_MAX];
    uint8_t ip6[16];
    bool has_brackets = text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']';

    if (has_brackets)
        text = span_from(text.ptr + 1, text.len - 2);
    if (span_to_str(text, str, sizeof(str)) < 0)
        return WERR_SYNTAX;
    if (inet_pton(AF_INET6, str, ip6) == 1)
        set_ip6(&a, ip6);
    else if (!has_brackets && inet_pton(AF_INET, str, a.ip) == 1)
        a.family = AF_INET;
    else
        return WERR_SYNTAX;
    *out = a;
    return 0;
}

/* Index of the colon before the port; text.len when there is none. */
static size_t find_last_colon(struct span text)
{
    for (size_t i = text.len; i-- > 0;) {
        if (text.ptr[i] == ':')
            return i;
    }
    return text.len;
}

int addr_from_text(struct span text, struct addr *out)
{
    size_t colon = find_last_colon(text);
    struct span host = span_first(text, colon);
    uint64_t port = 0;

    if (colon == text.len || num_from_dec(span_skip(text, colon + 1), UINT16_MAX, &port) < 0)
        return WERR_SYNTAX;
    if (host.len == 0 || span_is_equal(host, SPAN("*"))) {
        *out = (struct addr){.family = AF_INET6, .port = (uint16_t)port};
        return 0;
    }
    /* "::1:80" could mean two things: IPv6 wants brackets here. */
    if (host.ptr[0] != '[' && span_find(host, ':') < host.len)
        return WERR_SYNTAX;
    return addr_from_ip(host, (uint16_t)port, out);
}

void addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
    *out = (struct addr){0};
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        out->family = AF_INET;
        out->port = ntohs(in.sin_port);
        memcpy(out->ip, &in.sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        out->port = ntohs(in6.sin6_port);
        set_ip6(out, in6.sin6_addr.s6_addr);
    }
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == AF_INET) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&in.sin_addr, a->ip, 4);
        memcpy(out, &in, sizeof(in));
        return sizeof(in);
    }
    if (a->family == AF_INET6) {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
        memcpy(&in6.sin6_addr, a->ip, 16);
        memcpy(out, &in6, sizeof(in6));
        return sizeof(in6);
    }
    return 0;
}

/* inet_ntop writes ::a.b.c.d for addresses that only begin with 96 zero bits; RFC 5952 keeps
 * the dotted form for known IPv4 prefixes. */
static bool has_zero_prefix(const struct addr *a)
{
    static const uint8_t zero[12];
    return a->family == AF_INET6 && memcmp(a->ip, zero, sizeof(zero)) == 0 &&
           (a->ip[12] != 0 || a->ip[13] != 0);
}

static char *put_octet(char *at, unsigned n)
{
    if (n >= 10) {
        if (n >= 100) {
            *at++ = n >= 200 ? '2' : '1';
            n -= n >= 200 ? 200 : 100;
        }
        *at++ = (char)('0' + n / 10);
        n %= 10;
    }
    *at++ = (char)('0' + n);
    return at;
}

/* By hand, since it is done for each request: inet_ntop prints through printf. */
static size_t print_ip4(const uint8_t ip[4], char *buf)
{
    char *at = put_octet(buf, ip[0]);

    for (unsigned i = 1; i < 4; i++) {
        *at++ = '.';
        at = put_octet(at, ip[i]);
    }
    *at = '\0';
    return (size_t)(at - buf);
}

size_t addr_print_ip(const struct addr *a, char *buf)
{
    if (a->family == AF_INET)
        return print_ip4(a->ip, buf);
    if (has_zero_prefix(a)) {
        unsigned high = (unsigned)a->ip[12] << 8 | a->ip[13];
        unsigned low = (unsigned)a->ip[14] << 8 | a->ip[15];
        return (size_t)snprintf(buf, IP_TEXT_MAX, "::%x:%x", high, low);
    }
    if (ip_bytes(a) == 0 || inet_ntop(a->family, a->ip, buf, IP_TEXT_MAX) == NULL)
        memcpy(buf, "-", 2);
    return strlen(buf);
}

size_t addr_print(const struct addr *a, char *buf)
{
    bool has_brackets = a->family == AF_INET6;
    size_t len = 0;

    if (has_brackets)
        buf[len++] = '[';
    len += addr_print_ip(a, buf + len);
    if (has_brackets)
        buf[len++] = ']';
    if (a->family != 0) {
        buf[len++] = ':';
        len += num_to_dec(a->port, buf + len);
    }
    buf[len] = '\0';
    return len;
}

bool addr_is_loopback(const struct addr *a)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    if (a->family == AF_INET)
        return a->ip[0] == 127;
    return a->family == AF_INET6 && memcmp(a->ip, loopback6, sizeof(loopback6)) == 0;
}

bool addr_is_wildcard(const struct addr *a)
{
    static const uint8_t zero[16];
    return a->family != 0 && memcmp(a->ip, zero, ip_bytes(a)) == 0;
}

bool addr_is_multicast(const struct addr *a)
{
    if (a->family == AF_INET)
        return (a->ip[0] & 0xf0) == 0xe0;
    return a->family == AF_INET6 && a->ip[0] == 0xff;
}

bool addr_is_broadcast(const struct addr *a)
{
    static const uint8_t all[4] = {255, 255, 255, 255};
    return a->family == AF_INET && memcmp(a->ip, all, sizeof(all)) == 0;
}

bool addr_is_equal(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->port == b->port &&
           memcmp(a->ip, b->ip, ip_bytes(a)) == 0;
}
