#include "base/span.h"

#include "base/werr.h"

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool is_ows(char c)
{
    return c == ' ' || c == '\t';
}

bool span_is_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    }
    return true;
}

bool span_has_prefix(struct span s, struct span prefix)
{
    return s.len >= prefix.len && span_is_equal(span_first(s, prefix.len), prefix);
}

static struct span trim(struct span s, bool (*is_blank)(char c))
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = span_skip(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct span span_trim(struct span s)
{
    return trim(s, is_ows);
}

static bool is_ows_or_line_end(char c)
{
    return is_ows(c) || c == '\r' || c == '\n';
}

struct span span_trim_lines(struct span s)
{
    return trim(s, is_ows_or_line_end);
}

size_t span_find(struct span s, char c)
{
    if (s.len == 0)
        return 0;
    const char *at = memchr(s.ptr, c, s.len);
    return at != NULL ? (size_t)(at - s.ptr) : s.len;
}

struct span span_cut(struct span *rest, char separator)
{
    const size_t at = span_find(*rest, separator);
    const struct span part = span_first(*rest, at);

    *rest = at < rest->len ? span_skip(*rest, at + 1) : SPAN_NONE;
    return part;
}

bool span_next_item(struct span *rest, struct span *item)
{
    while (rest->len > 0) {
        *item = span_trim(span_cut(rest, ','));
        if (item->len > 0)
            return true;
    }
    return false;
}

int span_to_str(struct span s, char *buf, size_t size)
{
    MUST(size > 0);
    buf[0] = '\0';
    if (s.len >= size || span_find(s, '\0') < s.len)
        return WERR_TOO_BIG;
    if (s.len > 0)
        memcpy(buf, s.ptr, s.len);
    buf[s.len] = '\0';
    return 0;
}
