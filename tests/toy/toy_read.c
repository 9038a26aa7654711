#include "codec/h1_int.h"
#include "toy_int.h"

static void emit(struct toy *t, struct event *ev)
{
    t->codec.up->event(&t->codec, ev);
}

void toy_tell_reset(struct toy *t, struct toy_stream *s, int error, const char *why)
{
    struct event ev = {.type = EVENT_RESET, .stream = &s->stream, .error = error, .why = why};

    MUST(!s->reset_told);
    s->reset_told = true;
    bufq_fini(&s->kept, t->shared->store);
    emit(t, &ev);
}

static struct toy_stream *next_untold(const struct toy *t)
{
    struct toy_stream *s = t->streams;

    while (s != NULL && s->reset_told)
        s = s->next;
    return s;
}

/* The peer is not to be understood: each stream hears of it, and then the connection. */
static void break_all(struct toy *t, const char *why)
{
    struct event ev = {.type = EVENT_RESET, .error = WERR_SYNTAX, .why = why};

    t->is_broken = true;
    for (struct toy_stream *s = next_untold(t); s != NULL; s = next_untold(t))
        toy_tell_reset(t, s, WERR_SYNTAX, why);
    emit(t, &ev);
}

static uint32_t get_u32(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;

    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- heads ---- */

static const char *read_line(struct toy *t, const char *p, const char *end, unsigned line)
{
    struct h1_fault fault = {0};
    struct msg *m = &t->shared->msg;

    if (line == 0 && t->role == CODEC_SERVER)
        return h1_line_read_request(m, p, end, &fault);
    if (line == 0)
        return h1_line_read_status(m, p, end, &fault);
    if (line > t->limits->fields)
        return NULL;
    return h1_fields_read(m->base, p, end, &m->fields[line - 1], &fault);
}

/* The whole text, into the shared msg; its framing lines say what body it has. */
static bool read_head(struct toy *t, const struct toy_stream *s, struct span text)
{
    struct msg *m = &t->shared->msg;
    const char *p = text.ptr;
    const char *end = text.ptr + text.len;
    struct h1_fault fault = {0};
    unsigned line = 0;

    memset(m, 0, offsetof(struct msg, added));
    m->base = text.ptr;
    m->base_len = (uint32_t)text.len;
    m->fields = t->shared->fields;
    while (p != NULL && !(line > 0 && end - p == 2))
        p = read_line(t, p, end, line++);
    if (p == NULL)
        return false;
    m->field_n = (uint16_t)(line - 1);
    return (t->role == CODEC_SERVER ? h1_frame_request(m, &fault)
                                    : h1_frame_response(m, s->asks_head, &fault)) == 0;
}

static void take_head(struct toy *t, struct span text)
{
    struct toy_stream *s = toy_find(t, t->frame.id);
    struct msg *m = &t->shared->msg;
    struct event ev = {.type = EVENT_HEAD, .msg = m};

    if (t->role == CODEC_SERVER && t->frame.id > t->last_id) {
        t->last_id = t->frame.id;
        s = toy_begin(t, t->frame.id);
        if (s == NULL)
            toy_say(t, TOY_RESET, t->frame.id, CODEC_REFUSED);
    }
    if (s == NULL || s->reset_told)
        return;
    if (!read_head(t, s, text)) {
        break_all(t, "malformed head");
        return;
    }
    ev.stream = &s->stream;
    ev.is_whole = (t->frame.flags & TOY_END) != 0;
    if (t->role == CODEC_CLIENT && m->status < 200)
        ev.type = EVENT_INFO;
    if (ev.is_whole)
        m->body = MSG_BODY_NONE;
    s->in_ended = ev.is_whole;
    emit(t, &ev);
}

/* ---- the other frames ---- */

static void take_reset(struct toy *t, uint32_t why)
{
    struct toy_stream *s = toy_find(t, t->frame.id);

    if (s != NULL && !s->reset_told)
        toy_tell_reset(t, s, why == CODEC_REFUSED ? WERR_REFUSED : WERR_RESET,
                       "reset by the peer");
}

/* What began behind the last that the peer will serve was not looked at. */
static void take_goaway(struct toy *t, uint32_t last_id)
{
    struct toy_stream *s = t->streams;

    t->is_closing = true;
    while (s != NULL) {
        if (s->id > last_id && !s->reset_told) {
            toy_tell_reset(t, s, WERR_REFUSED, "the peer takes no more");
            s = t->streams; /* the list may have changed */
        } else {
            s = s->next;
        }
    }
}

static void take_frame(struct toy *t, struct span payload)
{
    struct toy_stream *s = toy_find(t, t->frame.id);

    switch ((enum toy_type)t->frame.type) {
    case TOY_HEAD:
        take_head(t, payload);
        break;
    case TOY_RESET:
        take_reset(t, get_u32(payload.ptr));
        break;
    case TOY_CREDIT:
        if (s != NULL)
            s->out_left += get_u32(payload.ptr);
        break;
    case TOY_GOAWAY:
        take_goaway(t, get_u32(payload.ptr));
        break;
    case TOY_PING:
        toy_say(t, TOY_PONG, 0, get_u32(payload.ptr));
        break;
    case TOY_PONG:
    case TOY_DATA:
        break;
    }
}

static void end_data(struct toy *t)
{
    struct toy_stream *s = toy_find(t, t->frame.id);
    struct event ev = {.type = EVENT_END};

    t->in_data = false;
    if (!(t->frame.flags & TOY_END) || s == NULL || s->reset_told)
        return;
    ev.stream = &s->stream;
    s->in_ended = true;
    emit(t, &ev);
}

/* Of a stream that was given up meanwhile they are dropped. */
static size_t take_data(struct toy *t, struct span in)
{
    struct toy_stream *s = toy_find(t, t->frame.id);
    size_t n = in.len < t->frame.left ? in.len : t->frame.left;
    struct event ev = {.type = EVENT_BODY, .data = {in.ptr, n}};

    t->frame.left -= (uint32_t)n;
    if (n > 0 && s != NULL && !s->reset_told) {
        if (s->in_ended || n > s->in_left) {
            break_all(t, "more than there was credit for");
            return n;
        }
        s->in_left -= (uint32_t)n;
        s->owed += (uint32_t)n;
        ev.stream = &s->stream;
        emit(t, &ev);
    }
    if (t->frame.left == 0 && !t->is_broken)
        end_data(t);
    return n;
}

/* The head of a frame: is it one? */
static bool is_good(const struct toy *t)
{
    if (t->frame.type > TOY_PONG)
        return false;
    if (t->frame.type == TOY_HEAD)
        return t->frame.left <= t->limits->head_bytes;
    return t->frame.type == TOY_DATA || t->frame.left == TOY_CONTROL_BYTES;
}

/* A frame that is not DATA is taken whole, or not at all. */
static size_t begin_frame(struct toy *t, struct span in)
{
    size_t n;

    if (in.len < TOY_FRAME_BYTES)
        return 0;
    t->frame = (struct toy_frame){.left = get_u32(in.ptr) >> 8,
                                  .type = (uint8_t)in.ptr[3],
                                  .flags = (uint8_t)in.ptr[4],
                                  .id = get_u32(in.ptr + 5)};
    if (!is_good(t)) {
        break_all(t, "no frame");
        return 0;
    }
    if (t->frame.type == TOY_DATA) {
        t->in_data = true;
        if (t->frame.left == 0)
            end_data(t);
        return TOY_FRAME_BYTES;
    }
    n = t->frame.left;
    if (in.len < TOY_FRAME_BYTES + n)
        return 0;
    take_frame(t, span_from(in.ptr + TOY_FRAME_BYTES, n));
    return TOY_FRAME_BYTES + n;
}

size_t toy_feed(struct codec *c, struct span in)
{
    struct toy *t = toy_from(c);
    size_t taken = 0;
    size_t n = 1;

    while (n > 0 && taken < in.len && !t->is_broken && !t->paused) {
        struct span rest = span_skip(in, taken);

        n = t->in_data ? take_data(t, rest) : begin_frame(t, rest);
        taken += n;
    }
    return taken;
}
