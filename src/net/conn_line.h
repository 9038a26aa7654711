/* conn_line.h - conns that wait for their turn, first come, first served. Whoever closes leaves
 * the line (MUST): it keeps no conn alive. */
#ifndef WELDR_NET_CONN_LINE_H
#define WELDR_NET_CONN_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/werr.h"

struct conn;

enum { CONN_LINE_MAX = 1024 };

/* A ring; NULL: has left. */
struct conn_line {
    uint32_t first, n;
    struct conn *conns[CONN_LINE_MAX];
};

static inline bool conn_line_is_full(const struct conn_line *line)
{
    return line->n == CONN_LINE_MAX;
}

static inline void conn_line_join(struct conn_line *line, struct conn *c)
{
    MUST(!conn_line_is_full(line));
    line->conns[(line->first + line->n++) % CONN_LINE_MAX] = c;
}

static inline void conn_line_drop_first(struct conn_line *line)
{
    MUST(line->n > 0);
    line->first = (line->first + 1) % CONN_LINE_MAX;
    line->n--;
}

/* Stays the first. NULL: nobody is there. */
static inline struct conn *conn_line_first(struct conn_line *line)
{
    while (line->n > 0 && line->conns[line->first] == NULL)
        conn_line_drop_first(line);
    return line->n > 0 ? line->conns[line->first] : NULL;
}

static inline void conn_line_leave(struct conn_line *line, const struct conn *c)
{
    for (uint32_t i = 0; i < line->n; i++)
        if (line->conns[(line->first + i) % CONN_LINE_MAX] == c)
            line->conns[(line->first + i) % CONN_LINE_MAX] = NULL;
}

#endif
