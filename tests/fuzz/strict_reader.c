#include "strict_reader.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What is left to read, and what the head has said so far. */
struct reading {
    const char *start, *at, *end;
    struct strict_message *m;
    unsigned host_n, length_n, coding_n;
};

static enum strict_verdict refuse(struct reading *r, const char *why)
{
    r->m->why = why;
    return STRICT_MALFORMED;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 section 5.6.2. */
static bool is_tchar(char c)
{
    bool is_alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_alpha || is_digit(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_vchar(char c)
{
    return c > 0x20 && c < 0x7f;
}

/* RFC 9110 section 5.5: field-vchar, SP and HTAB; also what a reason phrase is made of. */
static bool is_text(char c)
{
    return is_vchar(c) || c == ' ' || c == '\t' || (unsigned char)c >= 0x80;
}

static bool is_token(struct strict_text t)
{
    for (size_t i = 0; i < t.n; i++) {
        if (!is_tchar(t.at[i]))
            return false;
    }
    return t.n > 0;
}

static bool is_name(struct strict_text t, const char *lower)
{
    if (t.n != strlen(lower))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.at[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c != lower[i])
            return false;
    }
    return true;
}

/* RFC 9112 section 2.2: a line ends with CRLF; a CR or LF alone is no part of one. */
static enum strict_verdict take_line(struct reading *r, struct strict_text *line)
{
    const char *lf = memchr(r->at, '\n', (size_t)(r->end - r->at));
    size_t n = (size_t)((lf != NULL ? lf : r->end) - r->at);
    const char *cr = memchr(r->at, '\r', n);
    if (lf == NULL)
        return cr == NULL || cr == r->end - 1 ? STRICT_CUT : refuse(r, "bare CR");
    if (cr == NULL || cr != lf - 1)
        return refuse(r, "a line that does not end with CRLF");
    *line = (struct strict_text){r->at, n - 1};
    r->at = lf + 1;
    return STRICT_WHOLE;
}

/* The piece up to one SP, which goes with it. */
static bool take_word(struct strict_text *line, struct strict_text *word)
{
    const char *sp = memchr(line->at, ' ', line->n);
    if (sp == NULL)
        return false;
    *word = (struct strict_text){line->at, (size_t)(sp - line->at)};
    line->at = sp + 1;
    line->n -= word->n + 1;
    return true;
}

static bool is_all(struct strict_text t, bool (*is_good)(char c))
{
    for (size_t i = 0; i < t.n; i++) {
        if (!is_good(t.at[i]))
            return false;
    }
    return true;
}

static bool is_version(struct strict_text t)
{
    return t.n == 8 && memcmp(t.at, "HTTP/1.1", 8) == 0;
}

/* RFC 9112 section 3. */
static enum strict_verdict read_request_line(struct reading *r)
{
    struct strict_text line;
    enum strict_verdict verdict = take_line(r, &line);
    if (verdict != STRICT_WHOLE)
        return verdict;
    if (!take_word(&line, &r->m->method) || !is_token(r->m->method))
        return refuse(r, "method");
    if (!take_word(&line, &r->m->target) || r->m->target.n == 0 ||
        !is_all(r->m->target, is_vchar))
        return refuse(r, "request target");
    return is_version(line) ? STRICT_WHOLE : refuse(r, "version");
}

/* RFC 9112 section 4: the SP before a reason phrase is there even if the phrase is empty. */
static enum strict_verdict read_status_line(struct reading *r)
{
    struct strict_text line, word;
    enum strict_verdict verdict = take_line(r, &line);
    if (verdict != STRICT_WHOLE)
        return verdict;
    if (!take_word(&line, &word) || !is_version(word))
        return refuse(r, "version");
    if (!take_word(&line, &word) || word.n != 3 || !is_all(word, is_digit))
        return refuse(r, "status code");
    r->m->status = (word.at[0] - '0') * 100 + (word.at[1] - '0') * 10 + (word.at[2] - '0');
    if (r->m->status < 100)
        return refuse(r, "status out of range");
    return is_all(line, is_text) ? STRICT_WHOLE : refuse(r, "reason phrase");
}

/* RFC 9110 section 8.6: 1*DIGIT, of what a recipient can count. */
static bool read_length(struct strict_text value, unsigned long long *length)
{
    *length = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.at[i]) || *length > (unsigned long long)LLONG_MAX / 10)
            return false;
        *length = *length * 10 + (unsigned long long)(value.at[i] - '0');
    }
    return value.n > 0 && *length <= (unsigned long long)LLONG_MAX;
}

