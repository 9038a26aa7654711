/* addr.h - IPv4 and IPv6 addresses with port, as text and as sockaddr.
 *
 * Pure: no look-ups. IPv4-mapped IPv6 addresses (::ffff:1.2.3.4), which a dual-stack listener
 * hands out, become plain IPv4 wherever they come in (sockaddr or text), so that the rest of
 * Weldr sees one form. Zone names (fe80::1%eth0) are not known.
 */
#ifndef WELDR_BASE_ADDR_H
#define WELDR_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/span.h"
#include "base/werr.h"

enum { ADDR_TEXT_MAX = 64 }; /* "[v6]:port" and NUL */

struct addr {
    uint16_t family; /* AF_INET, AF_INET6; 0 = none */
    uint16_t port;   /* host order */
    uint8_t ip[16];  /* network order; the first 4 for IPv4 */
};

/* "127.0.0.1", "::1" or "[::1]". WERR_SYNTAX; *out is untouched then. */
int addr_from_ip(struct span text, uint16_t port, struct addr *out) MUST_USE;
/* "A:P", "[v6]:P"; also ":P" and "*:P", which give the IPv6 wildcard. Port 0–65535.
 * WERR_SYNTAX. */
int addr_from_text(struct span text, struct addr *out) MUST_USE;
/* Family 0 when it is neither IPv4 nor IPv6. */
void addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);
/* Returns the length in use; 0 for family 0. */
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
/* Without port and brackets, IPv6 as in RFC 5952, "-" for family 0; returns the length written
 * (NUL-terminated too); buf of ADDR_TEXT_MAX. */
size_t addr_print_ip(const struct addr *a, char *buf);
/* With port; IPv6 in brackets. Same buffer and result. */
size_t addr_print(const struct addr *a, char *buf);
bool addr_is_loopback(const struct addr *a); /* 127/8, ::1 */
bool addr_is_wildcard(const struct addr *a);
bool addr_is_multicast(const struct addr *a); /* 224/4, ff00::/8 */
bool addr_is_broadcast(const struct addr *a); /* 255.255.255.255 */
bool addr_is_equal(const struct addr *a, const struct addr *b);

#endif
