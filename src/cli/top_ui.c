#include "cli/top_ui.h"

#include <stdio.h>
#include <string.h>

#include "cli/top_glyph.h"

void top_ui_init(struct top_ui *u)
{
    memset(u, 0, sizeof(*u));
    u->fit_n = 1;
    u->bars_n = TOP_SAMPLES_MAX;
    for (int i = 0; i < TOP_LISTS; i++)
        u->tabs[i].order = TOP_COLUMNS;
    u->tabs[TOP_SERVERS].order = TOP_SERVERS_STATE;
    u->tabs[TOP_CERTIFICATES].order = TOP_CERTIFICATES_DAYS;
}

bool top_ui_is_order(enum top_column_id column)
{
    const struct top_column *c = &top_columns[column];

    return c->title[0] != '\0' && c->kind != TOP_KIND_BARS && c->kind != TOP_KIND_MICRO;
}

/* ---- the chosen row ---- */

/* By hand. Who chooses the first place wants to see who stands there, whoever it is. */
static void choose(struct top_ui *u, const struct top_model *m, size_t place)
{
    const struct top_list *l = &m->list[u->tab];
    struct top_tab *t = &u->tabs[u->tab];

    t->chosen[0] = '\0';
    t->place = 0;
    if (l->shown_n == 0)
        return;
    t->place = place < l->shown_n ? place : l->shown_n - 1;
    if (t->place > 0)
        (void)snprintf(t->chosen, sizeof(t->chosen), "%s", top_list_shown(l, t->place)->key);
}

int top_ui_arrange(struct top_ui *u, struct top_model *m)
{
    struct top_list *l = &m->list[u->tab];
    struct top_tab *t = &u->tabs[u->tab];
    u->is_stale = false;
    const int rc = top_list_arrange(l, t->order, t->is_reversed, t->filter);
    const size_t place = t->chosen[0] != '\0' ? top_list_place(l, t->chosen) : 0;

    if (place < l->shown_n)
        t->place = place;
    else /* gone: whoever stands there now */
        choose(u, m, t->place);
    if (t->first > t->place)
        t->first = t->place;
    if (t->place >= t->first + u->fit_n)
        t->first = t->place - u->fit_n + 1;
    if (t->first > 0 && t->first + u->fit_n > l->shown_n)
        t->first = l->shown_n > u->fit_n ? l->shown_n - u->fit_n : 0;
    return rc;
}

/* down: rows, or lines of what is no list; negative: up. */
static void move(struct top_ui *u, const struct top_model *m, long long down)
{
    const size_t at = u->mode == TOP_MODE_LIST ? u->tabs[u->tab].place : u->scroll;
    const size_t to = down < 0 && at < (size_t)-down ? 0 : at + (size_t)down;

    if (u->mode == TOP_MODE_LIST)
        choose(u, m, to);
    else
        u->scroll = to < u->scroll_max ? to : u->scroll_max;
}

static void move_page(struct top_ui *u, const struct top_model *m, int direction)
{
    const long long page = u->fit_n > 1 ? (long long)u->fit_n - 1 : 1;

    move(u, m, direction * page);
}

/* ---- what is shown ---- */

static void go_to_tab(struct top_ui *u, int tab)
{
    u->tab = (enum top_list_id)((tab + TOP_LISTS) % TOP_LISTS);
    u->mode = TOP_MODE_LIST;
    u->is_stale = true;
}

static void choose_pool(struct top_ui *u, struct top_model *m, const char *name)
{
    struct top_tab *t = &u->tabs[TOP_SERVERS];

    top_model_choose_pool(m, name);
    t->chosen[0] = t->filter[0] = '\0';
    t->place = t->first = 0;
    u->is_stale = true;
}

/* Of a pool its servers, of all others a page by itself. */
static void look_into(struct top_ui *u, struct top_model *m)
{
    const struct top_list *l = &m->list[u->tab];

    if (l->shown_n == 0)
        return;
    const char *key = top_list_shown(l, u->tabs[u->tab].place)->key;
    if (u->tab == TOP_POOLS) {
        choose_pool(u, m, key);
        go_to_tab(u, TOP_SERVERS);
        return;
    }
    (void)snprintf(u->detail, sizeof(u->detail), "%s", key);
    u->mode = TOP_MODE_DETAIL;
    u->scroll = 0;
    top_fill_server(m, NULL);
}

/* The pool before or behind the one whose servers are shown, in the order of the API. */
static void step_pool(struct top_ui *u, struct top_model *m, int step)
{
    const struct top_list *l = &m->list[TOP_POOLS];
    const size_t n = l->rows.row_n;

    for (size_t i = 0; i < n; i++)
        if (strcmp(l->rows.row[i].key, m->pool) == 0) {
            choose_pool(u, m, l->rows.row[(i + n + (size_t)step) % n].key);
            go_to_tab(u, TOP_SERVERS);
            return;
        }
    if (n > 0)
        choose_pool(u, m, l->rows.row[0].key);
}

/* The next column that the list can be ordered by; behind the last one: the order of the API.
 */
