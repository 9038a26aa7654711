#include "codec/h1.h"

#include "base/fault.h"
#include "codec/h1_int.h"
#include "codec/h1_scan.h"

struct h1_workspace *h1_workspace_new(void)
{
    return fault_malloc(sizeof(struct h1_workspace));
}

void h1_workspace_free(struct h1_workspace *w)
{
    free(w);
}

size_t h1_bytes(void)
{
    return sizeof(struct h1);
}

static void pause_reading(struct codec *c, bool paused)
{
    struct h1 *h = h1_from(c);
    if (paused)
        h->flags |= H1_PAUSED;
    else
        h->flags &= (uint16_t)~H1_PAUSED;
}

static bool has_ended(const struct h1 *h)
{
    return h->reading == H1_READ_END && h->writing == H1_WRITE_END;
}

static bool can_reuse(const struct codec *c)
{
    const struct h1 *h = (const struct h1 *)(const void *)c;
    return has_ended(h) && (h->flags & H1_READ_KEEP) &&
           !(h->flags & (H1_CLOSE_AFTER | H1_WRITE_BROKEN | H1_WRITE_CLOSES));
}

static void next_message(struct codec *c)
{
    struct h1 *h = h1_from(c);
    MUST(has_ended(h));
    h1_read_move(h, H1_READ_HEAD, "next message");
    h->writing = H1_WRITE_HEAD;
    h->flags &= H1_LASTING;
    h->in_left = 0;
    h->out_left = 0;
    h->line_start = 0;
    h->looked = 0;
    h->line_n = 0;
}

static void free_codec(struct codec *c)
{
    struct h1 *h = h1_from(c);
    slab_put(h->slab, h);
}

static const struct codec_ops h1_ops = {
    .name = "h1",
    .feed = h1_read_feed,
    .eof = h1_read_eof,
    .pause = pause_reading,
    .head_room = h1_write_head_room,
    .send_head = h1_write_head,
    .send_body = h1_write_body,
    .send_end = h1_write_end,
    .raw_in = h1_body_raw,
    .skip_in = h1_body_skip,
    .raw_out = h1_write_raw,
    .skip_out = h1_write_skip,
    .next = next_message,
    .can_reuse = can_reuse,
    .free = free_codec,
};

struct codec *h1_new(struct slab *slab, struct h1_workspace *w, enum codec_role role,
                     const struct codec_limits *limits)
{
    MUST(limits->fields <= MSG_FIELDS_MAX);
    h1_scan_choose();
    struct h1 *h = slab_get(slab);
    if (h == NULL)
        return NULL;
    h->codec.ops = &h1_ops;
    h->slab = slab;
    h->workspace = w;
    h->limits = limits;
    h->role = (uint8_t)role;
    return &h->codec;
}

void h1_close_after(struct codec *c)
{
    h1_from(c)->flags |= H1_CLOSE_AFTER;
}
