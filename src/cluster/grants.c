#include "cluster/grants.h"

void grants_reset(struct grants *g, uint64_t floor_ns)
{
    g->floor_ns = floor_ns;
    g->n = 0;
}

static const struct grant *find(const struct grants *g, const struct roster_vip *v)
{
    for (unsigned i = 0; i < g->n; i++) {
        if (g->list[i].epoch == v->epoch && addr_is_equal(&g->list[i].address, &v->address))
            return &g->list[i];
    }
    return NULL;
}

/* One of an epoch before gives way to that of the next one, which there is only when it was
 * over; of an address that was forgotten, the one that ends first. */
static struct grant *slot(struct grants *g, const struct roster_vip *v)
{
    struct grant *first = &g->list[0];

    for (unsigned i = 0; i < g->n; i++) {
        if (addr_is_equal(&g->list[i].address, &v->address))
            return &g->list[i];
        if (g->list[i].until_ns < first->until_ns)
            first = &g->list[i];
    }
    return g->n < ROSTER_VIPS_MAX ? &g->list[g->n++] : first;
}

static struct grant *take(struct grants *g, const struct roster_vip *v)
{
    struct grant *known = (struct grant *)find(g, v);

    if (known != NULL)
        return known;
    known = slot(g, v);
    *known = (struct grant){.address = v->address, .epoch = v->epoch};
    return known;
}

void grants_note(struct grants *g, const struct roster_vip *v, uint64_t until_ns)
{
    struct grant *grant = take(g, v);

    if (until_ns > grant->until_ns)
        grant->until_ns = until_ns;
}

void grants_release(struct grants *g, const struct roster_vip *v)
{
    take(g, v)->is_released = true;
}

bool grants_is_released(const struct grants *g, const struct roster_vip *v)
{
    const struct grant *grant = find(g, v);

    return grant != NULL && grant->is_released;
}

bool grants_is_held(const struct grants *g, const struct roster_vip *v, uint64_t now_ns)
{
    const struct grant *grant = find(g, v);

    return grant != NULL && !grant->is_released && grant->until_ns > now_ns;
}

bool grants_is_over(const struct grants *g, const struct roster_vip *v, uint64_t now_ns,
                    uint64_t margin_ns)
{
    const struct grant *grant = find(g, v);
    const uint64_t until =
        grant != NULL && grant->until_ns > g->floor_ns ? grant->until_ns : g->floor_ns;

    return grants_is_released(g, v) || now_ns >= until + margin_ns;
}
