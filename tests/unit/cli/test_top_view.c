#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/strb.h"
#include "cli/top_ui.h"
#include "cli/top_view.h"

/* A model with servers s-00 to s-NN and two pools, and a screen on which it is drawn. */
struct world {
    struct top_model m;
    struct top_ui u;
    struct top_screen s;
    char text[400 * 400];
};

static struct doc *parse(const char *text)
{
    char why[256];
    struct doc *d = doc_parse(span_from_str(text), why, sizeof(why));

    assert_non_null(d);
    return d;
}

static void fill(struct world *w, unsigned n, unsigned first)
{
    static char text[1 << 20];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add_str(&b, "{\"servers\":[");
    for (unsigned i = first; i < first + n; i++)
        strb_addf(&b,
                  "%s{\"id\":\"s-%02u\",\"url\":\"http://10.0.0.%u:80\",\"state\":\"%s\","
                  "\"since\":\"1970-01-01T00:00:00Z\",\"reason\":%s,\"weight\":1,"
                  "\"in_flight\":%u,\"success\":%u,\"failed\":0}",
                  i > first ? "," : "", i, i, i == 3 ? "down" : "active",
                  i == 3 ? "\"connection refused\"" : "null", i, i * 10);
    strb_addf(&b, "],\"total\":%u}", n);
    assert_false(strb_is_full(&b));
    assert_int_equal(top_fill_servers(&w->m, parse(text), true, 1), 0);
}

static struct world *new_world(unsigned servers, unsigned rows, unsigned columns)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    top_model_init(&w->m);
    top_ui_init(&w->u);
    top_screen_init(&w->s, false, false);
    assert_int_equal(top_screen_resize(&w->s, rows, columns), 0);
    fill(w, servers, 0);
    assert_int_equal(top_fill_list(&w->m, TOP_POOLS,
                                   parse("{\"pools\":[{\"name\":\"default\",\"servers\":5},"
                                         "{\"name\":\"web\",\"servers\":0}]}")),
                     0);
    w->m.link.last_ok = 0;
    top_view_draw(&w->s, &w->m, &w->u, 0);
    return w;
}

static void free_world(struct world *w)
{
    top_model_fini(&w->m);
    top_screen_fini(&w->s);
    free(w);
}

static const char *draw(struct world *w)
{
    FILE *file = fmemopen(w->text, sizeof(w->text), "w");

    top_view_draw(&w->s, &w->m, &w->u, 125);
    top_screen_print(&w->s, file);
    fclose(file);
    return w->text;
}

/* Draws, and looks for a text in it. */
static void expect(struct world *w, const char *text)
{
    if (strstr(draw(w), text) == NULL)
        fail_msg("no \"%s\" in:\n%s", text, w->text);
}

static void press(struct world *w, enum top_key key)
{
    top_ui_key(&w->u, &w->m, key, 0);
    assert_int_equal(top_ui_arrange(&w->u, &w->m), 0);
}

static void type(struct world *w, const char *text)
{
    for (; *text != '\0'; text++) {
        top_ui_key(&w->u, &w->m, TOP_KEY_CHAR, (unsigned char)*text);
        assert_int_equal(top_ui_arrange(&w->u, &w->m), 0);
    }
}

static void test_rows_and_the_chosen_one(void **state)
{
    struct world *w = new_world(60, 24, 80);

    (void)state;
    expect(w, "\n> down        10.0.0.3:80              2m     3");
    expect(w, "60 servers: 1 down, 59 active");
    expect(w, "1-16 of 60");
    press(w, TOP_KEY_DOWN);
    press(w, TOP_KEY_DOWN);
    expect(w, "\n> active      10.0.0.1:80 ");
    press(w, TOP_KEY_UP);
    expect(w, "\n> active      10.0.0.0:80 ");
    press(w, TOP_KEY_PAGE_DOWN);
    expect(w, "\n> active      10.0.0.16:80 ");
    press(w, TOP_KEY_END);
    expect(w, "\n> active      10.0.0.59:80 ");
    expect(w, "45-60 of 60");
    press(w, TOP_KEY_PAGE_UP);
    press(w, TOP_KEY_HOME);
    expect(w, "\n> down        10.0.0.3:80 ");
    type(w, "jjk");
    expect(w, "\n> active      10.0.0.0:80 ");
    free_world(w);
}

