/* top_ui.h - what a person looks at in `weldr top`, and what keys do to it. Pure.
 *
 * A list (one of top_list.h) is shown in its order, through its filter. The chosen row is named
 * by its key, so it stays chosen when the order changes; while nothing was chosen (first_key
 * empty) the first row is, and the list stands at its beginning. Enter looks into the chosen
 * row.
 */
#ifndef WELDR_CLI_TOP_UI_H
#define WELDR_CLI_TOP_UI_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/top_keys.h"
#include "cli/top_model.h"

enum { TOP_FILTER_BYTES = 64 };

enum top_mode { TOP_MODE_LIST, TOP_MODE_DETAIL, TOP_MODE_HELP };

struct top_tab {
    enum top_column_id order; /* TOP_COLUMNS: as the API has them */
    bool is_reversed;
    char filter[TOP_FILTER_BYTES];
    char chosen[TOP_NAME_BYTES]; /* key of the row; "": the first one */
    size_t place, first;         /* of the chosen row, and of the first on the screen */
};

struct top_ui {
    enum top_list_id tab;
    enum top_mode mode;
    bool is_typing, is_paused, is_over;
    bool wants_redraw; /* from nothing */
    bool is_stale;     /* the list is another one, or in another order, than is shown */
    struct top_tab tabs[TOP_LISTS];
    char detail[TOP_NAME_BYTES]; /* key of the row that is looked into */
    size_t scroll, scroll_max;   /* of what is no list; the view says how far it goes */
    size_t fit_n;                /* rows of a list that the screen has; the view says so */
    size_t bars_n;               /* seconds that it shows of the node, likewise */
};

void top_ui_init(struct top_ui *u);
/* What was typed. Another pool is chosen in the model. */
void top_ui_key(struct top_ui *u, struct top_model *m, enum top_key key, uint32_t c);
/* After the list or the size of the screen has changed: in order, the chosen row in sight. */
int top_ui_arrange(struct top_ui *u, struct top_model *m) MUST_USE;
/* Can the list be ordered by this column? Not by what is known of the rows in sight alone. */
bool top_ui_is_order(enum top_column_id column);

#endif
