/* addr_set.h - the addresses of a server in one worker: the one of its URL, or all that its
 * name stands for on this node.
 *
 * A set is made anew with each FRAME_ADDRS, since most servers have one address and some have
 * 64; its version then goes up. A lane keeps its address and the version in which it was last
 * found, so that no request has to search as long as nothing changes. Owner: the origin.
 *
 * A new lane goes to the addresses in turn, but never to one that the checks have found down
 * while another is up. One at which a connection failed comes last for LIMIT_SHUN_MS; then one
 * lane at a time tries it again. An exchange that tries them all notes in struct addr_tries
 * where it has been.
 */
#ifndef WELDR_WORKER_ADDR_SET_H
#define WELDR_WORKER_ADDR_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct frame_addrs;
struct tlsio_sessions;

struct addr_place {
    struct addr addr;
    bool is_down;                    /* the checks say so, and not of all */
    uint64_t shunned_until_ms;       /* 0: it works, as far as we know */
    struct tlsio_sessions *sessions; /* of TLS with it, to be resumed; NULL: none yet */
};

struct addr_set {
    uint32_t version; /* never 0 */
    uint8_t n;
    uint8_t next; /* whose turn it is for a new lane */
    struct addr_place at[];
};

/* Of one attempt at a server. Begins with zeros; forgotten when the set is another. */
struct addr_tries {
    uint64_t tried; /* bit i: at[i] */
    uint32_t version;
    uint8_t last;
};

/* Puts another set in the place of *set (NULL: the first), with what is known of the addresses
 * that stay. WERR_NOMEM leaves the old one. */
int addr_set_replace(struct addr_set **set, const struct frame_addrs *found) MUST_USE;
int addr_set_one(struct addr_set **set, const struct addr *addr) MUST_USE;
void addr_set_free(struct addr_set *set); /* NULL allowed */
/* Where sessions of TLS with this address are kept, made when first asked for. NULL: it has
 * gone, or there is no memory. */
struct tlsio_sessions *addr_set_sessions(struct addr_set *set, const struct addr *addr);
/* Others must be verified anew; connections under way keep theirs to themselves. NULL allowed.
 */
void addr_set_forget_sessions(struct addr_set *set);
/* May lanes to this address carry more requests? */
bool addr_set_keeps(const struct addr_set *set, const struct addr *addr);
/* The address for a new lane: the next that was not tried; with all tried, from the first on.
 */
const struct addr *addr_set_pick(struct addr_set *set, struct addr_tries *tries,
                                 uint64_t now_ms);
/* Is there one that was not tried? */
bool addr_set_has_more(const struct addr_set *set, const struct addr_tries *tries);
/* How much of the time to connect to the server the address picked last may take. */
uint32_t addr_set_share_ms(const struct addr_set *set, const struct addr_tries *tries,
                           uint32_t all_ms);
/* The address picked last could not be reached; this one could. */
void addr_set_note_failed(struct addr_set *set, const struct addr_tries *tries,
                          uint64_t now_ms);
void addr_set_note_works(struct addr_set *set, const struct addr *addr);

#endif
