#include "codec/h1.h"

#include <stdlib.h>

#include "base/fault.h"
#include "codec/h1_int.h"
#include "codec/h1_scan.h"

struct h1_shared *h1_shared_new(unsigned max)
{
    struct h1_shared *s = fault_malloc(sizeof(*s));

    if (s == NULL)
        return NULL;
    s->stream.user = NULL;
    slab_init(&s->slab, "h1", sizeof(struct h1), max);
    return s;
}

void h1_shared_free(struct h1_shared *s)
{
    if (s != NULL)
        slab_fini(&s->slab);
    free(s);
}

size_t h1_bytes(void)
{
    return sizeof(struct h1);
}

static void pause_reading(struct codec *c, struct codec_stream *st, bool paused)
{
    struct h1 *h = h1_from(c);

    (void)st;
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

static void next_message(struct codec *c, struct codec_stream *st)
{
    struct h1 *h = h1_from(c);

    (void)st;
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

static struct codec_stream *open_stream(struct codec *c, void *user)
{
    struct h1 *h = h1_from(c);

    MUST(h->role == CODEC_CLIENT && user == NULL);
    if (h->writing != H1_WRITE_HEAD || h->reading != H1_READ_HEAD)
        return NULL;
    return &h->shared->stream;
}

static void close_after(struct codec *c)
{
    h1_from(c)->flags |= H1_CLOSE_AFTER;
}

static void free_codec(struct codec *c)
{
    struct h1 *h = h1_from(c);

    slab_put(&h->shared->slab, h);
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
    .open = open_stream,
    .done = next_message,
    .close_after = close_after,
    .can_reuse = can_reuse,
    .free = free_codec,
};

struct codec *h1_new(struct h1_shared *s, enum codec_role role,
                     const struct codec_limits *limits)
{
    MUST(limits->fields <= MSG_FIELDS_MAX);
    h1_scan_choose();
    struct h1 *h = slab_get(&s->slab);
    if (h == NULL)
        return NULL;
    h->codec.ops = &h1_ops;
    h->shared = s;
    h->limits = limits;
    h->role = (uint8_t)role;
    return &h->codec;
}

/* ---- the kind ---- */

static void *kind_shared_new(struct bufq_store *store)
{
    (void)store; /* what a peer does not take is the conn's to keep */
    return h1_shared_new(0);
}

static void kind_shared_free(void *shared)
{
    h1_shared_free(shared);
}

static struct codec *kind_make(void *shared, enum codec_role role,
                               const struct codec_limits *limits)
{
    return h1_new(shared, role, limits);
}

static unsigned kind_live_n(const void *shared)
{
    return ((const struct h1_shared *)shared)->slab.in_use;
}

static void kind_settle(void *shared)
{
    (void)slab_settle(&((struct h1_shared *)shared)->slab);
}

const struct codec_kind h1_kind = {
    .name = "h1",
    .shared_new = kind_shared_new,
    .shared_free = kind_shared_free,
    .make = kind_make,
    .live_n = kind_live_n,
    .settle = kind_settle,
};
