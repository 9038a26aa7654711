#include "cluster/vip_messages.h"

#include <string.h>

static void put_claims(struct bytes_out *o, const struct vip_claim *claims, unsigned n,
                       bool is_granted)
{
    MUST(n <= ROSTER_VIPS_MAX);
    bytes_put_u8(o, (uint8_t)n);
    for (unsigned i = 0; i < n; i++) {
        bytes_put_addr(o, &claims[i].address);
        bytes_put_u64(o, claims[i].epoch);
        if (!is_granted)
            continue;
        bytes_put_u8(o, claims[i].cause);
        bytes_put_u8(o, claims[i].is_parting);
        bytes_put_u64(o, claims[i].since_us);
    }
}

static unsigned get_claims(struct bytes_in *in, struct vip_claim *claims, bool is_granted)
{
    const unsigned n = bytes_get_u8(in);

    if (n > ROSTER_VIPS_MAX)
        bytes_in_spoil(in);
    for (unsigned i = 0; i < n && !in->is_bad; i++) {
        bytes_get_addr(in, &claims[i].address);
        claims[i].epoch = bytes_get_u64(in);
        claims[i].cause = is_granted ? bytes_get_u8(in) : 0;
        claims[i].is_parting = is_granted && bytes_get_bool(in);
        claims[i].since_us = is_granted ? bytes_get_u64(in) : 0;
        if (claims[i].address.family == 0 || claims[i].address.port != 0 ||
            claims[i].epoch == 0 || claims[i].cause >= CLUSTER_VIP_CAUSES)
            bytes_in_spoil(in);
    }
    return in->is_bad ? 0 : n;
}

size_t vip_ask_encode(const struct vip_ask *m, char *buf)
{
    const size_t why = strnlen(m->why, sizeof(m->why) - 1);
    struct bytes_out o;

    bytes_out_init(&o, buf, VIP_ASK_BYTES_MAX);
    bytes_put_u64(&o, m->sequence);
    bytes_put_u64(&o, m->term);
    bytes_put_u64(&o, m->stamp_term);
    bytes_put_u64(&o, m->stamp_ns);
    bytes_put(&o, m->digest, sizeof(m->digest));
    bytes_put_u8(&o, m->fitness);
    bytes_put_u8(&o, (uint8_t)why);
    bytes_put(&o, m->why, why);
    put_claims(&o, m->released, m->released_n, false);
    return o.len;
}

/* A word goes into the log: printable, and without spaces. */
static void get_why(struct bytes_in *in, char *why)
{
    const uint8_t n = bytes_get_u8(in);

    memset(why, 0, VIP_WHY_MAX);
    if (n >= VIP_WHY_MAX) {
        bytes_in_spoil(in);
        return;
    }
    bytes_get(in, why, n);
    for (unsigned i = 0; i < n; i++) {
        if (why[i] <= ' ' || why[i] >= 0x7F)
            bytes_in_spoil(in);
    }
}

int vip_ask_decode(struct span payload, struct vip_ask *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->sequence = bytes_get_u64(&in);
    m->term = bytes_get_u64(&in);
    m->stamp_term = bytes_get_u64(&in);
    m->stamp_ns = bytes_get_u64(&in);
    bytes_get(&in, m->digest, sizeof(m->digest));
    m->fitness = bytes_get_u8(&in);
    get_why(&in, m->why);
    m->released_n = get_claims(&in, m->released, false);
    const bool can_be = m->sequence != 0 && m->fitness <= CLUSTER_FIT;
    return bytes_in_is_done(&in) && can_be ? 0 : WERR_CORRUPT;
}

size_t vip_grant_encode(const struct vip_grant *m, char *buf)
{
    struct bytes_out o;

    bytes_out_init(&o, buf, VIP_GRANT_BYTES_MAX);
    bytes_put_u64(&o, m->sequence);
    bytes_put_u64(&o, m->term);
    bytes_put_u64(&o, m->stamp_ns);
    bytes_put(&o, m->digest, sizeof(m->digest));
    bytes_put_u8(&o, m->is_ready);
    bytes_put_u64(&o, m->length_ns);
    put_claims(&o, m->claims, m->n, true);
    return o.len;
}

int vip_grant_decode(struct span payload, struct vip_grant *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->sequence = bytes_get_u64(&in);
    m->term = bytes_get_u64(&in);
    m->stamp_ns = bytes_get_u64(&in);
    bytes_get(&in, m->digest, sizeof(m->digest));
    m->is_ready = bytes_get_bool(&in);
    m->length_ns = bytes_get_u64(&in);
    m->n = get_claims(&in, m->claims, true);
    const bool can_be =
        m->sequence != 0 && (m->is_ready || m->n == 0) && m->length_ns <= VIP_LENGTH_MAX_NS;
    return bytes_in_is_done(&in) && can_be ? 0 : WERR_CORRUPT;
}
