#include "base/ascii.h"
#include "codec/h1_int.h"

enum { SIZE_DIGITS = 16, CRLF_BYTES = 2 };

static void refuse(struct h1 *h, int error, const char *why)
{
    struct h1_fault fault = {error, 400, why};
    h1_read_reset(h, &fault);
}

/* Hands on up to in_left bytes; the state stays as it is. */
static size_t deliver(struct h1 *h, struct span in, uint64_t chunk_bytes)
{
    size_t n = in.len < h->in_left ? in.len : (size_t)h->in_left;
    struct event ev = {.type = EVENT_BODY, .data = {in.ptr, n}, .chunk_bytes = chunk_bytes};
    h->in_left -= n;
    h1_read_emit(h, &ev);
    return n;
}

size_t h1_body_length(struct h1 *h, struct span in)
{
    if (in.len == 0)
        return 0;
    size_t n = deliver(h, in, 0);
    if (h->in_left == 0)
        h1_read_end(h);
    return n;
}

uint64_t h1_body_raw(const struct codec *c, const struct codec_stream *st)
{
    const struct h1 *h = (const struct h1 *)(const void *)c;

    (void)st;
    return h->reading == H1_READ_LENGTH ? h->in_left : 0;
}

void h1_body_skip(struct codec *c, struct codec_stream *st, size_t n)
{
    struct h1 *h = h1_from(c);
    struct event ev = {.type = EVENT_BODY, .data = {NULL, n}};
    MUST(n <= h1_body_raw(c, st));
    h->in_left -= n;
    h1_read_emit(h, &ev);
    if (h->in_left == 0)
        h1_read_end(h);
}

size_t h1_body_close(struct h1 *h, struct span in)
{
    if (in.len == 0)
        return 0;
    h->in_left = in.len;
    return deliver(h, in, 0);
}

/* 1*HEXDIG up to 2^63-1; returns the digits, 0 when there are none or it is more. */
static size_t read_size(struct span line, uint64_t *size)
{
    size_t i = 0;
    int digit;
    *size = 0;
    for (; i < line.len && (digit = ascii_hex(line.ptr[i])) >= 0; i++) {
        if (*size > INT64_MAX / 16)
            return 0;
        *size = *size * 16 + (uint64_t)digit;
    }
    return i;
}

enum { USUAL_DIGITS = 8 };

/* The line that nearly all chunks have, a size of a few digits and nothing else: its length,
 * which is within each limit; 0 when it is another, or not whole. */
static size_t read_usual_line(struct span in, uint64_t *size)
{
    uint64_t value = 0;
    size_t i = 0;
    int digit;
    for (; i < in.len && i < USUAL_DIGITS && (digit = ascii_hex(in.ptr[i])) >= 0; i++)
        value = value * 16 + (uint64_t)digit;
    if (i == 0 || in.len - i < CRLF_BYTES || in.ptr[i] != '\r' || in.ptr[i + 1] != '\n')
        return 0;
    *size = value;
    return i + CRLF_BYTES;
}

static bool is_of(char c, enum field_class field_class)
{
    return (field_classes[(unsigned char)c] & field_class) != 0;
}

static struct span skip_space(struct span s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = span_skip(s, 1);
    return s;
}

static size_t token_len(struct span s)
{
    size_t n = 0;
    while (n < s.len && is_of(s.ptr[n], FIELD_CLASS_TOKEN))
        n++;
    return n;
}

/* Length of the quoted-string (RFC 9110 section 5.6.4) that begins here; 0 when it does not
 * end. */
static size_t quoted_len(struct span s)
{
    for (size_t i = 1; i < s.len && is_of(s.ptr[i], FIELD_CLASS_VALUE); i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\' && (++i == s.len || !is_of(s.ptr[i], FIELD_CLASS_VALUE)))
            break;
    }
    return 0;
}

static size_t value_len(struct span s)
{
    return s.len > 0 && s.ptr[0] == '"' ? quoted_len(s) : token_len(s);
}

/* Takes BWS ";" BWS name [ BWS "=" BWS value ] off the front. */
static bool skip_extension(struct span *rest)
{
    struct span s = skip_space(*rest);
    if (s.len == 0 || s.ptr[0] != ';')
        return false;
    s = skip_space(span_skip(s, 1));
    size_t n = token_len(s);
    *rest = span_skip(s, n);
    s = skip_space(*rest);
    if (n == 0 || s.len == 0 || s.ptr[0] != '=')
        return n > 0;
    s = skip_space(span_skip(s, 1));
    n = value_len(s);
    *rest = span_skip(s, n);
    return n > 0;
}

/* chunk-ext of RFC 9112 section 7.1.1: what it means is nobody's concern and it goes no
 * further, but whoever lets anything pass here can be made to see the end of the line elsewhere
 * than others do. */
static bool is_extension(struct span s)
{
    while (s.len > 0) {
        if (!skip_extension(&s))
            return false;
    }
    return true;
}

/* Is the line (without its LF) "size [ext] CR"? *digits: those of the size. */
static bool read_chunk_line(struct span line, uint64_t *size, size_t *digits)
{
    if (line.len == 0 || line.ptr[line.len - 1] != '\r')
        return false;
    line.len--;
    *digits = read_size(line, size);
    return *digits > 0 && is_extension(span_skip(line, *digits));
}

