#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static void add(struct table *t, const char *a, const char *b)
{
    char *cells[] = {strdup(a), strdup(b)};

    assert_int_equal(table_add(t, cells), 0);
}

static void test_columns_are_aligned(void **state)
{
    char *text = NULL;
    size_t n;
    FILE *file = open_memstream(&text, &n);
    struct table t;

    (void)state;
    table_init(&t, 2);
    add(&t, "ID", "NAME");
    add(&t, "s-1234", "b\x1b[2J");
    add(&t, "\xc3\xa9", "c");
    table_print(&t, file);
    fclose(file);
    assert_string_equal(text, "ID      NAME\ns-1234  b?[2J\n\xc3\xa9       c\n");
    free(text);
    table_fini(&t);
}

static void test_a_text_that_is_missing_frees_the_others(void **state)
{
    char *cells[] = {strdup("x"), NULL};
    struct table t;

    (void)state;
    table_init(&t, 2);
    assert_int_equal(table_add(&t, cells), WERR_NOMEM);
    assert_int_equal(t.row_n, 0);
    for (unsigned i = 0; i < 100; i++)
        add(&t, "a", "b");
    assert_int_equal(t.row_n, 100);
    table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_aligned),
        cmocka_unit_test(test_a_text_that_is_missing_frees_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
