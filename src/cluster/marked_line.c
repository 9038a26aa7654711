#include "cluster/marked_line.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/num.h"

enum { FORMAT = 1, WORD_MAX = 20 };

size_t marked_line_make(const char *word, const uint8_t *bytes, size_t n, char *text)
{
    MUST(strlen(word) <= WORD_MAX && n <= MARKED_LINE_BYTES_MAX);
    size_t len = (size_t)snprintf(text, MARKED_LINE_MAX, "%s %d ", word, FORMAT);

    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, MARKED_LINE_MAX - len, "%02x", bytes[i]);
    text[len++] = ' ';
    len += (size_t)snprintf(text + len, MARKED_LINE_MAX - len, "%016" PRIx64 "\n",
                            (uint64_t)XXH3_64bits(text, len));
    return len;
}

/* All of it but the line end and the checksum, which fits. */
static bool cut_checksum(struct span *text)
{
    uint64_t checksum;

    if (text->len <= NUM_HEX16 + 1 || text->ptr[text->len - 1] != '\n')
        return false;
    const size_t n = text->len - NUM_HEX16 - 1;
    if (num_from_hex16(span_from(text->ptr + n, NUM_HEX16), &checksum) < 0 ||
        checksum != XXH3_64bits(text->ptr, n))
        return false;
    text->len = n;
    return true;
}

static int read_bytes(struct span hex, uint8_t *bytes, size_t n)
{
    uint8_t read[MARKED_LINE_BYTES_MAX];

    if (hex.len != 2 * n || n > sizeof(read))
        return WERR_CORRUPT;
    for (size_t i = 0; i < n; i++) {
        uint64_t value;

        if (num_from_hex(span_from(hex.ptr + 2 * i, 2), UINT8_MAX, &value) < 0)
            return WERR_CORRUPT;
        read[i] = (uint8_t)value;
    }
    memcpy(bytes, read, n);
    return 0;
}

int marked_line_read(struct span text, const char *word, uint8_t *bytes, size_t n)
{
    uint64_t format;

    if (!cut_checksum(&text))
        return WERR_CORRUPT;
    const struct span name = span_cut(&text, ' ');
    const struct span format_text = span_cut(&text, ' ');
    if (!span_is_equal(name, span_from_str(word)) ||
        num_from_dec(format_text, UINT32_MAX, &format) < 0 || format == 0)
        return WERR_CORRUPT;
    if (format != FORMAT)
        return WERR_UNSUPPORTED;
    const struct span hex = span_cut(&text, ' ');
    return text.ptr != NULL && text.len == 0 ? read_bytes(hex, bytes, n) : WERR_CORRUPT;
}
