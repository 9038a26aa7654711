/* base64.h - bytes out of their text (RFC 4648 section 4, with padding). Pure. */
#ifndef WELDR_BASE_BASE64_H
#define WELDR_BASE_BASE64_H

#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

/* bytes: room for text.len / 4 * 3. *n: how many came; empty text: none. WERR_SYNTAX. */
int base64_decode(struct span text, char *bytes, size_t *n) MUST_USE;

#endif
