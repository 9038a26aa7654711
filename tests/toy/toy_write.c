#include "base/num.h"
#include "toy_int.h"

enum { TOY_DATA_MAX_BYTES = 16 * 1024 };

static char *put_u32(char *at, uint32_t n)
{
    at[0] = (char)(n >> 24);
    at[1] = (char)(n >> 16);
    at[2] = (char)(n >> 8);
    at[3] = (char)n;
    return at + 4;
}

void toy_put_frame(char *at, enum toy_type type, uint8_t flags, uint32_t id, size_t n)
{
    put_u32(at, (uint32_t)n << 8);
    at[3] = (char)type;
    at[4] = (char)flags;
    put_u32(at + 5, id);
}

void toy_say(struct toy *t, enum toy_type type, uint32_t id, uint32_t number)
{
    char frame[TOY_FRAME_BYTES + TOY_CONTROL_BYTES];

    toy_put_frame(frame, type, 0, id, TOY_CONTROL_BYTES);
    put_u32(frame + TOY_FRAME_BYTES, number);
    if (bufq_push(&t->own, t->shared->store, span_from(frame, sizeof(frame)),
                  TOY_OWN_MAX_BYTES) < 0)
        t->is_broken = true;
}

/* ---- heads ---- */

enum { HEAD_FIXED_BYTES = 128 };

size_t toy_head_room(const struct codec *c, const struct msg *m)
{
    size_t n = (size_t)m->base_len + m->field_n + HEAD_FIXED_BYTES + m->reason_len;

    (void)c;
    for (unsigned i = 0; i < m->added_n; i++)
        n += m->added[i].name.len + m->added[i].value.len + 4;
    return n;
}

static char *put(char *at, struct span s)
{
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

static char *put_field(char *at, struct span name, struct span value)
{
    at = put(put(at, name), SPAN(": "));
    return put(put(at, value), SPAN("\r\n"));
}

static char *put_start(char *at, const struct msg *m)
{
    if (m->status == 0) {
        at = put(put(at, msg_method(m)), SPAN(" "));
        return put(put(at, msg_target(m)), SPAN(" HTTP/1.1\r\n"));
    }
    at = put(at, SPAN("HTTP/1.1 "));
    at += num_to_dec(m->status, at);
    return put(put(put(at, SPAN(" ")), msg_reason(m)), SPAN("\r\n"));
}

static char *put_framing(char *at, const struct msg *m)
{
    if (m->body == MSG_BODY_LENGTH || (m->flags & MSG_HAS_LENGTH)) {
        at = put(at, SPAN("Content-Length: "));
        at += num_to_dec(m->content_length, at);
        return put(at, SPAN("\r\n"));
    }
    return m->body == MSG_BODY_NONE ? at : put(at, SPAN("Transfer-Encoding: chunked\r\n"));
}

static char *put_head(char *at, const struct msg *m)
{
    const uint32_t own = 1U << FIELD_CONTENT_LENGTH | 1U << FIELD_TRANSFER_ENCODING |
                         1U << FIELD_CONNECTION | 1U << FIELD_KEEP_ALIVE |
                         1U << FIELD_PROXY_CONNECTION;

    at = put_start(at, m);
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];

        if (!(f->flags & MSG_FIELD_DROP) && !(own & 1U << f->token))
            at = put_field(at, msg_field_name(m, f), msg_field_value(m, f));
    }
    for (unsigned i = 0; i < m->added_n; i++)
        at = put_field(at, m->added[i].name, m->added[i].value);
    return put(put_framing(at, m), SPAN("\r\n"));
}

void toy_send_head(struct codec *c, struct codec_stream *st, const struct msg *m,
                   struct outv *out)
{
    struct toy_stream *s = toy_stream_from(st);
    bool is_info = m->status > 0 && m->status < 200;
    bool is_whole = m->body == MSG_BODY_NONE && !is_info;
    char *start, *end;

    if (s->reset_told || toy_from(c)->is_broken)
        return;
    MUST(!s->out_ended);
    start = outv_reserve(out, toy_head_room(c, m));
    end = put_head(start + TOY_FRAME_BYTES, m);
    toy_put_frame(start, TOY_HEAD, is_whole ? TOY_END : 0, s->id,
                  (size_t)(end - start) - TOY_FRAME_BYTES);
    outv_commit(out, (size_t)(end - start));
    s->out_ended = is_whole;
    if (m->status == 0)
        s->asks_head = span_is_equal(msg_method(m), SPAN("HEAD"));
}

/* ---- bodies ---- */

static void put_data(struct toy_stream *s, size_t n, bool is_end, struct outv *out)
{
    char *frame = outv_reserve(out, TOY_FRAME_BYTES);

    toy_put_frame(frame, TOY_DATA, is_end ? TOY_END : 0, s->id, n);
    outv_commit(out, TOY_FRAME_BYTES);
    s->out_left -= (uint32_t)n;
}

