/* hint.h - which addresses of servers were down, as a node notes it for its next start.
 *
 *     weldr-health 1 1764432000000000
 *     17 00112233445566ff 192.0.2.7:80
 *     0123456789abcdef
 *
 * The first line says format and wall clock in microseconds. Each line after it is an address
 * that was down: the id of its server, a hash of the settings of its checks, the address. The
 * last line is a checksum (XXH3 of all before it). A file that is damaged or of another format
 * is no hint; nothing depends on it. Pure. manager/hints.h writes and reads the file.
 */
#ifndef WELDR_HEALTH_HINT_H
#define WELDR_HEALTH_HINT_H

#include <stdint.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/werr.h"

enum {
    HEALTH_HINTS_MAX = 16384, /* of more that are down the first ones are noted */
    HEALTH_HINT_LINE_MAX = 112
};

struct health_hint {
    uint64_t server_id;
    uint64_t settings; /* facts.h: check_settings */
    struct addr addr;
};

struct health_hints {
    uint64_t at_us; /* wall clock: when it was noted */
    unsigned n;
    struct health_hint list[]; /* read: by server_id */
};

/* Room for so many, none in it yet. NULL: no memory. free() gives it back. */
struct health_hints *health_hints_new(unsigned cap);
/* The bytes that the text of n hints has at most. */
size_t health_hints_room(unsigned n);
/* Writes the text; returns its length. */
size_t health_hints_write(const struct health_hints *h, char *text);
/* WERR_CORRUPT: health_hints_write never wrote that; WERR_UNSUPPORTED: a whole text of a later
 * format; WERR_NOMEM. *out is the caller's to free, and written on success only. */
int health_hints_read(struct span text, struct health_hints **out) MUST_USE;
/* NULL: this address was not down, or was checked by other settings then. */
const struct health_hint *health_hints_find(const struct health_hints *h, uint64_t server_id,
                                            uint64_t settings, const struct addr *addr);

#endif
