#include "cli/top_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/strb.h"
#include "cli/top_glyph.h"
#include "cli/top_text.h"

#define DOT   " \xc2\xb7 "
#define ARROW "\xe2\x86\x91\xe2\x86\x93"

enum {
    ROW_TITLE,
    ROW_NUMBERS,
    ROW_MORE_NUMBERS,
    ROW_BARS,
    ROW_TABS,
    ROW_NOTE,
    ROW_HEAD,
    ROW_LIST,
    TEXT_BYTES = 1024,
    NUMBER_COLUMNS = 20,
};

static const char *const tab_names[TOP_LISTS] = {
    [TOP_SERVERS] = "Servers", [TOP_POOLS] = "Pools",     [TOP_MEMBERS] = "Cluster",
    [TOP_VIPS] = "VIPs",       [TOP_WORKERS] = "Workers", [TOP_CERTIFICATES] = "Certificates",
    [TOP_EVENTS] = "Events",
};

static const char *const entry_names[TOP_LISTS] = {
    [TOP_SERVERS] = "server",           [TOP_POOLS] = "pool",
    [TOP_MEMBERS] = "member",           [TOP_VIPS] = "VIP",
    [TOP_WORKERS] = "worker",           [TOP_EVENTS] = "event",
    [TOP_CERTIFICATES] = "certificate",
};

/* ---- the head ---- */

static void add_link(struct strb *b, const struct top_model *m, const struct top_ui *u)
{
    if (m->link.is_down) {
        strb_add_str(b, "no answer since ");
        top_text_clock(b, m->link.down_since);
    } else {
        strb_add_str(b, u->is_paused                 ? "paused"
                        : m->link.problem[0] != '\0' ? "refused"
                        : isnan(m->link.last_ok)     ? "asking"
                                                     : "live");
    }
}

static void draw_title(struct top_screen *s, const struct top_model *m, const struct top_ui *u,
                       double wall_s)
{
    const struct top_node *n = &m->node;
    const bool is_well = strcmp(n->health, "serving") == 0 || strcmp(n->health, "witness") == 0;
    const bool is_wrong = m->link.is_down || m->link.problem[0] != '\0';
    const unsigned link = is_wrong       ? TOP_BAD | TOP_BOLD
                          : u->is_paused ? TOP_WARN | TOP_BOLD
                                         : TOP_GOOD;
    char text[TEXT_BYTES];
    struct strb b;
    unsigned at = 0;

    strb_init(&b, text, sizeof(text));
    add_link(&b, m, u);
    strb_add_str(&b, "  ");
    top_text_clock(&b, wall_s);
    const unsigned right = top_glyph_columns(strb_span(&b));
    top_screen_put_right(s, ROW_TITLE, 0, s->column_n, link, strb_span(&b));
    const unsigned room = s->column_n - right - 1;
    at += top_screen_put(s, ROW_TITLE, at, room, TOP_BOLD, SPAN("weldr top"));
    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "  %s%s%s", n->name, n->name[0] != '\0' ? DOT : "", n->role);
    at += top_screen_put(s, ROW_TITLE, at, room - at, TOP_PLAIN, strb_span(&b));
    if (n->health[0] != '\0' && !m->link.is_down) { /* else nobody knows */
        at += top_screen_put(s, ROW_TITLE, at, room - at, TOP_PLAIN, SPAN(DOT));
        (void)top_screen_put(s, ROW_TITLE, at, room - at,
                             is_well ? TOP_GOOD : TOP_BAD | TOP_BOLD, span_from_str(n->health));
    }
}

typedef void (*print_fn)(struct strb *b, double n);

static void draw_numbers(struct top_screen *s, const struct top_numbers *n)
{
    const struct {
        const char *name;
        print_fn print;
        double number;
        unsigned style;
    } shown[] = {
        {"Requests/s", top_text_short, n->rate, TOP_PLAIN},
        {"Failed", top_text_percent, n->failed_percent,
         n->failed_percent > 0 ? TOP_BAD : TOP_PLAIN},
        {"Median", top_text_micro, n->half_us, TOP_PLAIN},
        {"99%", top_text_micro, n->most_us, TOP_PLAIN},
        {"In flight", top_text_count, n->in_flight, TOP_PLAIN},
        {"Clients", top_text_count, n->clients, TOP_PLAIN},
        {"Workers", top_text_count, n->workers, TOP_PLAIN},
        {"Revision", top_text_count, n->revision, TOP_PLAIN},
    };
    char text[64];
    struct strb b;

    for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        const unsigned row = ROW_NUMBERS + i / 4, at = i % 4 * NUMBER_COLUMNS;

        strb_init(&b, text, sizeof(text));
        shown[i].print(&b, shown[i].number);
        (void)top_screen_put(s, row, at, 11, TOP_DIM, span_from_str(shown[i].name));
        (void)top_screen_put(s, row, at + 11, NUMBER_COLUMNS - 12, shown[i].style | TOP_BOLD,
                             strb_span(&b));
    }
}

