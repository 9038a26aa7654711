#include "codec/h1_int.h"
#include "codec/h1_scan.h"

static const struct fsm_state read_states[H1_READ_STATES] = {
    [H1_READ_HEAD] = {"HEAD", FSM_TO(H1_READ_LENGTH) | FSM_TO(H1_READ_CHUNK_SIZE) |
                                  FSM_TO(H1_READ_CLOSE) | FSM_TO(H1_READ_END) |
                                  FSM_TO(H1_READ_DEAD)},
    [H1_READ_LENGTH] = {"LENGTH", FSM_TO(H1_READ_END) | FSM_TO(H1_READ_DEAD)},
    [H1_READ_CHUNK_SIZE] = {"CHUNK_SIZE", FSM_TO(H1_READ_CHUNK_DATA) |
                                              FSM_TO(H1_READ_TRAILERS) | FSM_TO(H1_READ_DEAD)},
    [H1_READ_CHUNK_DATA] = {"CHUNK_DATA", FSM_TO(H1_READ_CHUNK_CRLF) | FSM_TO(H1_READ_DEAD)},
    [H1_READ_CHUNK_CRLF] = {"CHUNK_CRLF", FSM_TO(H1_READ_CHUNK_SIZE) | FSM_TO(H1_READ_DEAD)},
    [H1_READ_TRAILERS] = {"TRAILERS", FSM_TO(H1_READ_END) | FSM_TO(H1_READ_DEAD)},
    [H1_READ_CLOSE] = {"CLOSE", FSM_TO(H1_READ_END) | FSM_TO(H1_READ_DEAD)},
    [H1_READ_END] = {"END", FSM_TO(H1_READ_HEAD) | FSM_TO(H1_READ_CLOSE)},
    [H1_READ_DEAD] = {"DEAD", 0},
};
static const struct fsm read_fsm = {"h1 reader", read_states, H1_READ_STATES};

void h1_read_move(struct h1 *h, enum h1_reading next, const char *why)
{
    fsm_move(&read_fsm, &h->reading, next, 0, why);
}

void h1_read_end(struct h1 *h)
{
    struct event ev = {.type = EVENT_END};
    h1_read_move(h, H1_READ_END, "message complete");
    if (h->role == CODEC_SERVER && (h->flags & H1_SWITCHES)) {
        h->flags &= (uint16_t)~H1_SWITCHES;
        h1_read_move(h, H1_READ_CLOSE, "switched protocols");
    }
    h1_read_emit(h, &ev);
}

void h1_read_reset(struct h1 *h, const struct h1_fault *fault)
{
    struct event ev = {
        .type = EVENT_RESET,
        .error = fault->error,
        .status = h->role == CODEC_SERVER ? fault->status : 0,
        .why = fault->why,
    };
    h1_read_move(h, H1_READ_DEAD, fault->why);
    h1_read_emit(h, &ev);
}

static void begin_section(struct h1 *h, enum h1_section section)
{
    h->line_start = 0;
    h->looked = 0;
    h->line_n = section == H1_SECTION_TRAILERS; /* counts as if its start line were read */
}

static void begin_msg(struct h1 *h, const char *base)
{
    struct msg *m = &h->shared->msg;
    memset(m, 0, offsetof(struct msg, added));
    m->base = base;
    m->fields = h->shared->fields;
}

/* One line from p on; NULL with *fault when it is malformed, too much or not whole. */
static const char *read_line(struct h1 *h, const char *p, const char *end,
                             struct h1_fault *fault)
{
    struct msg *m = &h->shared->msg;
    if (h->line_n == 0)
        return h->role == CODEC_SERVER ? h1_line_read_request(m, p, end, fault)
                                       : h1_line_read_status(m, p, end, fault);
    unsigned field_n = h->line_n - 1U;
    if (field_n >= h->limits->fields) {
        h1_fail(fault, WERR_TOO_BIG, 431, "too many fields");
        return NULL;
    }
    return h1_fields_read(m->base, p, end, &m->fields[field_n], fault);
}

