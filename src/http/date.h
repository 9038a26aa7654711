/* date.h - IMF-fixdate of RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". Pure; keep
 * the text for a second. */
#ifndef WELDR_HTTP_DATE_H
#define WELDR_HTTP_DATE_H

#include <stdint.h>

enum { DATE_TEXT_LEN = 29 };
/* buf holds DATE_TEXT_LEN + 1 bytes; NUL-terminated. */
void date_print(uint64_t wall_s, char *buf);

#endif
