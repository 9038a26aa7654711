#include <string.h>

#include "base/fault.h"
#include "cluster/cluster.h"
#include "cluster/roster_int.h"
#include "pool/levels.h"

/* Format u8, type u8, then the fields of that type in this order. */
enum { FORMAT = 1, COMMAND_FIXED_MAX = 256 /* without the certificate and its key */ };

enum field {
    F_ID = 1 << 0,
    F_ADDRESS = 1 << 1,
    F_JOINED = 1 << 2, /* is it a witness, and when it joined */
    F_VERSION = 1 << 3,
    F_LEVEL = 1 << 4,
    F_TOKEN = 1 << 5,
    F_DIGEST = 1 << 6,
    F_EXPIRY = 1 << 7,
    F_NOW = 1 << 8,
    F_UUID = 1 << 9, /* and the incarnation */
    F_PROFILE = 1 << 10,
    F_AUTHORITY = 1 << 11,
    F_NO_TOKEN = 1 << 12, /* both zero is as good as a token with a digest */
    F_TOLD = 1 << 13,     /* an address, or none */
    F_VIP = 1 << 14
};

static const unsigned fields_of[] = {
    [ROSTER_MAKE] = F_UUID | F_PROFILE | F_AUTHORITY,
    [ROSTER_ADMIT] = F_ID | F_ADDRESS | F_JOINED | F_VERSION | F_LEVEL | F_TOKEN | F_DIGEST |
                     F_NOW | F_NO_TOKEN,
    [ROSTER_REMOVE] = F_ID,
    [ROSTER_TOKEN] = F_TOKEN | F_DIGEST | F_EXPIRY | F_NOW,
    [ROSTER_REVOKE] = F_TOKEN,
    [ROSTER_MOVE] = F_ID | F_ADDRESS,
    [ROSTER_TELL] = F_ID | F_VERSION | F_LEVEL,
    [ROSTER_LEVEL] = F_LEVEL,
    [ROSTER_PROFILE] = F_PROFILE,
    [ROSTER_RECOVER] = F_ID,
    [ROSTER_PLACE] = F_ID | F_ADDRESS | F_TOLD,
    [ROSTER_VIP] = F_VIP | F_NOW,
};

enum { TYPES_END = sizeof(fields_of) / sizeof(fields_of[0]) };

bool roster_is_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

bool roster_address_is_valid(const struct addr *a)
{
    return a->family != 0 && a->port != 0 && !addr_is_wildcard(a) && !addr_is_multicast(a) &&
           !addr_is_broadcast(a);
}

/* A member that is where it tells is no placed one. */
bool roster_told_is_valid(const struct roster_member *m)
{
    return m->told.family == 0 ||
           (roster_address_is_valid(&m->told) && !addr_is_equal(&m->told, &m->address));
}

bool roster_vip_is_valid(const struct roster_vip *v)
{
    return v->address.family != 0 && v->address.port == 0 && !addr_is_wildcard(&v->address) &&
           !addr_is_multicast(&v->address) && !addr_is_broadcast(&v->address) &&
           v->epoch != 0 && v->cause < CLUSTER_VIP_CAUSES;
}

bool roster_version_is_valid(const char *version)
{
    for (size_t i = 0; i < ROSTER_VERSION_MAX; i++) {
        if (version[i] == '\0')
            return true;
        if (version[i] <= ' ' || version[i] >= 0x7F)
            return false;
    }
    return false;
}

static bool is_pem(struct span s)
{
    return s.len > 0 && s.len <= ROSTER_PEM_MAX;
}

static bool token_is_valid(const struct roster_token *token, unsigned fields)
{
    const bool has_id = !roster_is_zero(token->id, sizeof(token->id));

    if ((fields & F_NO_TOKEN) != 0 && !has_id)
        return roster_is_zero(token->digest, sizeof(token->digest));
    return has_id && ((fields & F_EXPIRY) == 0 || token->used_by == 0);
}

