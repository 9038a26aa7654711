/* ascii.h - what a byte of a protocol's text is, whatever the locale says.
 *
 * For whoever reads names, hosts, numbers and URIs byte by byte; other bytes than those of
 * ASCII are none of it. Pure, and inline, for it stands in loops.
 */
#ifndef WELDR_BASE_ASCII_H
#define WELDR_BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static inline bool ascii_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

/* Of a hexadecimal digit; -1: it is none. */
static inline int ascii_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that an escape ("%2F", RFC 3986 section 2.1) stands for which begins here, with so
 * many bytes to the end; -1: none does. */
static inline int ascii_unescape(const char *at, size_t left)
{
    int high, low;

    if (left < 3 || at[0] != '%')
        return -1;
    high = ascii_hex(at[1]);
    low = ascii_hex(at[2]);
    return high >= 0 && low >= 0 ? high * 16 + low : -1;
}

#endif
