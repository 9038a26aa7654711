#include "pool/vip.h"

static const char *const conflict_words[VIP_CONFLICT_N] = {
    [VIP_CONFLICT_HOLD] = "hold", [VIP_CONFLICT_BACK_OFF] = "back_off"};

/* There are few, and a look-up is for people. */
struct vip *vip_find(const struct pool_state *s, const struct addr *address)
{
    struct addr wanted = *address;
    wanted.port = 0;
    for (uint32_t i = 0; i < s->vip_n; i++)
        if (addr_is_equal(&s->vips[i]->addr, &wanted))
            return s->vips[i];
    return NULL;
}

int vip_set_address(struct vip *vip, struct span text)
{
    struct addr a;
    if (addr_from_ip(text, 0, &a) != 0)
        return WERR_INVALID;
    vip->addr = a;
    (void)addr_print_ip(&a, vip->address);
    return 0;
}

/* 169.254/16, fe80::/10: each link has its own. */
static bool is_link_local(const struct addr *a)
{
    return a->family == AF_INET ? a->ip[0] == 169 && a->ip[1] == 254
                                : a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

const char *vip_address_fault(const struct addr *address)
{
    if (address->family != AF_INET && address->family != AF_INET6)
        return "is no IPv4 or IPv6 address";
    if (addr_is_wildcard(address))
        return "is the unspecified address";
    if (addr_is_loopback(address))
        return "is a loopback address";
    if (addr_is_multicast(address))
        return "is a multicast address";
    if (addr_is_broadcast(address))
        return "is the broadcast address";
    return is_link_local(address) ? "is a link-local address" : NULL;
}

uint8_t vip_prefix_max(const struct addr *address)
{
    return address->family == AF_INET ? VIP_PREFIX_V4 : VIP_PREFIX_V6;
}

bool vip_interface_is_valid(struct span name)
{
    if (span_is_equal(name, SPAN(".")) || span_is_equal(name, SPAN("..")))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == '/' || name.ptr[i] == ':')
            return false;
    return name.len > 0 && name.len <= VIP_INTERFACE_MAX;
}

const char *vip_interface_of(const struct vip *vip, uint64_t member)
{
    for (unsigned i = 0; i < vip->node_n; i++)
        if (vip->nodes[i].member == member)
            return vip->nodes[i].interface;
    return vip->interface;
}

const char *vip_conflict_word(enum vip_conflict conflict)
{
    return conflict < VIP_CONFLICT_N ? conflict_words[conflict] : "unknown";
}

bool vip_conflict_from_word(struct span word, uint8_t *conflict)
{
    for (unsigned i = 0; i < VIP_CONFLICT_N; i++) {
        if (!span_is_equal(word, span_from_str(conflict_words[i])))
            continue;
        *conflict = (uint8_t)i;
        return true;
    }
    return false;
}
