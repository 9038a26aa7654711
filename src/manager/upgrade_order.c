#include "manager/upgrade_order.h"

#include <string.h>

#include "cluster/bytes.h"

/* Nothing else reaches a terminal, whatever path or version it is about. */
static void put_text(struct bytes_out *o, const char *text)
{
    char shown[UPGRADE_SAID_WHY_MAX];
    const size_t len = strnlen(text, sizeof(shown));

    for (size_t i = 0; i < len; i++) {
        shown[i] = text[i];
        if (text[i] < ' ' || text[i] > '~')
            shown[i] = '?';
    }
    bytes_put_span(o, span_from(shown, len));
}

static void get_text(struct bytes_in *in, char *text, size_t size)
{
    const struct span s = bytes_get_span(in, size - 1);

    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            bytes_in_spoil(in);
    if (span_to_str(s, text, size) < 0)
        bytes_in_spoil(in);
}

struct span upgrade_order_put(const struct upgrade_order *o, char buf[UPGRADE_ORDER_BYTES_MAX])
{
    struct bytes_out out;

    MUST(o->kind < UPGRADE_ORDER_KINDS);
    bytes_out_init(&out, buf, UPGRADE_ORDER_BYTES_MAX);
    bytes_put_u8(&out, o->kind);
    bytes_put_span(&out, span_from_str(o->binary));
    return span_from(buf, out.len);
}

int upgrade_order_get(struct span bytes, struct upgrade_order *o)
{
    struct bytes_in in;

    bytes_in_init(&in, bytes);
    o->kind = bytes_get_u8(&in);
    const struct span binary = bytes_get_span(&in, sizeof(o->binary) - 1);
    if (span_to_str(binary, o->binary, sizeof(o->binary)) < 0 || o->kind >= UPGRADE_ORDER_KINDS)
        return WERR_CORRUPT;
    return bytes_in_is_done(&in) ? 0 : WERR_CORRUPT;
}

struct span upgrade_said_put(const struct upgrade_said *s, char buf[UPGRADE_SAID_BYTES_MAX])
{
    struct bytes_out out;

    MUST(s->result < UPGRADE_RESULTS);
    bytes_out_init(&out, buf, UPGRADE_SAID_BYTES_MAX);
    bytes_put_u8(&out, s->result);
    put_text(&out, s->why);
    put_text(&out, s->phase);
    bytes_put_u8(&out, s->is_ready);
    bytes_put_u8(&out, s->has_leader);
    bytes_put_u8(&out, s->is_halted);
    bytes_put_u64(&out, s->applied);
    bytes_put_u8(&out, s->has_predecessor);
    bytes_put_u64(&out, s->pid);
    bytes_put_u64(&out, s->done_n);
    bytes_put_u64(&out, s->failed_n);
    put_text(&out, s->version);
    bytes_put_u8(&out, s->level);
    put_text(&out, s->failure);
    put_text(&out, s->offered_version);
    bytes_put_u8(&out, s->offered_level);
    return span_from(buf, out.len);
}

int upgrade_said_get(struct span bytes, struct upgrade_said *s)
{
    struct bytes_in in;

    bytes_in_init(&in, bytes);
    s->result = bytes_get_u8(&in);
    get_text(&in, s->why, sizeof(s->why));
    get_text(&in, s->phase, sizeof(s->phase));
    s->is_ready = bytes_get_bool(&in);
    s->has_leader = bytes_get_bool(&in);
    s->is_halted = bytes_get_bool(&in);
    s->applied = bytes_get_u64(&in);
    s->has_predecessor = bytes_get_bool(&in);
    s->pid = bytes_get_u64(&in);
    s->done_n = bytes_get_u64(&in);
    s->failed_n = bytes_get_u64(&in);
    get_text(&in, s->version, sizeof(s->version));
    s->level = bytes_get_u8(&in);
    get_text(&in, s->failure, sizeof(s->failure));
    get_text(&in, s->offered_version, sizeof(s->offered_version));
    s->offered_level = bytes_get_u8(&in);
    return bytes_in_is_done(&in) && s->result < UPGRADE_RESULTS ? 0 : WERR_CORRUPT;
}