/* A second each, the newest at the right edge, with what the highest stands for. */
static void draw_bars(struct top_screen *s, const struct top_numbers *n, unsigned columns)
{
    const size_t first = n->sample_n > columns ? n->sample_n - columns : 0;
    char text[TEXT_BYTES];
    struct strb b;
    double most = 0;

    for (size_t i = first; i < n->sample_n; i++)
        most = fmax(most, n->sample[i]);
    strb_init(&b, text, sizeof(text));
    top_text_bars(&b, n->sample, n->sample_n, columns);
    (void)top_screen_put(s, ROW_BARS, 0, columns, TOP_ACCENT, strb_span(&b));
    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, "most ");
    top_text_short(&b, most);
    strb_addf(&b, "/s in %us", columns);
    top_screen_put_right(s, ROW_BARS, columns + 1, s->column_n - columns - 1, TOP_DIM,
                         strb_span(&b));
}

static void draw_tabs(struct top_screen *s, const struct top_ui *u)
{
    char text[64];
    struct strb b;
    unsigned at = 0;

    for (unsigned i = 0; i < TOP_LISTS; i++) {
        const bool is_this = i == u->tab;

        strb_init(&b, text, sizeof(text));
        strb_addf(&b, "%c%u %s%c", is_this ? '[' : ' ', i + 1, tab_names[i],
                  is_this ? ']' : ' ');
        at += top_screen_put(s, ROW_TABS, at, s->column_n - at,
                             is_this ? TOP_REVERSE | TOP_BOLD : TOP_PLAIN, strb_span(&b));
    }
}

/* ---- the note ---- */

static void add_states(struct strb *b, const struct top_list *l)
{
    static const char *const states[] = {"down",        "ejected", "initial", "draining",
                                         "maintenance", "standby", "active"};
    enum { STATES = sizeof(states) / sizeof(states[0]) };
    size_t n[STATES + 1] = {0};
    const char *before = ": ";

    for (size_t i = 0; i < l->rows.row_n; i++)
        n[l->rows.row[i].rank < STATES ? l->rows.row[i].rank : STATES]++;
    for (unsigned i = 0; i < STATES; i++)
        if (n[i] > 0) {
            strb_add_str(b, before);
            top_text_count(b, (double)n[i]);
            strb_addf(b, " %s", states[i]);
            before = ", ";
        }
}

static void add_list(struct strb *b, const struct top_model *m, const struct top_ui *u)
{
    const struct top_list *l = &m->list[u->tab];
    const struct top_tab *t = &u->tabs[u->tab];

    if (u->tab == TOP_SERVERS)
        strb_addf(b, "Pool %s" DOT, m->pool);
    top_text_count(b, (double)l->rows.row_n);
    strb_addf(b, " %s%s", entry_names[u->tab], l->rows.row_n == 1 ? "" : "s");
    if (u->tab == TOP_SERVERS)
        add_states(b, l);
    if (t->filter[0] != '\0') {
        strb_add_str(b, DOT);
        top_text_count(b, (double)l->shown_n);
        strb_addf(b, " with \"%s\"", t->filter);
    }
    if (u->tab == TOP_MEMBERS && m->node.warning[0] != '\0')
        strb_addf(b, DOT "%s", m->node.warning);
}

/* What is looked into; of a server the URL says more than its id. */
static void add_entry(struct strb *b, const struct top_model *m, const struct top_ui *u)
{
    const struct top_list *l = &m->list[u->tab];
    const struct top_row *row = top_list_find(l, u->detail);

    strb_addf(b, "%s %s", entry_names[u->tab],
              row != NULL && u->tab == TOP_SERVERS
                  ? top_row_value(l, row, TOP_SERVERS_URL)->text
                  : u->detail);
    if (u->tab == TOP_SERVERS)
        strb_addf(b, DOT "pool %s", m->pool);
}

/* Where the list stands, where not all of it is on the screen. */
static void draw_place(struct top_screen *s, const struct top_model *m, const struct top_ui *u)
{
    const size_t n = m->list[u->tab].shown_n, first = u->tabs[u->tab].first;
    const size_t last = first + u->fit_n < n ? first + u->fit_n : n;
    char text[64];
    struct strb b;

    if (n <= u->fit_n)
        return;
    strb_init(&b, text, sizeof(text));
    strb_add_char(&b, ' ');
    top_text_count(&b, (double)first + 1);
    strb_add_str(&b, "\xe2\x80\x93");
    top_text_count(&b, (double)last);
    strb_add_str(&b, " of ");
    top_text_count(&b, (double)n);
    const unsigned columns = top_glyph_columns(strb_span(&b));
    top_screen_put_right(s, ROW_NOTE, s->column_n - columns, columns, TOP_DIM, strb_span(&b));
}

