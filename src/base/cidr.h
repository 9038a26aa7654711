/* cidr.h - ranges of addresses, such as 10.0.0.0/8 or 2001:db8::/32, and short lists of them.
 *
 * Pure. A single address is a range too (/32, /128). IPv4-mapped IPv6 ranges become plain IPv4,
 * as addresses do in addr.h, so that a list needs to name each network once. Bits behind the
 * prefix must be zero: 10.1.2.3/8 is more likely a slip than a wish, and such lists decide who
 * is believed. Lists are values without allocated memory.
 */
#ifndef WELDR_BASE_CIDR_H
#define WELDR_BASE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    CIDR_LIST_MAX = 64,
    CIDR_TEXT_MAX = 52, /* "v6/128" and NUL */
    CIDR_LIST_TEXT_MAX = CIDR_LIST_MAX * CIDR_TEXT_MAX
};

struct cidr {
    uint16_t family; /* AF_INET, AF_INET6 */
    uint8_t bits;    /* length of the prefix */
    uint8_t ip[16];  /* network order; zero behind the prefix */
};

struct cidr_list {
    struct cidr ranges[CIDR_LIST_MAX];
    unsigned n;
};

/* "10.0.0.0/8", "::1", "[::1]/128". WERR_SYNTAX; *out is untouched then. */
int cidr_from_text(struct span text, struct cidr *out) MUST_USE;
/* Ports play no part; an address of family 0 is in no range. */
bool cidr_has(const struct cidr *range, const struct addr *a);
/* Returns the length; buf of CIDR_TEXT_MAX. */
size_t cidr_print(const struct cidr *range, char *buf);

/* Appends the ranges of a comma list. WERR_SYNTAX (also when it names none), WERR_TOO_BIG; what
 * stood before the bad one is in the list. */
int cidr_list_add(struct cidr_list *list, struct span text) MUST_USE;
bool cidr_list_has(const struct cidr_list *list, const struct addr *a);
/* As a comma list; returns the length; buf of CIDR_LIST_TEXT_MAX. */
size_t cidr_list_print(const struct cidr_list *list, char *buf);

#endif
