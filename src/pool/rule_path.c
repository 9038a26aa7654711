#include "base/ascii.h"
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

/* RFC 3986 section 2.3. */
static bool is_unreserved(int c)
{
    return c < 0x80 &&
           (ascii_is_alnum((char)c) || c == '-' || c == '.' || c == '_' || c == '~');
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

/* A '%' that begins no escape would begin one with this byte behind it. */
static bool would_join(const struct writing *w, int byte)
{
    if (ascii_hex((char)byte) < 0 || w->len == 0)
        return false;
    return w->buf[w->len - 1] == '%' ||
           (w->len > 1 && w->buf[w->len - 2] == '%' && ascii_hex(w->buf[w->len - 1]) >= 0);
}

struct span rule_path_normal(struct span path, char *buf)
{
    struct writing w = {.buf = buf};

    if (path.len == 0 || path.ptr[0] != '/' || is_normal(path))
        return path;
    for (size_t i = 0; i < path.len; i++) {
        int byte = ascii_unescape(path.ptr + i, path.len - i);
        if (byte >= 0)
            i += 2;
        if (byte < 0 && path.ptr[i] == '/')
            add_slash(&w);
        else if (byte < 0)
            w.buf[w.len++] = path.ptr[i];
        else if (is_unreserved(byte) && !would_join(&w, byte))
            w.buf[w.len++] = (char)byte;
        else
            add_escape(&w, byte);
    }
    end_segment(&w);
    return span_from(buf, w.len);
}
