/* top_text.h - numbers, times and rows of values as short texts, as the dashboard writes them
 * (ui/base.js). Pure.
 *
 * All add to a string builder. A number that is not known (NAN) is a dash.
 */
#ifndef WELDR_CLI_TOP_TEXT_H
#define WELDR_CLI_TOP_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strb.h"

void top_text_count(struct strb *b, double n);         /* "12,345" */
void top_text_short(struct strb *b, double n);         /* "950", "12.3k", "4.56M" */
void top_text_micro(struct strb *b, double us);        /* "950µs", "1.23ms", "4.56s" */
void top_text_percent(struct strb *b, double percent); /* "0%", "0.3%", "12%" */
/* How long seconds are: "12s", "5m", "3h", "2d". */
void top_text_span(struct strb *b, double seconds);
/* "17:23:34" of the time zone of this machine; seconds since 1970. */
void top_text_clock(struct strb *b, double seconds);
/* The last values, at most so many, as bars (U+2581 to U+2588) between 0 and the greatest of
 * them; a blank for 0, and blanks before them where there are fewer. */
void top_text_bars(struct strb *b, const double *values, size_t n, unsigned columns);
/* "2026-11-28T17:23:34.709Z" as seconds since 1970; NAN: it is no such time. */
double top_text_time(const char *text);

#endif
