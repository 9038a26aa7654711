/*
 * Texts of strangers on the screen of "weldr top". What goes to the terminal is valid UTF-8 (or
 * ASCII, where that is wanted) without control characters, but for the sequences that the
 * screen itself writes; nothing is drawn beyond the columns that were given.
 */
#include <stdint.h>

#include "base/werr.h"
#include "cli/top_glyph.h"
#include "cli/top_screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 3, COLUMNS = 30 };

/* "ESC [ digits and semicolons LETTER" of ours: H, J or m. */
static size_t skip_sequence(const struct top_bytes *out, size_t at)
{
    MUST(at + 2 < out->len && out->buf[at + 1] == '[');
    for (at += 2; at < out->len; at++) {
        const char c = out->buf[at];

        if (c == 'H' || c == 'J' || c == 'm')
            return at + 1;
        MUST((c >= '0' && c <= '9') || c == ';');
    }
    MUST(false);
    return at;
}

static void check_bytes(const struct top_bytes *out, bool has_utf8)
{
    char again[TOP_GLYPH_BYTES];
    unsigned width;
    uint32_t c;

    for (size_t at = 0; at < out->len;) {
        struct span rest = span_from(out->buf + at, out->len - at);

        if (out->buf[at] == '\033') {
            at = skip_sequence(out, at);
            continue;
        }
        MUST(has_utf8 || (unsigned char)out->buf[at] < 0x7f);
        MUST(top_glyph_next(&rest, &c, &width));
        const size_t n = top_glyph_print(c, again);
        MUST(n == (size_t)(rest.ptr - (out->buf + at)));
        MUST(span_is_equal(span_from(again, n), span_from(out->buf + at, n)));
        at += n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_from(data, size);
    const unsigned column = size > 0 ? data[0] % COLUMNS : 0;
    const unsigned width = size > 1 ? data[1] % (COLUMNS + 2) : 0;
    struct top_bytes out = {NULL, 0, 0, false};
    struct top_screen s;

    for (int has_utf8 = 0; has_utf8 < 2; has_utf8++) {
        top_screen_init(&s, has_utf8, true);
        if (top_screen_resize(&s, ROWS, COLUMNS) < 0)
            return 0;
        const unsigned used = top_screen_put(&s, 1, column, width, TOP_BAD, text);
        MUST(used <= width && used <= COLUMNS - column);
        for (unsigned i = 0; i < ROWS * COLUMNS; i++)
            MUST((i >= COLUMNS + column && i < COLUMNS + column + used) ||
                 (s.now[i].c == ' ' && s.now[i].style == TOP_PLAIN));
        top_screen_put_right(&s, 2, column, width, TOP_PLAIN, text);
        out.len = 0;
        top_screen_diff(&s, &out);
        check_bytes(&out, has_utf8);
        top_screen_fini(&s);
    }
    top_bytes_fini(&out);
    return 0;
}
