/* raft_dead.h - the engine's part in what is said of managers that were killed.
 *
 * In raft_testament.c. Their helpers say it (testament.h), by UDP to the address at which a
 * node listens for others. Owner: the engine, whose files see this by raft_int.h.
 */
#ifndef WELDR_CLUSTER_RAFT_DEAD_H
#define WELDR_CLUSTER_RAFT_DEAD_H

#include "cluster/cluster.h"
#include "cluster/vip_messages.h"
#include "net/loop.h"

struct engine;

struct engine_testament {
    bool has_secret;
    uint8_t secret[VIP_DIGEST_BYTES], digest[VIP_DIGEST_BYTES]; /* of this process */
    int fd;                                                     /* UDP; -1 */
    struct loop_watch watch;
    uint64_t dead, dead_term; /* who led in that term has died; 0 */
    uint8_t dead_digest[VIP_DIGEST_BYTES];
};

void engine_testament_init(struct engine *e);
/* The gate is there: datagrams come to the same address. */
void engine_testament_listen(struct engine *e);
void engine_testament_stop(struct engine *e);
/* This node has begun to lead. */
void engine_testament_lead(struct engine *e);
/* As cluster_ops.testament. */
void engine_testament_write(const struct cluster *c, struct cluster_testament *out);

#endif
