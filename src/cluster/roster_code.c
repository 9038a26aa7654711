#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fault.h"
#include "cluster/roster_int.h"

/* Format u8, is it made (u8); if it is: uuid, incarnation u32, profile u8, level u8, the CA's
 * certificate and key, members (n u8), removed ids (n u16), tokens (n u8). Format 2, from
 * LEVEL_PLACES on: each member also has whether it is placed (u8), and what it tells. Format 3,
 * from LEVEL_VIPS on: the virtual IPs (n u8) and the highest epoch that was forgotten (u64). */
enum {
    FORMAT = 1,
    FORMAT_PLACES = 2,
    FORMAT_VIPS = 3,
    MEMBER_MAX = 8 + 2 * BYTES_ADDR_MAX + 1 + 1 + ROSTER_VERSION_MAX + 1 + 8 + 1,
    TOKEN_BYTES = ROSTER_TOKEN_ID_BYTES + ROSTER_DIGEST_BYTES + 8 + 8,
    VIP_MAX = BYTES_ADDR_MAX + 8 + 8 + 1 + 8,
    ROSTER_BYTES_MAX = 64 + ROSTER_VIPS_MAX * VIP_MAX + 2 * ROSTER_PEM_MAX +
                       ROSTER_MEMBERS_MAX * MEMBER_MAX + ROSTER_REMOVED_MAX * 8 +
                       ROSTER_TOKENS_MAX * TOKEN_BYTES
};

static void put_member(struct bytes_out *o, const struct roster *r,
                       const struct roster_member *m)
{
    bytes_put_u64(o, m->id);
    bytes_put_addr(o, &m->address);
    bytes_put_u8(o, m->is_witness);
    roster_put_version(o, m->version);
    bytes_put_u8(o, m->level);
    bytes_put_u64(o, m->joined_us);
    if (!roster_has_places(r))
        return;
    bytes_put_u8(o, m->is_placed);
    bytes_put_addr(o, &m->told);
}

static void put_token(struct bytes_out *o, const struct roster_token *t)
{
    bytes_put(o, t->id, sizeof(t->id));
    bytes_put(o, t->digest, sizeof(t->digest));
    bytes_put_u64(o, t->expiry_us);
    bytes_put_u64(o, t->used_by);
}

static void put_vip(struct bytes_out *o, const struct roster_vip *v)
{
    bytes_put_addr(o, &v->address);
    bytes_put_u64(o, v->holder);
    bytes_put_u64(o, v->epoch);
    bytes_put_u8(o, v->cause);
    bytes_put_u64(o, v->since_us);
}

static uint8_t format_of(const struct roster *r)
{
    if (roster_has_vips(r))
        return FORMAT_VIPS;
    return roster_has_places(r) ? FORMAT_PLACES : FORMAT;
}

/* buf has ROSTER_BYTES_MAX. */
static size_t write_all(const struct roster *r, char *buf)
{
    struct bytes_out o;

    bytes_out_init(&o, buf, ROSTER_BYTES_MAX);
    bytes_put_u8(&o, format_of(r));
    bytes_put_u8(&o, roster_is_made(r));
    if (!roster_is_made(r))
        return o.len;
    bytes_put(&o, r->uuid, sizeof(r->uuid));
    bytes_put_u32(&o, r->incarnation);
    bytes_put_u8(&o, r->profile);
    bytes_put_u8(&o, r->level);
    bytes_put_span(&o, roster_authority(r));
    bytes_put_span(&o, roster_authority_key(r));
    bytes_put_u8(&o, (uint8_t)r->member_n);
    for (unsigned i = 0; i < r->member_n; i++)
        put_member(&o, r, &r->members[i]);
    bytes_put_u16(&o, (uint16_t)r->removed_n);
    for (unsigned i = 0; i < r->removed_n; i++)
        bytes_put_u64(&o, r->removed[i]);
    bytes_put_u8(&o, (uint8_t)r->token_n);
    for (unsigned i = 0; i < r->token_n; i++)
        put_token(&o, &r->tokens[i]);
    if (!roster_has_vips(r))
        return o.len;
    bytes_put_u8(&o, (uint8_t)r->vip_n);
    for (unsigned i = 0; i < r->vip_n; i++)
        put_vip(&o, &r->vips[i]);
    bytes_put_u64(&o, r->forgotten_epoch);
    return o.len;
}

int roster_encode(const struct roster *r, char **out, size_t *len)
{
    char *buf = fault_malloc(ROSTER_BYTES_MAX);

    if (buf == NULL)
        return WERR_NOMEM;
    *out = buf;
    *len = write_all(r, buf);
    return 0;
}

uint64_t roster_digest(const struct roster *r)
{
    char buf[ROSTER_BYTES_MAX];

    return XXH3_64bits(buf, write_all(r, buf));
}

static void get_pem(struct bytes_in *in, struct roster_pem *pem)
{
    const struct span s = bytes_get_span(in, ROSTER_PEM_MAX);

    if (s.len == 0)
        bytes_in_spoil(in);
    else
        memcpy(pem->bytes, s.ptr, s.len);
    pem->len = s.len;
}

