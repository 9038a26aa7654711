/* raft_ordered.h - orders from member to member, as the engine carries them: raft_orders.c.
 *
 * From the member that gives one to the leader, from there to the member that is meant, and the
 * answer the same way back, on the links that there are. The leader keeps nothing of it, so an
 * order, or its answer, that gets lost with a link ends by the limit of who gave it. Owner: the
 * engine, whose files see this by raft_int.h.
 */
#ifndef WELDR_CLUSTER_RAFT_ORDERED_H
#define WELDR_CLUSTER_RAFT_ORDERED_H

#include "cluster/orders.h"

struct caller;
struct engine;

void engine_orders_init(struct engine *e);
/* Operations of cluster.h. */
int engine_order(struct cluster *c, uint64_t id, struct span request, cluster_text_fn done,
                 void *arg) MUST_USE;
void engine_answer(struct cluster *c, const struct cluster_order *order, struct span text);
/* Now and then. */
void engine_orders_tend(struct engine *e);
/* A link is gone: to the leader, id 0, or of a member that called this node. */
void engine_orders_cut(struct engine *e, uint64_t id);
void engine_orders_close(struct engine *e);
/* Messages. WERR_CORRUPT: their sender is broken. */
int engine_orders_from_leader(struct engine *e, uint8_t type, struct span payload) MUST_USE;
int engine_orders_from_caller(const struct caller *c, uint8_t type,
                              struct span payload) MUST_USE;

#endif
