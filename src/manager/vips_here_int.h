/* vips_here_int.h - what the files of vips_here share: vips_here.c (what is held here),
 * vips_here_part.c (how it leaves) and vips_here_view.c (what people are told of it, and ask
 * for). */
#ifndef WELDR_MANAGER_VIPS_HERE_INT_H
#define WELDR_MANAGER_VIPS_HERE_INT_H

#include "manager/vips_here.h"

/* NULL: not described, or not known yet. */
const struct vip_here *vips_here_find(const struct vips_here *h, const struct addr *address);
static inline bool vips_here_has(const struct vip_here *v)
{
    return v->state == VIP_HERE || v->state == VIP_PARTING;
}

/* Of struct vip_provider_ops; arg: struct vips_here. */
void vips_here_describe(void *arg, const struct addr *address, struct vip_view *out);
void vips_here_count(void *arg, struct vip_counts *out);
void vips_here_move(void *arg, const struct addr *address, uint64_t member,
                    struct vip_move *move);
void vips_here_forget(void *arg, struct vip_move *move);

/* ---- vips_here.c ---- */

void vips_here_enter(struct vip_here *v, enum vip_here_state next, const char *why);
/* The helper is to drop it; nothing happens if it has nothing of it. */
void vips_here_let_go(struct vips_here *h, struct vip_here *v, const char *why);

/* ---- vips_here_part.c ---- */

/* HERE → PARTING, and back. */
void vips_here_part_with(struct vips_here *h, struct vip_here *v);
void vips_here_stay(struct vips_here *h, struct vip_here *v);
/* Workers and sockets are as usual again, for it is gone, or stays. */
void vips_here_end_parting(struct vips_here *h, struct vip_here *v);
void vips_here_end_all_parting(struct vips_here *h);
/* Of parting_hooks, and listening_keep_out_fn; arg: struct vips_here. */
void vips_here_on_shut(void *arg, const struct addr *address);
bool vips_here_is_shut(void *arg);
int vips_here_keep_out(void *arg, int fd, const struct addr *addrs, unsigned n);

#endif
