/* metrics.h - what GET /metrics says: families of samples, one after the other.
 *
 * The families are a table (metrics_rows.c). Most of it is made of the tables of counters in
 * stats/ and of stats/ends.def: what is added there appears here by itself. The formats want
 * all samples of a family in one place, so that the whole text walks through all servers once
 * for each of their families. It is made page by page (api_pages.h); a cursor says where the
 * next one begins. Objects come in the order of their ids; those that were added after the
 * beginning are left out, so that no name or URL that was given up and taken again comes twice.
 * Servers that were removed and still have requests in flight are counted only, for the same
 * reason.
 */
#ifndef WELDR_MANAGER_METRICS_H
#define WELDR_MANAGER_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manager;

struct metrics_cursor {
    bool is_openmetrics;
    bool is_begun;     /* the present family: its type is told */
    uint32_t row;      /* of the table: the present family */
    uint64_t owner_id; /* pools and listeners: the least that was not shown; servers and rules:
                          of whose pool, of whose listener … */
    uint64_t shown;    /* … the last that was shown (of rules its priority); 0: none yet */
    uint64_t upto_id;  /* the greatest that there was at the beginning */
};

void metrics_begin(const struct manager *m, bool is_openmetrics, struct metrics_cursor *at);
/* About so many bytes of text, malloc'd; NULL: out of memory. *is_last: nothing follows. */
char *metrics_page(const struct manager *m, struct metrics_cursor *at, size_t bytes,
                   bool *is_last);

#endif
