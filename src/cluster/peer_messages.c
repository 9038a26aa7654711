#include "cluster/peer_messages.h"

#include "base/fault.h"
#include "cluster/bytes.h"
#include "cluster/raft_entry.h"
#include "cluster/roster_int.h"

/* More than the fixed parts of any message, addresses included. */
enum { FIXED_MAX = 256 + ROSTER_MEMBERS_MAX * BYTES_ADDR_MAX, ERROR_MAX = 0xFFFF };

static bool has_only_printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        const unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || c == 0x7F)
            return false;
    }
    return true;
}

/* Room for the fixed parts and this many bytes of texts. False: no memory. */
static bool begin(struct bytes_out *o, size_t texts_len)
{
    char *buf = fault_malloc(FIXED_MAX + texts_len);

    if (buf == NULL)
        return false;
    bytes_out_init(o, buf, FIXED_MAX + texts_len);
    return true;
}

static char *end(const struct bytes_out *o, size_t *len)
{
    *len = o->len;
    return o->buf;
}

/* Texts that people read, and that go into logs. */
static struct span get_text(struct bytes_in *in, size_t max)
{
    const struct span s = bytes_get_span(in, max);

    if (!has_only_printable(s))
        bytes_in_spoil(in);
    return s;
}

static struct span get_pem(struct bytes_in *in)
{
    const struct span s = bytes_get_span(in, ROSTER_PEM_MAX);

    if (s.len == 0)
        bytes_in_spoil(in);
    return s;
}

static struct span get_version(struct bytes_in *in)
{
    const struct span s = get_text(in, ROSTER_VERSION_MAX - 1);

    if (span_find(s, ' ') < s.len)
        bytes_in_spoil(in);
    return s;
}

static void get_address(struct bytes_in *in, struct addr *a)
{
    bytes_get_addr(in, a);
    if (!roster_address_is_valid(a))
        bytes_in_spoil(in);
}

/* The bounds of decode, so that nobody sends what the other side refuses. */
static void must_fit(struct span s, size_t max)
{
    MUST(s.len <= max);
}

/* Errors of a later Weldr are taken too: werr_text has words for them. */
static int get_error(struct bytes_in *in)
{
    const uint16_t n = bytes_get_u16(in);

    return -(int)n;
}

static void put_error(struct bytes_out *o, int error)
{
    MUST(error <= 0 && error >= -ERROR_MAX);
    bytes_put_u16(o, (uint16_t)-error);
}

static int result_of(const struct bytes_in *in)
{
    return bytes_in_is_done(in) ? 0 : WERR_CORRUPT;
}

/* ---- weldr-join/1 ---- */

char *peer_ask_encode(const struct peer_ask *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->version, ROSTER_VERSION_MAX - 1);
    must_fit(m->request, ROSTER_PEM_MAX);
    if (!begin(&o, m->version.len + m->request.len))
        return NULL;
    bytes_put(&o, m->token_id, sizeof(m->token_id));
    bytes_put(&o, m->secret, sizeof(m->secret));
    bytes_put_u64(&o, m->id);
    bytes_put_addr(&o, &m->address);
    bytes_put_u8(&o, m->is_witness);
    bytes_put_u8(&o, m->level);
    bytes_put_span(&o, m->version);
    bytes_put_span(&o, m->request);
    return end(&o, len);
}

int peer_ask_decode(struct span payload, struct peer_ask *m)
{
    struct bytes_in in;

    *m = (struct peer_ask){0};
    bytes_in_init(&in, payload);
    bytes_get(&in, m->token_id, sizeof(m->token_id));
    bytes_get(&in, m->secret, sizeof(m->secret));
    m->id = bytes_get_u64(&in);
    bytes_get_addr(&in, &m->address);
    m->is_witness = bytes_get_bool(&in);
    m->level = bytes_get_u8(&in);
    m->version = get_version(&in);
    m->request = get_pem(&in);
    if (m->id == 0 || m->address.family == 0 || m->address.port == 0)
        return WERR_CORRUPT;
    return result_of(&in);
}

char *peer_grant_encode(const struct peer_grant *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->certificate, ROSTER_PEM_MAX);
    must_fit(m->authority, ROSTER_PEM_MAX);
    MUST(m->address_n <= ROSTER_MEMBERS_MAX);
    if (!begin(&o, m->certificate.len + m->authority.len))
        return NULL;
    bytes_put(&o, m->uuid, sizeof(m->uuid));
    bytes_put_u32(&o, m->incarnation);
    bytes_put_u8(&o, m->profile);
    bytes_put(&o, m->cluster_key, sizeof(m->cluster_key));
    bytes_put_addr(&o, &m->address);
    bytes_put_span(&o, m->certificate);
    bytes_put_span(&o, m->authority);
    bytes_put_u8(&o, (uint8_t)m->address_n);
    for (unsigned i = 0; i < m->address_n; i++)
        bytes_put_addr(&o, &m->addresses[i]);
    return end(&o, len);
}

int peer_grant_decode(struct span payload, struct peer_grant *m)
{
    struct bytes_in in;

    *m = (struct peer_grant){0};
    bytes_in_init(&in, payload);
    bytes_get(&in, m->uuid, sizeof(m->uuid));
    m->incarnation = bytes_get_u32(&in);
    m->profile = bytes_get_u8(&in);
    bytes_get(&in, m->cluster_key, sizeof(m->cluster_key));
    get_address(&in, &m->address);
    m->certificate = get_pem(&in);
    m->authority = get_pem(&in);
    const unsigned n = bytes_get_u8(&in);
    if (m->incarnation == 0 || m->profile >= ROSTER_PROFILES || n > ROSTER_MEMBERS_MAX)
        return WERR_CORRUPT;
    for (; m->address_n < n; m->address_n++)
        get_address(&in, &m->addresses[m->address_n]);
    return result_of(&in);
}

