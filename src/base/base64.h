/* base64.h - bytes out of their text (RFC 4648 section 4, with padding), and both ways in the
 * alphabet that is safe in URLs and file names (section 5, without padding). Pure. */
#ifndef WELDR_BASE_BASE64_H
#define WELDR_BASE_BASE64_H

#include <stddef.h>

#include "base/span.h"
#include "base/werr.h"

/* bytes: room for text.len / 4 * 3. *n: how many came; empty text: none. WERR_SYNTAX. */
int base64_decode(struct span text, char *bytes, size_t *n) MUST_USE;
/* Room in text: BASE64URL_LEN(bytes.len) and a zero. Returns the length without the zero. */
#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)
size_t base64url_encode(struct span bytes, char *text);
/* As base64_decode, and strict: no padding, bits that are left over are zero, so that bytes
 * have one text. Room in bytes: (text.len * 3 + 3) / 4. */
int base64url_decode(struct span text, char *bytes, size_t *n) MUST_USE;

#endif
