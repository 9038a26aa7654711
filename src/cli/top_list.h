/* top_list.h - the lists that `weldr top` shows: rows of values with columns (top_columns.def),
 * in an order, through a filter. Pure.
 *
 * A list is filled row by row beside what is shown (top_list_begin, top_list_add) and then
 * takes its place whole (top_list_end). Rows own their texts; the documents that they came from
 * are kept as long as the rows, so that one of them can be looked into. NAN is a number that is
 * not known.
 */
#ifndef WELDR_CLI_TOP_LIST_H
#define WELDR_CLI_TOP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/werr.h"
#include "cli/doc.h"

enum top_list_id {
    TOP_SERVERS,
    TOP_POOLS,
    TOP_MEMBERS,
    TOP_VIPS,
    TOP_WORKERS,
    TOP_CERTIFICATES,
    TOP_EVENTS,
    TOP_LISTS
};

enum top_column_id {
#define COLUMN(list, name, title, kind, width, grow, from, path) TOP_##list##_##name,
#include "cli/top_columns.def"
#undef COLUMN
    TOP_COLUMNS
};

enum { TOP_LIST_COLUMNS_MAX = 10 };

enum top_kind {
    TOP_KIND_TEXT,
    TOP_KIND_COUNT,
    TOP_KIND_RATE,
    TOP_KIND_MICRO,
    TOP_KIND_SPAN,
    TOP_KIND_MILLI,
    TOP_KIND_CLOCK,
    TOP_KIND_BARS
};

struct top_column {
    enum top_list_id list;
    const char *title;
    enum top_kind kind;
    unsigned width, grow, from;
    const char *path;
};
extern const struct top_column top_columns[TOP_COLUMNS];

/* How a row is to be seen. Its words say the same. */
enum top_mood { TOP_MOOD_PLAIN, TOP_MOOD_GOOD, TOP_MOOD_WARN, TOP_MOOD_BAD };

struct top_value {
    char *text;    /* owned; NULL: a number */
    double number; /* NAN: not known */
};

struct top_row {
    char *key;               /* owned: names it as long as it is there */
    const struct doc *entry; /* of one of the list's documents */
    enum top_mood mood;
    unsigned rank;                 /* its place in the order by state */
    double counted[2], counted_at; /* for whoever needs to know how much more it is next time */
    struct top_value value[TOP_LIST_COLUMNS_MAX];
};

struct top_rows {
    struct top_row *row; /* as the API has them */
    size_t row_n, row_cap;
    size_t *by_key; /* numbers of the rows */
    struct doc **doc;
    size_t doc_n, doc_cap;
};

struct top_list {
    enum top_list_id id;
    unsigned first_column, column_n;
    bool is_there; /* it has been filled once */
    struct top_rows rows, next;
    size_t *shown; /* numbers of the rows that are shown, in order */
    size_t shown_n;
};

void top_list_init(struct top_list *l, enum top_list_id id);
void top_list_fini(struct top_list *l);

/* ---- filling ---- */

void top_list_begin(struct top_list *l); /* again: what was added meanwhile goes */
/* Takes the document, whatever it returns. WERR_NOMEM. */
int top_list_keep(struct top_list *l, struct doc *d) MUST_USE;
/* A row of this entry, whose columns with a path have their values. NULL: no memory. */
struct top_row *top_list_add(struct top_list *l, const char *key, const struct doc *entry);
/* What was added is the list from now on. WERR_NOMEM: it is as it was. */
int top_list_end(struct top_list *l) MUST_USE;
/* Value of a column that has no path; the text is copied, NULL: no memory. */
void top_row_set_text(const struct top_list *l, struct top_row *row, enum top_column_id column,
                      const char *text);
void top_row_set_number(const struct top_list *l, struct top_row *row,
                        enum top_column_id column, double number);

/* ---- looking ---- */

const struct top_value *top_row_value(const struct top_list *l, const struct top_row *row,
                                      enum top_column_id column);
/* NULL: it is not there (any more). */
struct top_row *top_list_find(const struct top_list *l, const char *key);
/* The i-th that is shown (MUST). */
const struct top_row *top_list_shown(const struct top_list *l, size_t i);
/* Its place among those shown, or shown_n. */
size_t top_list_place(const struct top_list *l, const char *key);

/* ---- order and filter ---- */

/* column: of this list; TOP_COLUMNS: the order of the API. filter: what a text of the row has
 * to hold, in any case; "": all rows. Numbers not known come last. WERR_NOMEM: nothing is
 * shown. */
int top_list_arrange(struct top_list *l, enum top_column_id column, bool is_reversed,
                     const char *filter) MUST_USE;

#endif
