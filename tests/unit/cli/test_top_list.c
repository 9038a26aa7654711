#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "cli/top_list.h"

static struct doc *parse(const char *text)
{
    char why[256];
    struct doc *d = doc_parse(span_from_str(text), why, sizeof(why));

    assert_non_null(d);
    return d;
}

/* Servers s-0, s-1 ... with these ports and weights. */
static void fill(struct top_list *l, const unsigned *port, unsigned n)
{
    char text[512], key[16];

    top_list_begin(l);
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(text, sizeof(text),
                       "{\"state\":\"active\",\"url\":\"10.0.0.%u:80\",\"weight\":%u,"
                       "\"since\":\"1970-01-01T00:00:%02uZ\",\"in_flight\":null}",
                       port[i], port[i] % 3, i % 60);
        struct doc *d = parse(text);
        (void)snprintf(key, sizeof(key), "s-%u", i);
        assert_int_equal(top_list_keep(l, d), 0);
        assert_non_null(top_list_add(l, key, d));
    }
    assert_int_equal(top_list_end(l), 0);
}

static void expect(const struct top_list *l, const char *want)
{
    char got[256] = "";

    for (size_t i = 0; i < l->shown_n; i++) {
        strcat(got, top_list_shown(l, i)->key);
        strcat(got, " ");
    }
    assert_string_equal(got, want);
}

static void test_order(void **state)
{
    const unsigned port[] = {9, 100, 10, 11};
    struct top_list l;

    (void)state;
    top_list_init(&l, TOP_SERVERS);
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, ""), 0);
    fill(&l, port, 4);
    expect(&l, "");
    assert_int_equal(top_list_arrange(&l, TOP_COLUMNS, false, ""), 0);
    expect(&l, "s-0 s-1 s-2 s-3 ");
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, ""), 0);
    expect(&l, "s-0 s-2 s-3 s-1 "); /* numbers in it are numbers */
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, true, ""), 0);
    expect(&l, "s-1 s-3 s-2 s-0 ");
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_WEIGHT, true, ""), 0);
    expect(&l, "s-3 s-1 s-2 s-0 "); /* equal ones as the API has them */
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_SINCE, true, ""), 0);
    expect(&l, "s-3 s-2 s-1 s-0 ");
    top_row_set_number(&l, top_list_find(&l, "s-2"), TOP_SERVERS_RATE, 5);
    for (int is_reversed = 0; is_reversed < 2; is_reversed++) { /* not known: last */
        assert_int_equal(top_list_arrange(&l, TOP_SERVERS_RATE, is_reversed, ""), 0);
        expect(&l, "s-2 s-0 s-1 s-3 ");
    }
    top_list_fini(&l);
}

static void test_filter_and_places(void **state)
{
    const unsigned port[] = {9, 100, 10, 11};
    struct top_list l;

    (void)state;
    top_list_init(&l, TOP_SERVERS);
    fill(&l, port, 4);
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, "0.0.1"), 0);
    expect(&l, "s-2 s-3 s-1 ");
    assert_int_equal(top_list_place(&l, "s-1"), 2);
    assert_int_equal(top_list_place(&l, "s-0"), 3); /* is not shown */
    assert_int_equal(top_list_place(&l, "s-9"), 3);
    assert_null(top_list_find(&l, "s-9"));
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, "ACTIVE"), 0);
    assert_int_equal(l.shown_n, 4);
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, "s-3"), 0);
    expect(&l, "s-3 ");
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, "nothing"), 0);
    expect(&l, "");
    top_list_fini(&l);
}

static void test_values(void **state)
{
    const unsigned port[] = {9};
    struct top_list l;

    (void)state;
    top_list_init(&l, TOP_SERVERS);
    fill(&l, port, 1);
    struct top_row *row = top_list_find(&l, "s-0");
    assert_string_equal(top_row_value(&l, row, TOP_SERVERS_URL)->text, "10.0.0.9:80");
    assert_string_equal(top_row_value(&l, row, TOP_SERVERS_REASON)->text, "-");
    assert_true(top_row_value(&l, row, TOP_SERVERS_SINCE)->number == 0);
    assert_true(isnan(top_row_value(&l, row, TOP_SERVERS_IN_FLIGHT)->number));
    assert_true(isnan(top_row_value(&l, row, TOP_SERVERS_RATE)->number));
    top_row_set_text(&l, row, TOP_SERVERS_REASON, "drained");
    assert_string_equal(top_row_value(&l, row, TOP_SERVERS_REASON)->text, "drained");
    top_list_begin(&l); /* what is half filled is not shown */
    assert_non_null(top_list_find(&l, "s-0"));
    top_list_fini(&l);
}

static void test_ten_thousand(void **state)
{
    static unsigned port[10000];
    struct top_list l;
    char key[16];

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        port[i] = i * 7919 % 10000;
    top_list_init(&l, TOP_SERVERS);
    fill(&l, port, 10000);
    assert_int_equal(top_list_arrange(&l, TOP_SERVERS_URL, false, ""), 0);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(key, sizeof(key), "10.0.0.%u:80", i);
        assert_string_equal(top_row_value(&l, top_list_shown(&l, i), TOP_SERVERS_URL)->text,
                            key);
        (void)snprintf(key, sizeof(key), "s-%u", i);
        assert_non_null(top_list_find(&l, key));
    }
    top_list_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_filter_and_places),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_ten_thousand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
