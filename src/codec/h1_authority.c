#include "codec/h1_int.h"

/* host [":" port] by the grammar of RFC 3986 section 3.2: servers, logs and those who route by
 * a name read it anew, each in its own way, and what is none of these forms would be something
 * else to each of them. */

enum { IP6_GROUPS = 8, GROUP_DIGITS = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_host_char(char c)
{
    return (field_classes[(unsigned char)c] & FIELD_CLASS_HOST) != 0;
}

static size_t hex_len(struct span s)
{
    size_t n = 0;
    while (n < s.len && is_hex(s.ptr[n]))
        n++;
    return n;
}

/* dec-octet: 0 to 255 without zeros in front; its length, 0 when it is none. */
static size_t octet_len(struct span s)
{
    unsigned value = 0;
    size_t n = 0;
    while (n < s.len && n < 3 && is_digit(s.ptr[n]))
        value = value * 10 + (unsigned)(s.ptr[n++] - '0');
    return value > UINT8_MAX || (n > 1 && s.ptr[0] == '0') ? 0 : n;
}

static bool is_ip4(struct span s)
{
    for (unsigned i = 0; i < 4; i++) {
        size_t n = octet_len(s);
        if (n == 0)
            return false;
        s = span_skip(s, n);
        if (i == 3)
            break;
        if (s.len == 0 || s.ptr[0] != '.')
            return false;
        s = span_skip(s, 1);
    }
    return s.len == 0;
}

/* "::" in front of s is taken off. */
static bool skip_gap(struct span *s)
{
    if (s->len < 2 || s->ptr[0] != ':' || s->ptr[1] != ':')
        return false;
    *s = span_skip(*s, 2);
    return true;
}

/* Takes what stands in front: a group, or the last two as an IPv4 address, and what separates
 * them from the next. False when that is malformed. */
static bool skip_groups(struct span *s, unsigned *group_n, bool *has_gap)
{
    if (is_ip4(*s)) {
        *group_n += 2;
        *s = SPAN_NONE;
        return true;
    }
    size_t n = hex_len(*s);
    if (n == 0 || n > GROUP_DIGITS)
        return false;
    ++*group_n;
    *s = span_skip(*s, n);
    if (s->len == 0)
        return true;
    if (skip_gap(s)) {
        bool is_first = !*has_gap;
        *has_gap = true;
        return is_first;
    }
    bool goes_on = s->ptr[0] == ':' && s->len > 1;
    *s = span_skip(*s, 1);
    return goes_on;
}

/* IPv6address: eight groups, or fewer and one gap that stands for at least one. */
static bool is_ip6(struct span s)
{
    unsigned group_n = 0;
    bool has_gap = skip_gap(&s);
    while (s.len > 0) {
        if (!skip_groups(&s, &group_n, &has_gap))
            return false;
    }
    return has_gap ? group_n < IP6_GROUPS : group_n == IP6_GROUPS;
}

/* IPvFuture: "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" ) */
static bool is_ip_future(struct span s)
{
    if (s.len == 0 || (s.ptr[0] | 0x20) != 'v')
        return false;
    size_t version = hex_len(span_skip(s, 1));
    struct span rest = span_skip(s, 1 + version);
    if (version == 0 || rest.len < 2 || rest.ptr[0] != '.')
        return false;
    for (size_t i = 1; i < rest.len; i++) {
        char c = rest.ptr[i];
        if (c != ':' && !is_host_char(c))
            return false;
    }
    return true;
}

/* IP-literal with its brackets. No zone: it means something on the host of whoever wrote it
 * only (RFC 9844 section 6). */
static size_t literal_len(struct span s)
{
    size_t end = span_find(s, ']');
    if (end == s.len)
        return 0;
    struct span inside = span_from(s.ptr + 1, end - 1);
    return is_ip6(inside) || is_ip_future(inside) ? end + 1 : 0;
}

/* How many of the first bytes may stand in a host. Four at a time, as most are all good. */
static size_t host_run(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (s.len - i >= 4 &&
           (field_classes[p[i]] & field_classes[p[i + 1]] & field_classes[p[i + 2]] &
            field_classes[p[i + 3]] & FIELD_CLASS_HOST) != 0)
        i += 4;
    while (i < s.len && is_host_char(s.ptr[i]))
        i++;
    return i;
}

/* reg-name, of which an IPv4 address is one; not empty, as "http" wants it (RFC 9110
 * section 4.2.1). */
static size_t name_len(struct span s)
{
    size_t i = 0;
    for (;;) {
        i += host_run(span_skip(s, i));
        if (i == s.len || s.ptr[i] != '%')
            return i;
        if (s.len - i < 3 || !is_hex(s.ptr[i + 1]) || !is_hex(s.ptr[i + 2]))
            return 0;
        i += 3;
    }
}

static bool is_port(struct span s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i]) || i >= 5)
            return false;
        n = n * 10 + (unsigned)(s.ptr[i] - '0');
    }
    return n <= UINT16_MAX;
}

bool h1_authority_is_valid(struct span s)
{
    size_t host = s.len > 0 && s.ptr[0] == '[' ? literal_len(s) : name_len(s);
    if (host == 0)
        return false;
    if (host == s.len)
        return true;
    return s.ptr[host] == ':' && is_port(span_skip(s, host + 1));
}
