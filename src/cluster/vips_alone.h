/* vips_alone.h - virtual IPs where there is nobody else: whoever is alone holds all at once.
 *
 * For the engines that keep nothing (solo.c, delayed.c). Zeroed is empty. Pure but for the
 * wall clock, which callers give. */
#ifndef WELDR_CLUSTER_VIPS_ALONE_H
#define WELDR_CLUSTER_VIPS_ALONE_H

#include "cluster/cluster.h"

struct vips_alone {
    unsigned n;
    struct cluster_vip vips[CLUSTER_VIPS_MAX];
};

/* As the operations of these names; self: the holder's id; true: something has changed. */
bool vips_alone_set(struct vips_alone *v, const struct cluster_vip_wish *wishes, unsigned n,
                    uint64_t self, uint64_t wall_ms);
unsigned vips_alone_get(const struct vips_alone *v, struct cluster_vip *out, unsigned max);
/* To itself it is done: 0; WERR_NOT_FOUND: no such address; WERR_GUARD: nobody else is there.
 */
int vips_alone_move(const struct vips_alone *v, const struct addr *address, uint64_t id,
                    uint64_t self) MUST_USE;

#endif
