/* moved.h - members that are at another address than the roster says. Pure.
 *
 * Each member tells on its links where it can be called (hello.h), which counts for calls at
 * once (link_self_find). The roster is changed by the leader (raft_move.c), one member at a
 * time. An address that another member has in the roster is not proposed, for it would be
 * refused again and again, an entry of the log each time: it waits until that member has moved,
 * too, or was removed. Two that have changed places wait for ever; calls find them all the
 * same.
 *
 * An operator may know better than the member itself: it tells an address that others can't
 * call (there is a NAT between), or it reaches nobody whom it could tell. What the operator
 * says (moved_place) is called until the member tells another address than it told then. Where
 * that isn't known, since it was out of reach, the first that it tells afterwards is taken for
 * it, and noted by the leader.
 */
#ifndef WELDR_CLUSTER_MOVED_H
#define WELDR_CLUSTER_MOVED_H

#include "cluster/link.h"

/* Is this member elsewhere, or has it not been noted what it tells? told: NULL, or where it is,
 * as it says; an address that is none (family 0, a wildcard) says nothing. */
bool moved_is(const struct roster_member *m, const struct addr *told);
/* The first member of self's roster, in the order of ids from the one behind `after` round, of
 * which something is to be changed there, and the command that does it. self: what the others
 * have told, and this node itself; after: who was refused last, so that it does not keep the
 * others waiting; 0: nobody. False: none. */
bool moved_find(const struct link_self *self, uint64_t after, struct roster_command *c);
/* The command that does what an operator says: the member is to be called at this address;
 * NULL: where it tells. is_live: it is heard now, so what it told last is what it tells. self
 * as above. WERR_NOT_FOUND; WERR_EXISTS: another member has the address. Whether others can
 * call it is not looked at. */
int moved_place(const struct link_self *self, uint64_t id, const struct addr *address,
                bool is_live, struct roster_command *c) MUST_USE;

#endif
