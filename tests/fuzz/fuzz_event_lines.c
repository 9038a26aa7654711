/*
 * A stream of events as "weldr events -f" reads it. Whole or cut in two anywhere, the same data
 * comes out, none of it with a line end.
 */
#include <stdint.h>
#include <string.h>

#include "cli/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t hash;
    unsigned n;
};

static int add(void *arg, struct span text)
{
    struct sum *s = arg;

    MUST(span_find(text, '\n') == text.len);
    for (size_t i = 0; i < text.len; i++)
        s->hash = s->hash * 31 + (unsigned char)text.ptr[i];
    s->hash = s->hash * 31 + 257;
    s->n++;
    return 0;
}

static struct lines lines;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_from(data, size);
    const size_t cut = size > 0 ? data[0] % size : 0;
    struct sum whole = {0, 0}, parts = {0, 0};

    lines_init(&lines, add, &whole);
    const int rc = lines_feed(&lines, text);
    lines_init(&lines, add, &parts);
    int again = lines_feed(&lines, span_first(text, cut));
    if (again == 0)
        again = lines_feed(&lines, span_skip(text, cut));
    MUST(rc == again && whole.hash == parts.hash && whole.n == parts.n);
    return 0;
}
