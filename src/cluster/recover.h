/* recover.h - makes of one node's directory a cluster of one, when most of the others are gone
 * for good.
 *
 * All that the directory has stays, entries too that were not committed. What only the others
 * had is lost; which directory has the most, stored.h says. A witness is as good as any other:
 * it stores all, and may be the only one that is left; nodes that join then serve. The
 * directory of a node that was removed is refused: the cluster went on without it.
 *
 * The others are removed and tokens end; the incarnation goes up by one, so that members of the
 * cluster before are refused at the first words of a link (hello.h), and can neither vote nor
 * be elected here.
 *
 * Killed in the middle it leaves a mark, with which the node does not start: it is done again
 * then. Called by `weldr cluster recover`; it takes the lock of the directory.
 */
#ifndef WELDR_CLUSTER_RECOVER_H
#define WELDR_CLUSTER_RECOVER_H

#include "base/strb.h"
#include "base/werr.h"
#include "cluster/cluster.h"

/* *status is as of the end. WERR_IN_USE: another process holds the directory; WERR_NOT_FOUND:
 * there is no node's directory, or the node was removed from the cluster; WERR_GUARD: it is
 * alone already; WERR_DENIED: it belongs to another user, whose it is to stay; WERR_TIMEOUT;
 * others as stored_look. *wrong has a sentence, or the log has it. */
int recover_run(const char *path, const char *version, struct cluster_status *status,
                struct strb *wrong) MUST_USE;
/* The same of a directory that this process has open, whose engine has ended: of a Weldr that
 * runs, which waits for it, so not longer than limit_ms. node_key_file NULL: the directory has
 * the key. */
int recover_held(struct data_dir *dir, const char *node_key_file, const char *version,
                 uint32_t limit_ms, struct cluster_status *status, struct strb *wrong) MUST_USE;

#endif
