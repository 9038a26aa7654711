/* gate.h - where other nodes call: the listening socket of --cluster-ip.
 *
 * Accepts, lets each link prove itself (link.h) and hands those that are open to whom they are
 * for. At most GATE_UNPROVED_MAX have not got that far at a time, and GATE_JOINS_MAX join links
 * are open, each for GATE_JOIN_MS at most: a stranger may hold one. Who comes then is closed at
 * once, and counted. The links are the gate's: heap objects, freed after on_closed. Owner: the
 * engine.
 *
 * Each host of a member has GATE_EXPECTED_MAX places of its own beside those, so that strangers
 * who call and say nothing, however many, keep no members apart. A member's hosts: its address
 * in the roster, the one that it told last (link_self), and the one that it has called from.
 * Who calls from there proves itself as all do; a stranger on such a host fills its places
 * only.
 */
#ifndef WELDR_CLUSTER_GATE_H
#define WELDR_CLUSTER_GATE_H

#include "cluster/link.h"

enum {
    GATE_UNPROVED_MAX = 64,
    GATE_EXPECTED_MAX = 8, /* of one host: two links of each member there, and some again */
    GATE_JOINS_MAX = 16,
    GATE_JOIN_MS = 30000
};

struct gate;
/* Whose link is it: called when it is OPEN; returns what it reports to from now on (on_open is
 * not called), or NULL: not wanted. user: link_set_user. */
struct gate_ops {
    const struct link_ops *(*on_link)(void *arg, struct link *l);
    void *arg;
};

/* Binds. WERR_ADDR_IN_USE, WERR_ADDR_UNAVAILABLE, WERR_NO_FD, WERR_NOMEM …. */
int gate_new(struct link_self *self, const struct addr *address, const struct gate_ops *ops,
             struct gate **out) MUST_USE;
/* The same on a socket that listens already, for tests; it is the gate's, unless it fails. */
int gate_new_on(struct link_self *self, int listener, const struct gate_ops *ops,
                struct gate **out) MUST_USE;
/* The address that it is bound to. */
const struct addr *gate_address(const struct gate *g);
/* And all of its links: the unproved ones at once, what others have sent still goes out. Looks
 * at self no more. on_closed may be NULL; the gate is gone then. */
void gate_close(struct gate *g, void (*on_closed)(void *arg), void *arg);
/* Counted: refused because there were too many (or no memory), failed before they were open. */
void gate_counts(const struct gate *g, uint64_t *refused, uint64_t *failed);

#endif