static bool cluster_is_valid(const struct roster_command *c, unsigned fields)
{
    if ((fields & F_UUID) != 0 &&
        (roster_is_zero(c->uuid, sizeof(c->uuid)) || c->incarnation == 0))
        return false;
    if ((fields & F_PROFILE) != 0 && c->profile >= ROSTER_PROFILES)
        return false;
    return (fields & F_AUTHORITY) == 0 || (is_pem(c->authority) && is_pem(c->authority_key));
}

bool roster_command_is_valid(const struct roster_command *c)
{
    const unsigned fields = c->type < TYPES_END ? fields_of[c->type] : 0;

    if (fields == 0 || ((fields & F_ID) != 0 && c->member.id == 0))
        return false;
    if ((fields & F_ADDRESS) != 0 && !roster_address_is_valid(&c->member.address))
        return false;
    if ((fields & F_TOLD) != 0 && !roster_told_is_valid(&c->member))
        return false;
    if ((fields & F_VERSION) != 0 && !roster_version_is_valid(c->member.version))
        return false;
    if ((fields & F_VIP) != 0 && !roster_vip_is_valid(&c->vip))
        return false;
    if ((fields & F_TOKEN) != 0 && !token_is_valid(&c->token, fields))
        return false;
    return cluster_is_valid(c, fields);
}

void roster_put_version(struct bytes_out *o, const char *version)
{
    const size_t n = strlen(version);

    bytes_put_u8(o, (uint8_t)n);
    bytes_put(o, version, n);
}

void roster_get_version(struct bytes_in *in, char *version)
{
    const uint8_t n = bytes_get_u8(in);

    memset(version, 0, ROSTER_VERSION_MAX);
    if (n >= ROSTER_VERSION_MAX) {
        bytes_in_spoil(in);
        return;
    }
    bytes_get(in, version, n);
    if (strlen(version) != n)
        bytes_in_spoil(in);
}

static void put_member(struct bytes_out *o, const struct roster_member *m, unsigned fields)
{
    if ((fields & F_ID) != 0)
        bytes_put_u64(o, m->id);
    if ((fields & F_ADDRESS) != 0)
        bytes_put_addr(o, &m->address);
    if ((fields & F_TOLD) != 0)
        bytes_put_addr(o, &m->told);
    if ((fields & F_JOINED) != 0) {
        bytes_put_u8(o, m->is_witness);
        bytes_put_u64(o, m->joined_us);
    }
    if ((fields & F_VERSION) != 0)
        roster_put_version(o, m->version);
    if ((fields & F_LEVEL) != 0)
        bytes_put_u8(o, m->level);
}

static void put_token(struct bytes_out *o, const struct roster_token *t, unsigned fields)
{
    if ((fields & F_TOKEN) != 0)
        bytes_put(o, t->id, sizeof(t->id));
    if ((fields & F_DIGEST) != 0)
        bytes_put(o, t->digest, sizeof(t->digest));
    if ((fields & F_EXPIRY) != 0)
        bytes_put_u64(o, t->expiry_us);
}

static void put_vip(struct bytes_out *o, const struct roster_vip *v, unsigned fields)
{
    if ((fields & F_VIP) == 0)
        return;
    bytes_put_addr(o, &v->address);
    bytes_put_u64(o, v->holder);
    bytes_put_u64(o, v->epoch);
    bytes_put_u8(o, v->cause);
}

static void put_cluster(struct bytes_out *o, const struct roster_command *c, unsigned fields)
{
    if ((fields & F_UUID) != 0) {
        bytes_put(o, c->uuid, sizeof(c->uuid));
        bytes_put_u32(o, c->incarnation);
    }
    if ((fields & F_PROFILE) != 0)
        bytes_put_u8(o, c->profile);
    if ((fields & F_AUTHORITY) != 0) {
        bytes_put_span(o, c->authority);
        bytes_put_span(o, c->authority_key);
    }
}

