#include "codec/raw.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/slab.h"

struct raw_shared {
    struct codec_stream stream; /* the only one of each, which nobody keeps anything of */
    struct slab slab;
};

struct raw {
    struct codec codec; /* first: the two are cast into each other */
    struct raw_shared *shared;
    bool is_paused;
    bool has_ended; /* END or RESET was told */
};

static struct raw *raw_from(struct codec *c)
{
    return (struct raw *)(void *)c;
}

static void emit(struct raw *r, struct event *ev)
{
    ev->stream = &r->shared->stream;
    r->codec.up->event(&r->codec, ev);
}

/* ---- reading ---- */

static size_t feed(struct codec *c, struct span in)
{
    struct raw *r = raw_from(c);
    struct event ev = {.type = EVENT_BODY, .data = in};

    if (in.len == 0 || r->is_paused || r->has_ended)
        return 0;
    emit(r, &ev);
    return in.len;
}

static bool eof(struct codec *c, enum codec_eof how)
{
    struct raw *r = raw_from(c);
    struct event ev = {.type = EVENT_END};

    if (r->has_ended)
        return false;
    r->has_ended = true;
    if (how == CODEC_CUT)
        ev = (struct event){
            .type = EVENT_RESET, .error = WERR_EOF, .why = "connection cut within the stream"};
    emit(r, &ev);
    return true;
}

static void pause_reading(struct codec *c, struct codec_stream *st, bool paused)
{
    (void)st;
    raw_from(c)->is_paused = paused;
}

static uint64_t raw_in(const struct codec *c, const struct codec_stream *st)
{
    const struct raw *r = (const struct raw *)(const void *)c;

    (void)st;
    return r->is_paused || r->has_ended ? 0 : UINT64_MAX;
}

static void skip_in(struct codec *c, struct codec_stream *st, size_t n)
{
    struct event ev = {.type = EVENT_BODY, .data = {NULL, n}};

    MUST(n <= raw_in(c, st));
    emit(raw_from(c), &ev);
}

/* ---- writing ---- */

static size_t head_room(const struct codec *c, const struct msg *m)
{
    (void)c;
    (void)m;
    return 0;
}

/* There are no heads: whoever wants to send one takes this for another codec. */
static void send_head(struct codec *c, struct codec_stream *st, const struct msg *m,
                      struct outv *out)
{
    (void)c;
    (void)st;
    (void)out;
    MUST(m == NULL);
}

static void send_body(struct codec *c, struct codec_stream *st, struct span data,
                      uint64_t chunk_bytes, struct outv *out)
{
    (void)c;
    (void)st;
    (void)chunk_bytes;
    if (data.len > 0)
        outv_ref(out, data);
}

/* The end of the connection says it (conn_shut, conn_close). */
static void send_end(struct codec *c, struct codec_stream *st, const struct msg *trailers,
                     struct outv *out)
{
    (void)c;
    (void)st;
    (void)trailers;
    (void)out;
}

static uint64_t raw_out(const struct codec *c, const struct codec_stream *st)
{
    (void)c;
    (void)st;
    return UINT64_MAX;
}

static void skip_out(struct codec *c, struct codec_stream *st, size_t n)
{
    (void)c;
    (void)st;
    (void)n;
}

/* ---- life ---- */

static struct codec_stream *open_stream(struct codec *c, void *user)
{
    MUST(user == NULL);
    return &raw_from(c)->shared->stream;
}

static void done(struct codec *c, struct codec_stream *st)
{
    (void)c;
    (void)st;
}

static void close_after(struct codec *c)
{
    (void)c;
}

static bool can_reuse(const struct codec *c)
{
    (void)c;
    return false;
}

static void free_codec(struct codec *c)
{
    struct raw *r = raw_from(c);

    slab_put(&r->shared->slab, r);
}

static const struct codec_ops raw_ops = {
    .name = "raw",
    .feed = feed,
    .eof = eof,
    .pause = pause_reading,
    .head_room = head_room,
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .raw_in = raw_in,
    .skip_in = skip_in,
    .raw_out = raw_out,
    .skip_out = skip_out,
    .open = open_stream,
    .done = done,
    .close_after = close_after,
    .can_reuse = can_reuse,
    .free = free_codec,
};

/* ---- the kind ---- */

static void *kind_shared_new(struct bufq_store *store)
{
    struct raw_shared *s = fault_malloc(sizeof(*s));

    (void)store; /* what a peer does not take is the conn's to keep */
    if (s == NULL)
        return NULL;
    s->stream.user = NULL;
    slab_init(&s->slab, "raw", sizeof(struct raw), 0);
    return s;
}

static void kind_shared_free(void *shared)
{
    struct raw_shared *s = shared;

    if (s != NULL)
        slab_fini(&s->slab);
    free(s);
}

static struct codec *kind_make(void *shared, enum codec_role role,
                               const struct codec_limits *limits)
{
    struct raw_shared *s = shared;
    struct raw *r = slab_get(&s->slab);

    (void)role;
    (void)limits;
    if (r == NULL)
        return NULL;
    r->codec.ops = &raw_ops;
    r->shared = s;
    return &r->codec;
}

static unsigned kind_live_n(const void *shared)
{
    return ((const struct raw_shared *)shared)->slab.in_use;
}

static void kind_settle(void *shared)
{
    (void)slab_settle(&((struct raw_shared *)shared)->slab);
}

const struct codec_kind raw_kind = {
    .name = "raw",
    .shared_new = kind_shared_new,
    .shared_free = kind_shared_free,
    .make = kind_make,
    .live_n = kind_live_n,
    .settle = kind_settle,
};
