/* raft_engine.h - the engine of a node that keeps what was agreed on, on disk: libraft.
 *
 * A single node is a cluster of one: it votes for itself, and an entry is committed when it is
 * synced. What libraft does not look after stands around it: the files are checked before it
 * reads them (segments.h), the last applied entry is noted (high_water.h), snapshots have a
 * checksum (image.h), commands say what they are (raft_entry.h).
 *
 * libraft and libuv run on the manager's thread, turned by raft_loop.h; what blocks there is
 * the start (it reads all that is stored, before anything is served). Reads and writes of the
 * disk go on in the kernel and in libuv's threads. Membership does not change yet: one node.
 */
#ifndef WELDR_CLUSTER_RAFT_ENGINE_H
#define WELDR_CLUSTER_RAFT_ENGINE_H

#include "cluster/cluster.h"
#include "cluster/data_dir.h"

/* dir is open, and outlives the engine. start settles it; what is wrong with its files goes to
 * the log. NULL: no memory. */
struct cluster *cluster_raft_new(struct loop *loop, struct data_dir *dir,
                                 const struct cluster_options *options,
                                 const struct cluster_hooks *hooks);

#endif