static enum strict_verdict note_field(struct reading *r, struct strict_text name,
                                      struct strict_text value)
{
    if (is_name(name, "host")) {
        r->host_n++;
        r->m->host = value;
    } else if (is_name(name, "content-length")) {
        r->length_n++;
        if (!read_length(value, &r->m->length))
            return refuse(r, "Content-Length");
    } else if (is_name(name, "transfer-encoding")) {
        r->coding_n++;
        if (!is_name(value, "chunked"))
            return refuse(r, "Transfer-Encoding");
    }
    return STRICT_WHOLE;
}

/* RFC 9112 section 5: name ":" OWS value OWS. */
static enum strict_verdict read_field(struct reading *r, struct strict_text line,
                                      bool is_trailer)
{
    const char *colon = memchr(line.at, ':', line.n);
    if (colon == NULL)
        return refuse(r, "a field line without colon");
    struct strict_text name = {line.at, (size_t)(colon - line.at)};
    struct strict_text value = {colon + 1, line.n - name.n - 1};
    if (!is_token(name))
        return refuse(r, "field name");
    while (value.n > 0 && (*value.at == ' ' || *value.at == '\t')) {
        value.at++;
        value.n--;
    }
    while (value.n > 0 && (value.at[value.n - 1] == ' ' || value.at[value.n - 1] == '\t'))
        value.n--;
    if (!is_all(value, is_text))
        return refuse(r, "field value");
    if (!is_trailer)
        return note_field(r, name, value);
    bool is_framing = is_name(name, "content-length") || is_name(name, "transfer-encoding") ||
                      is_name(name, "host") || is_name(name, "connection");
    return is_framing ? refuse(r, "framing or routing in trailers") : STRICT_WHOLE;
}

static enum strict_verdict read_fields(struct reading *r, bool is_trailer)
{
    for (;;) {
        struct strict_text line;
        enum strict_verdict verdict = take_line(r, &line);
        if (verdict == STRICT_WHOLE && line.n == 0)
            return STRICT_WHOLE;
        if (verdict == STRICT_WHOLE)
            verdict = read_field(r, line, is_trailer);
        if (verdict != STRICT_WHOLE)
            return verdict;
    }
}

static void keep_body(struct reading *r, const char *at, size_t n)
{
    struct strict_message *m = r->m;
    m->body = realloc(m->body, m->body_bytes + n + 1);
    if (m->body == NULL)
        abort();
    memcpy(m->body + m->body_bytes, at, n);
    m->body_bytes += n;
}

static enum strict_verdict take_body(struct reading *r, unsigned long long n)
{
    if ((unsigned long long)(r->end - r->at) < n)
        return STRICT_CUT;
    keep_body(r, r->at, (size_t)n);
    r->at += n;
    return STRICT_WHOLE;
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)((found - digits) % 16) : -1;
}

/* RFC 9112 section 7.1 without extensions: an intermediary that makes its own chunks has none.
 */
static bool read_chunk_size(struct strict_text line, unsigned long long *size)
{
    *size = 0;
    for (size_t i = 0; i < line.n; i++) {
        int value = hex_value(line.at[i]);
        if (value < 0 || *size > (unsigned long long)LLONG_MAX / 16)
            return false;
        *size = *size * 16 + (unsigned)value;
    }
    return line.n > 0;
}

