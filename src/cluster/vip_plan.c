#include "cluster/vip_plan.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct plan {
    const struct vip_plan_node *nodes;
    unsigned node_n;
    const struct vip_plan_vip *vips;
    unsigned n;
    uint64_t *targets;
    unsigned load[ROSTER_MEMBERS_MAX];
};

static const struct vip_plan_node *find(const struct plan *p, uint64_t id)
{
    for (unsigned i = 0; id != 0 && i < p->node_n; i++) {
        if (p->nodes[i].id == id)
            return &p->nodes[i];
    }
    return NULL;
}

static void give(struct plan *p, unsigned vip, const struct vip_plan_node *to)
{
    p->targets[vip] = to->id;
    p->load[to - p->nodes]++;
}

static uint64_t weight(const struct addr *address, uint64_t id)
{
    unsigned char bytes[sizeof(address->ip) + sizeof(id)];

    memcpy(bytes, address->ip, sizeof(address->ip));
    memcpy(bytes + sizeof(address->ip), &id, sizeof(id));
    return XXH3_64bits(bytes, sizeof(bytes));
}

/* What stays, or goes where an operator wants it. */
static void keep(struct plan *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        const struct vip_plan_node *wanted = find(p, p->vips[i].wanted);
        const struct vip_plan_node *holder = find(p, p->vips[i].holder);

        if (wanted != NULL && wanted->may_get)
            give(p, i, wanted);
        else if (holder != NULL && holder->may_keep)
            give(p, i, holder);
    }
}

static bool is_better(const struct plan *p, const struct addr *address, unsigned a, unsigned b)
{
    if (p->load[a] != p->load[b])
        return p->load[a] < p->load[b];
    return weight(address, p->nodes[a].id) > weight(address, p->nodes[b].id);
}

/* NULL: nobody may get it. */
static const struct vip_plan_node *pick(const struct plan *p, const struct addr *address)
{
    const struct vip_plan_node *best = NULL;

    for (unsigned i = 0; i < p->node_n; i++) {
        if (!p->nodes[i].may_get)
            continue;
        if (best == NULL || is_better(p, address, i, (unsigned)(best - p->nodes)))
            best = &p->nodes[i];
    }
    return best;
}

/* How many found somebody. */
static unsigned house(struct plan *p)
{
    unsigned housed = 0;

    for (unsigned i = 0; i < p->n; i++) {
        const struct vip_plan_node *to =
            p->targets[i] == 0 ? pick(p, &p->vips[i].address) : NULL;

        if (to != NULL)
            give(p, i, to);
        housed += to != NULL;
    }
    return housed;
}

static const struct vip_plan_node *find_poorest(const struct plan *p)
{
    const struct vip_plan_node *poorest = NULL;

    for (unsigned i = 0; i < p->node_n; i++) {
        if (p->nodes[i].may_get && p->nodes[i].is_settled &&
            (poorest == NULL || p->load[i] < p->load[poorest - p->nodes]))
            poorest = &p->nodes[i];
    }
    return poorest;
}

/* One of a member that has at least two more than this one; p->n: there is none. */
static unsigned find_gift(const struct plan *p, const struct vip_plan_node *to)
{
    const unsigned least = p->load[to - p->nodes] + 2;
    unsigned best = p->n, most = 0;

    for (unsigned i = 0; i < p->n; i++) {
        const struct vip_plan_node *from = find(p, p->targets[i]);
        const unsigned load = from != NULL ? p->load[from - p->nodes] : 0;

        if (load < least || load < most || p->vips[i].is_pinned || p->vips[i].wanted != 0)
            continue;
        if (load > most ||
            weight(&p->vips[i].address, to->id) > weight(&p->vips[best].address, to->id))
            best = i;
        most = load;
    }
    return best;
}

static void balance(struct plan *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        const struct vip_plan_node *to = find_poorest(p);
        const unsigned gift = to != NULL ? find_gift(p, to) : p->n;

        if (gift == p->n)
            return;
        p->load[find(p, p->targets[gift]) - p->nodes]--;
        give(p, gift, to);
    }
}

/* While some are without a holder, nothing else moves. */
void vip_plan(const struct vip_plan_node *nodes, unsigned node_n,
              const struct vip_plan_vip *vips, unsigned n, uint64_t *targets)
{
    struct plan p = {
        .nodes = nodes, .node_n = node_n, .vips = vips, .n = n, .targets = targets};

    MUST(node_n <= ROSTER_MEMBERS_MAX);
    for (unsigned i = 0; i < n; i++)
        targets[i] = 0;
    keep(&p);
    if (house(&p) == 0)
        balance(&p);
}
