/* top_screen.h - what a terminal of some rows and columns shows, as cells; and the bytes that
 * turn what it shows into what it is to show. Pure.
 *
 * A frame is drawn from an empty one (top_screen_clear, then top_screen_put). top_screen_diff
 * writes only what differs from the last frame: addresses (CUP), colours (SGR) and characters
 * of ECMA-48, as any terminal of today knows them; no description of terminals is read. A
 * character that takes two columns has a cell of its own and one behind it without a character.
 * After one that is not of ASCII the place is said anew, so that a terminal which has another
 * opinion of its width puts one cell wrong and not the rest of the line.
 */
#ifndef WELDR_CLI_TOP_SCREEN_H
#define WELDR_CLI_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/span.h"
#include "base/werr.h"

enum { TOP_SCREEN_ROWS_MAX = 500, TOP_SCREEN_COLUMNS_MAX = 1000 };

/* A color, and any of the others. */
enum top_style {
    TOP_PLAIN,
    TOP_GOOD,
    TOP_WARN,
    TOP_BAD,
    TOP_ACCENT,
    TOP_COLORS = 7, /* mask */
    TOP_BOLD = 8,
    TOP_DIM = 16,
    TOP_REVERSE = 32,
};

struct top_cell {
    uint32_t c; /* 0: the second half of the one before */
    uint8_t style;
};

struct top_screen {
    unsigned row_n, column_n;
    bool has_utf8, has_colors;
    bool is_known;                /* shown is what the terminal shows */
    struct top_cell *now, *shown; /* row by row */
};

/* Bytes for the terminal. */
struct top_bytes {
    char *buf;
    size_t len, cap;
    bool is_lost; /* for want of memory */
};

void top_bytes_add(struct top_bytes *b, struct span s);
void top_bytes_fini(struct top_bytes *b);

/* Without rows; then top_screen_resize. */
void top_screen_init(struct top_screen *s, bool has_utf8, bool has_colors);
void top_screen_fini(struct top_screen *s);
/* Bounded by TOP_SCREEN_*_MAX; the terminal is drawn anew. WERR_NOMEM: as it was. */
int top_screen_resize(struct top_screen *s, unsigned row_n, unsigned column_n) MUST_USE;
void top_screen_forget(struct top_screen *s); /* what the terminal shows is not known */
void top_screen_clear(struct top_screen *s);
/* Text in at most width columns from there; what is cut off ends in an ellipsis. Outside of the
 * screen nothing is drawn. Returns the columns that it took. style: of top_style. */
unsigned top_screen_put(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                        unsigned style, struct span text);
/* The same at the right edge of these columns. */
void top_screen_put_right(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                          unsigned style, struct span text);
/* Adds styles to all cells of these columns. */
void top_screen_add_style(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                          unsigned style);
/* Has them in this style alone. */
void top_screen_set_style(struct top_screen *s, unsigned row, unsigned column, unsigned width,
                          unsigned style);
/* From what is shown to what was drawn; then that counts as shown, unless memory was short. */
void top_screen_diff(struct top_screen *s, struct top_bytes *out);
/* What was drawn as plain lines, without blanks at their ends. */
void top_screen_print(const struct top_screen *s, FILE *to);

#endif
