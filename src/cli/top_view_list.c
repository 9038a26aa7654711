#include <math.h>
#include <string.h>

#include "base/strb.h"
#include "cli/top_text.h"
#include "cli/top_view.h"

/* Before the first column: the mark of the chosen row. */
enum { MARK_COLUMNS = 2, TEXT_BYTES = 1024 };

/* ---- columns ---- */

unsigned top_view_widths(enum top_list_id list, unsigned screen_columns,
                         unsigned width[TOP_LIST_COLUMNS_MAX])
{
    unsigned used = MARK_COLUMNS, grow = 0, n = 0;
    int last = -1;

    memset(width, 0, TOP_LIST_COLUMNS_MAX * sizeof(*width));
    for (unsigned i = 0; i < TOP_COLUMNS; i++) {
        const struct top_column *c = &top_columns[i];

        if (c->list != list)
            continue;
        if (c->from <= screen_columns) {
            width[n] = c->width;
            used += c->width + (last >= 0);
            grow += c->grow;
            last = (int)n;
        }
        n++;
    }
    const unsigned left = screen_columns > used ? screen_columns - used : 0;
    for (unsigned i = 0, k = 0; i < TOP_COLUMNS && grow > 0; i++)
        if (top_columns[i].list == list) {
            if (width[k] > 0) {
                width[k] += left * top_columns[i].grow / grow;
                used += left * top_columns[i].grow / grow;
            }
            k++;
        }
    return used;
}

static bool is_right(enum top_kind kind)
{
    return kind != TOP_KIND_TEXT && kind != TOP_KIND_BARS && kind != TOP_KIND_CLOCK;
}

/* ---- the head ---- */

static void put_title(struct top_screen *s, const struct top_tab *t, unsigned row, unsigned at,
                      unsigned width, enum top_column_id id)
{
    const unsigned style = TOP_BOLD | (t->order == id ? TOP_ACCENT : TOP_PLAIN);
    char text[64];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, top_columns[id].title);
    if (t->order == id)
        strb_add_str(&b, t->is_reversed ? "\xe2\x86\x93" : "\xe2\x86\x91");
    if (is_right(top_columns[id].kind)) /* the arrow may take the gap before it */
        top_screen_put_right(s, row, at - 1, width + 1, style, strb_span(&b));
    else
        (void)top_screen_put(s, row, at, width, style, strb_span(&b));
}

void top_view_list_head(struct top_screen *s, const struct top_model *m, const struct top_ui *u,
                        unsigned row)
{
    const struct top_list *l = &m->list[u->tab];
    unsigned width[TOP_LIST_COLUMNS_MAX], at = MARK_COLUMNS;

    (void)top_view_widths(u->tab, s->column_n, width);
    for (unsigned i = 0; i < l->column_n; i++) {
        if (width[i] == 0)
            continue;
        put_title(s, &u->tabs[u->tab], row, at, width[i],
                  (enum top_column_id)(l->first_column + i));
        at += width[i] + 1;
    }
}

/* ---- rows ---- */

static unsigned style_of(enum top_mood mood)
{
    switch (mood) {
    case TOP_MOOD_GOOD:
        return TOP_GOOD;
    case TOP_MOOD_WARN:
        return TOP_WARN;
    case TOP_MOOD_BAD:
        return TOP_BAD | TOP_BOLD;
    case TOP_MOOD_PLAIN:
        break;
    }
    return TOP_PLAIN;
}

static void print_number(struct strb *b, enum top_kind kind, double number, double wall_s)
{
    switch (kind) {
    case TOP_KIND_RATE:
        top_text_short(b, number);
        return;
    case TOP_KIND_MICRO:
        top_text_micro(b, number);
        return;
    case TOP_KIND_SPAN:
        top_text_span(b, wall_s - number);
        return;
    case TOP_KIND_MILLI:
        top_text_span(b, number / 1000);
        return;
    case TOP_KIND_CLOCK:
        top_text_clock(b, number);
        return;
    case TOP_KIND_COUNT:
    case TOP_KIND_TEXT:
    case TOP_KIND_BARS:
        top_text_count(b, number);
        return;
    }
}

