/* grants.h - what a leader has granted: which member may hold which virtual IP, and until when.
 *
 * Another member may get an address when the one before has released it, or when all that was
 * granted to it is over, by this leader and by all before it, and a margin has passed. What
 * leaders before have granted is over a lease after this one was elected (lease.h): the floor.
 * Times are of the leader's CLOCK_BOOTTIME, in ns. Pure. Owner: the grantor.
 */
#ifndef WELDR_CLUSTER_GRANTS_H
#define WELDR_CLUSTER_GRANTS_H

#include "cluster/roster.h"

struct grant {
    struct addr address;
    uint64_t epoch; /* what follows is of this one */
    uint64_t until_ns;
    bool is_released;
};

struct grants {
    uint64_t floor_ns;
    unsigned n;
    struct grant list[ROSTER_VIPS_MAX];
};

void grants_reset(struct grants *g, uint64_t floor_ns);
/* The holder of this assignment was told that it may hold until then. */
void grants_note(struct grants *g, const struct roster_vip *v, uint64_t until_ns);
/* The holder of this assignment has let go, and takes nothing more under it. */
void grants_release(struct grants *g, const struct roster_vip *v);
bool grants_is_released(const struct grants *g, const struct roster_vip *v);
/* It was granted to its holder, for now. */
bool grants_is_held(const struct grants *g, const struct roster_vip *v, uint64_t now_ns);
/* Nobody can hold it under this assignment any more, unless it is granted anew. */
bool grants_is_over(const struct grants *g, const struct roster_vip *v, uint64_t now_ns,
                    uint64_t margin_ns);

#endif
