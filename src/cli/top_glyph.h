/* top_glyph.h - text of strangers as characters that a terminal shows, each with its width.
 * Pure.
 *
 * A terminal obeys control characters, and some characters turn the direction of what follows:
 * those come as "?", and so do bytes that are no UTF-8 (RFC 3629). Characters without a width
 * (accents that combine, joiners, selectors) are passed over: a column of the screen has one
 * character, and terminals do not agree on where such a one stands. Widths are those of East
 * Asian Width (Unicode TR 11), roughly beyond the BMP: no table of the system is asked, since
 * the program is static.
 */
#ifndef WELDR_CLI_TOP_GLYPH_H
#define WELDR_CLI_TOP_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum { TOP_GLYPH_BYTES = 4 };

/* Takes the next character that is shown off the text; *width: 1 or 2 columns. false: none is
 * left. */
bool top_glyph_next(struct span *text, uint32_t *c, unsigned *width);
/* Columns of the whole text. */
unsigned top_glyph_columns(struct span text);
/* As UTF-8; returns the number of bytes. c: of top_glyph_next. */
size_t top_glyph_print(uint32_t c, char out[TOP_GLYPH_BYTES]);
/* For terminals without UTF-8: itself, what looks like it (lines, arrows, bars), or "?". */
char top_glyph_ascii(uint32_t c);

#endif