/* Counts what a chunk's line of n bytes has besides a size and its end, zeros without meaning
 * too; false when that is too much for one body. */
static bool count_extension(struct h1 *h, size_t n, size_t digits)
{
    h->extension_bytes +=
        (uint32_t)(n - CRLF_BYTES - (digits < SIZE_DIGITS ? digits : SIZE_DIGITS));
    return h->extension_bytes <= h->limits->chunk_extension_bytes;
}

/* The limit may have been lowered while the body came. */
static size_t line_max(const struct h1 *h)
{
    size_t limit = h->limits->chunk_extension_bytes;
    size_t left = limit > h->extension_bytes ? limit - h->extension_bytes : 0;
    return SIZE_DIGITS + left + CRLF_BYTES;
}

static size_t begin_chunk(struct h1 *h, size_t line_bytes)
{
    h->flags |= H1_CHUNK_BEGINS;
    h1_read_move(h, h->in_left > 0 ? H1_READ_CHUNK_DATA : H1_READ_TRAILERS, "chunk size");
    return line_bytes;
}

/* Any line: with extensions, with many zeros, in pieces, or wrong. */
static size_t read_any_line(struct h1 *h, struct span in)
{
    size_t digits;
    if (in.len < h->looked)
        return 0;
    const char *lf = memchr(in.ptr + h->looked, '\n', in.len - h->looked);
    size_t n = lf != NULL ? (size_t)(lf + 1 - in.ptr) : in.len;
    if (n > line_max(h)) {
        refuse(h, WERR_TOO_BIG, "chunk extensions too long");
        return 0;
    }
    if (lf == NULL) {
        h->looked = (uint32_t)n;
        return 0;
    }
    h->looked = 0;
    if (!read_chunk_line(span_from(in.ptr, n - 1), &h->in_left, &digits)) {
        refuse(h, WERR_SYNTAX, "malformed chunk size");
        return 0;
    }
    if (!count_extension(h, n, digits)) {
        refuse(h, WERR_TOO_BIG, "chunk extensions too long");
        return 0;
    }
    return begin_chunk(h, n);
}

size_t h1_body_chunk_size(struct h1 *h, struct span in)
{
    size_t n = h->looked == 0 ? read_usual_line(in, &h->in_left) : 0;
    return n > 0 ? begin_chunk(h, n) : read_any_line(h, in);
}

size_t h1_body_chunk_data(struct h1 *h, struct span in)
{
    if (in.len == 0)
        return 0;
    uint64_t chunk_bytes = h->flags & H1_CHUNK_BEGINS ? h->in_left : 0;
    h->flags &= (uint16_t)~H1_CHUNK_BEGINS;
    size_t n = deliver(h, in, chunk_bytes);
    if (h->in_left == 0)
        h1_read_move(h, H1_READ_CHUNK_CRLF, "chunk complete");
    return n;
}

size_t h1_body_chunk_crlf(struct h1 *h, struct span in)
{
    bool is_wrong = (in.len > 0 && in.ptr[0] != '\r') || (in.len > 1 && in.ptr[1] != '\n');
    if (is_wrong) {
        refuse(h, WERR_SYNTAX, "no CRLF after a chunk");
        return 0;
    }
    if (in.len < 2)
        return 0;
    h1_read_move(h, H1_READ_CHUNK_SIZE, "chunk CRLF");
    return 2;
}

/* Fields that would have meant something to framing, routing, authentication or trust if they
 * stood in the head (RFC 9110 section 6.5.1): whoever merges trailers into the head must not
 * get them from us. */
static bool is_dangerous(struct span name)
{
    static const struct span names[] = {
        {"host", 4},
        {"expect", 6},
        {"trailer", 7},
        {"authorization", 13},
        {"content-type", 12},
        {"content-length", 14},
        {"transfer-encoding", 17},
        {"via", 3},
        {"content-encoding", 16},
        {"content-range", 13},
        {"cookie", 6},
        {"set-cookie", 10},
        {"x-request-id", 12},
        {"max-forwards", 12},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (field_is_alike(name, names[i]))
            return true;
    }
    return field_is_forwarding(name) || field_is_client_certificate(name);
}

static void drop_dangerous(struct msg *m)
{
    for (unsigned i = 0; i < m->field_n; i++) {
        if (is_dangerous(msg_field_name(m, &m->fields[i])))
            m->fields[i].flags |= MSG_FIELD_DROP;
    }
}

size_t h1_body_trailers(struct h1 *h, struct span in)
{
    struct h1_fault fault = {0};
    int64_t n = h1_read_section(h, in, H1_SECTION_TRAILERS, &fault);
    if (n < 0) {
        h1_read_reset(h, &fault);
        return 0;
    }
    if (n == 0)
        return 0;
    struct msg *m = &h->shared->msg;
    if (m->field_n > 0) {
        struct event ev = {.type = EVENT_TRAILERS, .msg = m};
        drop_dangerous(m);
        h1_read_emit(h, &ev);
    }
    h1_read_end(h);
    return (size_t)n;
}
