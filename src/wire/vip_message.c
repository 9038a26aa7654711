#include "wire/vip_message.h"

#include "wire/fields.h"

enum {
    HEAD_BYTES = 1,
    ADDR_BYTES = 2 + 2 + 16,
    NAMED_BYTES = ADDR_BYTES + 1 + 1 + VIP_IFNAME_MAX,
    WILL_HEAD_BYTES = 2 + 2
};

/* ---- fields ---- */

static size_t put_u8(char *buf, size_t at, uint8_t n)
{
    buf[at] = (char)n;
    return at + 1;
}

static uint8_t get_u8(const char **at)
{
    return (uint8_t) * (*at)++;
}

static size_t put_bytes(char *buf, size_t at, const void *bytes, size_t n)
{
    memcpy(buf + at, bytes, n);
    return at + n;
}

static void get_bytes(const char **at, void *to, size_t n)
{
    memcpy(to, *at, n);
    *at += n;
}

/* Ends within its place, and only zeros follow: so each name has one form. */
static int get_ifname(const char **at, char *ifname)
{
    get_bytes(at, ifname, VIP_IFNAME_MAX);
    for (size_t i = strnlen(ifname, VIP_IFNAME_MAX - 1); i < VIP_IFNAME_MAX; i++)
        if (ifname[i] != '\0')
            return WERR_CORRUPT;
    return 0;
}

/* ---- the lists ---- */

static size_t put_named(char *buf, size_t at, const struct vip_named *n)
{
    at = put_addr(buf, at, &n->addr);
    at = put_u8(buf, at, n->prefix);
    at = put_u8(buf, at, n->policy);
    return put_bytes(buf, at, n->ifname, VIP_IFNAME_MAX);
}

static int get_named(const char **at, struct vip_named *n)
{
    if (get_addr(at, &n->addr) < 0)
        return WERR_CORRUPT;
    n->prefix = get_u8(at);
    n->policy = get_u8(at);
    const unsigned bits = n->addr.family == AF_INET ? 32 : 128;

    if (n->prefix == 0 || n->prefix > bits || n->policy >= VIP_POLICIES || n->addr.port != 0)
        return WERR_CORRUPT;
    return get_ifname(at, n->ifname);
}

static int get_configure(struct span rest, struct vip_message *m)
{
    const char *at = rest.ptr;

    if (rest.len % NAMED_BYTES != 0 || rest.len / NAMED_BYTES > VIP_ADDRS_MAX)
        return WERR_CORRUPT;
    m->named_n = (unsigned)(rest.len / NAMED_BYTES);
    for (unsigned i = 0; i < m->named_n; i++)
        if (get_named(&at, &m->named[i]) < 0)
            return WERR_CORRUPT;
    return 0;
}

static size_t put_will(char *buf, size_t at, const struct vip_will *w)
{
    MUST(w->to_n <= VIP_WILL_TO_MAX && w->len <= VIP_WILL_BYTES);
    at = put_u16(buf, at, (uint16_t)w->to_n);
    at = put_u16(buf, at, (uint16_t)w->len);
    for (unsigned i = 0; i < w->to_n; i++)
        at = put_addr(buf, at, &w->to[i]);
    return put_bytes(buf, at, w->bytes, w->len);
}

static int get_will(struct span rest, struct vip_will *w)
{
    const char *at = rest.ptr;

    if (rest.len < WILL_HEAD_BYTES)
        return WERR_CORRUPT;
    w->to_n = get_u16(&at);
    w->len = get_u16(&at);
    if (w->to_n > VIP_WILL_TO_MAX || w->len > VIP_WILL_BYTES ||
        rest.len != WILL_HEAD_BYTES + (size_t)w->to_n * ADDR_BYTES + w->len)
        return WERR_CORRUPT;
    for (unsigned i = 0; i < w->to_n; i++)
        if (get_addr(&at, &w->to[i]) < 0)
            return WERR_CORRUPT;
    get_bytes(&at, w->bytes, w->len);
    return 0;
}

static size_t put_addrs(char *buf, size_t at, const struct addr *addrs, unsigned n)
{
    MUST(n <= VIP_ADDRS_MAX);
    for (unsigned i = 0; i < n; i++)
        at = put_addr(buf, at, &addrs[i]);
    return at;
}

static int get_addrs(struct span rest, struct vip_message *m)
{
    const char *at = rest.ptr;

    if (rest.len % ADDR_BYTES != 0 || rest.len / ADDR_BYTES > VIP_ADDRS_MAX)
        return WERR_CORRUPT;
    m->named_n = (unsigned)(rest.len / ADDR_BYTES);
    for (unsigned i = 0; i < m->named_n; i++)
        if (get_addr(&at, &m->addrs[i]) < 0)
            return WERR_CORRUPT;
    return 0;
}

/* ---- messages of one address ---- */