static size_t section_max(const struct h1 *h, enum h1_section section)
{
    return section == H1_SECTION_HEAD ? h->limits->head_bytes : h->limits->trailer_bytes;
}

/* A line that ends (or, not ended, has come) at this offset: is it within the limits? */
static int check_limits(const struct h1 *h, size_t offset, enum h1_section section,
                        struct h1_fault *fault)
{
    size_t max = section_max(h, section);
    if (h->line_n == 0 && offset > h->limits->line_bytes)
        return h1_fail(fault, WERR_TOO_BIG, 414, "start line too long");
    if (offset > max)
        return h1_fail(fault, WERR_TOO_BIG, 431, "head or trailers too big");
    return WERR_OK;
}

/* read_line() failed at h->line_start: because the line is not whole, or because it is wrong?
 * Judged in the order in which the bytes come, and only once the LF is there: so the verdict is
 * the same however the bytes are split. */
static int64_t judge_line(struct h1 *h, struct span in, enum h1_section section,
                          struct h1_fault *fault)
{
    const char *p = in.ptr + h->line_start;
    const char *lf = memchr(p, '\n', in.len - h->line_start);
    size_t offset = lf != NULL ? (size_t)(lf + 1 - in.ptr) : in.len;
    struct h1_fault over;
    if (check_limits(h, offset, section, &over) != WERR_OK) {
        *fault = over;
        return over.error;
    }
    if (lf == NULL) {
        h->looked = (uint32_t)in.len;
        return 0;
    }
    if (lf == p || lf[-1] != '\r')
        return h1_fail(fault, WERR_SYNTAX, 400, "bare LF");
    return fault->error;
}

/* As many field lines from p on as are of the usual form and within the limits; whatever ends
 * the run is looked at line by line. */
static const char *read_usual(struct h1 *h, struct span in, enum h1_section section,
                              const char *p)
{
    size_t max = section_max(h, section);
    const char *end = in.ptr + (in.len < max ? in.len : max);
    unsigned field_n = h->line_n - 1U;
    unsigned n = h->limits->fields > field_n ? h->limits->fields - field_n : 0;
    if (p >= end) /* beyond the limit */
        return p;
    h->line_n += (uint16_t)h1_scan->lines(in.ptr, &p, end, &h->shared->msg.fields[field_n], n);
    h->line_start = (uint32_t)(p - in.ptr);
    return p;
}

/* Lines from h->line_start on, up to and with the empty one. */
static int64_t read_lines(struct h1 *h, struct span in, enum h1_section section,
                          struct h1_fault *fault)
{
    const char *p = in.ptr + h->line_start;
    const char *end = in.ptr + in.len;
    for (;;) {
        if (h->line_n > 0 && p < end && *p != '\r') /* trailers mostly end here at once */
            p = read_usual(h, in, section, p);
        bool is_last = h->line_n > 0 && end - p >= 2 && p[0] == '\r' && p[1] == '\n';
        const char *next = is_last ? p + 2 : read_line(h, p, end, fault);
        if (next == NULL)
            return judge_line(h, in, section, fault);
        size_t offset = (size_t)(next - in.ptr);
        int result = check_limits(h, offset, section, fault);
        if (result != WERR_OK)
            return result;
        if (is_last) {
            h->shared->msg.field_n = (uint16_t)(h->line_n - 1U);
            h->shared->msg.base_len = (uint32_t)offset;
            return (int64_t)offset;
        }
        h->line_n++;
        h->line_start = (uint32_t)offset;
        p = next;
    }
}

/* Bytes come in one piece as a rule, and then each is looked at once. When they do not, the
 * lines that are whole are checked now, but what was found in them is lost with the shared
 * msg: the section is read again when its end is there. Each byte is thus looked at four
 * times at the most (sought for LF, checked, read again), never once a feed. */
