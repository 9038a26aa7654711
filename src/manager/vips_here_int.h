/* vips_here_int.h - what the files of vips_here share: vips_here.c (what is held here) and
 * vips_here_view.c (what people are told of it, and ask for). */
#ifndef WELDR_MANAGER_VIPS_HERE_INT_H
#define WELDR_MANAGER_VIPS_HERE_INT_H

#include "manager/vips_here.h"

/* NULL: not described, or not known yet. */
const struct vip_here *vips_here_find(const struct vips_here *h, const struct addr *address);
/* Of struct vip_provider_ops; arg: struct vips_here. */
void vips_here_describe(void *arg, const struct addr *address, struct vip_view *out);
void vips_here_count(void *arg, struct vip_counts *out);
void vips_here_move(void *arg, const struct addr *address, uint64_t member,
                    struct vip_move *move);
void vips_here_forget(void *arg, struct vip_move *move);

#endif