static void draw_note(struct top_screen *s, const struct top_model *m, const struct top_ui *u)
{
    char text[TEXT_BYTES];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    if (u->mode == TOP_MODE_HELP)
        strb_add_str(&b, "Keys");
    else if (u->mode == TOP_MODE_DETAIL)
        add_entry(&b, m, u);
    else
        add_list(&b, m, u);
    (void)top_screen_put(s, ROW_NOTE, 0, s->column_n, TOP_PLAIN, strb_span(&b));
    if (u->mode == TOP_MODE_LIST)
        draw_place(s, m, u);
}

/* ---- the foot ---- */

static void draw_foot(struct top_screen *s, const struct top_model *m, const struct top_ui *u)
{
    const unsigned row = s->row_n - 1;
    char text[TEXT_BYTES];
    struct strb b;
    unsigned style = TOP_DIM;

    strb_init(&b, text, sizeof(text));
    if (u->is_typing) {
        strb_addf(&b, "Filter: %s_", u->tabs[u->tab].filter);
        style = TOP_BOLD;
    } else if (m->link.is_down) {
        strb_add_str(&b, "No answer since ");
        top_text_clock(&b, m->link.down_since);
        strb_addf(&b, " (%s); trying again each second", m->link.why);
        style = TOP_BAD | TOP_REVERSE;
    } else if (m->link.problem[0] != '\0') {
        strb_addf(&b, "The API responds %s", m->link.problem);
        style = TOP_BAD | TOP_REVERSE;
    } else if (u->mode == TOP_MODE_LIST) {
        strb_add_str(&b, ARROW " choose  Enter open  / filter  s sort  [] pool  "
                               "p pause  ? help  q quit");
    } else {
        strb_add_str(&b, ARROW " scroll  Esc back  p pause  ? help  q quit");
    }
    (void)top_screen_put(s, row, 0, s->column_n, style, strb_span(&b));
    if (style & TOP_REVERSE)
        top_screen_add_style(s, row, 0, s->column_n, style);
}

/* ---- the frame ---- */

static void draw_too_small(struct top_screen *s)
{
    char text[128];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "weldr top needs %d x %d, here are %u x %u", TOP_VIEW_COLUMNS_MIN,
              TOP_VIEW_ROWS_MIN, s->column_n, s->row_n);
    (void)top_screen_put(s, 0, 0, s->column_n, TOP_BOLD, strb_span(&b));
    (void)top_screen_put(s, 1, 0, s->column_n, TOP_PLAIN, SPAN("q quit"));
}

void top_view_draw(struct top_screen *s, struct top_model *m, struct top_ui *u, double wall_s)
{
    top_screen_clear(s);
    if (s->row_n < TOP_VIEW_ROWS_MIN || s->column_n < TOP_VIEW_COLUMNS_MIN) {
        draw_too_small(s);
        return;
    }
    const unsigned row_n = s->row_n - TOP_VIEW_ROWS_AROUND;
    u->fit_n = row_n;
    u->bars_n = s->column_n - NUMBER_COLUMNS;
    if (u->bars_n > TOP_SAMPLES_MAX)
        u->bars_n = TOP_SAMPLES_MAX;
    if (top_ui_arrange(u, m) < 0)
        (void)snprintf(m->link.problem, sizeof(m->link.problem), "out of memory");
    draw_title(s, m, u, wall_s);
    draw_numbers(s, &m->numbers);
    draw_bars(s, &m->numbers, (unsigned)u->bars_n);
    draw_tabs(s, u);
    draw_note(s, m, u);
    switch (u->mode) {
    case TOP_MODE_LIST:
        top_view_list_head(s, m, u, ROW_HEAD);
        top_view_list(s, m, u, ROW_LIST, row_n, wall_s);
        break;
    case TOP_MODE_DETAIL:
        top_view_detail(s, m, u, ROW_HEAD, row_n + 1);
        break;
    case TOP_MODE_HELP:
        top_view_help(s, u, ROW_HEAD, row_n + 1);
        break;
    }
    if (u->scroll > u->scroll_max)
        u->scroll = u->scroll_max;
    draw_foot(s, m, u);
    for (unsigned row = ROW_NUMBERS; m->link.is_down && row < s->row_n - 1; row++)
        top_screen_add_style(s, row, 0, s->column_n, TOP_DIM);
}
