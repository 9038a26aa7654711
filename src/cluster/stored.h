/* stored.h - what a node's directory holds, looked at while its Weldr does not run: who the
 * node is, and how far its log goes. Of what the node knows nothing is changed.
 *
 * For `weldr cluster status --data-dir`, by which an operator chooses among the directories
 * that are left the one to recover: that of the highest term, then of the highest index, which
 * is what makes a log the most up to date in Raft. What was applied does not tell that: an
 * entry that a majority has stored was acknowledged, whether this node has heard of it or not.
 */
#ifndef WELDR_CLUSTER_STORED_H
#define WELDR_CLUSTER_STORED_H

#include "cluster/cluster.h"
#include "cluster/data_dir.h"

struct stored {
    uint64_t id;
    char cluster[CLUSTER_HEX_ID_MAX]; /* empty: it was never one of several */
    uint32_t incarnation;
    unsigned others_n; /* members besides this one, as far as it knows */
    bool is_witness;
    bool was_removed;     /* from its cluster, as it has heard */
    uint64_t term, index; /* of the last entry that is stored; 0: there is none */
    uint64_t applied;     /* the last entry that is known to be part of its state */
};

/* As set_aside_open, and WERR_CORRUPT: damaged, as at a start of the node. */
int stored_look(const char *path, struct stored *s, struct strb *wrong) MUST_USE;
/* … of a directory that is open. */
int stored_read(const struct data_dir *d, struct stored *s, struct strb *wrong) MUST_USE;

#endif
