#include "manager/succession.h"

#include <string.h>

#include "cluster/bytes.h"

static const struct {
    const char *word;
    bool has_fd;
} messages[] = {
#define MESSAGE(name, descriptor, says) {#name, descriptor},
#include "manager/succession.def"
#undef MESSAGE
};

bool succession_has_fd(enum succession_type type)
{
    MUST(type < SUCCESSION_TYPES);
    return messages[type].has_fd;
}

const char *succession_word(enum succession_type type)
{
    MUST(type < SUCCESSION_TYPES);
    return messages[type].word;
}

/* ---- written ---- */

static void put_node(struct bytes_out *o, const struct succession_node *n)
{
    bytes_put_u32(o, n->pid);
    bytes_put_u32(o, n->workers);
    bytes_put_u32(o, n->slots);
    bytes_put_u32(o, n->log_level);
    bytes_put_u64(o, n->queue_bytes);
    bytes_put_u64(o, n->done_n);
    bytes_put_u64(o, n->failed_n);
    bytes_put_span(o, span_from_str(n->version));
}

static void put_listener(struct bytes_out *o, const struct succession_listener *l)
{
    bytes_put_u8(o, l->use);
    bytes_put_u32(o, l->slot);
    bytes_put_addr(o, &l->wanted);
    bytes_put_addr(o, &l->bound);
    bytes_put_span(o, l->name);
}

size_t succession_put(char *buf, const struct succession *s)
{
    struct bytes_out o;

    MUST(s->text.len <= SUCCESSION_TEXT_MAX);
    bytes_out_init(&o, buf, SUCCESSION_MAX_BYTES);
    bytes_put_u8(&o, s->type);
    switch ((enum succession_type)s->type) {
    case SUCCESSION_HELLO:
        bytes_put_u32(&o, s->protocol);
        bytes_put_span(&o, s->text);
        break;
    case SUCCESSION_NODE:
        put_node(&o, &s->node);
        break;
    case SUCCESSION_LISTENER:
        put_listener(&o, &s->listener);
        break;
    case SUCCESSION_KEYS:
        bytes_put_span(&o, s->seal);
        bytes_put_span(&o, s->text);
        break;
    case SUCCESSION_TOKEN:
        bytes_put_span(&o, s->text);
        break;
    case SUCCESSION_SNAPSHOT:
        bytes_put_u64(&o, s->index);
        break;
    default: /* the type says it all */
        break;
    }
    return o.len;
}

/* ---- read ---- */

static void get_version(struct bytes_in *in, struct succession_node *n)
{
    const struct span text = bytes_get_span(in, sizeof(n->version) - 1);

    if (span_to_str(text, n->version, sizeof(n->version)) < 0)
        bytes_in_spoil(in);
}

static void get_node(struct bytes_in *in, struct succession_node *n)
{
    n->pid = bytes_get_u32(in);
    n->workers = bytes_get_u32(in);
    n->slots = bytes_get_u32(in);
    n->log_level = bytes_get_u32(in);
    n->queue_bytes = bytes_get_u64(in);
    n->done_n = bytes_get_u64(in);
    n->failed_n = bytes_get_u64(in);
    get_version(in, n);
    if (n->workers > n->slots)
        bytes_in_spoil(in);
}

static void get_listener(struct bytes_in *in, struct succession_listener *l)
{
    l->use = bytes_get_u8(in);
    l->slot = bytes_get_u32(in);
    bytes_get_addr(in, &l->wanted);
    bytes_get_addr(in, &l->bound);
    l->name = bytes_get_span(in, SUCCESSION_TEXT_MAX);
}

static void get_fields(struct bytes_in *in, struct succession *s)
{
    switch ((enum succession_type)s->type) {
    case SUCCESSION_HELLO:
        s->text = bytes_get_span(in, SUCCESSION_TEXT_MAX);
        break;
    case SUCCESSION_NODE:
        get_node(in, &s->node);
        break;
    case SUCCESSION_LISTENER:
        get_listener(in, &s->listener);
        break;
    case SUCCESSION_KEYS:
        s->seal = bytes_get_span(in, SUCCESSION_TEXT_MAX);
        s->text = bytes_get_span(in, SUCCESSION_TEXT_MAX);
        break;
    case SUCCESSION_TOKEN:
        s->text = bytes_get_span(in, SUCCESSION_TEXT_MAX);
        break;
    case SUCCESSION_SNAPSHOT:
        s->index = bytes_get_u64(in);
        break;
    default:
        break;
    }
}

int succession_get(struct span bytes, struct succession *s)
{
    struct bytes_in in;

    *s = (struct succession){0};
    bytes_in_init(&in, bytes);
    s->type = bytes_get_u8(&in);
    if (in.is_bad || s->type >= SUCCESSION_TYPES)
        return WERR_CORRUPT;
    if (s->type == SUCCESSION_HELLO) {
        s->protocol = bytes_get_u32(&in);
        if (!in.is_bad && s->protocol != SUCCESSION_PROTOCOL)
            return 0; /* the rest may be anything */
    }
    get_fields(&in, s);
    return bytes_in_is_done(&in) ? 0 : WERR_CORRUPT;
}
