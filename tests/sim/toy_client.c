#include "toy_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"

enum { OUT_BYTES = 256 * 1024, PIECE_BYTES = 5000 };

/* ---- what is not to count as the worker's ---- */

static unsigned hold_faults(void)
{
    unsigned armed = fault_countdown;

    fault_set(0);
    return armed;
}

/* ---- sending ---- */

static void send_out(struct toy_client *t)
{
    for (unsigned i = 0; i < t->out.n; i++)
        text_add(&t->base.peer.out, span_from(t->out.iov[i].iov_base, t->out.iov[i].iov_len));
    outv_clear(&t->out);
}

static void send_piece(struct toy_ask *a)
{
    struct text body = {0};
    size_t at = a->total - a->left;
    size_t n = a->left < PIECE_BYTES ? a->left : PIECE_BYTES;

    fake_body(&body, a->id, at + n);
    codec_send_body(a->client->codec, a->st, span_skip(text_span(&body), at), 0,
                    &a->client->out);
    send_out(a->client);
    text_free(&body);
    a->left -= n;
}

static void finish(struct toy_ask *a)
{
    if (a->st == NULL || !a->has_ended || !a->has_sent || a->is_full)
        return;
    codec_done(a->client->codec, a->st);
    a->st = NULL;
}

static void pump(struct toy_ask *a)
{
    while (a->st != NULL && a->left > 0 && !a->is_full)
        send_piece(a);
    if (a->st != NULL && a->left == 0 && !a->has_sent) {
        codec_send_end(a->client->codec, a->st, NULL, &a->client->out);
        send_out(a->client);
        a->has_sent = true;
    }
    finish(a);
}

/* What the codec has to say, and what there is credit for now. */
static void flush(struct toy_client *t)
{
    bool has_more = true;

    if (t->is_broken)
        return;
    while (has_more) {
        has_more = codec_output(t->codec, &t->out);
        send_out(t);
    }
    for (unsigned i = 0; i < t->n; i++)
        pump(&t->asks[i]);
    while (codec_output(t->codec, &t->out))
        send_out(t);
    send_out(t);
    peer_say(&t->base.peer, SPAN_NONE);
}

/* ---- hearing ---- */

static void copy_field(const struct msg *m, const char *name, char *to, size_t cap)
{
    for (unsigned i = 0; i < m->field_n; i++)
        if (span_is_equal_nocase(msg_field_name(m, &m->fields[i]), span_from_str(name))) {
            struct span value = msg_field_value(m, &m->fields[i]);

            (void)snprintf(to, cap, "%.*s", (int)value.len, value.ptr);
        }
}

static void take_head(struct toy_ask *a, const struct msg *m)
{
    char id[24] = "-1";

    CHECK(a->status == 0);
    a->status = m->status;
    copy_field(m, "X-Id", id, sizeof(id));
    a->got_id = strtol(id, NULL, 10);
    copy_field(m, "Weldr-Error", a->error_word, sizeof(a->error_word));
    if (a->pauses_at_head)
        codec_pause(a->client->codec, a->st, true);
}

static void on_event(struct codec *c, struct event *ev)
{
    struct toy_client *t = c->owner;
    struct toy_ask *a;

    if (ev->stream == NULL) {
        t->is_broken = true;
        return;
    }
    a = ev->stream->user;
    if (ev->type == EVENT_HEAD)
        take_head(a, ev->msg);
    if (ev->type == EVENT_BODY)
        text_add(&a->body, ev->data);
    if (ev->type == EVENT_END || (ev->type == EVENT_HEAD && ev->is_whole)) {
        CHECK(!a->has_ended);
        a->has_ended = true;
    }
    if (ev->type != EVENT_RESET)
        return;
    a->error = ev->error;
    codec_done(c, a->st);
    a->st = NULL;
}

static void on_flow(struct codec *c, struct codec_stream *st, bool is_full)
{
    (void)c;
    ((struct toy_ask *)st->user)->is_full = is_full;
}

static const struct codec_owner_ops owner_ops = {.event = on_event, .flow = on_flow};

static void on_bytes(struct peer *p)
{
    struct toy_client *t = (struct toy_client *)(void *)p;
    unsigned armed = hold_faults();
    size_t used;

    text_add(&t->unread, text_span(&p->in));
    p->in.len = 0;
    used = codec_feed(t->codec, text_span(&t->unread));
    memmove(t->unread.ptr, t->unread.ptr + used, t->unread.len - used);
    t->unread.len -= used;
    flush(t);
    fault_set(armed);
}

/* ---- */

struct world *toy_world_new(const struct world_setup *setup)
{
    static const struct world_setup usual = {.seed = 1, .server_n = 1};
    struct world_setup s = setup != NULL ? *setup : usual;