static void test_the_chosen_one_stays(void **state)
{
    struct world *w = new_world(40, 24, 80);

    (void)state;
    press(w, TOP_KEY_DOWN);
    expect(w, "\n> active      10.0.0.0:80 ");
    type(w, "sr"); /* by URL, the other way round */
    expect(w, "\n> active      10.0.0.0:80 ");
    expect(w, "25-40 of 40");
    fill(w, 20, 5); /* it is gone: whoever stands there, or the last one */
    expect(w, "\n> active      10.0.0.5:80 ");
    fill(w, 0, 0);
    expect(w, "\n  none");
    press(w, TOP_KEY_ENTER);
    press(w, TOP_KEY_DOWN);
    expect(w, "\n  none");
    free_world(w);
}

static void test_order_steps_over_all_columns(void **state)
{
    struct world *w = new_world(3, 24, 120);
    unsigned n = 0;

    (void)state;
    do {
        type(w, ">");
        n++;
        assert_true(w->u.tabs[TOP_SERVERS].order != TOP_SERVERS_BARS);
    } while (w->u.tabs[TOP_SERVERS].order != TOP_SERVERS_STATE && n < 20);
    assert_int_equal(n, 9); /* columns but bars and latency, and the order of the API */
    type(w, "<<");
    assert_int_equal(w->u.tabs[TOP_SERVERS].order, TOP_SERVERS_REASON);
    free_world(w);
}

static void test_filter(void **state)
{
    struct world *w = new_world(40, 24, 80);

    (void)state;
    type(w, "/10.0.0.3q");
    assert_false(w->u.is_over);
    expect(w, "Filter: 10.0.0.3q_");
    press(w, TOP_KEY_BACKSPACE);
    expect(w, "11 with \"10.0.0.3\"");
    press(w, TOP_KEY_DOWN);
    expect(w, "\n> active      10.0.0.30:80 ");
    press(w, TOP_KEY_ENTER);
    expect(w, "q quit");
    press(w, TOP_KEY_ESCAPE);
    expect(w, "1-16 of 40");
    type(w, "/");
    top_ui_key(&w->u, &w->m, TOP_KEY_CHAR, 0x670d);
    top_ui_key(&w->u, &w->m, TOP_KEY_CHAR, 0xe9);
    top_ui_key(&w->u, &w->m, TOP_KEY_BACKSPACE, 0); /* a whole character */
    assert_string_equal(w->u.tabs[TOP_SERVERS].filter, "\xe6\x9c\x8d");
    type(w, "0123456789012345678901234567890123456789012345678901234567890123456789");
    assert_int_equal(strlen(w->u.tabs[TOP_SERVERS].filter), TOP_FILTER_BYTES - 1);
    press(w, TOP_KEY_CLEAR);
    type(w, "x");
    press(w, TOP_KEY_ESCAPE);
    assert_string_equal(w->u.tabs[TOP_SERVERS].filter, "");
    assert_false(w->u.is_typing);
    free_world(w);
}

static void test_lists_and_pools(void **state)
{
    static const char *const heads[] = {"STATE",  "POOL ",       "MEMBER", "ADDRESS",
                                        "WORKER", "CERTIFICATE", "AT "};
    struct world *w = new_world(3, 24, 80);

    (void)state;
    for (unsigned i = 0; i < TOP_LISTS; i++) {
        const char key[] = {(char)('1' + i), '\0'};

        type(w, key);
        expect(w, heads[i]);
    }
    press(w, TOP_KEY_TAB);
    assert_int_equal(w->u.tab, TOP_SERVERS);
    press(w, TOP_KEY_LEFT);
    assert_int_equal(w->u.tab, TOP_EVENTS);
    type(w, "2");
    press(w, TOP_KEY_END);
    press(w, TOP_KEY_ENTER);
    expect(w, "Pool web - 0 servers");
    expect(w, "not here yet");
    type(w, "]");
    expect(w, "Pool default");
    type(w, "[");
    expect(w, "Pool web");
    free_world(w);
}

