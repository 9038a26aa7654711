/* lines.h - a stream of events (text/event-stream) cut into the data of each event. Pure.
 *
 * Fed whole or split anywhere, the same data comes out. The API sends one "data:" line an
 * event; of several each comes by itself. Other lines are passed over.
 */
#ifndef WELDR_CLI_LINES_H
#define WELDR_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

enum { LINES_BYTES = 64 * 1024 };

/* What stands behind "data:". Negative ends the feeding. */
typedef int (*lines_fn)(void *arg, struct span text);

struct lines {
    lines_fn fn;
    void *arg;
    size_t len;
    char line[LINES_BYTES];
};

void lines_init(struct lines *l, lines_fn fn, void *arg);
/* WERR_TOO_BIG for a line that is too long, or what fn returned. */
int lines_feed(struct lines *l, struct span bytes) MUST_USE;

#endif
