/*
 * The files `identity` and node.key. A line that is taken is written again as the same bytes,
 * and any bytes that are written are read.
 */
#include <stdint.h>
#include <string.h>

#include "cluster/marked_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char word[] = "weldr-identity";

static void check_written(const uint8_t *bytes, size_t n)
{
    char text[MARKED_LINE_MAX];
    uint8_t again[MARKED_LINE_BYTES_MAX];
    const size_t len = marked_line_make(word, bytes, n, text);

    MUST(len < sizeof(text) && text[len - 1] == '\n');
    MUST(marked_line_read(span_from(text, len), word, again, n) == 0);
    MUST(memcmp(again, bytes, n) == 0);
    text[(n > 0 ? bytes[0] : 0) % len] ^= 1;
    MUST(marked_line_read(span_from(text, len), word, again, n) == WERR_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[16];
    char text[MARKED_LINE_MAX];

    const int rc = marked_line_read(span_from(data, size), word, bytes, sizeof(bytes));
    MUST(rc == 0 || rc == WERR_CORRUPT || rc == WERR_UNSUPPORTED);
    if (rc == 0) {
        MUST(marked_line_make(word, bytes, sizeof(bytes), text) == size);
        MUST(memcmp(text, data, size) == 0);
    }
    check_written(data, size < MARKED_LINE_BYTES_MAX ? size : MARKED_LINE_BYTES_MAX);
    return 0;
}
