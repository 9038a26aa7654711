/* secret.h - a text that only some know, as a bearer token: kept, and compared with what
 * somebody shows.
 *
 * The comparison takes the same time wherever the two differ, so that nobody finds the text
 * byte by byte. It depends on the length of what is shown, which whoever shows it knows. A
 * secret is never logged. Pure. Owner: whoever embeds it.
 */
#ifndef WELDR_BASE_SECRET_H
#define WELDR_BASE_SECRET_H

#include <stdbool.h>

#include "base/span.h"

enum { SECRET_MAX = 4096 };

struct secret {
    size_t len; /* 0: there is none, and nothing is equal to it */
    char text[SECRET_MAX + 1];
};

/* Empty: forgets it. WERR_TOO_BIG, or a NUL in it: there is none then. */
int secret_set(struct secret *s, struct span text) __attribute__((warn_unused_result));
struct span secret_text(const struct secret *s);
bool secret_is(const struct secret *s, struct span shown);

#endif
