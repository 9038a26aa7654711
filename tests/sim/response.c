#include "response.h"

#include <stdio.h>
#include <stdlib.h>

struct head {
    unsigned status;
    size_t bytes; /* with the empty line */
    bool has_length, is_chunked;
    unsigned long length;
};

static const char *find(struct span in, const char *what)
{
    return in.ptr ? memmem(in.ptr, in.len, what, strlen(what)) : NULL;
}

static const char *field(const char *head, const char *name)
{
    char line[64];
    const char *at;

    (void)snprintf(line, sizeof(line), "\r\n%s: ", name);
    at = strcasestr(head, line);
    return at ? at + strlen(line) : NULL;
}

static bool is_number(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n > 0 && s[n] == '\r';
}

static enum response_result parse_head(const char *copy, struct head *h, struct response *out)
{
    const char *at;

    if (sscanf(copy, "HTTP/1.1 %3u ", &h->status) != 1)
        return RESPONSE_BROKEN;
    at = field(copy, "Content-Length");
    if (at && (!is_number(at) || field(at, "Content-Length")))
        return RESPONSE_BROKEN;
    h->has_length = at != NULL;
    h->length = at ? strtoul(at, NULL, 10) : 0;
    h->is_chunked = field(copy, "Transfer-Encoding") != NULL;
    if (h->is_chunked && h->has_length)
        return RESPONSE_BROKEN;
    at = field(copy, "X-Id");
    out->id = at ? strtol(at, NULL, 10) : -1;
    at = field(copy, "X-For");
    if (at)
        (void)sscanf(at, "%47[^\r]", out->client);
    at = field(copy, "Connection");
    out->is_close = at && strncasecmp(at, "close", 5) == 0;
    out->is_ours = field(copy, "Weldr-Error") != NULL;
    out->status = h->status;
    return RESPONSE_WHOLE;
}

static enum response_result read_head(struct span in, struct head *h, struct response *out)
{
    static const char begin[] = "HTTP/1.1 ";
    size_t n = in.len < sizeof(begin) - 1 ? in.len : sizeof(begin) - 1;
    const char *end = find(in, "\r\n\r\n");
    enum response_result rc;
    char *copy;

    if (n > 0 && memcmp(in.ptr, begin, n) != 0)
        return RESPONSE_BROKEN;
    if (!end)
        return RESPONSE_PART;
    h->bytes = (size_t)(end + 4 - in.ptr);
    copy = strndup(in.ptr, h->bytes);
    MUST(copy);
    rc = parse_head(copy, h, out);
    free(copy);
    return rc;
}

static enum response_result read_chunked(struct span in, struct response *out)
{
    size_t at = 0;

    for (;;) {
        const char *line_end = find(span_skip(in, at), "\r\n");
        char *digits_end;
        size_t size;

        if (!line_end)
            return RESPONSE_PART;
        size = strtoul(in.ptr + at, &digits_end, 16);
        if (digits_end != line_end)
            return RESPONSE_BROKEN;
        at = (size_t)(line_end + 2 - in.ptr);
        text_add(&out->body, span_first(span_skip(in, at), size));
        if (in.len - at < size + 2)
            return RESPONSE_PART;
        if (memcmp(in.ptr + at + size, "\r\n", 2) != 0)
            return RESPONSE_BROKEN;
        at += size + 2;
        if (size == 0) {
            out->bytes += at;
            return RESPONSE_WHOLE;
        }
    }
}

static enum response_result read_body(struct span in, const struct head *h, bool has_ended,
                                      struct response *out)
{
    if (h->is_chunked)
        return read_chunked(in, out);
    if (h->has_length) {
        text_add(&out->body, span_first(in, h->length));
        out->bytes += h->length;
        return in.len >= h->length ? RESPONSE_WHOLE : RESPONSE_PART;
    }
    out->is_close = true;
    text_add(&out->body, in);
    out->bytes += in.len;
    return has_ended ? RESPONSE_WHOLE : RESPONSE_PART;
}

enum response_result response_read(struct span in, bool to_head, bool has_ended,
                                   struct response *out)
{
    struct head h = {0};

    *out = (struct response){.id = -1};
    do {
        enum response_result rc = read_head(span_skip(in, out->bytes), &h, out);

        if (rc != RESPONSE_WHOLE)
            return rc;
        out->bytes += h.bytes;
    } while (h.status < 200);
    out->has_head = true;
    if (to_head || h.status == 204 || h.status == 304)
        return RESPONSE_WHOLE;
    return read_body(span_skip(in, out->bytes), &h, has_ended, out);
}
