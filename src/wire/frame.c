#include "wire/frame.h"

#include "wire/fields.h"

/* Fields are written and read one by one, in the order of their structs. */

enum {
    HELLO_BYTES = 4 * 4 + 2 * 8, /* and the text */
    LOCAL_BYTES = 8 + 4 + 4,
    ADDRS_BYTES = 8 + 4 + 8, /* and for each address: */
    ADDR_BYTES = 2 + 2 + 16,
    ACK_BYTES = 3 * 8,
    UNLISTEN_BYTES = 8 + 4 + 4,
    NODE_BYTES = 8 + 4,
    LISTEN_BYTES = 8 + 4 + 4 + 2 + 2 + 16,
    PART_BYTES = 2 + 2 + 16 + 3 * 4,
    PARTED_BYTES = 2 + 2 + 16 + 2 * 4,
    DRAIN_BYTES = 4,
    NUMBER_BYTES = 8,
    INDEX_BYTES = 8,
    LOCAL_FLAGS = FRAME_LOCAL_UP | FRAME_LOCAL_GONE | FRAME_LOCAL_CUT | FRAME_LOCAL_UNTRIED |
                  FRAME_LOCAL_PASSED
};

int64_t frame_measure(struct span in, uint16_t *type)
{
    if (in.len < FRAME_HEADER_BYTES)
        return 0;
    const char *at = in.ptr;
    uint32_t length = get_u32(&at);
    uint16_t kind = get_u16(&at);
    uint16_t zero = get_u16(&at);
    if (length > FRAME_MAX_BYTES || kind < FRAME_HELLO || kind > FRAME_PARTED || zero != 0)
        return WERR_CORRUPT;
    *type = kind;
    return (int64_t)FRAME_HEADER_BYTES + length;
}

int64_t frame_parse(struct span in, uint16_t *type, struct span *payload)
{
    uint16_t kind = 0;
    int64_t bytes = frame_measure(in, &kind);
    if (bytes <= 0)
        return bytes;
    if (in.len < (size_t)bytes)
        return 0;
    *type = kind;
    *payload = span_skip(span_first(in, (size_t)bytes), FRAME_HEADER_BYTES);
    return bytes;
}

static size_t put_header(char *buf, uint16_t type, size_t length)
{
    MUST(length <= FRAME_MAX_BYTES);
    size_t at = put_u32(buf, 0, (uint32_t)length);
    at = put_u16(buf, at, type);
    return put_u16(buf, at, 0);
}

size_t frame_put_hello(char *buf, const struct frame_hello *h)
{
    size_t at = put_header(buf, FRAME_HELLO, HELLO_BYTES + h->trusted.len);
    at = put_u32(buf, at, h->worker_id);
    at = put_u32(buf, at, h->worker_n);
    at = put_u32(buf, at, h->log_level);
    at = put_u32(buf, at, h->drain_timeout_ms);
    at = put_u64(buf, at, h->seed);
    return put_u64(buf, at, h->proxy_listeners);
}

size_t frame_put_local(char *buf, const struct frame_local *l)
{
    size_t at = put_header(buf, FRAME_LOCAL, LOCAL_BYTES);
    at = put_u64(buf, at, l->server_id);
    at = put_u32(buf, at, l->stats_slot);
    return put_u32(buf, at, l->flags);
}

size_t frame_put_addrs(char *buf, const struct frame_addrs *a)
{
    size_t at = put_header(buf, FRAME_ADDRS, ADDRS_BYTES + (size_t)a->n * ADDR_BYTES);
    at = put_u64(buf, at, a->server_id);
    at = put_u32(buf, at, a->n);
    at = put_u64(buf, at, a->down);
    for (uint32_t i = 0; i < a->n; i++)
        at = put_addr(buf, at, &a->addrs[i]);
    return at;
}