static void test_one_server(void **state)
{
    struct world *w = new_world(3, 24, 80);

    (void)state;
    press(w, TOP_KEY_DOWN);
    press(w, TOP_KEY_ENTER);
    expect(w, "server 10.0.0.1:80 - pool default");
    expect(w, "not here yet");
    top_fill_server(
        &w->m,
        parse(
            "{\"id\":\"s-01\",\"reason\":\"a reason that goes on and on, further than the "
            "screen is "
            "wide\",\"addresses\":[{\"address\":\"10.0.0.1:80\",\"views\":[{\"x\":1}]}],"
            "\"a1\":1,\"a2\":1,\"a3\":1,\"a4\":1,\"a5\":1,\"a6\":1,\"a7\":1,\"a8\":1,\"a9\":1,"
            "\"b1\":1,\"b2\":1,\"b3\":1,\"b4\":1,\"last\":1,\"links\":[]}"));
    expect(w, "addresses.0.address       10.0.0.1:80");
    expect(w, "reason                    a reason that goes on and on, further than the sc");
    assert_null(strstr(w->text, "last"));
    press(w, TOP_KEY_END);
    expect(w, "\nlast                      1");
    assert_null(strstr(w->text, "latency"));
    press(w, TOP_KEY_ESCAPE);
    expect(w, "> active      10.0.0.1:80 ");
    free_world(w);
}

static void test_states_of_the_link(void **state)
{
    struct world *w = new_world(3, 24, 80);

    (void)state;
    setenv("TZ", "UTC", 1);
    strcpy(w->m.node.health, "serving");
    expect(w, "live  00:02:05");
    expect(w, "serving");
    type(w, "p");
    expect(w, "paused  00:02:05");
    w->m.link.is_down = true;
    w->m.link.down_since = 60;
    strcpy(w->m.link.why, "timed out");
    expect(w, "no answer since 00:01:00");
    assert_null(strstr(w->text, "serving"));
    expect(w, "No answer since 00:01:00 (timed out); trying again each second");
    expect(w, "10.0.0.1:80"); /* what was known stays */
    assert_true(w->s.now[8 * w->s.column_n + 4].style & TOP_DIM);
    w->m.link.is_down = false;
    strcpy(w->m.link.problem, "401: a token");
    expect(w, "The API responds 401: a token");
    type(w, "?");
    expect(w, "Ctrl-L");
    type(w, "?q");
    assert_true(w->u.is_over);
    free_world(w);
}

/* Each list fits on each screen that is large enough, and no screen is too small to say so. */
static void test_sizes(void **state)
{
    unsigned width[TOP_LIST_COLUMNS_MAX];
    struct world *w = new_world(100, 24, 80);

    (void)state;
    for (int list = 0; list < TOP_LISTS; list++)
        for (unsigned columns = TOP_VIEW_COLUMNS_MIN; columns <= 300; columns++)
            assert_true(top_view_widths((enum top_list_id)list, columns, width) <= columns);
    for (unsigned rows = 0; rows < 70; rows += 3)
        for (unsigned columns = 0; columns < 260; columns += 13) {
            assert_int_equal(top_screen_resize(&w->s, rows, columns), 0);
            for (int mode = TOP_MODE_LIST; mode <= TOP_MODE_HELP; mode++) {
                w->u.mode = (enum top_mode)mode;
                (void)draw(w);
            }
        }
    assert_int_equal(top_screen_resize(&w->s, 23, 80), 0);
    expect(w, "weldr top needs 80 x 24, here are 80 x 23");
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_the_chosen_one),
        cmocka_unit_test(test_the_chosen_one_stays),
        cmocka_unit_test(test_order_steps_over_all_columns),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_lists_and_pools),
        cmocka_unit_test(test_one_server),
        cmocka_unit_test(test_states_of_the_link),
        cmocka_unit_test(test_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
