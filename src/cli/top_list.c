#include "cli/top_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top_text.h"

const struct top_column top_columns[TOP_COLUMNS] = {
#define COLUMN(list, name, title, kind, width, grow, from, path) \
    [TOP_##list##_##name] = {TOP_##list, title, TOP_KIND_##kind, width, grow, from, path},
#include "cli/top_columns.def"
#undef COLUMN
};

static void free_rows(struct top_rows *r)
{
    for (size_t i = 0; i < r->row_n; i++) {
        free(r->row[i].key);
        for (unsigned k = 0; k < TOP_LIST_COLUMNS_MAX; k++)
            free(r->row[i].value[k].text);
    }
    for (size_t i = 0; i < r->doc_n; i++)
        doc_free(r->doc[i]);
    free(r->row);
    free(r->by_key);
    free(r->doc);
    *r = (struct top_rows){.row = NULL};
}

void top_list_init(struct top_list *l, enum top_list_id id)
{
    *l = (struct top_list){.id = id};
    while (top_columns[l->first_column].list != id)
        l->first_column++;
    while (l->first_column + l->column_n < TOP_COLUMNS &&
           top_columns[l->first_column + l->column_n].list == id)
        l->column_n++;
    MUST(l->column_n <= TOP_LIST_COLUMNS_MAX);
}

void top_list_fini(struct top_list *l)
{
    free_rows(&l->rows);
    free_rows(&l->next);
    free(l->shown);
    l->shown = NULL;
    l->shown_n = 0;
}

/* ---- filling ---- */

void top_list_begin(struct top_list *l)
{
    free_rows(&l->next);
}

int top_list_keep(struct top_list *l, struct doc *d)
{
    struct top_rows *r = &l->next;

    if (r->doc_n == r->doc_cap) {
        const size_t cap = 2 * r->doc_cap + 4;
        // NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what it has
        struct doc **docs = reallocarray(r->doc, cap, sizeof(*docs));

        if (docs == NULL) {
            doc_free(d);
            return WERR_NOMEM;
        }
        r->doc = docs;
        r->doc_cap = cap;
    }
    r->doc[r->doc_n++] = d;
    return 0;
}

static struct top_row *new_row(struct top_rows *r)
{
    if (r->row_n == r->row_cap) {
        const size_t cap = 2 * r->row_cap + 64;
        struct top_row *row = reallocarray(r->row, cap, sizeof(*row));

        if (row == NULL)
            return NULL;
        r->row = row;
        r->row_cap = cap;
    }
    r->row[r->row_n] = (struct top_row){.key = NULL};
    return &r->row[r->row_n];
}

static double number_of(const struct doc *d, enum top_kind kind)
{
    if (kind != TOP_KIND_SPAN && kind != TOP_KIND_CLOCK)
        return doc_number(d, NAN);
    char *text = doc_text(d);
    const double time = text != NULL ? top_text_time(text) : NAN;
    free(text);
    return time;
}

/* false: no memory. */
static bool read_value(struct top_value *v, const struct top_column *column,
                       const struct doc *entry)
{
    const struct doc *d = column->path[0] != '\0' ? doc_get(entry, column->path) : NULL;

    *v = (struct top_value){NULL, NAN};
    if (column->kind == TOP_KIND_TEXT)
        v->text = d != NULL ? doc_text(d) : strdup("-");
    else if (d != NULL)
        v->number = number_of(d, column->kind);
    return column->kind != TOP_KIND_TEXT || v->text != NULL;
}

struct top_row *top_list_add(struct top_list *l, const char *key, const struct doc *entry)
{
    struct top_row *row = new_row(&l->next);

    if (row == NULL)
        return NULL;
    l->next.row_n++; /* what it has of values is freed with it */
    row->entry = entry;
    row->key = strdup(key);
    row->counted_at = NAN;
    bool is_whole = row->key != NULL;
    for (unsigned i = 0; i < l->column_n; i++)
        is_whole &= read_value(&row->value[i], &top_columns[l->first_column + i], entry);
    return is_whole ? row : NULL;
}

static int compare_keys(const void *a, const void *b, void *arg)
{
    const struct top_row *row = arg;

    return strcmp(row[*(const size_t *)a].key, row[*(const size_t *)b].key);
}

int top_list_end(struct top_list *l)
{
    struct top_rows *r = &l->next;

    r->by_key = calloc(r->row_n + 1, sizeof(*r->by_key));
    size_t *shown = calloc(r->row_n + 1, sizeof(*shown));
    if (r->by_key == NULL || shown == NULL) {
        free(shown);
        free_rows(r);
        return WERR_NOMEM;
    }
    for (size_t i = 0; i < r->row_n; i++)
        r->by_key[i] = i;
    if (r->row_n > 0)
        qsort_r(r->by_key, r->row_n, sizeof(*r->by_key), compare_keys, r->row);
    free_rows(&l->rows);
    free(l->shown);
    l->rows = *r;
    l->shown = shown;
    l->shown_n = 0;
    l->is_there = true;
    *r = (struct top_rows){.row = NULL};
    return 0;
}

static unsigned place_of(const struct top_list *l, enum top_column_id column)
{
    MUST(column < TOP_COLUMNS && top_columns[column].list == l->id);
    return column - l->first_column;
}

void top_row_set_text(const struct top_list *l, struct top_row *row, enum top_column_id column,
                      const char *text)
{
    struct top_value *v = &row->value[place_of(l, column)];
    char *copy = strdup(text);

    if (copy == NULL)
        return; /* the old one stays */
    free(v->text);
    v->text = copy;
}

void top_row_set_number(const struct top_list *l, struct top_row *row,
                        enum top_column_id column, double number)
{
    row->value[place_of(l, column)].number = number;
}

/* ---- looking ---- */

const struct top_value *top_row_value(const struct top_list *l, const struct top_row *row,
                                      enum top_column_id column)
{
    return &row->value[place_of(l, column)];
}

struct top_row *top_list_find(const struct top_list *l, const char *key)
{
    size_t low = 0, high = l->rows.row_n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        struct top_row *row = &l->rows.row[l->rows.by_key[middle]];
        const int order = strcmp(key, row->key);

        if (order == 0)
            return row;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct top_row *top_list_shown(const struct top_list *l, size_t i)
{
    MUST(i < l->shown_n);
    return &l->rows.row[l->shown[i]];
}

size_t top_list_place(const struct top_list *l, const char *key)
{
    const struct top_row *row = top_list_find(l, key);
    size_t i = 0;

    if (row == NULL)
        return l->shown_n;
    while (i < l->shown_n && &l->rows.row[l->shown[i]] != row)
        i++;
    return i;
}

/* ---- order and filter ---- */

struct order {
    const struct top_list *list;
    enum top_column_id column;
    unsigned value;
    bool is_reversed;
};

static int compare_numbers(double a, double b, bool is_reversed)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0); /* last, whichever way */
    return ((a > b) - (a < b)) * (is_reversed ? -1 : 1);
}

