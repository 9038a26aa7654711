/* moved.h - members that are at another address than the roster says. Pure.
 *
 * Each member tells on its links where it can be called (hello.h), which counts for calls at
 * once (link_self_find). The roster is changed by the leader (raft_move.c), one member at a
 * time. An address that another member has in the roster is not proposed, for it would be
 * refused again and again, an entry of the log each time: it waits until that member has moved,
 * too, or was removed. Two that have changed places wait for ever; calls find them all the
 * same.
 */
#ifndef WELDR_CLUSTER_MOVED_H
#define WELDR_CLUSTER_MOVED_H

#include "cluster/link.h"

/* Is this member elsewhere? told: NULL, or where it is, as it says; an address that is none
 * (family 0, a wildcard) says nothing. */
bool moved_is(const struct roster_member *m, const struct addr *told);
/* The first member of self's roster, in the order of ids from the one behind `after` round,
 * whose address there is to be changed, and the command that does it. self: what the others
 * have told, and this node itself; after: who was refused last, so that it does not keep the
 * others waiting; 0: nobody. False: none. */
bool moved_find(const struct link_self *self, uint64_t after, struct roster_command *c);

#endif
