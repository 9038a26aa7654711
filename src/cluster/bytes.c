#include "cluster/bytes.h"

#include <endian.h>

#include "base/werr.h"

enum { KIND_NONE = 0, KIND_IPV4 = 4, KIND_IPV6 = 6, IPV4_BYTES = 4, IPV6_BYTES = 16 };

void bytes_out_init(struct bytes_out *o, char *buf, size_t cap)
{
    o->buf = buf;
    o->cap = cap;
    o->len = 0;
}

void bytes_put(struct bytes_out *o, const void *bytes, size_t n)
{
    MUST(n <= o->cap - o->len);
    if (n > 0)
        memcpy(o->buf + o->len, bytes, n);
    o->len += n;
}

void bytes_put_u8(struct bytes_out *o, uint8_t n)
{
    bytes_put(o, &n, sizeof(n));
}

void bytes_put_u16(struct bytes_out *o, uint16_t n)
{
    const uint16_t little = htole16(n);

    bytes_put(o, &little, sizeof(little));
}

void bytes_put_u32(struct bytes_out *o, uint32_t n)
{
    const uint32_t little = htole32(n);

    bytes_put(o, &little, sizeof(little));
}

void bytes_put_u64(struct bytes_out *o, uint64_t n)
{
    const uint64_t little = htole64(n);

    bytes_put(o, &little, sizeof(little));
}

void bytes_put_span(struct bytes_out *o, struct span s)
{
    MUST(s.len <= UINT32_MAX);
    bytes_put_u32(o, (uint32_t)s.len);
    bytes_put(o, s.ptr, s.len);
}

void bytes_put_addr(struct bytes_out *o, const struct addr *a)
{
    if (a->family != AF_INET && a->family != AF_INET6) {
        bytes_put_u8(o, KIND_NONE);
        return;
    }
    bytes_put_u8(o, a->family == AF_INET ? KIND_IPV4 : KIND_IPV6);
    bytes_put_u16(o, a->port);
    bytes_put(o, a->ip, a->family == AF_INET ? IPV4_BYTES : IPV6_BYTES);
}

void bytes_in_init(struct bytes_in *in, struct span bytes)
{
    *in = (struct bytes_in){.rest = bytes};
}

void bytes_in_spoil(struct bytes_in *in)
{
    in->is_bad = true;
    in->rest = SPAN_NONE;
}

void bytes_get(struct bytes_in *in, void *to, size_t n)
{
    if (n > in->rest.len) {
        bytes_in_spoil(in);
        memset(to, 0, n);
        return;
    }
    if (n > 0)
        memcpy(to, in->rest.ptr, n);
    in->rest = span_skip(in->rest, n);
}

uint8_t bytes_get_u8(struct bytes_in *in)
{
    uint8_t n;

    bytes_get(in, &n, sizeof(n));
    return n;
}

uint16_t bytes_get_u16(struct bytes_in *in)
{
    uint16_t little;

    bytes_get(in, &little, sizeof(little));
    return le16toh(little);
}

uint32_t bytes_get_u32(struct bytes_in *in)
{
    uint32_t little;

    bytes_get(in, &little, sizeof(little));
    return le32toh(little);
}

uint64_t bytes_get_u64(struct bytes_in *in)
{
    uint64_t little;

    bytes_get(in, &little, sizeof(little));
    return le64toh(little);
}

bool bytes_get_bool(struct bytes_in *in)
{
    const uint8_t n = bytes_get_u8(in);

    if (n > 1)
        bytes_in_spoil(in);
    return n == 1;
}

struct span bytes_get_span(struct bytes_in *in, size_t max)
{
    const size_t n = bytes_get_u32(in);

    if (n > max || n > in->rest.len) {
        bytes_in_spoil(in);
        return SPAN_NONE;
    }
    const struct span s = span_first(in->rest, n);
    in->rest = span_skip(in->rest, n);
    return s;
}

static bool is_mapped(const struct addr *a)
{
    static const uint8_t prefix[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

    return memcmp(a->ip, prefix, sizeof(prefix)) == 0;
}

void bytes_get_addr(struct bytes_in *in, struct addr *a)
{
    const uint8_t kind = bytes_get_u8(in);

    *a = (struct addr){0};
    if (kind == KIND_NONE)
        return;
    if (kind != KIND_IPV4 && kind != KIND_IPV6) {
        bytes_in_spoil(in);
        return;
    }
    a->family = kind == KIND_IPV4 ? AF_INET : AF_INET6;
    a->port = bytes_get_u16(in);
    bytes_get(in, a->ip, kind == KIND_IPV4 ? IPV4_BYTES : IPV6_BYTES);
    if (kind == KIND_IPV6 && is_mapped(a))
        bytes_in_spoil(in);
    if (in->is_bad)
        *a = (struct addr){0};
}

bool bytes_in_is_done(const struct bytes_in *in)
{
    return !in->is_bad && in->rest.len == 0;
}
