#include "manager/views_message.h"

void views_message_begin(struct views_message_out *m, uint64_t life, bool asks)
{
    bytes_out_init(&m->out, m->buf, sizeof(m->buf));
    bytes_put_u64(&m->out, life);
    bytes_put_u8(&m->out, asks);
}

bool views_message_is_full(const struct views_message_out *m)
{
    return m->out.cap - m->out.len < VIEWS_MESSAGE_ITEM_BYTES;
}

void views_message_add(struct views_message_out *m, const struct views_message_item *item)
{
    MUST(item->view < HEALTH_VIEWS && !views_message_is_full(m));
    bytes_put_u64(&m->out, item->id);
    bytes_put_u8(&m->out, item->view);
    bytes_put_u64(&m->out, item->since_us);
}

struct span views_message_bytes(const struct views_message_out *m)
{
    return span_from(m->out.buf, m->out.len);
}

static void get_item(struct bytes_in *in, struct views_message_item *item)
{
    item->id = bytes_get_u64(in);
    item->view = bytes_get_u8(in);
    item->since_us = bytes_get_u64(in);
    if (item->view >= HEALTH_VIEWS)
        bytes_in_spoil(in);
}

/* All of it is read before anything of it is followed. */
int views_message_read(struct span bytes, struct views_message *m)
{
    struct views_message_item item;

    if (bytes.len > VIEWS_MESSAGE_BYTES_MAX)
        return WERR_CORRUPT;
    bytes_in_init(&m->items, bytes);
    m->life = bytes_get_u64(&m->items);
    m->asks = bytes_get_bool(&m->items);
    struct bytes_in rest = m->items;
    while (!rest.is_bad && rest.rest.len > 0)
        get_item(&rest, &item);
    return bytes_in_is_done(&rest) ? 0 : WERR_CORRUPT;
}

bool views_message_next(struct views_message *m, struct views_message_item *item)
{
    if (m->items.rest.len == 0)
        return false;
    get_item(&m->items, item);
    return true;
}
