#include "pool/rule.h"

static bool is_normal(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '%')
            return false;
        if (path.ptr[i] == '/' && i + 1 < path.len &&
            (path.ptr[i + 1] == '/' || path.ptr[i + 1] == '.'))
            return false;
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 section 2.3. */
static bool is_unreserved(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || c == '~';
}

/* The byte that an escape stands for; -1: none begins here. */
static int escaped_byte(struct span path, size_t i)
{
    if (path.ptr[i] != '%' || i + 2 >= path.len)
        return -1;
    int high = hex_value(path.ptr[i + 1]), low = hex_value(path.ptr[i + 2]);
    return high >= 0 && low >= 0 ? high * 16 + low : -1;
}

struct writing {
    char *buf;
    size_t len;
    size_t segment; /* where the one being written begins */
};

/* A segment has ended: "." and ".." go, the latter with the one before it. */
static void end_segment(struct writing *w)
{
    struct span last = span_from(w->buf + w->segment, w->len - w->segment);

    if (!span_is_equal(last, SPAN(".")) && !span_is_equal(last, SPAN("..")))
        return;
    w->len = w->segment;
    if (last.len == 2 && w->segment > 1) {
        for (w->len--; w->len > 0 && w->buf[w->len - 1] != '/'; w->len--)
            ;
    }
    w->segment = w->len;
}

static void add_slash(struct writing *w)
{
    end_segment(w);
    if (w->len == 0 || w->buf[w->len - 1] != '/')
        w->buf[w->len++] = '/';
    w->segment = w->len;
}

static void add_escape(struct writing *w, int byte)
{
    static const char digits[] = "0123456789ABCDEF";

    w->buf[w->len++] = '%';
    w->buf[w->len++] = digits[byte >> 4];
    w->buf[w->len++] = digits[byte & 15];
}

struct span rule_path_normal(struct span path, char *buf)
{
    struct writing w = {.buf = buf};

    if (path.len == 0 || path.ptr[0] != '/' || is_normal(path))
        return path;
    for (size_t i = 0; i < path.len; i++) {
        int byte = escaped_byte(path, i);
        if (byte >= 0)
            i += 2;
        if (byte < 0 && path.ptr[i] == '/')
            add_slash(&w);
        else if (byte < 0)
            w.buf[w.len++] = path.ptr[i];
        else if (is_unreserved(byte))
            w.buf[w.len++] = (char)byte;
        else
            add_escape(&w, byte);
    }
    end_segment(&w);
    return span_from(buf, w.len);
}