    s.client_kind = &toy_kind;
    return world_new(&s);
}

struct world *toy_world(const struct world_setup *setup)
{
    struct world *w = toy_world_new(setup);

    CHECK(world_start(w) == 0);
    return w;
}

struct toy_client *toy_client(struct world *w)
{
    struct toy_client *t = calloc(1, sizeof(*t));
    unsigned armed = hold_faults();

    MUST(t);
    t->w = w;
    t->store = bufq_store_new(0);
    t->shared = codec_shared_new(t->store);
    MUST(codec_shared_put(t->shared, CODEC_H1, CODEC_CLIENT, &toy_kind) == 0);
    t->codec = codec_new(t->shared, CODEC_H1, CODEC_CLIENT, &codec_limits_response);
    MUST(t->codec && outv_init(&t->out, OUT_BYTES) == 0);
    t->codec->up = &owner_ops;
    t->codec->owner = t;
    t->base.peer.on_bytes = on_bytes;
    t->base.peer.has_header = w->setup.is_behind_proxy;
    LIST_INSERT_HEAD(&w->clients, &t->base, entry);
    fault_set(armed);
    peer_connect(&t->base.peer, w->loop, &w->listen);
    return t;
}

void toy_client_free(struct toy_client *t)
{
    t->base.peer.on_bytes = NULL;
    codec_free(t->codec);
    codec_shared_free(t->shared);
    bufq_store_free(t->store);
    outv_fini(&t->out);
    text_free(&t->unread);
    for (unsigned i = 0; i < t->n; i++)
        text_free(&t->asks[i].body);
}

static void send_head(struct toy_ask *a, const char *target)
{
    char text[300];
    int n = snprintf(text, sizeof(text), "%s%s", a->total > 0 ? "PUT" : "GET", target);
    struct msg_field none = {0};
    struct msg m = {.base = text,
                    .base_len = (uint32_t)n,
                    .version = 11,
                    .method_len = 3,
                    .target_off = 3,
                    .target_len = (uint32_t)n - 3,
                    .fields = &none,
                    .content_length = a->total};

    if (a->total > 0) {
        m.body = MSG_BODY_LENGTH;
        m.flags = MSG_HAS_LENGTH;
    }
    MUST(msg_add(&m, SPAN("Host"), SPAN("h")) == 0);
    codec_send_head(a->client->codec, a->st, &m, &a->client->out);
    send_out(a->client);
    a->has_sent = a->total == 0;
}

struct toy_ask *toy_ask(struct toy_client *t, const char *target, size_t upload)
{
    struct toy_ask *a = &t->asks[t->n++];
    unsigned armed = hold_faults();

    CHECK(t->n <= TOY_ASKS);
    *a = (struct toy_ask){.client = t,
                          .id = strtoul(strrchr(target, '/') + 1, NULL, 10),
                          .left = upload,
                          .total = upload};
    a->st = t->is_broken ? NULL : codec_open(t->codec, a);
    a->has_begun = a->st != NULL;
    if (a->st != NULL) {
        send_head(a, target);
        flush(t);
    }
    fault_set(armed);
    return a;
}

struct toy_ask *toy_askf(struct toy_client *t, size_t upload, const char *format, ...)
{
    char target[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(target, sizeof(target), format, args);
    va_end(args);
    return toy_ask(t, target, upload);
}

void toy_pause(struct toy_ask *a, bool paused)
{
    unsigned armed = hold_faults();

    if (a->st != NULL) {
        codec_pause(a->client->codec, a->st, paused);
        flush(a->client);
    }
    fault_set(armed);
}

void toy_cancel(struct toy_ask *a)
{
    unsigned armed = hold_faults();

    if (a->st != NULL) {
        codec_reset(a->client->codec, a->st, CODEC_CANCELLED);
        a->st = NULL;
        flush(a->client);
    }
    fault_set(armed);
}

void toy_say_garbage(struct toy_client *t)
{
    peer_say(&t->base.peer, SPAN("GET / HTTP/1.1\r\n\r\n"));
}

bool toy_is_right(const struct toy_ask *a)
{
    struct text want = {0};
    bool is_right;

    fake_body(&want, a->id, a->body.len);
    is_right = a->body.len == 0 || memcmp(want.ptr, a->body.ptr, want.len) == 0;
    text_free(&want);
    return is_right && (a->got_id == -1 || a->status == 0 || a->got_id == (long)a->id);
}

bool toy_is_whole(const struct toy_ask *a, size_t bytes)
{
    return a->has_ended && a->error == 0 && a->status == 200 && a->got_id == (long)a->id &&
           a->body.len == bytes && toy_is_right(a);
}
