#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strb.h"
#include "cli/doc.h"
#include "cli/top_glyph.h"
#include "cli/top_text.h"
#include "cli/top_view.h"

enum { NAME_COLUMNS = 26, PATH_BYTES = 256, TEXT_BYTES = 1024 };

/* Lines below each other, of which the screen shows some. */
struct page {
    struct top_screen *screen;
    const struct top_ui *ui;
    unsigned first, row_n;
    size_t line_n; /* so far */
    const char *prefix;
};

/* The row of the next line; row_n of the screen: it is out of sight. */
static unsigned next_row(struct page *p)
{
    const size_t line = p->line_n++;

    if (line < p->ui->scroll || line >= p->ui->scroll + p->row_n)
        return p->screen->row_n;
    return p->first + (unsigned)(line - p->ui->scroll);
}

/* As much of the text as so many columns take, at least a character. */
static struct span cut_columns(struct span *rest, unsigned columns)
{
    const struct span text = *rest;
    struct span after = text;
    unsigned used = 0, width;
    uint32_t c;

    while (top_glyph_next(&after, &c, &width)) {
        if (used > 0 && used + width > columns)
            return span_first(text, text.len - rest->len);
        used += width;
        *rest = after;
    }
    *rest = SPAN_NONE;
    return text;
}

/* A name, and a text that goes on in further lines. */
static void put_pair(struct page *p, const char *name, struct span text)
{
    const unsigned columns = p->screen->column_n - NAME_COLUMNS - 1;
    unsigned row = next_row(p);

    (void)top_screen_put(p->screen, row, 0, NAME_COLUMNS - 1, TOP_DIM, span_from_str(name));
    for (;;) {
        (void)top_screen_put(p->screen, row, NAME_COLUMNS, columns, TOP_PLAIN,
                             cut_columns(&text, columns));
        if (text.len == 0)
            return;
        row = next_row(p);
    }
}

/* ---- one entry of a list ---- */

static int put_value(void *arg, const char *path, const struct doc *value);

/* A list of objects: the members of each. */
static int put_objects(struct page *p, const char *path, const struct doc *list)
{
    const char *prefix = p->prefix;
    char text[PATH_BYTES];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < doc_size(list); i++) {
        (void)snprintf(text, sizeof(text), "%s%s.%zu.", prefix, path, i);
        p->prefix = text;
        rc = doc_each_line(doc_at(list, i), put_value, p);
    }
    p->prefix = prefix;
    return rc;
}

/* Within a list of objects, further ones are one line each: nothing of a stranger goes deeper.
 */
static int put_value(void *arg, const char *path, const struct doc *value)
{
    struct page *p = arg;
    char name[PATH_BYTES];

    if (p->prefix[0] == '\0' && doc_is_object(doc_at(value, 0)))
        return put_objects(p, path, value); // NOLINT(misc-no-recursion): once
    char *text = doc_text(value);
    (void)snprintf(name, sizeof(name), "%s%s", p->prefix, path);
    put_pair(p, name, text != NULL ? span_from_str(text) : SPAN_NONE);
    free(text);
    return 0;
}

/* Bars of the last ten minutes, and how many requests the most was. */
static void put_bars(struct page *p, const struct top_line *line)
{
    char text[TEXT_BYTES];
    struct strb b;
    double most = 0;

    for (size_t i = 0; line != NULL && i < line->point_n; i++)
        most = fmax(most, line->point[i]);
    strb_init(&b, text, sizeof(text));
    if (line != NULL)
        top_text_bars(&b, line->point, line->point_n,
                      p->screen->column_n < 100 ? 30 : TOP_POINTS_MAX);
    strb_add_str(&b, " most ");
    top_text_short(&b, most / 10);
    strb_add_str(&b, "/s");
    put_pair(p, p->screen->column_n < 100 ? "requests, 5 minutes" : "requests, 10 minutes",
             strb_span(&b));
    strb_init(&b, text, sizeof(text));
    top_text_micro(&b, line != NULL ? line->mean_us : NAN);
    put_pair(p, "latency, 10 seconds", strb_span(&b));
}

void top_view_detail(struct top_screen *s, const struct top_model *m, struct top_ui *u,
                     unsigned first, unsigned row_n)
{
    const struct top_row *row = top_list_find(&m->list[u->tab], u->detail);
    const struct doc *d = u->tab == TOP_SERVERS ? m->server : row != NULL ? row->entry : NULL;
    struct page p = {s, u, first, row_n, 0, ""};

    if (u->tab == TOP_SERVERS)
        put_bars(&p, top_model_line(m, u->detail));
    if (d != NULL)
        MUST(doc_each_line(d, put_value, &p) == 0); /* put_value refuses nothing */
    else
        put_pair(&p, u->detail,
                 u->tab == TOP_SERVERS ? SPAN("not here yet")
                                       : SPAN("it is not there any more"));
    u->scroll_max = p.line_n > row_n ? p.line_n - row_n : 0;
}

/* ---- help ---- */

static const struct {
    const char *keys, *help;
} keys[] = {
    {"1 to 7, Tab, Left, Right", "another list"},
    {"Up, Down, k, j", "the row before, the next one"},
    {"PgUp, PgDn", "a screen up, down"},
    {"Home, End, g, G", "the first row, the last one"},
    {"Enter", "all of a row; of a pool its servers"},
    {"Esc, Backspace", "back; in a list: without its filter"},
    {"/", "filter: only rows with this text; Enter keeps it, Esc drops it"},
    {"s, >, <", "in the order of the next column, of the one before"},
    {"r", "the other way round"},
    {"[, ]", "servers of the pool before, of the next one"},
    {"p, Space", "pause: nothing is asked; again: go on"},
    {"Ctrl-L", "draw the screen anew"},
    {"?, h", "this page; again: back"},
    {"q, Ctrl-C", "end; Ctrl-Z stops it, fg goes on"},
    {"", ""},
    {"BUSY", "requests that run there now"},
    {"REQ/S, FAIL/S", "requests, and those that failed, since the row was asked for before"},
    {"LATENCY", "mean of the last ten seconds"},
    {"bars", "each its own scale: the highest is the most of them; blank is 0"},
};

void top_view_help(struct top_screen *s, struct top_ui *u, unsigned first, unsigned row_n)
{
    struct page p = {s, u, first, row_n, 0, ""};

    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        put_pair(&p, keys[i].keys, span_from_str(keys[i].help));
    u->scroll_max = p.line_n > row_n ? p.line_n - row_n : 0;
}
