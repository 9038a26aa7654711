/* num.h - numbers from text and to text, strictly: the whole span must be the number, no sign,
 * no space, no overflow. */
#ifndef WELDR_BASE_NUM_H
#define WELDR_BASE_NUM_H

#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum { NUM_HEX16 = 16 };

/* Decimal digits only (leading zeros are digits). WERR_SYNTAX when empty or not all digits,
 * WERR_TOO_BIG above max. */
int num_from_dec(struct span s, uint64_t max, uint64_t *out) MUST_USE;
/* Hexadecimal digits only, any case; same errors. *out is written on success only. */
int num_from_hex(struct span s, uint64_t max, uint64_t *out) MUST_USE;
/* Write without NUL; return the length. buf holds at least 20 (decimal) or 16 (hexadecimal,
 * lower case) bytes. */
size_t num_to_dec(uint64_t n, char *buf);
size_t num_to_hex(uint64_t n, char *buf);
/* All 16 hexadecimal digits, lower case. */
void num_to_hex16(uint64_t n, char buf[NUM_HEX16]);
/* What num_to_hex16 writes and nothing else: one text a number. WERR_SYNTAX. *out is written on
 * success only. */
int num_from_hex16(struct span s, uint64_t *out) MUST_USE;

#endif
