/* raft_alone.h - the engine's transport of a node that has no peers: nobody is called, and
 * nobody calls. */
#ifndef WELDR_CLUSTER_RAFT_ALONE_H
#define WELDR_CLUSTER_RAFT_ALONE_H

#include <raft.h>
#include <raft/uv.h>

void engine_alone_init(struct raft_uv_transport *t);

#endif
