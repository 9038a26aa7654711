/* repair.h - makes a damaged directory one that starts, of what in it can be verified. Weldr
 * does not run there.
 *
 * Kept are a whole snapshot and the longest run of whole entries behind it (repair_plan.h);
 * what comes behind the damage is lost, whole or not, for entries count in their order alone.
 * Files that are damaged, or of no use any more, move to DIR/old-DATE/ (set_aside.h). Of our
 * own files the identity is taken from `member`, the mark (high_water.h) is made anew; the keys
 * in `member` and `node.key` are in no other place, so a directory without them can't be
 * repaired.
 *
 * Only a node that is alone is repaired. Among several, one that forgets what it has
 * acknowledged to the leader, or whom it gave its vote, may let another leader be elected
 * without an entry that was committed: it has to come back as a new one (`weldr cluster
 * rejoin`).
 *
 * Killed in the middle it leaves a directory that does not start, or is whole; it is done again
 * then. Called by `weldr cluster repair`; it takes the lock of the directory.
 */
#ifndef WELDR_CLUSTER_REPAIR_H
#define WELDR_CLUSTER_REPAIR_H

#include "cluster/set_aside.h"

struct repair {
    bool is_whole;               /* nothing is damaged, and nothing was done */
    uint64_t last;               /* entry that is kept; what comes behind it is gone */
    uint64_t snapshot;           /* entries up to this one are in a snapshot; 0: none is */
    uint64_t lost_from, lost_to; /* entries; 0: none that anything tells of */
    bool is_unknown; /* the mark is lost: nobody can tell whether there were more entries */
    char aside[SET_ASIDE_NAME_MAX]; /* where the damaged files are, in the directory */
};

/* may_lose: entries may be given up. now_s: wall clock, for the date. WERR_GUARD: some would
 * be, nothing was done, and *r says which; WERR_DENIED: it is one of several, or another
 * user's; WERR_CORRUPT: what is left is not enough; others as set_aside_open. */
int repair_run(const char *path, bool may_lose, uint64_t now_s, struct repair *r,
               struct strb *wrong) MUST_USE;

#endif
