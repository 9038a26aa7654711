#include "base/num.h"
#include "codec/h1_int.h"

/* Everything but received bytes and added fields that a head can hold: version, status,
 * framing, connection, empty line. */
enum { HEAD_FIXED_BYTES = 256 };

static const struct fsm_state write_states[H1_WRITE_STATES] = {
    [H1_WRITE_HEAD] = {"HEAD", FSM_TO(H1_WRITE_BODY)},
    [H1_WRITE_BODY] = {"BODY", FSM_TO(H1_WRITE_END)},
    [H1_WRITE_END] = {"END", FSM_TO(H1_WRITE_BODY)},
};
static const struct fsm write_fsm = {"h1 writer", write_states, H1_WRITE_STATES};

static void move(struct h1 *h, enum h1_writing next, const char *why)
{
    fsm_move(&write_fsm, &h->writing, next, 0, why);
}

/* Fields that the codec writes itself, or that speak of a connection that is not this one. */
static const uint32_t own_fields = 1U << FIELD_CONTENT_LENGTH | 1U << FIELD_TRANSFER_ENCODING |
                                   1U << FIELD_CONNECTION | 1U << FIELD_KEEP_ALIVE |
                                   1U << FIELD_PROXY_CONNECTION;

/* Inline, so that copies of literals become stores. */
static inline __attribute__((always_inline)) char *put(char *at, struct span s)
{
    if (s.len > 0)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* Two words that overlap, instead of a call: for what is one or two words long. */
#define PUT_WORDS(at, s, bytes)                             \
    do {                                                    \
        char first[bytes], last[bytes];                     \
        memcpy(first, (s).ptr, (bytes));                    \
        memcpy(last, (s).ptr + (s).len - (bytes), (bytes)); \
        memcpy((at), first, (bytes));                       \
        memcpy((at) + (s).len - (bytes), last, (bytes));    \
    } while (0)

/* As names and values mostly are. */
static inline char *put_short(char *at, struct span s)
{
    if (s.len >= 16 && s.len <= 32)
        PUT_WORDS(at, s, 16);
    else if (s.len >= 8 && s.len < 16)
        PUT_WORDS(at, s, 8);
    else if (s.len >= 4 && s.len < 8)
        PUT_WORDS(at, s, 4);
    else if (s.len >= 2 && s.len < 4)
        PUT_WORDS(at, s, 2);
    else
        return put(at, s);
    return at + s.len;
}

static char *put_field(char *at, struct span name, struct span value)
{
    at = put_short(at, name);
    at = put(at, SPAN(": "));
    at = put_short(at, value);
    return put(at, SPAN("\r\n"));
}

/* Lines that stand together as they shall be sent are copied together: most of a usual head in
 * one or two runs. What the walk needs is read before it, for all that is written might be it.
 */
static char *put_received(char *at, const struct msg *m)
{
    const char *base = m->base;
    const struct msg_field *fields = m->fields;
    uint32_t run = 0;
    uint32_t run_end = 0;
    for (unsigned i = 0, n = m->field_n; i < n; i++) {
        const struct msg_field *f = &fields[i];
        if (own_fields >> f->token & 1U)
            continue;
        if (f->flags != MSG_FIELD_TIGHT) {
            if (f->flags & MSG_FIELD_DROP)
                continue;
            at = put(at, span_from(base + run, run_end - run));
            run = run_end = 0;
            at = put_field(at, msg_field_name(m, f), msg_field_value(m, f));
            continue;
        }
        if (f->name_off != run_end) {
            at = put(at, span_from(base + run, run_end - run));
            run = f->name_off;
        }
        run_end = f->value_off + f->value_len + 2;
    }
    return put(at, span_from(base + run, run_end - run));
}

static char *put_fields(char *at, const struct msg *m)
{
    at = put_received(at, m);
    for (unsigned i = 0; i < m->added_n; i++)
        at = put_field(at, m->added[i].name, m->added[i].value);
    return at;
}

static char *put_content_length(char *at, uint64_t n)
{
    at = put(at, SPAN("Content-Length: "));
    at += num_to_dec(n, at);
    return put(at, SPAN("\r\n"));
}

/* A field that is not tight may grow by the one space after its colon. */
size_t h1_write_head_room(const struct codec *c, const struct msg *m)
{
    (void)c;
    size_t n = (size_t)m->base_len + m->method_len + m->target_len + m->reason_len +
               m->field_n + HEAD_FIXED_BYTES;
    for (unsigned i = 0; i < m->added_n; i++)
        n += m->added[i].name.len + m->added[i].value.len + 4;
    return n;
}

/* To the origin goes the origin-form, path and query byte for byte as they came, whatever the
 * client wrote (RFC 9112 section 3.2.1): an authority in the target would contradict a Host
 * that was mapped. Without a path OPTIONS asks the server as a whole (section 3.2.4). */
static char *put_absolute(char *at, const struct msg *m, struct span authority)
{
    size_t n = 0;
    while (n < authority.len && authority.ptr[n] != '/' && authority.ptr[n] != '?')
        n++;
    struct span path = span_skip(authority, n);
    if (path.len == 0 && span_is_equal(msg_method(m), SPAN("OPTIONS")))
        return put(at, SPAN("*"));
    if (path.len == 0 || path.ptr[0] != '/')
        *at++ = '/';
    return put(at, path);
}

static char *put_target(char *at, const struct msg *m)
{
    const struct span mark = SPAN("://");
    struct span target = msg_target(m);
    if (target.ptr[0] == '/')
        return put_short(at, target);
    struct span rest = span_skip(target, span_find(target, ':'));
    if (!span_has_prefix(rest, mark))
        return put(at, target);
    return put_absolute(at, m, span_skip(rest, mark.len));
}

static char *put_request_line(char *at, const struct msg *m)
{
    at = put_short(at, msg_method(m));
    *at++ = ' ';
    at = put_target(at, m);
    return put(at, SPAN(" HTTP/1.1\r\n"));
}

/* Each has three digits (RFC 9110 section 15). */
static char *put_status(char *at, unsigned status)
{
    MUST(status >= 100 && status <= 999);
    *at++ = (char)('0' + status / 100);
    *at++ = (char)('0' + status / 10 % 10);
    *at++ = (char)('0' + status % 10);
    return at;
}

static char *put_status_line(char *at, const struct msg *m)
{
    at = put(at, SPAN("HTTP/1.1 "));
    at = put_status(at, m->status);
    *at++ = ' ';
    at = put_short(at, msg_reason(m));
    return put(at, SPAN("\r\n"));
}

/* A body of unknown length is chunked for whom understands that (RFC 9112 section 6.1), else
 * ends with the connection. */
static void choose_framing(struct h1 *h, const struct msg *m)
{
    h->framing = m->body;
    h->out_left = 0;
    if (m->body == MSG_BODY_LENGTH)
        h->out_left = m->content_length;
    if (m->body == MSG_BODY_CHUNKED || m->body == MSG_BODY_CLOSE)
        h->framing = h->flags & H1_PEER_IS_10 ? MSG_BODY_CLOSE : MSG_BODY_CHUNKED;
}

static char *put_framing(char *at, const struct h1 *h, const struct msg *m)
{
    if (h->framing == MSG_BODY_LENGTH || (m->flags & MSG_HAS_LENGTH))
        return put_content_length(at, m->content_length);
    if (h->framing == MSG_BODY_CHUNKED)
        return put(at, SPAN("Transfer-Encoding: chunked\r\n"));
    return at;
}

static char *put_request_framing(char *at, struct h1 *h, const struct msg *m)
{
    choose_framing(h, m);
    if (span_is_equal(msg_method(m), SPAN("HEAD")))
        h->flags |= H1_IS_HEAD;
    if (m->flags & MSG_UPGRADE)
        h->flags |= H1_UPGRADE;
    return put_framing(at, h, m);
}

/* RFC 9110 section 8.6 and RFC 9112 section 6.3: 204 has no length; a response to HEAD and 304
 * tell the one that they would have had, if it is known; all others must end somehow. */
static char *put_response_framing(char *at, struct h1 *h, const struct msg *m)
{
    choose_framing(h, m);
    bool is_headless = (h->flags & H1_IS_HEAD) || m->status == 304;
    if (m->status == 204 || is_headless) {
        h->flags |= H1_NO_BODY;
        return m->status == 204 ? at : put_framing(at, h, m);
    }
    if (h->framing == MSG_BODY_CLOSE)
        h->flags |= H1_WRITE_CLOSES;
    if (h->framing == MSG_BODY_NONE && !(m->flags & MSG_HAS_LENGTH))
        return put_content_length(at, 0);
    return put_framing(at, h, m);
}

/* RFC 9112 section 9.6. A request that is still coming may end in time; whether it did,
 * can_reuse tells. */
static char *put_persistence(char *at, struct h1 *h)
{
    bool keeps = (h->flags & H1_READ_KEEP) && h->reading != H1_READ_DEAD &&
                 !(h->flags & (H1_CLOSE_AFTER | H1_WRITE_CLOSES));
    if (!keeps) {
        h->flags |= H1_CLOSE_AFTER;
        return put(at, SPAN("Connection: close\r\n"));
    }
    return h->flags & H1_PEER_IS_10 ? put(at, SPAN("Connection: keep-alive\r\n")) : at;
}

static void write_info(struct h1 *h, const struct msg *m, struct outv *out)
{
    if (h->flags & H1_PEER_IS_10) /* RFC 9110 section 15.2 */
        return;
    char *start = outv_reserve(out, h1_write_head_room(&h->codec, m));
    char *at = put_fields(put_status_line(start, m), m);
    at = put(at, SPAN("\r\n"));
    outv_commit(out, (size_t)(at - start));
}

void h1_write_switch(struct h1 *h)
{
    if (h->writing == H1_WRITE_BODY) { /* of the request: h1_write_end comes back to this */
        h->flags |= H1_SWITCHES;
        return;
    }
    h->flags &= (uint16_t)~H1_SWITCHES;
    move(h, H1_WRITE_BODY, "switched protocols");
    h->framing = MSG_BODY_CLOSE;
    h->out_left = 0;
}

/* Behind the request comes the other protocol, and ours behind this head. */
static void write_switch(struct h1 *h, const struct msg *m, struct outv *out)
{
    write_info(h, m, out);
    move(h, H1_WRITE_BODY, "switched protocols");
    h->framing = MSG_BODY_CLOSE;
    h->out_left = 0;
    h->flags |= H1_WRITE_CLOSES;
    if (h->reading == H1_READ_END)
        h1_read_move(h, H1_READ_CLOSE, "switched protocols");
    else
        h->flags |= H1_SWITCHES;
}

void h1_write_head(struct codec *c, struct codec_stream *st, const struct msg *m,
                   struct outv *out)
{
    struct h1 *h = h1_from(c);

    (void)st;
    if (h->role == CODEC_SERVER && m->status == 101) {
        write_switch(h, m, out);
        return;
    }
    if (h->role == CODEC_SERVER && m->status < 200) {
        write_info(h, m, out);
        return;
    }
    move(h, H1_WRITE_BODY, "head sent");
    char *start = outv_reserve(out, h1_write_head_room(c, m));
    char *at = start;
    if (h->role == CODEC_SERVER) {
        at = put_fields(put_status_line(at, m), m);
        at = put_response_framing(at, h, m);
        at = put_persistence(at, h);
    } else {
        at = put_fields(put_request_line(at, m), m);
        at = put_request_framing(at, h, m);
    }
    at = put(at, SPAN("\r\n"));
    outv_commit(out, (size_t)(at - start));
}

/* What the head did not announce is not sent, and the connection can't be trusted to be in step
 * any more. */
static struct span cut(struct h1 *h, struct span data)
{
    if (data.len > h->out_left) {
        h->flags |= H1_WRITE_BROKEN;
        data.len = (size_t)h->out_left;
    }
    h->out_left -= data.len;
    return data;
}

enum { CHUNK_SIZE_BYTES = 18 };

static char *put_chunk_size(char *at, uint64_t bytes)
{
    at += num_to_hex(bytes, at);
    return put(at, SPAN("\r\n"));
}

/* What is short is copied, with all that stands around it, as one piece. */
static void write_chunk(struct h1 *h, struct span data, uint64_t chunk_bytes, struct outv *out)
{
    char *start = outv_reserve(out, CHUNK_SIZE_BYTES + OUTV_COPY_MAX + 2);
    char *at = start;
    if (h->out_left == 0) {
        h->out_left = chunk_bytes > 0 ? chunk_bytes : data.len;
        at = put_chunk_size(at, h->out_left);
    }
    data = cut(h, data);
    if (data.len <= OUTV_COPY_MAX) {
        at = put(at, data);
    } else {
        outv_commit(out, (size_t)(at - start));
        outv_ref(out, data);
        at = start = outv_reserve(out, 2);
    }
    if (h->out_left == 0)
        at = put(at, SPAN("\r\n"));
    outv_commit(out, (size_t)(at - start));
}

void h1_write_body(struct codec *c, struct codec_stream *st, struct span data,
                   uint64_t chunk_bytes, struct outv *out)
{
    struct h1 *h = h1_from(c);

    (void)st;
    MUST(h->writing == H1_WRITE_BODY);
    if (data.len == 0 || (h->flags & H1_NO_BODY))
        return;
    if (h->framing == MSG_BODY_CHUNKED) {
        write_chunk(h, data, chunk_bytes, out);
        return;
    }
    if (h->framing != MSG_BODY_CLOSE)
        data = cut(h, data);
    if (data.len > 0)
        outv_ref(out, data);
}

static void write_trailers(struct h1 *h, const struct msg *trailers, struct outv *out)
{
    size_t room = h1_write_head_room(&h->codec, trailers);
    if (!outv_has_room(out, room + 2, 2)) /* they may be left out: RFC 9110 section 6.5 */
        return;
    char *start = outv_reserve(out, room);
    char *at = put_fields(start, trailers);
    outv_commit(out, (size_t)(at - start));
}

static void write_last_chunk(struct h1 *h, const struct msg *trailers, struct outv *out)
{
    if (trailers == NULL) {
        outv_add(out, SPAN("0\r\n\r\n"));
        return;
    }
    outv_add(out, SPAN("0\r\n"));
    write_trailers(h, trailers, out);
    outv_add(out, SPAN("\r\n"));
}

void h1_write_end(struct codec *c, struct codec_stream *st, const struct msg *trailers,
                  struct outv *out)
{
    struct h1 *h = h1_from(c);

    (void)st;
    move(h, H1_WRITE_END, "message sent");
    if (h->flags & H1_NO_BODY)
        return;
    if (h->out_left > 0) { /* an open chunk or a body cut short: no end mark may hide that */
        h->flags |= H1_WRITE_BROKEN;
        return;
    }
    if (h->framing == MSG_BODY_CHUNKED)
        write_last_chunk(h, trailers, out);
    if (h->role == CODEC_CLIENT && (h->flags & H1_SWITCHES))
        h1_write_switch(h);
}

uint64_t h1_write_raw(const struct codec *c, const struct codec_stream *st)
{
    const struct h1 *h = (const struct h1 *)(const void *)c;

    (void)st;
    bool is_raw = h->writing == H1_WRITE_BODY && h->framing == MSG_BODY_LENGTH &&
                  !(h->flags & H1_NO_BODY);
    return is_raw ? h->out_left : 0;
}

void h1_write_skip(struct codec *c, struct codec_stream *st, size_t n)
{
    MUST(n <= h1_write_raw(c, st));
    h1_from(c)->out_left -= n;
}
