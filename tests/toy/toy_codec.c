#include "toy_codec.h"

#include <stdlib.h>

#include "base/fault.h"
#include "toy_int.h"

/* ---- streams ---- */

struct toy_stream *toy_find(const struct toy *t, uint32_t id)
{
    struct toy_stream *s = t->streams;

    while (s != NULL && s->id != id)
        s = s->next;
    return s;
}

struct toy_stream *toy_begin(struct toy *t, uint32_t id)
{
    struct toy_stream *s =
        t->stream_n < TOY_STREAMS_MAX && !t->is_closing ? fault_malloc(sizeof(*s)) : NULL;

    if (s == NULL)
        return NULL;
    *s = (struct toy_stream){.id = id,
                             .in_left = TOY_CREDIT_BYTES,
                             .out_left = TOY_CREDIT_BYTES,
                             .next = t->streams};
    bufq_init(&s->kept);
    t->streams = s;
    t->stream_n++;
    return s;
}

void toy_forget(struct toy *t, struct toy_stream *s)
{
    struct toy_stream **at = &t->streams;

    while (*at != NULL && *at != s)
        at = &(*at)->next;
    MUST(*at == s && t->stream_n > 0);
    *at = s->next;
    t->stream_n--;
    bufq_fini(&s->kept, t->shared->store);
    free(s);
}

static struct codec_stream *open_stream(struct codec *c, void *user)
{
    struct toy *t = toy_from(c);
    struct toy_stream *s;

    MUST(t->role == CODEC_CLIENT);
    s = t->is_broken ? NULL : toy_begin(t, t->last_id + 1);
    if (s == NULL)
        return NULL;
    t->last_id++;
    s->stream.user = user;
    return &s->stream;
}

static void done(struct codec *c, struct codec_stream *st)
{
    struct toy_stream *s = toy_stream_from(st);

    MUST(s->reset_told || toy_from(c)->is_broken ||
         (s->in_ended && s->out_ended && !s->end_is_due && bufq_len(&s->kept) == 0));
    toy_forget(toy_from(c), s);
}

static void reset(struct codec *c, struct codec_stream *st, enum codec_why why)
{
    struct toy_stream *s = toy_stream_from(st);

    if (!s->reset_told)
        toy_say(toy_from(c), TOY_RESET, s->id, why);
    toy_forget(toy_from(c), s);
}

static void pause_stream(struct codec *c, struct codec_stream *st, bool paused)
{
    if (st != NULL)
        toy_stream_from(st)->paused = paused;
    else
        toy_from(c)->paused = paused;
}

/* ---- the connection ---- */

/* Its streams end with it, as the owner knows. */
static bool eof(struct codec *c, enum codec_eof how)
{
    (void)c;
    (void)how;
    return false;
}

static uint64_t raw(const struct codec *c, const struct codec_stream *st)
{
    (void)c;
    (void)st;
    return 0;
}

static void skip(struct codec *c, struct codec_stream *st, size_t n)
{
    (void)c;
    (void)st;
    MUST(n == 0);
}

static void close_after(struct codec *c)
{
    struct toy *t = toy_from(c);

    MUST(t->role == CODEC_SERVER);
    if (!t->is_closing)
        toy_say(t, TOY_GOAWAY, 0, t->last_id);
    t->is_closing = true;
}

static bool can_reuse(const struct codec *c)
{
    return !toy_of(c)->is_closing && !toy_of(c)->is_broken;
}

static void free_codec(struct codec *c)
{
    struct toy *t = toy_from(c);

    while (t->streams != NULL)
        toy_forget(t, t->streams);
    bufq_fini(&t->own, t->shared->store);
    t->shared->live_n--;
    free(t);
}

unsigned toy_stream_n(const struct codec *c)
{
    return toy_of(c)->stream_n;
}

static size_t kept(const struct codec *c, const struct codec_stream *st)
{
    (void)c;
    return toy_kept_bytes(st);
}

size_t toy_kept_bytes(const struct codec_stream *st)
{
    return bufq_len(&((const struct toy_stream *)(const void *)st)->kept);
}

static const struct codec_ops toy_ops = {
    .name = "toy",
    .has_many = true,
    .feed = toy_feed,
    .eof = eof,
    .pause = pause_stream,
    .head_room = toy_head_room,
    .send_head = toy_send_head,
    .send_body = toy_send_body,
    .send_end = toy_send_end,
    .output = toy_output,
    .kept = kept,
    .raw_in = raw,
    .skip_in = skip,
    .raw_out = raw,
    .skip_out = skip,
    .open = open_stream,
    .done = done,
    .reset = reset,
    .close_after = close_after,
    .can_reuse = can_reuse,
    .free = free_codec,
};

/* ---- the kind ---- */

static void shared_free(void *shared)
{
    free(shared);
}

static void *shared_new(struct bufq_store *store)
{
    struct toy_shared *s = calloc(1, sizeof(*s));

    if (s != NULL)
        s->store = store;
    return s;
}

static struct codec *make(void *shared, enum codec_role role, const struct codec_limits *limits)
{
    struct toy_shared *s = shared;
    struct toy *t = fault_malloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    *t = (struct toy){.codec.ops = &toy_ops, .shared = s, .limits = limits, .role = role};
    bufq_init(&t->own);
    s->live_n++;
    return &t->codec;
}

static unsigned live_n(const void *shared)
{
    return ((const struct toy_shared *)shared)->live_n;
}

static void settle(void *shared)
{
    (void)shared;
}

const struct codec_kind toy_kind = {
    .name = "toy",
    .shared_new = shared_new,
    .shared_free = shared_free,
    .make = make,
    .live_n = live_n,
    .settle = settle,
};