size_t frame_put_ack(char *buf, const struct frame_ack *a)
{
    size_t at = put_header(buf, FRAME_ACK, ACK_BYTES);
    at = put_u64(buf, at, a->index);
    at = put_u64(buf, at, a->digest);
    return put_u64(buf, at, a->frames);
}

size_t frame_put_drain(char *buf, uint32_t limit_ms)
{
    return put_u32(buf, put_header(buf, FRAME_DRAIN, DRAIN_BYTES), limit_ms);
}

size_t frame_put_bye(char *buf)
{
    return put_header(buf, FRAME_BYE, 0);
}

size_t frame_put_ping(char *buf, uint64_t number)
{
    return put_u64(buf, put_header(buf, FRAME_PING, NUMBER_BYTES), number);
}

size_t frame_put_pong(char *buf, uint64_t number)
{
    return put_u64(buf, put_header(buf, FRAME_PONG, NUMBER_BYTES), number);
}

size_t frame_put_log(char *buf, uint64_t way)
{
    return put_u64(buf, put_header(buf, FRAME_LOG, NUMBER_BYTES), way);
}

size_t frame_put_log_wanted(char *buf)
{
    return put_header(buf, FRAME_LOG_WANTED, 0);
}

size_t frame_put_lacking(char *buf)
{
    return put_header(buf, FRAME_LACKING, 0);
}

size_t frame_put_resume(char *buf)
{
    return put_header(buf, FRAME_RESUME, 0);
}

size_t frame_put_listen(char *buf, const struct frame_listen *l)
{
    size_t at = put_header(buf, FRAME_LISTEN, LISTEN_BYTES);
    at = put_u64(buf, at, l->listener_id);
    at = put_u32(buf, at, l->socket_no);
    at = put_u32(buf, at, l->flags);
    return put_addr(buf, at, &l->bound);
}

size_t frame_put_unlisten(char *buf, const struct frame_unlisten *u)
{
    size_t at = put_header(buf, FRAME_UNLISTEN, UNLISTEN_BYTES);
    at = put_u64(buf, at, u->listener_id);
    at = put_u32(buf, at, u->socket_no);
    return put_u32(buf, at, u->flags);
}

size_t frame_put_node(char *buf, const struct frame_node *n)
{
    size_t at = put_header(buf, FRAME_NODE, NODE_BYTES);
    at = put_u64(buf, at, n->queue_bytes);
    return put_u32(buf, at, n->log_level);
}

size_t frame_put_part(char *buf, const struct frame_part *p)
{
    size_t at = put_header(buf, FRAME_PART, PART_BYTES);
    at = put_addr(buf, at, &p->address);
    at = put_u32(buf, at, p->number);
    at = put_u32(buf, at, p->phase);
    return put_u32(buf, at, p->limit_ms);
}

size_t frame_put_parted(char *buf, const struct frame_parted *p)
{
    size_t at = put_header(buf, FRAME_PARTED, PARTED_BYTES);
    at = put_addr(buf, at, &p->address);
    at = put_u32(buf, at, p->number);
    return put_u32(buf, at, p->left_n);
}

size_t frame_put_snapshot_head(char *buf, size_t snapshot_len)
{
    return put_header(buf, FRAME_SNAPSHOT, snapshot_len);
}

size_t frame_put_bytes_head(char *buf, uint16_t type, size_t bytes_len)
{
    return put_header(buf, type, bytes_len);
}

size_t frame_put_apply_head(char *buf, uint64_t index, size_t entry_len)
{
    return put_u64(buf, put_header(buf, FRAME_APPLY, INDEX_BYTES + entry_len), index);
}

