#include "cluster/vips_alone.h"

#include <string.h>

static const struct cluster_vip *find(const struct vips_alone *v, const struct addr *address)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (addr_is_equal(&v->vips[i].address, address))
            return &v->vips[i];
    }
    return NULL;
}

/* Those that stay keep what is known of them. */
bool vips_alone_set(struct vips_alone *v, const struct cluster_vip_wish *wishes, unsigned n,
                    uint64_t self, uint64_t wall_ms)
{
    struct vips_alone fresh = {.n = n < CLUSTER_VIPS_MAX ? n : CLUSTER_VIPS_MAX};
    bool has_changed = fresh.n != v->n;

    for (unsigned i = 0; i < fresh.n; i++) {
        const struct cluster_vip *known = find(v, &wishes[i].address);

        has_changed = has_changed || known == NULL;
        fresh.vips[i] = known != NULL ? *known
                                      : (struct cluster_vip){.address = wishes[i].address,
                                                             .holder = self,
                                                             .is_self = true,
                                                             .epoch = 1,
                                                             .since_ms = wall_ms,
                                                             .cause = CLUSTER_VIP_FIRST,
                                                             .lease_ns = UINT64_MAX};
    }
    *v = fresh;
    return has_changed;
}

unsigned vips_alone_get(const struct vips_alone *v, struct cluster_vip *out, unsigned max)
{
    const unsigned n = v->n < max ? v->n : max;

    if (n > 0)
        memcpy(out, v->vips, n * sizeof(*out));
    return v->n;
}

int vips_alone_move(const struct vips_alone *v, const struct addr *address, uint64_t id,
                    uint64_t self)
{
    if (find(v, address) == NULL)
        return WERR_NOT_FOUND;
    if (id == self)
        return 0;
    return id == 0 ? WERR_GUARD : WERR_NOT_FOUND;
}
