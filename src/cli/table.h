/* table.h - rows of texts as aligned columns for people. */
#ifndef WELDR_CLI_TABLE_H
#define WELDR_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "base/werr.h"

enum { TABLE_COLUMNS_MAX = 16 };

struct table {
    unsigned column_n;
    size_t row_n, row_cap;
    char **cell; /* row by row; owned */
};

void table_init(struct table *t, unsigned column_n); /* 1 to TABLE_COLUMNS_MAX (MUST) */
void table_fini(struct table *t);
/* Takes column_n texts from malloc, whatever it returns. WERR_NOMEM, also when one is NULL. */
int table_add(struct table *t, char *const *cells) MUST_USE;
/* What a terminal would obey (control characters) is printed as "?". */
void table_print_cell(const char *text, FILE *to);
/* Two spaces between columns, none at the end of a line. */
void table_print(const struct table *t, FILE *to);

#endif