int frame_get_hello(struct span payload, struct frame_hello *h)
{
    if (payload.len < HELLO_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    h->worker_id = get_u32(&at);
    h->worker_n = get_u32(&at);
    h->log_level = get_u32(&at);
    h->drain_timeout_ms = get_u32(&at);
    h->seed = get_u64(&at);
    h->proxy_listeners = get_u64(&at);
    h->trusted = span_skip(payload, HELLO_BYTES);
    return 0;
}

int frame_get_local(struct span payload, struct frame_local *l)
{
    if (payload.len != LOCAL_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    l->server_id = get_u64(&at);
    l->stats_slot = get_u32(&at);
    l->flags = get_u32(&at);
    return (l->flags & ~(uint32_t)LOCAL_FLAGS) == 0 ? 0 : WERR_CORRUPT;
}

int frame_get_addrs(struct span payload, struct frame_addrs *a)
{
    if (payload.len < ADDRS_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    a->server_id = get_u64(&at);
    a->n = get_u32(&at);
    a->down = get_u64(&at);
    if (a->n == 0 || a->n > FRAME_ADDRS_N ||
        payload.len != ADDRS_BYTES + (size_t)a->n * ADDR_BYTES)
        return WERR_CORRUPT;
    if (a->n < 64 && a->down >> a->n != 0)
        return WERR_CORRUPT;
    for (uint32_t i = 0; i < a->n; i++)
        if (get_addr(&at, &a->addrs[i]) < 0)
            return WERR_CORRUPT;
    return 0;
}

int frame_get_ack(struct span payload, struct frame_ack *a)
{
    if (payload.len != ACK_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    a->index = get_u64(&at);
    a->digest = get_u64(&at);
    a->frames = get_u64(&at);
    return 0;
}

int frame_get_drain(struct span payload, uint32_t *limit_ms)
{
    if (payload.len != DRAIN_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    *limit_ms = get_u32(&at);
    return 0;
}

int frame_get_apply(struct span payload, uint64_t *index, struct span *entry)
{
    if (payload.len < INDEX_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    *index = get_u64(&at);
    *entry = span_skip(payload, INDEX_BYTES);
    return 0;
}

int frame_get_listen(struct span payload, struct frame_listen *l)
{
    if (payload.len != LISTEN_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    l->listener_id = get_u64(&at);
    l->socket_no = get_u32(&at);
    l->flags = get_u32(&at);
    return l->flags == 0 ? get_addr(&at, &l->bound) : WERR_CORRUPT;
}

int frame_get_unlisten(struct span payload, struct frame_unlisten *u)
{
    if (payload.len != UNLISTEN_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    u->listener_id = get_u64(&at);
    u->socket_no = get_u32(&at);
    u->flags = get_u32(&at);
    return u->flags == 0 ? 0 : WERR_CORRUPT;
}

int frame_get_node(struct span payload, struct frame_node *n)
{
    if (payload.len != NODE_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    n->queue_bytes = get_u64(&at);
    n->log_level = get_u32(&at);
    return 0;
}

int frame_get_part(struct span payload, struct frame_part *p)
{
    if (payload.len != PART_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    int rc = get_addr(&at, &p->address);
    p->number = get_u32(&at);
    p->phase = get_u32(&at);
    p->limit_ms = get_u32(&at);
    return p->address.port == 0 && p->phase < FRAME_PART_PHASES ? rc : WERR_CORRUPT;
}

int frame_get_parted(struct span payload, struct frame_parted *p)
{
    if (payload.len != PARTED_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    int rc = get_addr(&at, &p->address);
    p->number = get_u32(&at);
    p->left_n = get_u32(&at);
    return p->address.port == 0 ? rc : WERR_CORRUPT;
}

int frame_get_number(struct span payload, uint64_t *number)
{
    if (payload.len != NUMBER_BYTES)
        return WERR_CORRUPT;
    const char *at = payload.ptr;
    *number = get_u64(&at);
    return 0;
}

const char *frame_part_word(enum frame_part_phase phase)
{
    static const char *const words[] = {
#define PHASE(name, word) word,
#include "wire/part_phases.def"
#undef PHASE
    };

    MUST(phase < FRAME_PART_PHASES);
    return words[phase];
}