int roster_command_encode(const struct roster_command *c, char **out, size_t *len)
{
    struct bytes_out o;

    if (!roster_command_is_valid(c))
        return WERR_INVALID;
    const unsigned fields = fields_of[c->type];
    const size_t pem =
        (fields & F_AUTHORITY) != 0 ? c->authority.len + c->authority_key.len : 0;
    char *buf = fault_malloc(COMMAND_FIXED_MAX + pem);
    if (buf == NULL)
        return WERR_NOMEM;
    bytes_out_init(&o, buf, COMMAND_FIXED_MAX + pem);
    bytes_put_u8(&o, FORMAT);
    bytes_put_u8(&o, c->type);
    put_member(&o, &c->member, fields);
    put_token(&o, &c->token, fields);
    put_vip(&o, &c->vip, fields);
    if ((fields & F_NOW) != 0)
        bytes_put_u64(&o, c->now_us);
    put_cluster(&o, c, fields);
    *out = buf;
    *len = o.len;
    return 0;
}

static void get_member(struct bytes_in *in, struct roster_member *m, unsigned fields)
{
    if ((fields & F_ID) != 0)
        m->id = bytes_get_u64(in);
    if ((fields & F_ADDRESS) != 0)
        bytes_get_addr(in, &m->address);
    if ((fields & F_TOLD) != 0)
        bytes_get_addr(in, &m->told);
    if ((fields & F_JOINED) != 0) {
        m->is_witness = bytes_get_bool(in);
        m->joined_us = bytes_get_u64(in);
    }
    if ((fields & F_VERSION) != 0)
        roster_get_version(in, m->version);
    if ((fields & F_LEVEL) != 0)
        m->level = bytes_get_u8(in);
}

static void get_token(struct bytes_in *in, struct roster_token *t, unsigned fields)
{
    if ((fields & F_TOKEN) != 0)
        bytes_get(in, t->id, sizeof(t->id));
    if ((fields & F_DIGEST) != 0)
        bytes_get(in, t->digest, sizeof(t->digest));
    if ((fields & F_EXPIRY) != 0)
        t->expiry_us = bytes_get_u64(in);
}

static void get_vip(struct bytes_in *in, struct roster_vip *v, unsigned fields)
{
    if ((fields & F_VIP) == 0)
        return;
    bytes_get_addr(in, &v->address);
    v->holder = bytes_get_u64(in);
    v->epoch = bytes_get_u64(in);
    v->cause = bytes_get_u8(in);
}

static void get_cluster(struct bytes_in *in, struct roster_command *c, unsigned fields)
{
    if ((fields & F_UUID) != 0) {
        bytes_get(in, c->uuid, sizeof(c->uuid));
        c->incarnation = bytes_get_u32(in);
    }
    if ((fields & F_PROFILE) != 0)
        c->profile = bytes_get_u8(in);
    if ((fields & F_AUTHORITY) != 0) {
        c->authority = bytes_get_span(in, ROSTER_PEM_MAX);
        c->authority_key = bytes_get_span(in, ROSTER_PEM_MAX);
    }
}

int roster_command_decode(struct span bytes, struct roster_command *c)
{
    struct bytes_in in;

    *c = (struct roster_command){0};
    bytes_in_init(&in, bytes);
    const uint8_t format = bytes_get_u8(&in);
    if (format != FORMAT)
        return format > FORMAT ? WERR_UNSUPPORTED : WERR_CORRUPT;
    c->type = bytes_get_u8(&in);
    if (c->type >= TYPES_END)
        return WERR_UNSUPPORTED;
    const unsigned fields = fields_of[c->type];
    get_member(&in, &c->member, fields);
    get_token(&in, &c->token, fields);
    get_vip(&in, &c->vip, fields);
    if ((fields & F_NOW) != 0)
        c->now_us = bytes_get_u64(&in);
    get_cluster(&in, c, fields);
    return bytes_in_is_done(&in) && roster_command_is_valid(c) ? 0 : WERR_CORRUPT;
}

uint8_t roster_command_level(struct span bytes)
{
    const uint8_t type = bytes.len > 1 ? (uint8_t)bytes.ptr[1] : 0;

    return type == ROSTER_VIP ? LEVEL_VIPS : type == ROSTER_PLACE ? LEVEL_PLACES : 0;
}
