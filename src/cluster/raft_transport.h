/* raft_transport.h - libraft's connections: links of use LINK_RAFT, pumped into the socket
 * pairs that libraft reads.
 *
 * libraft takes streams of libuv and does their reading and writing itself: so each link has a
 * socket pair, one end libuv's, the other one ours. Both ways a slow reader stops the fast
 * writer. Which address an id has it told itself, or the roster says (the one that libraft
 * hands over counts where neither is known). Of each member one link that came in lives: the
 * newest.
 *
 * When libraft closes it, connects that are under way end with RAFT_CANCELED and all links are
 * aborted, within libuv's loop; Weldr's loop frees what is left of them in its next turn, when
 * the transport may be gone already. Owner: the engine.
 */
#ifndef WELDR_CLUSTER_RAFT_TRANSPORT_H
#define WELDR_CLUSTER_RAFT_TRANSPORT_H

#include <raft.h>
#include <raft/uv.h>

#include "cluster/link.h"

struct raft_transport; /* made by the engine before raft_uv_init */
/* kick: libuv's loop has work (raft_loop.h). NULL: no memory. */
struct raft_transport *engine_transport_new(struct link_self *self, uv_loop_t *uv,
                                            void (*kick)(void *arg), void *arg,
                                            struct raft_uv_transport *out);
/* A raft link that came in by the gate. What it reports to; NULL: not wanted. */
const struct link_ops *engine_transport_take(struct raft_transport *t, struct link *l);
/* Ends the links with those that the roster has as removed, but not with this one: it leads,
 * and has that to give away. They would go on asking for votes on links from before. */
void engine_transport_part(struct raft_transport *t, uint64_t leader_id);
/* Grows when a connection to that member has broken. libraft keeps one for as long as what it
 * says of the address stays, and notices that it is broken when what it writes is lost. */
unsigned engine_transport_breaks(const struct raft_transport *t, uint64_t id);
/* After libraft has closed it, or has never had it. NULL allowed. */
void engine_transport_free(struct raft_transport *t);

#endif
