#include "cli/top_screen.h"

#include <stdlib.h>
#include <string.h>

#include "base/strb.h"
#include "cli/top_glyph.h"

static const uint32_t ellipsis = 0x2026;

/* ---- bytes ---- */

void top_bytes_add(struct top_bytes *b, struct span s)
{
    if (b->len + s.len > b->cap) {
        const size_t cap = 2 * (b->len + s.len) + 4096;
        char *buf = realloc(b->buf, cap);

        if (buf == NULL) {
            b->is_lost = true;
            return;
        }
        b->buf = buf;
        b->cap = cap;
    }
    if (s.len > 0)
        memcpy(b->buf + b->len, s.ptr, s.len);
    b->len += s.len;
}

void top_bytes_fini(struct top_bytes *b)
{
    free(b->buf);
    *b = (struct top_bytes){NULL, 0, 0, false};
}

/* ---- the screen ---- */

void top_screen_init(struct top_screen *s, bool has_utf8, bool has_colors)
{
    *s = (struct top_screen){.has_utf8 = has_utf8, .has_colors = has_colors};
}

void top_screen_fini(struct top_screen *s)
{
    free(s->now);
    free(s->shown);
    *s = (struct top_screen){.has_utf8 = s->has_utf8, .has_colors = s->has_colors};
}

int top_screen_resize(struct top_screen *s, unsigned row_n, unsigned column_n)
{
    row_n = row_n < TOP_SCREEN_ROWS_MAX ? row_n : TOP_SCREEN_ROWS_MAX;
    column_n = column_n < TOP_SCREEN_COLUMNS_MAX ? column_n : TOP_SCREEN_COLUMNS_MAX;
    struct top_cell *now = calloc((size_t)row_n * column_n + 1, sizeof(*now));
    struct top_cell *shown = calloc((size_t)row_n * column_n + 1, sizeof(*shown));

    if (now == NULL || shown == NULL) {
        free(now);
        free(shown);
        return WERR_NOMEM;
    }
    free(s->now);
    free(s->shown);
    s->now = now;
    s->shown = shown;
    s->row_n = row_n;
    s->column_n = column_n;
    s->is_known = false;
    top_screen_clear(s);
    return 0;
}

void top_screen_forget(struct top_screen *s)
{
    s->is_known = false;
}

void top_screen_clear(struct top_screen *s)
{
    for (size_t i = 0; i < (size_t)s->row_n * s->column_n; i++)
        s->now[i] = (struct top_cell){' ', TOP_PLAIN};
}

/* ---- drawing ---- */

/* Half of a character is none: where this cell is taken, the other one becomes a blank. */
static void set_cell(struct top_screen *s, unsigned row, unsigned column, struct top_cell cell)
{
    struct top_cell *line = s->now + (size_t)row * s->column_n;

    if (line[column].c == 0 && cell.c != 0 && column > 0)
        line[column - 1].c = ' ';
    if (column + 1 < s->column_n && line[column + 1].c == 0)
        line[column + 1].c = ' ';
    line[column] = cell;
}

static void put_glyph(struct top_screen *s, unsigned row, unsigned column, uint32_t c,
                      unsigned width, unsigned style)
{
    set_cell(s, row, column, (struct top_cell){c, (uint8_t)style});
    if (width == 2)
        set_cell(s, row, column + 1, (struct top_cell){0, (uint8_t)style});
}

unsigned top_screen_put(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                        unsigned style, struct span text)
{
    unsigned used = 0, glyph_width;
    uint32_t c;

    if (row >= s->row_n || column >= s->column_n)
        return 0;
    if (width > s->column_n - column)
        width = s->column_n - column;
    const bool is_cut = top_glyph_columns(text) > width;
    const unsigned room = is_cut && width > 0 ? width - 1 : width;
    while (top_glyph_next(&text, &c, &glyph_width) && used + glyph_width <= room) {
        put_glyph(s, row, column + used, c, glyph_width, style);
        used += glyph_width;
    }
    if (is_cut && width > 0)
        put_glyph(s, row, column + used++, ellipsis, 1, style);
    return used;
}

void top_screen_put_right(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                          unsigned style, struct span text)
{
    const unsigned n = top_glyph_columns(text);
    const unsigned gap = n < width ? width - n : 0;

    (void)top_screen_put(s, row, column + gap, width - gap, style, text);
}

void top_screen_add_style(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                          unsigned style)
{
    for (unsigned i = column; row < s->row_n && i < s->column_n && i - column < width; i++)
        s->now[(size_t)row * s->column_n + i].style |= (uint8_t)style;
}

