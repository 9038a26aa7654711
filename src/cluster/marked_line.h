/* marked_line.h - a few secret or unique bytes as one line of text with a checksum.
 *
 *     weldr-identity 1 00112233445566778899aabbccddeeff 0123456789abcdef
 *
 * What it is, format, bytes in hexadecimal, checksum (XXH3 of all before it), line feed. For
 * the files `identity` and `node.key`: people can look at them, and one changed character is
 * refused. Pure.
 */
#ifndef WELDR_CLUSTER_MARKED_LINE_H
#define WELDR_CLUSTER_MARKED_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/werr.h"

enum { MARKED_LINE_BYTES_MAX = 32, MARKED_LINE_MAX = 128 };

/* Into text, which has MARKED_LINE_MAX bytes; returns the length. n is at most
 * MARKED_LINE_BYTES_MAX, the word at most 20 (MUST). */
size_t marked_line_make(const char *word, const uint8_t *bytes, size_t n, char *text);
/* Exactly n bytes out of the line. WERR_CORRUPT: it is not what marked_line_make wrote;
 * WERR_UNSUPPORTED: it is whole and of a later format. *bytes is written on success only. */
int marked_line_read(struct span text, const char *word, uint8_t *bytes, size_t n) MUST_USE;

#endif
