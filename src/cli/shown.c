#include "cli/shown.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "cli/table.h"

static char *upper(struct span text)
{
    char *copy = strndup(text.ptr != NULL ? text.ptr : "", text.len);

    for (char *at = copy; at != NULL && *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    return copy;
}

static unsigned columns_of(const char *columns, struct span *column)
{
    struct span rest = span_from_str(columns);
    unsigned n = 0;

    while (rest.len > 0) {
        MUST(n < TABLE_COLUMNS_MAX);
        column[n++] = span_cut(&rest, ' ');
    }
    return n;
}

static int add_entry(struct table *t, const struct doc *entry, const struct span *column)
{
    char *cells[TABLE_COLUMNS_MAX], path[128];

    for (unsigned i = 0; i < t->column_n; i++)
        cells[i] = span_to_str(column[i], path, sizeof(path)) == 0
                       ? doc_text(doc_get(entry, path))
                       : NULL;
    return table_add(t, cells);
}

int shown_table(const struct doc *d, const char *columns)
{
    struct span column[TABLE_COLUMNS_MAX] = {SPAN_NONE};
    char *cells[TABLE_COLUMNS_MAX];
    struct table t;
    const struct doc *list = doc_list(d);

    table_init(&t, columns_of(columns, column));
    for (unsigned i = 0; i < t.column_n; i++)
        cells[i] = upper(column[i]);
    int rc = table_add(&t, cells);
    for (size_t i = 0; rc == 0 && i < doc_size(list); i++)
        rc = add_entry(&t, doc_at(list, i), column);
    if (rc == 0)
        table_print(&t, stdout);
    table_fini(&t);
    return rc;
}

static int add_line(void *arg, const char *path, const struct doc *value)
{
    char *cells[] = {strdup(path), doc_text(value)};

    return table_add(arg, cells);
}

int shown_lines(const struct doc *d)
{
    struct table t;

    table_init(&t, 2);
    const int rc = doc_each_line(d, add_line, &t);
    if (rc == 0)
        table_print(&t, stdout);
    table_fini(&t);
    return rc;
}

int shown_entry(const struct doc *entry, const char *columns)
{
    struct span rest = span_from_str(columns);
    const char *before = "";
    char path[128];

    while (rest.len > 0) {
        const struct span column = span_cut(&rest, ' ');
        char *text = doc_text(
            span_to_str(column, path, sizeof(path)) == 0 ? doc_get(entry, path) : NULL);

        if (text == NULL)
            return WERR_NOMEM;
        if (strcmp(text, "-") != 0) {
            (void)fputs(before, stdout);
            table_print_cell(text, stdout);
            before = "  ";
        }
        free(text);
    }
    (void)fputc('\n', stdout);
    return 0;
}

int shown_change(const struct doc *d, const char *what)
{
    const struct doc *list = doc_get(d, "servers");
    const bool is_list = list != NULL && doc_list(d) == list; /* of a pool it is a number */

    if (is_list && doc_size(list) == 0) {
        (void)printf("removed  %s\n", what);
        return 0;
    }
    if (is_list && doc_size(list) == 1)
        d = doc_at(list, 0);
    return shown_entry(
        d, "id url name address priority state holder reason removed change summary");
}

int shown_json(const struct doc *d)
{
    char *text = doc_json(d, true);
    const int rc = text != NULL ? 0 : WERR_NOMEM;

    if (text != NULL)
        (void)fputs(text, stdout);
    free(text);
    return rc;
}

/* What was printed is out, or it was all in vain. */
int shown_end(int rc)
{
    if (rc < 0)
        return session_fail(CLI_EXIT_FAILURE, "%s", werr_text(rc));
    if (fflush(stdout) != 0 || ferror(stdout))
        return session_fail(CLI_EXIT_FAILURE, "standard output can't be written to");
    return CLI_EXIT_OK;
}