char *peer_elsewhere_encode(const struct peer_elsewhere *m, size_t *len)
{
    struct bytes_out o;

    if (!begin(&o, 0))
        return NULL;
    bytes_put_addr(&o, &m->address);
    return end(&o, len);
}

int peer_elsewhere_decode(struct span payload, struct peer_elsewhere *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    get_address(&in, &m->address);
    return result_of(&in);
}

char *peer_refused_encode(const struct peer_refused *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->reason, PEER_REASON_MAX);
    MUST(m->error < 0);
    if (!begin(&o, m->reason.len))
        return NULL;
    put_error(&o, m->error);
    bytes_put_span(&o, m->reason);
    return end(&o, len);
}

int peer_refused_decode(struct span payload, struct peer_refused *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->error = get_error(&in);
    m->reason = get_text(&in, PEER_REASON_MAX);
    return m->error < 0 ? result_of(&in) : WERR_CORRUPT;
}

/* ---- weldr-ctl/1 ---- */

char *peer_request_encode(const struct peer_request *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->entry, ENGINE_ENTRY_MAX_BYTES);
    MUST(m->kind < PEER_REQUEST_KINDS);
    if (!begin(&o, m->entry.len))
        return NULL;
    bytes_put_u64(&o, m->sequence);
    bytes_put_u8(&o, m->kind);
    bytes_put(&o, m->request_id, sizeof(m->request_id));
    bytes_put_u64(&o, m->member);
    bytes_put_u64(&o, m->number);
    bytes_put_span(&o, m->entry);
    return end(&o, len);
}

int peer_request_decode(struct span payload, struct peer_request *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->sequence = bytes_get_u64(&in);
    m->kind = bytes_get_u8(&in);
    bytes_get(&in, m->request_id, sizeof(m->request_id));
    m->member = bytes_get_u64(&in);
    m->number = bytes_get_u64(&in);
    m->entry = bytes_get_span(&in, ENGINE_ENTRY_MAX_BYTES);
    return m->kind < PEER_REQUEST_KINDS ? result_of(&in) : WERR_CORRUPT;
}

char *peer_response_encode(const struct peer_response *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->text, TOKEN_TEXT_MAX);
    if (!begin(&o, m->text.len))
        return NULL;
    bytes_put_u64(&o, m->sequence);
    put_error(&o, m->error);
    bytes_put_u64(&o, m->index);
    bytes_put_span(&o, m->text);
    return end(&o, len);
}

int peer_response_decode(struct span payload, struct peer_response *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->sequence = bytes_get_u64(&in);
    m->error = get_error(&in);
    m->index = bytes_get_u64(&in);
    m->text = get_text(&in, TOKEN_TEXT_MAX);
    return result_of(&in);
}

char *peer_tell_encode(const struct peer_tell *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->version, ROSTER_VERSION_MAX - 1);
    if (!begin(&o, m->version.len))
        return NULL;
    bytes_put_u64(&o, m->applied);
    bytes_put_u64(&o, m->term);
    bytes_put_u8(&o, m->role);
    bytes_put_u8(&o, m->level);
    bytes_put_span(&o, m->version);
    return end(&o, len);
}

int peer_tell_decode(struct span payload, struct peer_tell *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->applied = bytes_get_u64(&in);
    m->term = bytes_get_u64(&in);
    m->role = bytes_get_u8(&in);
    m->level = bytes_get_u8(&in);
    m->version = get_version(&in);
    return m->role <= CLUSTER_LEADER ? result_of(&in) : WERR_CORRUPT;
}

char *peer_share_encode(const struct peer_share *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->bytes, CLUSTER_SHARE_MAX);
    if (!begin(&o, m->bytes.len))
        return NULL;
    bytes_put_u64(&o, m->from);
    bytes_put_span(&o, m->bytes);
    return end(&o, len);
}

int peer_share_decode(struct span payload, struct peer_share *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->from = bytes_get_u64(&in);
    m->bytes = bytes_get_span(&in, CLUSTER_SHARE_MAX);
    return m->from != 0 ? result_of(&in) : WERR_CORRUPT;
}

char *peer_order_encode(const struct peer_order *m, size_t *len)
{
    struct bytes_out o;

    must_fit(m->bytes, CLUSTER_ORDER_MAX);
    if (!begin(&o, m->bytes.len))
        return NULL;
    bytes_put_u64(&o, m->number);
    bytes_put_u64(&o, m->from);
    bytes_put_u64(&o, m->to);
    put_error(&o, m->error);
    bytes_put_span(&o, m->bytes);
    return end(&o, len);
}

int peer_order_decode(struct span payload, struct peer_order *m)
{
    struct bytes_in in;

    bytes_in_init(&in, payload);
    m->number = bytes_get_u64(&in);
    m->from = bytes_get_u64(&in);
    m->to = bytes_get_u64(&in);
    m->error = get_error(&in);
    m->bytes = bytes_get_span(&in, CLUSTER_ORDER_MAX);
    if (m->number == 0 || m->from == 0 || m->to == 0)
        return WERR_CORRUPT;
    return result_of(&in);
}