void top_screen_set_style(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                          unsigned style)
{
    for (unsigned i = column; row < s->row_n && i < s->column_n && i - column < width; i++)
        s->now[(size_t)row * s->column_n + i].style = (uint8_t)style;
}

/* ---- for the terminal ---- */

struct pen {
    struct top_bytes *out;
    unsigned row, column; /* where the terminal writes next */
    bool is_placed;
    int style; /* -1: not known */
};

static void set_style(const struct top_screen *s, struct pen *p, unsigned style)
{
    static const char *const color[TOP_COLORS + 1] = {
        [TOP_PLAIN] = "",  [TOP_GOOD] = ";32",   [TOP_WARN] = ";33",
        [TOP_BAD] = ";31", [TOP_ACCENT] = ";36",
    };
    char text[32];
    struct strb b;

    if (p->style == (int)style)
        return;
    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, "\033[0");
    if (style & TOP_BOLD)
        strb_add_str(&b, ";1");
    if (style & TOP_DIM)
        strb_add_str(&b, ";2");
    if (style & TOP_REVERSE)
        strb_add_str(&b, ";7");
    if (s->has_colors && color[style & TOP_COLORS] != NULL)
        strb_add_str(&b, color[style & TOP_COLORS]);
    strb_add_char(&b, 'm');
    top_bytes_add(p->out, strb_span(&b));
    p->style = (int)style;
}

static void set_place(struct pen *p, unsigned row, unsigned column)
{
    char text[32];
    struct strb b;

    if (p->is_placed && p->row == row && p->column == column)
        return;
    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "\033[%u;%uH", row + 1, column + 1);
    top_bytes_add(p->out, strb_span(&b));
    p->row = row;
    p->column = column;
    p->is_placed = true;
}

/* In the last column terminals differ on where they stand: it is said anew, too. */
static void write_cell(const struct top_screen *s, struct pen *p, unsigned row, unsigned column)
{
    const struct top_cell *cell = s->now + (size_t)row * s->column_n + column;
    char text[TOP_GLYPH_BYTES];
    size_t n = 1;

    set_place(p, row, column);
    set_style(s, p, cell->style);
    if (s->has_utf8)
        n = top_glyph_print(cell->c, text);
    else
        text[0] = top_glyph_ascii(cell->c);
    top_bytes_add(p->out, span_from(text, n));
    p->column++;
    p->is_placed = cell->c < 0x7f && p->column < s->column_n;
    if (!s->has_utf8 && column + 1 < s->column_n && cell[1].c == 0)
        top_bytes_add(p->out, SPAN("?"));
}

/* A character of two columns is drawn when any of its cells is another one. */
static bool is_another(const struct top_screen *s, size_t at, bool has_half)
{
    for (size_t i = at; i <= at + has_half; i++)
        if (s->now[i].c != s->shown[i].c || s->now[i].style != s->shown[i].style)
            return true;
    return false;
}

void top_screen_diff(struct top_screen *s, struct top_bytes *out)
{
    struct pen p = {.out = out, .style = -1};

    if (!s->is_known)
        top_bytes_add(out, SPAN("\033[0m\033[H\033[2J"));
    for (unsigned row = 0; row < s->row_n; row++)
        for (unsigned column = 0; column < s->column_n; column++) {
            const size_t at = (size_t)row * s->column_n + column;
            const bool has_half = column + 1 < s->column_n && s->now[at + 1].c == 0;
            const bool is_blank = s->now[at].c == ' ' && s->now[at].style == TOP_PLAIN;

            if (s->now[at].c == 0 || (s->is_known ? !is_another(s, at, has_half) : is_blank))
                continue;
            write_cell(s, &p, row, column);
        }
    if (p.style > 0)
        top_bytes_add(out, SPAN("\033[0m"));
    s->is_known = !out->is_lost;
    if (s->is_known)
        memcpy(s->shown, s->now, (size_t)s->row_n * s->column_n * sizeof(*s->now));
}

static void print_cell(const struct top_screen *s, uint32_t c, FILE *to)
{
    char text[TOP_GLYPH_BYTES];
    size_t n;

    if (!s->has_utf8) {
        (void)fputc(c == 0 ? '?' : top_glyph_ascii(c), to);
    } else if (c != 0) {
        n = top_glyph_print(c, text);
        (void)fwrite(text, 1, n, to);
    }
}

void top_screen_print(const struct top_screen *s, FILE *to)
{
    for (unsigned row = 0; row < s->row_n; row++) {
        const struct top_cell *line = s->now + (size_t)row * s->column_n;
        unsigned n = s->column_n;

        while (n > 0 && line[n - 1].c == ' ')
            n--;
        for (unsigned i = 0; i < n; i++)
            print_cell(s, line[i].c, to);
        (void)fputc('\n', to);
    }
}