/* What follows the address, by type; the length of all, or 0: no such type. */
static size_t length_of(uint8_t type)
{
    switch (type) {
    case VIP_HOLD:
    case VIP_ANNOUNCED:
        return HEAD_BYTES + ADDR_BYTES + 8;
    case VIP_DROP:
    case VIP_PART:
        return HEAD_BYTES + ADDR_BYTES;
    case VIP_HELLO:
        return HEAD_BYTES + 8;
    case VIP_HELD:
        return HEAD_BYTES + ADDR_BYTES + VIP_IFNAME_MAX;
    case VIP_DROPPED:
        return HEAD_BYTES + ADDR_BYTES + 1 + 2;
    case VIP_CONFLICT:
        return HEAD_BYTES + ADDR_BYTES + VIP_MAC_BYTES;
    case VIP_LINK:
        return HEAD_BYTES + ADDR_BYTES + 1 + VIP_IFNAME_MAX;
    case VIP_BUSY:
        return HEAD_BYTES + 1;
    case VIP_KEPT_OUT:
        return HEAD_BYTES + 2;
    default:
        return 0;
    }
}

static bool has_addr(uint8_t type)
{
    return type != VIP_HELLO && type != VIP_BUSY && type != VIP_KEPT_OUT;
}

static size_t put_rest(char *buf, size_t at, const struct vip_message *m)
{
    switch (m->type) {
    case VIP_HOLD:
    case VIP_ANNOUNCED:
    case VIP_HELLO:
        return put_u64(buf, at, m->number);
    case VIP_HELD:
        return put_bytes(buf, at, m->ifname, VIP_IFNAME_MAX);
    case VIP_DROPPED:
        at = put_u8(buf, at, m->why);
        return put_u16(buf, at, (uint16_t)-m->error);
    case VIP_KEPT_OUT:
        return put_u16(buf, at, (uint16_t)-m->error);
    case VIP_CONFLICT:
        return put_bytes(buf, at, m->mac, VIP_MAC_BYTES);
    case VIP_LINK:
        at = put_u8(buf, at, m->link);
        return put_bytes(buf, at, m->ifname, VIP_IFNAME_MAX);
    case VIP_BUSY:
        return put_u8(buf, at, m->is_busy);
    default:
        return at;
    }
}

static int get_error(const char **at, struct vip_message *m)
{
    m->error = -(int)get_u16(at);
    return m->error > -WERR_ORD_END ? 0 : WERR_CORRUPT;
}

static int get_dropped(const char **at, struct vip_message *m)
{
    m->why = get_u8(at);
    return m->why < VIP_DROPS ? get_error(at, m) : WERR_CORRUPT;
}

static int get_link(const char **at, struct vip_message *m)
{
    m->link = get_u8(at);
    return m->link < VIP_LINK_STATES ? get_ifname(at, m->ifname) : WERR_CORRUPT;
}

static int get_busy(const char **at, struct vip_message *m)
{
    const uint8_t n = get_u8(at);

    m->is_busy = n == 1;
    return n <= 1 ? 0 : WERR_CORRUPT;
}

static int get_rest(const char **at, struct vip_message *m)
{
    switch (m->type) {
    case VIP_HOLD:
    case VIP_ANNOUNCED:
    case VIP_HELLO:
        m->number = get_u64(at);
        return 0;
    case VIP_HELD:
        return get_ifname(at, m->ifname);
    case VIP_DROPPED:
        return get_dropped(at, m);
    case VIP_CONFLICT:
        get_bytes(at, m->mac, VIP_MAC_BYTES);
        return 0;
    case VIP_LINK:
        return get_link(at, m);
    case VIP_BUSY:
        return get_busy(at, m);
    case VIP_KEPT_OUT:
        return get_error(at, m);
    default:
        return 0;
    }
}

static int get_one(struct span packet, struct vip_message *m)
{
    const char *at = packet.ptr + HEAD_BYTES;

    if (packet.len != length_of(m->type))
        return WERR_CORRUPT;
    if (has_addr(m->type) && (get_addr(&at, &m->addr) < 0 || m->addr.port != 0))
        return WERR_CORRUPT;
    return get_rest(&at, m);
}

/* ---- all ---- */

size_t vip_message_put(char *buf, const struct vip_message *m)
{
    size_t at = put_u8(buf, 0, m->type);

    if (m->type == VIP_WILL)
        return put_will(buf, at, &m->will);
    if (m->type == VIP_CONFIGURE) {
        MUST(m->named_n <= VIP_ADDRS_MAX);
        for (unsigned i = 0; i < m->named_n; i++)
            at = put_named(buf, at, &m->named[i]);
        return at;
    }
    if (m->type == VIP_KEEP_OUT)
        return put_addrs(buf, at, m->addrs, m->named_n);
    MUST(length_of(m->type) > 0);
    if (has_addr(m->type))
        at = put_addr(buf, at, &m->addr);
    return put_rest(buf, at, m);
}

int vip_message_get(struct span packet, struct vip_message *m)
{
    if (packet.len < HEAD_BYTES)
        return WERR_CORRUPT;
    memset(m, 0, sizeof(*m));
    m->type = (uint8_t)packet.ptr[0];
    if (m->type == VIP_CONFIGURE)
        return get_configure(span_skip(packet, HEAD_BYTES), m);
    if (m->type == VIP_WILL)
        return get_will(span_skip(packet, HEAD_BYTES), &m->will);
    if (m->type == VIP_KEEP_OUT)
        return get_addrs(span_skip(packet, HEAD_BYTES), m);
    return get_one(packet, m);
}

const char *vip_drop_word(enum vip_drop why)
{
    static const char *const words[] = {
#define DROP(name, word) word,
#include "wire/vip_drops.def"
#undef DROP
    };

    return words[why];
}
