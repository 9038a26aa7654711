/* sfield.h - parts of structured field values (RFC 8941), for fields that Weldr makes itself.
 *
 * Each function appends to a strb; strb_is_full tells that there was no room. Pure.
 */
#ifndef WELDR_HTTP_SFIELD_H
#define WELDR_HTTP_SFIELD_H

#include <stdint.h>

#include "base/strb.h"

/* A member of a dictionary (section 3.2): ", " before it unless it is the first, its key and
 * "=". The value follows. */
void sfield_key(struct strb *b, const char *key);
/* A parameter (section 3.1.2): ";key=". */
void sfield_parameter(struct strb *b, const char *key);
/* A string (section 3.3.3): quoted, '"' and '\' escaped. What it can't hold, any byte that is
 * not printable ASCII, is written %XX. */
void sfield_string(struct strb *b, struct span text);
/* A token (section 3.3.4) or, where text can't be one, a string. */
void sfield_token(struct strb *b, struct span text);

#endif