static void step_order(struct top_ui *u, const struct top_model *m, int step)
{
    const struct top_list *l = &m->list[u->tab];
    struct top_tab *t = &u->tabs[u->tab];
    const unsigned n = l->column_n + 1; /* the last one: none */
    unsigned at = t->order < TOP_COLUMNS ? t->order - l->first_column : n - 1;

    do
        at = (at + n + (unsigned)step) % n;
    while (at != n - 1 && !top_ui_is_order((enum top_column_id)(l->first_column + at)));
    t->order = at == n - 1 ? TOP_COLUMNS : (enum top_column_id)(l->first_column + at);
    u->is_stale = true;
    /* Of what goes on the most is wanted first. */
    const enum top_kind kind =
        t->order < TOP_COLUMNS ? top_columns[t->order].kind : TOP_KIND_TEXT;
    t->is_reversed = kind == TOP_KIND_RATE || kind == TOP_KIND_COUNT || kind == TOP_KIND_SPAN;
}

/* ---- the filter ---- */

static void type_char(struct top_tab *t, uint32_t c)
{
    char text[TOP_GLYPH_BYTES + 1];
    const size_t len = strlen(t->filter), n = top_glyph_print(c, text);

    if (len + n >= sizeof(t->filter))
        return;
    memcpy(t->filter + len, text, n);
    t->filter[len + n] = '\0';
}

/* A whole character of UTF-8. */
static void rub_out(struct top_tab *t)
{
    size_t len = strlen(t->filter);

    while (len > 0 && ((unsigned char)t->filter[--len] & 0xc0U) == 0x80)
        ;
    t->filter[len] = '\0';
}

/* true: the key was for the filter. */
static bool type_key(struct top_ui *u, enum top_key key, uint32_t c)
{
    struct top_tab *t = &u->tabs[u->tab];

    switch (key) {
    case TOP_KEY_CHAR:
        type_char(t, c);
        return true;
    case TOP_KEY_BACKSPACE:
        rub_out(t);
        return true;
    case TOP_KEY_CLEAR:
        t->filter[0] = '\0';
        return true;
    case TOP_KEY_ENTER:
        u->is_typing = false;
        return true;
    case TOP_KEY_ESCAPE:
        t->filter[0] = '\0';
        u->is_typing = false;
        return true;
    default:
        return false;
    }
}

/* ---- keys ---- */

static void go_back(struct top_ui *u)
{
    if (u->mode == TOP_MODE_LIST)
        u->tabs[u->tab].filter[0] = '\0';
    u->mode = TOP_MODE_LIST;
    u->is_stale = true;
}

static void type_command_of_list(struct top_ui *u, struct top_model *m, uint32_t c)
{
    switch (c) {
    case '/':
        u->is_typing = true;
        return;
    case 's':
    case '>':
        step_order(u, m, 1);
        return;
    case '<':
        step_order(u, m, -1);
        return;
    case 'r':
        u->tabs[u->tab].is_reversed = !u->tabs[u->tab].is_reversed;
        u->is_stale = true;
        return;
    case '[':
        step_pool(u, m, -1);
        return;
    case ']':
        step_pool(u, m, 1);
        return;
    default:
        return;
    }
}

static void type_command(struct top_ui *u, struct top_model *m, uint32_t c)
{
    if (c >= '1' && c < '1' + TOP_LISTS) {
        go_to_tab(u, (int)(c - '1'));
        return;
    }
    switch (c) {
    case 'q':
        u->is_over = true;
        return;
    case 'p':
    case ' ':
        u->is_paused = !u->is_paused;
        return;
    case '?':
    case 'h':
        u->mode = u->mode == TOP_MODE_HELP ? TOP_MODE_LIST : TOP_MODE_HELP;
        u->scroll = 0;
        return;
    case 'j':
        move(u, m, 1);
        return;
    case 'k':
        move(u, m, -1);
        return;
    case 'g':
        move(u, m, -(1LL << 32));
        return;
    case 'G':
        move(u, m, 1LL << 32);
        return;
    default:
        if (u->mode == TOP_MODE_LIST)
            type_command_of_list(u, m, c);
    }
}

static void press(struct top_ui *u, struct top_model *m, enum top_key key)
{
    switch (key) {
    case TOP_KEY_UP:
        move(u, m, -1);
        return;
    case TOP_KEY_DOWN:
        move(u, m, 1);
        return;
    case TOP_KEY_PAGE_UP:
        move_page(u, m, -1);
        return;
    case TOP_KEY_PAGE_DOWN:
        move_page(u, m, 1);
        return;
    case TOP_KEY_HOME:
        move(u, m, -(1LL << 32));
        return;
    case TOP_KEY_END:
        move(u, m, 1LL << 32);
        return;
    case TOP_KEY_LEFT:
    case TOP_KEY_BACK_TAB:
        go_to_tab(u, (int)u->tab - 1);
        return;
    case TOP_KEY_RIGHT:
    case TOP_KEY_TAB:
        go_to_tab(u, (int)u->tab + 1);
        return;
    case TOP_KEY_ENTER:
        if (u->mode == TOP_MODE_LIST)
            look_into(u, m);
        return;
    case TOP_KEY_ESCAPE:
    case TOP_KEY_BACKSPACE:
        go_back(u);
        return;
    case TOP_KEY_REDRAW:
        u->wants_redraw = true;
        return;
    case TOP_KEY_CLEAR:
    case TOP_KEY_CHAR:
        return;
    }
}

void top_ui_key(struct top_ui *u, struct top_model *m, enum top_key key, uint32_t c)
{
    if (u->is_typing && type_key(u, key, c)) {
        u->tabs[u->tab].chosen[0] = '\0';
        u->is_stale = true;
        return;
    }
    u->is_typing = u->is_typing && key != TOP_KEY_TAB && key != TOP_KEY_BACK_TAB;
    if (key == TOP_KEY_CHAR)
        type_command(u, m, c);
    else
        press(u, m, key);
}