int64_t h1_read_section(struct h1 *h, struct span in, enum h1_section section,
                        struct h1_fault *fault)
{
    if (in.len < h->looked)
        return 0;
    bool is_resumed = h->looked > 0;
    if (!is_resumed)
        begin_section(h, section);
    begin_msg(h, in.ptr);
    if (is_resumed && memchr(in.ptr + h->looked, '\n', in.len - h->looked) == NULL) {
        int result = check_limits(h, in.len, section, fault);
        h->looked = (uint32_t)in.len;
        return result;
    }
    int64_t n = read_lines(h, in, section, fault);
    if (n > 0 && is_resumed) {
        begin_section(h, section);
        begin_msg(h, in.ptr);
        n = read_lines(h, in, section, fault);
    }
    if (n != 0)
        begin_section(h, section);
    return n;
}

static void begin_body(struct h1 *h, const struct msg *m)
{
    static const uint8_t state_of[] = {
        [MSG_BODY_NONE] = H1_READ_END,
        [MSG_BODY_LENGTH] = H1_READ_LENGTH,
        [MSG_BODY_CHUNKED] = H1_READ_CHUNK_SIZE,
        [MSG_BODY_CLOSE] = H1_READ_CLOSE,
    };
    h->in_left = m->body == MSG_BODY_LENGTH ? m->content_length : 0;
    h1_read_move(h, state_of[m->body], "head complete");
}

static void note_head(struct h1 *h, const struct msg *m)
{
    if (m->flags & MSG_KEEP_ALIVE)
        h->flags |= H1_READ_KEEP;
    if (h->role != CODEC_SERVER)
        return;
    if (m->flags & MSG_HEAD_METHOD)
        h->flags |= H1_IS_HEAD;
    if (m->version == 10)
        h->flags |= H1_PEER_IS_10;
}

/* As many as are sent go on to the client, who may not read them, and cost whoever waits for
 * the response its time: without an end they are no way to answer. */
static void deliver_info(struct h1 *h, struct event *ev)
{
    struct h1_fault fault = {WERR_TOO_BIG, 0, "too many 1xx responses"};

    h->info_n++;
    h->info_bytes += ev->msg->base_len;
    if (h->info_n > CODEC_INFO_MAX || h->info_bytes > CODEC_INFO_BYTES_MAX) {
        h1_read_reset(h, &fault);
        return;
    }
    ev->type = EVENT_INFO;
    h1_read_emit(h, ev);
}

static void deliver_head(struct h1 *h)
{
    struct msg *m = &h->shared->msg;
    struct event ev = {.type = EVENT_HEAD, .msg = m};
    if (m->status == 101) { /* only ever read by a client that has asked */
        h1_write_switch(h);
        h1_read_move(h, H1_READ_CLOSE, "switched protocols");
        h1_read_emit(h, &ev);
        return;
    }
    if (h->role == CODEC_CLIENT && m->status < 200) {
        deliver_info(h, &ev);
        return;
    }
    note_head(h, m);
    begin_body(h, m);
    ev.is_whole = m->body == MSG_BODY_NONE;
    h1_read_emit(h, &ev);
}

/* What can be said of the very first bytes, before a line is whole. Returns the bytes to skip
 * (the empty line that RFC 9112 section 2.2 lets stand before a request, once), 0 with
 * *is_clear when the head begins here, else waits or is dead. */
static size_t check_first(struct h1 *h, struct span in, bool *is_clear)
{
    struct h1_fault fault = {WERR_SYNTAX, 400, "not the first byte of a message"};
    if (h->role == CODEC_CLIENT) {
        if (h->writing == H1_WRITE_HEAD)
            fault.why = "response without a request";
        *is_clear = h->writing != H1_WRITE_HEAD && in.ptr[0] == 'H';
    } else if (in.ptr[0] == '\r' && !(h->flags & H1_CRLF_SKIPPED)) {
        if (in.len == 1)
            return 0;
        if (in.ptr[1] == '\n') {
            h->flags |= H1_CRLF_SKIPPED;
            return 2;
        }
    } else {
        *is_clear = (field_classes[(unsigned char)in.ptr[0]] & FIELD_CLASS_TOKEN) != 0;
    }
    if (!*is_clear)
        h1_read_reset(h, &fault);
    return 0;
}

