#include "base/clock.h"
#include "cluster/raft_int.h"

void engine_vips_set(struct cluster *c, const struct cluster_vip_wish *wishes, unsigned n)
{
    struct engine *s = (struct engine *)c;

    if (vips_alone_set(&s->vips, wishes, n, s->self.id, clock_wall_us() / 1000) &&
        c->hooks.on_vips != NULL)
        c->hooks.on_vips(c->hooks.arg);
}

/* Nobody else is fitter. */
void engine_vips_set_eligible(struct cluster *c, bool is_eligible, const char *why)
{
    (void)c;
    (void)is_eligible;
    (void)why;
}

unsigned engine_vips(const struct cluster *c, struct cluster_vip *out, unsigned max)
{
    return vips_alone_get(&((const struct engine *)c)->vips, out, max);
}

int engine_vips_move(struct cluster *c, const struct addr *address, uint64_t id,
                     cluster_done_fn done, void *arg)
{
    const struct engine *s = (const struct engine *)c;
    const int rc = vips_alone_move(&s->vips, address, id, s->self.id);

    if (rc == 0)
        done(arg, 0, s->index);
    return rc;
}

/* It may be taken again at any time. */
void engine_vips_released(struct cluster *c, const struct addr *address)
{
    (void)c;
    (void)address;
}