/* A state goes by how bad it is; numbers in texts count as numbers: 10.0.0.9 before 10.0.0.10.
 */
static int compare_rows(const void *a, const void *b, void *arg)
{
    const size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct order *o = arg;
    const struct top_row *x = &o->list->rows.row[i], *y = &o->list->rows.row[k];
    const struct top_value *v = &x->value[o->value], *w = &y->value[o->value];
    int order;

    if (o->column == TOP_SERVERS_STATE)
        order = compare_numbers(x->rank, y->rank, o->is_reversed);
    else if (v->text != NULL && w->text != NULL)
        order = strverscmp(v->text, w->text) * (o->is_reversed ? -1 : 1);
    else
        order = compare_numbers(v->number, w->number, o->is_reversed);
    return order != 0 ? order : (i > k) - (i < k);
}

static bool passes(const struct top_list *l, const struct top_row *row, const char *filter)
{
    if (filter[0] == '\0' || strcmp(row->key, filter) == 0)
        return true;
    for (unsigned i = 0; i < l->column_n; i++)
        if (row->value[i].text != NULL && strcasestr(row->value[i].text, filter) != NULL)
            return true;
    return false;
}

int top_list_arrange(struct top_list *l, enum top_column_id column, bool is_reversed,
                     const char *filter)
{
    struct order order = {.list = l, .column = column, .is_reversed = is_reversed};

    l->shown_n = 0;
    if (l->shown == NULL)
        return l->rows.row_n == 0 ? 0 : WERR_NOMEM;
    for (size_t i = 0; i < l->rows.row_n; i++)
        if (passes(l, &l->rows.row[i], filter))
            l->shown[l->shown_n++] = i;
    if (column < TOP_COLUMNS && l->shown_n > 0) {
        order.value = place_of(l, column);
        qsort_r(l->shown, l->shown_n, sizeof(*l->shown), compare_rows, &order);
    }
    return 0;
}
