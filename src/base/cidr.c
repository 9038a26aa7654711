#include "base/cidr.h"

#include "base/num.h"

enum { MAPPED_BITS = 96, IP4_BITS = 32, IP6_BITS = 128 };

/* Are the first so many bits equal? */
static bool has_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool is_zero_behind(const uint8_t ip[16], unsigned bits)
{
    for (unsigned i = bits; i < IP6_BITS; i++) {
        if (ip[i / 8] & (0x80U >> (i % 8)))
            return false;
    }
    return true;
}

/* Length of the prefix as the address was written: a mapped IPv4 address counts 96 bits more
 * there. */
static int read_bits(struct span text, const struct addr *a, bool is_ip6_text, uint8_t *bits)
{
    unsigned whole = is_ip6_text ? IP6_BITS : IP4_BITS;
    unsigned skipped = is_ip6_text && a->family == AF_INET ? MAPPED_BITS : 0;
    uint64_t n = whole;

    if (text.ptr != NULL && (text.len > 3 || num_from_dec(text, whole, &n) < 0))
        return WERR_SYNTAX;
    if (n < skipped)
        return WERR_SYNTAX;
    *bits = (uint8_t)(n - skipped);
    return 0;
}

int cidr_from_text(struct span text, struct cidr *out)
{
    size_t slash = span_find(text, '/');
    struct span ip = span_first(text, slash);
    struct span bits = slash < text.len ? span_skip(text, slash + 1) : SPAN_NONE;
    struct addr a;
    struct cidr range = {0};

    if (addr_from_ip(ip, 0, &a) < 0)
        return WERR_SYNTAX;
    if (read_bits(bits, &a, span_find(ip, ':') < ip.len, &range.bits) < 0)
        return WERR_SYNTAX;
    range.family = a.family;
    memcpy(range.ip, a.ip, a.family == AF_INET ? 4 : 16);
    if (!is_zero_behind(range.ip, range.bits))
        return WERR_SYNTAX;
    *out = range;
    return 0;
}

bool cidr_has(const struct cidr *range, const struct addr *a)
{
    return a->family != 0 && a->family == range->family &&
           has_prefix(range->ip, a->ip, range->bits);
}

size_t cidr_print(const struct cidr *range, char *buf)
{
    struct addr a = {.family = range->family};
    char ip[ADDR_TEXT_MAX];

    memcpy(a.ip, range->ip, sizeof(a.ip));
    size_t len = addr_print_ip(&a, ip);
    memcpy(buf, ip, len);
    buf[len++] = '/';
    len += num_to_dec(range->bits, buf + len);
    buf[len] = '\0';
    return len;
}

int cidr_list_add(struct cidr_list *list, struct span text)
{
    unsigned before = list->n;
    struct span item;

    while (span_next_item(&text, &item)) {
        if (list->n == CIDR_LIST_MAX)
            return WERR_TOO_BIG;
        if (cidr_from_text(item, &list->ranges[list->n]) < 0)
            return WERR_SYNTAX;
        list->n++;
    }
    return list->n > before ? 0 : WERR_SYNTAX;
}

bool cidr_list_has(const struct cidr_list *list, const struct addr *a)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (cidr_has(&list->ranges[i], a))
            return true;
    }
    return false;
}

size_t cidr_list_print(const struct cidr_list *list, char *buf)
{
    size_t len = 0;

    buf[0] = '\0';
    for (unsigned i = 0; i < list->n; i++) {
        if (i > 0)
            buf[len++] = ',';
        len += cidr_print(&list->ranges[i], buf + len);
    }
    return len;
}