static enum strict_verdict read_chunk_end(struct reading *r)
{
    struct strict_text line;
    enum strict_verdict verdict = STRICT_CUT;
    if (r->at < r->end && *r->at != '\r')
        return refuse(r, "no CRLF after a chunk");
    if (r->end - r->at >= 2)
        verdict = take_line(r, &line);
    return verdict == STRICT_WHOLE && line.n > 0 ? refuse(r, "bytes after a chunk") : verdict;
}

static enum strict_verdict read_chunks(struct reading *r)
{
    for (;;) {
        struct strict_text line;
        unsigned long long size;
        enum strict_verdict verdict = take_line(r, &line);
        if (verdict != STRICT_WHOLE)
            return verdict;
        if (!read_chunk_size(line, &size))
            return refuse(r, "chunk size");
        if (size == 0)
            return read_fields(r, true);
        verdict = take_body(r, size);
        if (verdict == STRICT_WHOLE)
            verdict = read_chunk_end(r);
        if (verdict != STRICT_WHOLE)
            return verdict;
    }
}

/* RFC 9112 section 6: two framings, or one twice, are what smuggling is made of. */
static enum strict_verdict choose_framing(struct reading *r, enum strict_framing otherwise)
{
    if (r->length_n + r->coding_n > 1)
        return refuse(r, "more than one framing field");
    r->m->framing = r->coding_n > 0   ? STRICT_CHUNKED
                    : r->length_n > 0 ? STRICT_LENGTH
                                      : otherwise;
    return STRICT_WHOLE;
}

static enum strict_verdict read_body(struct reading *r)
{
    switch (r->m->framing) {
    case STRICT_LENGTH:
        return take_body(r, r->m->length);
    case STRICT_CHUNKED:
        return read_chunks(r);
    case STRICT_CLOSE:
        return take_body(r, (unsigned long long)(r->end - r->at));
    case STRICT_BARE:
        break;
    }
    return STRICT_WHOLE;
}

static enum strict_verdict finish(struct reading *r, enum strict_verdict verdict)
{
    if (verdict == STRICT_WHOLE)
        verdict = read_body(r);
    r->m->bytes = (size_t)(r->at - r->start);
    return verdict;
}

static struct reading begin(const char *bytes, size_t n, struct strict_message *m)
{
    *m = (struct strict_message){0};
    return (struct reading){.start = bytes, .at = bytes, .end = bytes + n, .m = m};
}

enum strict_verdict strict_read_request(const char *bytes, size_t n, struct strict_message *m)
{
    struct reading r = begin(bytes, n, m);
    enum strict_verdict verdict = read_request_line(&r);
    if (verdict == STRICT_WHOLE)
        verdict = read_fields(&r, false);
    if (verdict == STRICT_WHOLE && r.host_n != 1) /* RFC 9112 section 3.2 */
        verdict = refuse(&r, "not one Host");
    if (verdict == STRICT_WHOLE)
        verdict = choose_framing(&r, STRICT_BARE);
    return finish(&r, verdict);
}

/* RFC 9112 section 6.3, rules 1 and 2; RFC 9110 section 8.6: 1xx and 204 state no length. */
static enum strict_verdict choose_response_framing(struct reading *r, bool answers_head)
{
    bool is_bare = r->m->status < 200 || r->m->status == 204;
    if (is_bare && r->length_n + r->coding_n > 0)
        return refuse(r, "a framing field where no body can be");
    enum strict_verdict verdict = choose_framing(r, STRICT_CLOSE);
    if (is_bare || answers_head || r->m->status == 304)
        r->m->framing = STRICT_BARE;
    return verdict;
}

enum strict_verdict strict_read_response(const char *bytes, size_t n, bool answers_head,
                                         struct strict_message *m)
{
    struct reading r = begin(bytes, n, m);
    enum strict_verdict verdict = read_status_line(&r);
    if (verdict == STRICT_WHOLE)
        verdict = read_fields(&r, false);
    if (verdict == STRICT_WHOLE)
        verdict = choose_response_framing(&r, answers_head);
    return finish(&r, verdict);
}

void strict_fini(struct strict_message *m)
{
    free(m->body);
    m->body = NULL;
}
