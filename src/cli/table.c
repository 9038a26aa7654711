#include "cli/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, unsigned column_n)
{
    MUST(column_n > 0 && column_n <= TABLE_COLUMNS_MAX);
    *t = (struct table){.column_n = column_n};
}

void table_fini(struct table *t)
{
    for (size_t i = 0; i < t->row_n * t->column_n; i++)
        free(t->cell[i]);
    free(t->cell);
    *t = (struct table){.column_n = t->column_n};
}

static int grow(struct table *t)
{
    const size_t cap = t->row_cap > 0 ? 2 * t->row_cap : 16;
    char **cell = reallocarray(t->cell, cap * t->column_n, sizeof(*cell));

    if (cell == NULL)
        return WERR_NOMEM;
    t->cell = cell;
    t->row_cap = cap;
    return 0;
}

int table_add(struct table *t, char *const *cells)
{
    int rc = t->row_n < t->row_cap ? 0 : grow(t);

    for (unsigned i = 0; i < t->column_n; i++)
        if (cells[i] == NULL)
            rc = WERR_NOMEM;
    for (unsigned i = 0; i < t->column_n; i++) {
        if (rc < 0)
            free(cells[i]);
        else
            t->cell[t->row_n * t->column_n + i] = cells[i];
    }
    if (rc == 0)
        t->row_n++;
    return rc;
}

/* Characters of UTF-8, not bytes. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0U) != 0x80;
    return n;
}

void table_print_cell(const char *text, FILE *to)
{
    for (; *text != '\0'; text++)
        (void)fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, to);
}

void table_print(const struct table *t, FILE *to)
{
    size_t width[TABLE_COLUMNS_MAX] = {0};

    for (size_t i = 0; i < t->row_n * t->column_n; i++) {
        const size_t n = width_of(t->cell[i]);

        if (n > width[i % t->column_n])
            width[i % t->column_n] = n;
    }
    for (size_t i = 0; i < t->row_n * t->column_n; i++) {
        const unsigned column = (unsigned)(i % t->column_n);
        const bool is_last = column + 1 == t->column_n;

        table_print_cell(t->cell[i], to);
        for (size_t n = width_of(t->cell[i]); !is_last && n < width[column] + 2; n++)
            (void)fputc(' ', to);
        if (is_last)
            (void)fputc('\n', to);
    }
}