/* Where a value stands on the screen. */
struct spot {
    struct top_screen *screen;
    unsigned row, at, width;
};

static void put_text(const struct spot *to, unsigned style, struct span text)
{
    (void)top_screen_put(to->screen, to->row, to->at, to->width, style, text);
}

/* Counts are shortened where there is no room for them. */
static void put_number(const struct spot *to, enum top_kind kind, double number, double wall_s)
{
    char text[64];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    print_number(&b, kind, number, wall_s);
    if (kind == TOP_KIND_COUNT && number >= 1000 && b.len > to->width) {
        strb_init(&b, text, sizeof(text));
        top_text_short(&b, number);
    }
    top_screen_put_right(to->screen, to->row, to->at, to->width, TOP_PLAIN, strb_span(&b));
}

static void put_bars(const struct spot *to, const struct top_line *line)
{
    char text[TEXT_BYTES];
    struct strb b;

    if (line == NULL)
        return;
    strb_init(&b, text, sizeof(text));
    top_text_bars(&b, line->point, line->point_n,
                  to->width < TOP_POINTS_MAX ? to->width : TOP_POINTS_MAX);
    put_text(to, TOP_ACCENT, strb_span(&b));
}

static void put_value(const struct spot *to, const struct top_model *m, const struct top_row *r,
                      enum top_column_id id, double wall_s)
{
    const struct top_column *c = &top_columns[id];
    const struct top_value *v = top_row_value(&m->list[c->list], r, id);
    const bool is_first = id == m->list[c->list].first_column;
    const bool is_state = is_first || strcmp(c->title, "STATE") == 0;
    const struct top_line *line;

    switch (c->kind) {
    case TOP_KIND_TEXT:
        put_text(to, is_state ? style_of(r->mood) : TOP_PLAIN,
                 strcmp(v->text, "-") == 0 ? SPAN_NONE : span_from_str(v->text));
        return;
    case TOP_KIND_BARS:
        put_bars(to, top_model_line(m, r->key));
        return;
    case TOP_KIND_MICRO:
        line = top_model_line(m, r->key);
        put_number(to, c->kind, line != NULL ? line->mean_us : NAN, wall_s);
        return;
    default:
        put_number(to, c->kind, v->number, wall_s);
    }
}

static void put_row(struct top_screen *s, const struct top_model *m, const struct top_list *l,
                    const struct top_row *r, unsigned row, double wall_s)
{
    unsigned width[TOP_LIST_COLUMNS_MAX], at = MARK_COLUMNS;

    (void)top_view_widths(l->id, s->column_n, width);
    for (unsigned i = 0; i < l->column_n; i++) {
        const struct spot to = {s, row, at, width[i]};

        if (width[i] == 0)
            continue;
        put_value(&to, m, r, (enum top_column_id)(l->first_column + i), wall_s);
        at += width[i] + 1;
    }
}

void top_view_list(struct top_screen *s, const struct top_model *m, const struct top_ui *u,
                   unsigned first, unsigned row_n, double wall_s)
{
    const struct top_list *l = &m->list[u->tab];
    const struct top_tab *t = &u->tabs[u->tab];

    for (unsigned i = 0; i < row_n && t->first + i < l->shown_n; i++) {
        put_row(s, m, l, top_list_shown(l, t->first + i), first + i, wall_s);
        if (t->first + i == t->place) {
            (void)top_screen_put(s, first + i, 0, 1, TOP_PLAIN, SPAN(">"));
            top_screen_set_style(s, first + i, 0, s->column_n, TOP_REVERSE); /* no colors */
        }
    }
    if (l->shown_n == 0)
        (void)top_screen_put(s, first, MARK_COLUMNS, s->column_n, TOP_DIM,
                             !l->is_there        ? SPAN("not here yet")
                             : l->rows.row_n > 0 ? SPAN("none has this text")
                                                 : SPAN("none"));
}
