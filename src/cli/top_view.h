/* top_view.h - draws what `weldr top` knows on a screen. Pure, but for the time zone.
 *
 * Rows of the screen: title, two of numbers, bars of requests, tabs, a note on the list, the
 * titles of its columns, the list, and the keys or what is wrong. On a screen that is too small
 * for it stands only that. No state is told by its color alone.
 */
#ifndef WELDR_CLI_TOP_VIEW_H
#define WELDR_CLI_TOP_VIEW_H

#include "cli/top_model.h"
#include "cli/top_screen.h"
#include "cli/top_ui.h"

enum { TOP_VIEW_ROWS_MIN = 24, TOP_VIEW_COLUMNS_MIN = 80, TOP_VIEW_ROWS_AROUND = 8 };

/* Says what fits and how far it scrolls (ui), and puts the list in order for that. */
void top_view_draw(struct top_screen *s, struct top_model *m, struct top_ui *u, double wall_s);

/* ---- its parts, of files of their own; rows: from first, so many ---- */

void top_view_list(struct top_screen *s, const struct top_model *m, const struct top_ui *u,
                   unsigned first, unsigned row_n, double wall_s);
/* Titles of the columns, and what is told of the list. */
void top_view_list_head(struct top_screen *s, const struct top_model *m, const struct top_ui *u,
                        unsigned row);
void top_view_detail(struct top_screen *s, const struct top_model *m, struct top_ui *u,
                     unsigned first, unsigned row_n);
void top_view_help(struct top_screen *s, struct top_ui *u, unsigned first, unsigned row_n);
/* Widths of the columns of a list on a screen of so many columns; 0: it is left out. Returns
 * what they take, with the gaps between them. */
unsigned top_view_widths(enum top_list_id list, unsigned screen_columns,
                         unsigned width[TOP_LIST_COLUMNS_MAX]);

#endif