static bool has_address(const struct roster *r, const struct addr *a)
{
    for (unsigned i = 0; i < r->member_n; i++) {
        if (addr_is_equal(&r->members[i].address, a))
            return true;
    }
    return false;
}

static void get_place(struct bytes_in *in, struct roster_member *m)
{
    m->is_placed = bytes_get_bool(in);
    bytes_get_addr(in, &m->told);
    if (m->is_placed ? !roster_told_is_valid(m) : m->told.family != 0)
        bytes_in_spoil(in);
}

/* In the order of ids, each address once, and none that lacks a feature that is in use. */
static void get_member(struct bytes_in *in, struct roster *r)
{
    struct roster_member m = {.id = bytes_get_u64(in)};
    const uint64_t last = r->member_n > 0 ? r->members[r->member_n - 1].id : 0;

    bytes_get_addr(in, &m.address);
    m.is_witness = bytes_get_bool(in);
    roster_get_version(in, m.version);
    m.level = bytes_get_u8(in);
    m.joined_us = bytes_get_u64(in);
    if (roster_has_places(r))
        get_place(in, &m);
    if (m.id <= last || !roster_address_is_valid(&m.address) || has_address(r, &m.address) ||
        !roster_version_is_valid(m.version) || m.level < r->level)
        bytes_in_spoil(in);
    else
        r->members[r->member_n++] = m;
}

static void get_removed(struct bytes_in *in, struct roster *r)
{
    const uint64_t id = bytes_get_u64(in);

    if (id == 0 || roster_was_removed(r, id) || roster_find(r, id) != NULL)
        bytes_in_spoil(in);
    else
        r->removed[r->removed_n++] = id;
}

static void get_token(struct bytes_in *in, struct roster *r)
{
    struct roster_token t;

    bytes_get(in, t.id, sizeof(t.id));
    bytes_get(in, t.digest, sizeof(t.digest));
    t.expiry_us = bytes_get_u64(in);
    t.used_by = bytes_get_u64(in);
    if (roster_is_zero(t.id, sizeof(t.id)) || roster_find_token(r, t.id) != NULL)
        bytes_in_spoil(in);
    else
        r->tokens[r->token_n++] = t;
}

static void get_vip(struct bytes_in *in, struct roster *r)
{
    struct roster_vip v;

    bytes_get_addr(in, &v.address);
    v.holder = bytes_get_u64(in);
    v.epoch = bytes_get_u64(in);
    v.cause = bytes_get_u8(in);
    v.since_us = bytes_get_u64(in);
    if (!roster_vip_is_valid(&v) || v.holder == 0 || roster_find_vip(r, &v.address) != NULL)
        bytes_in_spoil(in);
    else
        r->vips[r->vip_n++] = v;
}

/* n of them, by get, which spoils the reader when one can't be. */
static void get_each(struct bytes_in *in, struct roster *r, unsigned n, unsigned max,
                     void (*get)(struct bytes_in *in, struct roster *r))
{
    if (n > max)
        bytes_in_spoil(in);
    for (unsigned i = 0; i < n && !in->is_bad; i++)
        get(in, r);
}

static void get_all(struct bytes_in *in, struct roster *r, uint8_t format)
{
    bytes_get(in, r->uuid, sizeof(r->uuid));
    r->incarnation = bytes_get_u32(in);
    r->profile = bytes_get_u8(in);
    r->level = bytes_get_u8(in);
    if (roster_is_zero(r->uuid, sizeof(r->uuid)) || r->incarnation == 0 ||
        r->profile >= ROSTER_PROFILES || format_of(r) != format)
        bytes_in_spoil(in);
    get_pem(in, &r->authority);
    get_pem(in, &r->authority_key);
    get_each(in, r, bytes_get_u8(in), ROSTER_MEMBERS_MAX, get_member);
    get_each(in, r, bytes_get_u16(in), ROSTER_REMOVED_MAX, get_removed);
    get_each(in, r, bytes_get_u8(in), ROSTER_TOKENS_MAX, get_token);
    if (!roster_has_vips(r))
        return;
    get_each(in, r, bytes_get_u8(in), ROSTER_VIPS_MAX, get_vip);
    r->forgotten_epoch = bytes_get_u64(in);
}

int roster_decode(struct roster *r, struct span bytes)
{
    struct bytes_in in;
    int rc = 0;

    bytes_in_init(&in, bytes);
    const uint8_t format = bytes_get_u8(&in);
    if (format < FORMAT || format > FORMAT_VIPS)
        return format > FORMAT_VIPS ? WERR_UNSUPPORTED : WERR_CORRUPT;
    struct roster *fresh = roster_new();
    if (fresh == NULL)
        return WERR_NOMEM;
    if (bytes_get_bool(&in))
        get_all(&in, fresh, format);
    else if (format != FORMAT)
        bytes_in_spoil(&in);
    if (bytes_in_is_done(&in))
        *r = *fresh;
    else
        rc = WERR_CORRUPT;
    roster_free(fresh);
    return rc;
}
