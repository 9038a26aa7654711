#include "codec/h1_int.h"
#include "codec/h1_scan.h"

/* Faults of the request line. All are 400 but an unknown major version. */
static const char *refuse(struct h1_fault *fault, const char *why)
{
    h1_fail(fault, WERR_SYNTAX, 400, why);
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum { VERSION_BYTES = 8 };

/* HTTP-version (RFC 9112 section 2.3); a higher minor version is one of ours (RFC 9110
 * section 2.5). Returns 10 or 11, 0 with *fault. */
static uint8_t read_version(const char *p, const char *end, struct h1_fault *fault)
{
    if (end - p < VERSION_BYTES || memcmp(p, "HTTP/", 5) != 0 || !is_digit(p[5]) ||
        p[6] != '.' || !is_digit(p[7])) {
        h1_fail(fault, WERR_SYNTAX, 400, "malformed HTTP version");
        return 0;
    }
    if (p[5] != '1') {
        h1_fail(fault, WERR_UNSUPPORTED, 505, "HTTP version is not 1.x");
        return 0;
    }
    return p[7] == '0' ? 10 : 11;
}

static const char *end_line(const char *p, const char *end)
{
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

/* Length of "http://" or "https://"; 0 when it begins otherwise. */
static size_t scheme_len(struct span target)
{
    if (span_is_equal_nocase(span_first(target, 7), SPAN("http://")))
        return 7;
    if (span_is_equal_nocase(span_first(target, 8), SPAN("https://")))
        return 8;
    return 0;
}

static bool read_absolute(struct msg *m, struct span target)
{
    size_t skip = scheme_len(target);
    if (skip == 0)
        return false;
    struct span authority = span_skip(target, skip);
    size_t n = 0;
    while (n < authority.len && authority.ptr[n] != '/' && authority.ptr[n] != '?')
        n++;
    authority.len = n;
    m->authority = authority;
    return h1_authority_is_valid(authority);
}

static bool read_authority(struct msg *m, struct span target)
{
    m->authority = target;
    return h1_authority_is_valid(target) && is_digit(target.ptr[target.len - 1]) &&
           memrchr(target.ptr, ':', target.len) != NULL;
}

/* The four forms of RFC 9112 section 3.2. */
static bool read_form(struct msg *m)
{
    struct span method = msg_method(m);
    struct span target = msg_target(m);
    if (span_is_equal(method, SPAN("CONNECT")))
        return read_authority(m, target);
    if (target.ptr[0] == '/')
        return true;
    if (span_is_equal(target, SPAN("*")))
        return span_is_equal(method, SPAN("OPTIONS"));
    return read_absolute(m, target);
}

const char *h1_line_read_request(struct msg *m, const char *p, const char *end,
                                 struct h1_fault *fault)
{
    size_t n = h1_scan->token(p, (size_t)(end - p));
    if (n == 0 || p + n == end || p[n] != ' ')
        return refuse(fault, "malformed method");
    m->method_off = (uint32_t)(p - m->base);
    m->method_len = (uint32_t)n;
    p += n + 1;

    n = h1_scan->target(p, (size_t)(end - p));
    if (n == 0 || p + n == end || p[n] != ' ')
        return refuse(fault, "malformed request target");
    m->target_off = (uint32_t)(p - m->base);
    m->target_len = (uint32_t)n;
    p += n + 1;

    m->version = read_version(p, end, fault);
    if (m->version == 0)
        return NULL;
    if (!read_form(m))
        return refuse(fault, "request target of a form not allowed here");
    p = end_line(p + VERSION_BYTES, end);
    return p != NULL ? p : refuse(fault, "bytes after the HTTP version");
}

/* 3DIGIT from 100 on; 0 when it is not. RFC 9110 section 15: whoever gets a status of 600 or
 * more takes it for a 5xx; that it is one is no reason to throw a good response away. */
static uint16_t read_status(const char *p)
{
    if (p[0] < '1' || !is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]))
        return 0;
    return (uint16_t)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
}

enum { STATUS_END = VERSION_BYTES + 4 };

/* RFC 9112 section 4. The SP after the code is required there, but servers that have no reason
 * phrase leave it out. */
const char *h1_line_read_status(struct msg *m, const char *p, const char *end,
                                struct h1_fault *fault)
{
    m->version = read_version(p, end, fault);
    if (m->version == 0)
        return NULL;
    if (end - p == VERSION_BYTES || p[VERSION_BYTES] != ' ')
        return refuse(fault, "malformed status line");
    m->status = end - p < STATUS_END ? 0 : read_status(p + VERSION_BYTES + 1);
    if (m->status == 0)
        return refuse(fault, "malformed status code");
    p += STATUS_END;

    size_t n = 0;
    if (p != end && *p == ' ') {
        p++;
        n = h1_scan->value(p, (size_t)(end - p));
    }
    m->reason_off = (uint32_t)(p - m->base);
    m->reason_len = (uint32_t)n;
    p = end_line(p + n, end);
    return p != NULL ? p : refuse(fault, "malformed reason phrase");
}
