/* fence.h - may the second of a pair go on alone, because somebody says that the first one is
 * off?
 *
 * Nobody in the cluster can tell a voter that is dead from one that is cut off. One that is cut
 * off goes on: it is the only voter, holds the virtual IPs and takes changes. So it takes a
 * person's word that it is off, and the id of that member as a proof that they know which one.
 *
 * What can be known is asked for as well: nothing was heard of it for as long as anything of
 * it, were it stopped in any way, may hold a virtual IP: its lease, the hold-off, and the life
 * of an address in its kernel. Pure but for what it asks the engine.
 */
#ifndef WELDR_MANAGER_FENCE_H
#define WELDR_MANAGER_FENCE_H

#include <stdint.h>

#include "cluster/cluster.h"

enum {
    FENCE_KERNEL_MS = 2300, /* an address lives on so long after it was told to live last */
    FENCE_WHY_MAX = 512
};

enum fence_answer {
    FENCE_OK,
    FENCE_NOT_POSSIBLE, /* this node is not that one; why says what is done instead */
    FENCE_IN_CONTACT,   /* the other one was heard of, or has not been silent for long enough */
    FENCE_NOT_SAID      /* fenced is not the id of the other one */
};

/* How long the other one must have been silent, in ms. */
uint64_t fence_silence_ms(const struct cluster_status *status);
/* Of the member id, asked of the node that c is the engine of. fenced: whom a person says to be
 * off; 0: nobody. why: a sentence, unless it is FENCE_OK. */
enum fence_answer fence_check(const struct cluster *c, uint64_t id, uint64_t fenced,
                              char why[FENCE_WHY_MAX]);

#endif