static int frame_response(struct h1 *h, struct h1_fault *fault)
{
    struct msg *m = &h->shared->msg;
    bool has_asked = (h->flags & H1_UPGRADE) && h->writing != H1_WRITE_HEAD;
    int result = h1_frame_response(m, h->flags & H1_IS_HEAD, fault);
    if (result == WERR_OK && m->status == 101 && !has_asked)
        return h1_fail(fault, WERR_SYNTAX, 0, "101 that was not asked for");
    return result;
}

static size_t step_head(struct h1 *h, struct span in)
{
    if (in.len == 0)
        return 0;
    if (h->looked == 0) {
        bool is_clear = false;
        size_t skip = check_first(h, in, &is_clear);
        if (!is_clear)
            return skip;
    }
    struct h1_fault fault = {0};
    int64_t n = h1_read_section(h, in, H1_SECTION_HEAD, &fault);
    int result = n < 0 ? (int)n : WERR_OK;
    if (n > 0)
        result = h->role == CODEC_SERVER ? h1_frame_request(&h->shared->msg, &fault)
                                         : frame_response(h, &fault);
    if (result != WERR_OK) {
        h1_read_reset(h, &fault);
        return 0;
    }
    if (n > 0)
        deliver_head(h);
    return (size_t)n;
}

static size_t step_none(struct h1 *h, struct span in)
{
    (void)h;
    (void)in;
    return 0;
}

typedef size_t (*h1_step_fn)(struct h1 *h, struct span in);
static const h1_step_fn steps[H1_READ_STATES] = {
    [H1_READ_HEAD] = step_head,
    [H1_READ_LENGTH] = h1_body_length,
    [H1_READ_CHUNK_SIZE] = h1_body_chunk_size,
    [H1_READ_CHUNK_DATA] = h1_body_chunk_data,
    [H1_READ_CHUNK_CRLF] = h1_body_chunk_crlf,
    [H1_READ_TRAILERS] = h1_body_trailers,
    [H1_READ_CLOSE] = h1_body_close,
    [H1_READ_END] = step_none,
    [H1_READ_DEAD] = step_none,
};

static bool is_held(const struct h1 *h)
{
    return (h->flags & H1_PAUSED) && h->reading != H1_READ_HEAD;
}

size_t h1_read_feed(struct codec *c, struct span in)
{
    struct h1 *h = h1_from(c);
    size_t taken = 0;
    while (in.len > 0 && !is_held(h)) {
        uint8_t before = h->reading;
        size_t n = steps[before](h, span_skip(in, taken));
        taken += n;
        if (n == 0 && h->reading == before)
            break;
    }
    return taken;
}

bool h1_read_eof(struct codec *c, enum codec_eof how)
{
    struct h1 *h = h1_from(c);
    struct h1_fault fault = {WERR_EOF, 400, "connection closed within the message"};
    switch (h->reading) {
    case H1_READ_CLOSE:
        if (how == CODEC_CUT)
            break;
        h1_read_end(h);
        return true;
    case H1_READ_END:
    case H1_READ_DEAD:
        return false;
    case H1_READ_HEAD:
        if (h->looked > 0)
            break;
        /* Nothing has come. A client may leave; an origin owes a response once it was asked. */
        if (h->role == CODEC_SERVER || h->writing == H1_WRITE_HEAD)
            return false;
        fault.why = "connection closed before the response";
        break;
    default:
        break;
    }
    h1_read_reset(h, &fault);
    return true;
}