static void tell_flow(struct toy *t, struct toy_stream *s, bool is_full)
{
    if (s->is_full == is_full)
        return;
    s->is_full = is_full;
    t->codec.up->flow(&t->codec, &s->stream, is_full);
}

/* Behind what is kept already; lost if there is no room for it: toy_output tells. */
static void keep(struct toy *t, struct toy_stream *s, struct span data)
{
    if (data.len == 0 || s->has_failed)
        return;
    s->has_failed = bufq_push(&s->kept, t->shared->store, data, TOY_KEPT_MAX_BYTES) < 0;
    tell_flow(t, s, true);
}

void toy_send_body(struct codec *c, struct codec_stream *st, struct span data,
                   uint64_t chunk_bytes, struct outv *out)
{
    struct toy *t = toy_from(c);
    struct toy_stream *s = toy_stream_from(st);
    size_t n = data.len < s->out_left ? data.len : s->out_left;

    (void)chunk_bytes;
    if (s->reset_told || t->is_broken || data.len == 0)
        return;
    MUST(!s->out_ended);
    if (bufq_len(&s->kept) > 0 || s->has_failed)
        n = 0;
    if (n > 0) {
        put_data(s, n, false, out);
        outv_ref(out, span_first(data, n));
    }
    keep(t, s, span_skip(data, n));
}

void toy_send_end(struct codec *c, struct codec_stream *st, const struct msg *trailers,
                  struct outv *out)
{
    struct toy_stream *s = toy_stream_from(st);

    (void)trailers;
    if (s->reset_told || toy_from(c)->is_broken || s->out_ended)
        return;
    s->out_ended = true;
    s->end_is_due = bufq_len(&s->kept) > 0 || s->has_failed;
    if (!s->end_is_due)
        put_data(s, 0, true, out);
}

/* ---- what nobody asked for ---- */

static size_t room_of(const struct outv *out)
{
    return outv_has_room(out, 0, 2) ? out->own_cap - out->own_len : 0;
}

/* Copied, since the queue lets go of it before it is sent. */
static void copy_from(struct bufq *q, struct bufq_store *store, size_t n, struct outv *out)
{
    char *at = outv_reserve(out, n);

    memcpy(at, bufq_peek(q).ptr, n);
    outv_commit(out, n);
    bufq_drop(q, store, n);
}

static void say_own(struct toy *t, struct outv *out)
{
    size_t n = bufq_len(&t->own);
    size_t room = room_of(out);

    n = n < room ? n : room;
    if (n > 0)
        copy_from(&t->own, t->shared->store, n, out);
}

static bool give_credit(struct toy *t, struct toy_stream *s)
{
    if (s->owed == 0 || s->paused || s->in_ended || s->reset_told)
        return false;
    toy_say(t, TOY_CREDIT, s->id, s->owed);
    s->in_left += s->owed;
    s->owed = 0;
    return true;
}

/* Some of what is kept, or the END behind it; true: something was done. */
static bool send_kept(struct toy *t, struct toy_stream *s, struct outv *out)
{
    size_t n = bufq_len(&s->kept);

    n = n < s->out_left ? n : s->out_left;
    n = n < TOY_DATA_MAX_BYTES ? n : TOY_DATA_MAX_BYTES;
    if (room_of(out) < TOY_FRAME_BYTES + n)
        n = room_of(out) > TOY_FRAME_BYTES ? room_of(out) - TOY_FRAME_BYTES : 0;
    if (n > 0) {
        put_data(s, n, false, out);
        copy_from(&s->kept, t->shared->store, n, out);
        return true;
    }
    if (bufq_len(&s->kept) > 0 || !s->is_full || room_of(out) < TOY_FRAME_BYTES)
        return false;
    if (s->end_is_due)
        put_data(s, 0, true, out);
    s->end_is_due = false;
    tell_flow(t, s, false);
    return true;
}

static bool give_up(struct toy *t, struct toy_stream *s)
{
    if (!s->has_failed || s->reset_told)
        return false;
    toy_say(t, TOY_RESET, s->id, CODEC_FAILED);
    toy_tell_reset(t, s, WERR_NOMEM, "what is to be sent finds no room");
    return true;
}

/* One thing at a time, each stream in turn, since owners may give streams up when they hear of
 * it. */
bool toy_output(struct codec *c, struct outv *out)
{
    struct toy *t = toy_from(c);
    bool has_more = false;

    for (struct toy_stream *s = t->streams; s != NULL && !has_more; s = s->next) {
        if (s->has_failed || s->reset_told)
            has_more = give_up(t, s);
        else
            has_more = give_credit(t, s) || send_kept(t, s, out);
        if (has_more)
            break;
    }
    say_own(t, out);
    return has_more || bufq_len(&t->own) > 0;
}
