#include "cli/lines.h"

#include <string.h>

void lines_init(struct lines *l, lines_fn fn, void *arg)
{
    l->fn = fn;
    l->arg = arg;
    l->len = 0;
}

static int end_line(struct lines *l)
{
    struct span line = span_trim_lines(span_from(l->line, l->len));

    l->len = 0;
    if (!span_has_prefix(line, SPAN("data:")))
        return 0;
    return l->fn(l->arg, span_trim(span_skip(line, strlen("data:"))));
}

int lines_feed(struct lines *l, struct span bytes)
{
    while (bytes.len > 0) {
        const size_t n = span_find(bytes, '\n');

        if (n > sizeof(l->line) - l->len)
            return WERR_TOO_BIG;
        memcpy(l->line + l->len, bytes.ptr, n);
        l->len += n;
        if (n == bytes.len)
            return 0;
        bytes = span_skip(bytes, n + 1);
        const int rc = end_line(l);
        if (rc < 0)
            return rc;
    }
    return 0;
}
