/* addr_set.h - the addresses of a server in one worker: the one of its URL, or all that its
 * name stands for on this node.
 *
 * A set is made anew with each FRAME_ADDRS, since most servers have one address and some have
 * 64; its version then goes up. A lane keeps its address and the version in which it was last
 * found, so that no request has to search as long as nothing changes. Owner: the origin.
 */
#ifndef WELDR_WORKER_ADDR_SET_H
#define WELDR_WORKER_ADDR_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct frame_addrs;

struct addr_place {
    struct addr addr;
    bool is_down; /* the checks say so, and not of all */
};

struct addr_set {
    uint32_t version; /* never 0 */
    uint8_t n;
    uint8_t next; /* whose turn it is for a new lane */
    struct addr_place at[];
};

/* Puts another set in the place of *set (NULL: the first). WERR_NOMEM leaves the old one. */
int addr_set_replace(struct addr_set **set, const struct frame_addrs *found) MUST_USE;
int addr_set_one(struct addr_set **set, const struct addr *addr) MUST_USE;
/* May lanes to this address carry more requests? */
bool addr_set_keeps(const struct addr_set *set, const struct addr *addr);
/* The address for the next new lane, in turn. */
const struct addr *addr_set_next(struct addr_set *set);

#endif
