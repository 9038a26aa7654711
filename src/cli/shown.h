/* shown.h - documents of the API for people: tables, lines, or a line about a change. */
#ifndef WELDR_CLI_SHOWN_H
#define WELDR_CLI_SHOWN_H

#include "base/span.h"
#include "base/werr.h"
#include "cli/doc.h"

/* Its first list, with a heading; columns: dotted paths, separated by a space. WERR_NOMEM. */
int shown_table(const struct doc *d, const char *columns) MUST_USE;
/* Each value as "path  value". */
int shown_lines(const struct doc *d) MUST_USE;
int shown_json(const struct doc *d) MUST_USE;
/* What was printed is out, or it was all in vain: the exit code. rc: of what was shown. */
int shown_end(int rc) MUST_USE;
/* What a change made of something: its id, name, state; what was removed; what it would do. A
 * list without entries means that the server, what the command named, is gone. */
int shown_change(const struct doc *d, const char *what) MUST_USE;
/* One entry of a list as one line, without what is empty. */
int shown_entry(const struct doc *entry, const char *columns) MUST_USE;

#endif
