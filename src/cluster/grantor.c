#include "cluster/grantor.h"

#include <string.h>

#include "cluster/vip_plan.h"

void grantor_init(struct grantor *g, const struct roster *roster, uint64_t self)
{
    memset(g, 0, sizeof(*g));
    g->roster = roster;
    g->self = self;
}

void grantor_set_times(struct grantor *g, uint64_t lease_ns, uint64_t margin_ns)
{
    g->lease_ns = lease_ns;
    g->margin_ns = margin_ns;
}

/* ---- what it keeps ---- */

static struct grantor_vip *find_vip(const struct grantor *g, const struct addr *address)
{
    for (unsigned i = 0; i < g->vip_n; i++) {
        if (addr_is_equal(&g->vips[i].address, address))
            return (struct grantor_vip *)&g->vips[i];
    }
    return NULL;
}

static struct grantor_vip *take_vip(struct grantor *g, const struct addr *address)
{
    struct grantor_vip *v = find_vip(g, address);

    if (v != NULL || g->vip_n == 2 * ROSTER_VIPS_MAX)
        return v;
    v = &g->vips[g->vip_n++];
    *v = (struct grantor_vip){.address = *address};
    return v;
}

/* Those that are neither described nor assigned are of the past. */
static void drop_past(struct grantor *g)
{
    unsigned n = 0;

    for (unsigned i = 0; i < g->vip_n; i++) {
        if (g->vips[i].is_described || roster_find_vip(g->roster, &g->vips[i].address) != NULL)
            g->vips[n++] = g->vips[i];
    }
    g->vip_n = n;
}

void grantor_set_wishes(struct grantor *g, const struct cluster_vip_wish *wishes, unsigned n)
{
    for (unsigned i = 0; i < g->vip_n; i++)
        g->vips[i].is_described = false;
    drop_past(g);
    for (unsigned i = 0; i < n && i < CLUSTER_VIPS_MAX; i++) {
        struct grantor_vip *v = take_vip(g, &wishes[i].address);

        MUST(v != NULL);
        v->is_described = true;
    }
    g->has_wishes = true;
}

void grantor_set_servers(struct grantor *g, const struct grantor_server *servers, unsigned n)
{
    g->server_n = n < ROSTER_MEMBERS_MAX ? n : ROSTER_MEMBERS_MAX;
    memcpy(g->servers, servers, g->server_n * sizeof(servers[0]));
}

void grantor_lead(struct grantor *g, uint64_t term, uint64_t now_ns)
{
    grantor_stop(g);
    g->term = term;
    g->step_ns = now_ns;
    g->awake_ns = now_ns;
    lease_start(&g->lease);
    grants_reset(&g->grants, now_ns + g->lease_ns);
}

void grantor_stop(struct grantor *g)
{
    g->term = 0;
    g->is_proven = false;
    g->predecessor = 0;
    g->node_n = 0;
    for (unsigned i = 0; i < g->vip_n; i++)
        g->vips[i] = (struct grantor_vip){.address = g->vips[i].address,
                                          .is_described = g->vips[i].is_described};
}

/* ---- how the members are ---- */

static struct grantor_node *find_node(const struct grantor *g, uint64_t id)
{
    for (unsigned i = 0; i < g->node_n; i++) {
        if (g->nodes[i].id == id)
            return (struct grantor_node *)&g->nodes[i];
    }
    return NULL;
}

/* NULL: there are only members. */
static struct grantor_node *take_node(struct grantor *g, uint64_t id)
{
    struct grantor_node *node = find_node(g, id);

    for (unsigned i = 0; node == NULL && i < g->node_n; i++) {
        if (roster_find(g->roster, g->nodes[i].id) == NULL)
            node = &g->nodes[i];
    }
    if (node == NULL && g->node_n < ROSTER_MEMBERS_MAX)
        node = &g->nodes[g->node_n++];
    if (node != NULL && node->id != id)
        *node = (struct grantor_node){.id = id};
    return node;
}

static bool is_placed(const struct grantor *g, uint64_t id)
{
    for (unsigned i = 0; i < g->server_n; i++) {
        if (g->servers[i].id == id)
            return true;
    }
    return false;
}

/* A member that may hold at all. */
static bool may_serve(const struct grantor *g, uint64_t id)
{
    const struct roster_member *m = roster_find(g->roster, id);

    return m != NULL && !m->is_witness && is_placed(g, id);
}

/* Nothing was heard of it for so long that what it was granted is over. */
static bool is_lost(const struct grantor *g, uint64_t id, uint64_t now_ns)
{
    const struct grantor_node *node = find_node(g, id);
    const uint64_t last =
        node != NULL && node->heard_ns > g->awake_ns ? node->heard_ns : g->awake_ns;

    return (node != NULL && node->is_dead) || now_ns >= last + g->lease_ns + g->margin_ns;
}

static bool is_fit(const struct grantor *g, uint64_t id, uint64_t now_ns)
{
    const struct grantor_node *node = find_node(g, id);

    return node != NULL && node->fit_ns != 0 && may_serve(g, id) && !is_lost(g, id, now_ns);
}

/* A new leader has not heard of it yet: that says nothing. */
static bool may_keep(const struct grantor *g, uint64_t id, uint64_t now_ns)
{
    const struct grantor_node *node = find_node(g, id);

    return may_serve(g, id) && !is_lost(g, id, now_ns) && (node == NULL || node->fit_ns != 0);
}

/* ---- its own lease ---- */

static uint64_t end_of_lease(const struct grantor *g, uint64_t now_ns)
{
    uint64_t voters[ROSTER_MEMBERS_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < g->server_n; i++) {
        if (g->servers[i].is_voter)
            voters[n++] = g->servers[i].id;
    }
    const uint64_t base = lease_base(&g->lease, voters, n, g->self, now_ns);
    return base != 0 ? base + g->lease_ns : 0;
}

bool grantor_is_ready(const struct grantor *g, uint64_t now_ns)
{
    return g->term != 0 && g->is_proven && g->has_wishes && end_of_lease(g, now_ns) > now_ns;
}

/* ---- questions ---- */

/* False: that process is dead, and this was on its way yet. */
static bool hear_of_process(struct grantor_node *node, const struct vip_ask *m, uint64_t now_ns)
{
    if (memcmp(node->digest, m->digest, sizeof(node->digest)) != 0) {
        memcpy(node->digest, m->digest, sizeof(node->digest));
        node->digest_ns = now_ns;
        node->is_dead = false;
    }
    return !node->is_dead;
}

static void hear(struct grantor *g, uint64_t from, const struct vip_ask *m, uint64_t now_ns)
{
    struct grantor_node *node = take_node(g, from);

    if (m->term == g->term && m->stamp_term == g->term && m->stamp_ns <= now_ns)
        lease_note(&g->lease, from, m->stamp_ns);
    for (unsigned i = 0; i < m->released_n; i++) {
        const struct roster_vip *v = roster_find_vip(g->roster, &m->released[i].address);

        if (v != NULL && v->holder == from && v->epoch == m->released[i].epoch)
            grants_release(&g->grants, v);
    }
    if (node == NULL || !hear_of_process(node, m, now_ns))
        return;
    node->may_part = m->fitness != CLUSTER_UNFIT;
    if (m->fitness != CLUSTER_FIT)
        node->fit_ns = 0;
    else if (node->fit_ns == 0 || is_lost(g, from, now_ns)) /* it is back */
        node->fit_ns = now_ns;
    node->heard_ns = now_ns;
    memcpy(node->why, m->why, sizeof(node->why));
}

/* It is described, and neither moves nor is about to. */
static bool stays(const struct grantor_vip *known, const struct roster_vip *v)
{
    return known->target == 0 || known->target == v->holder;
}

/* It is to move, and its holder has its time for that. */
static bool parts(const struct grantor_vip *known, uint64_t now_ns)
{
    return known->part_ns != 0 && now_ns < known->part_ns + GRANTOR_PART_NS;
}

static bool may_grant(const struct grantor *g, const struct roster_vip *v, uint64_t to,
                      uint64_t now_ns)
{
    const struct grantor_node *node = find_node(g, to);
    const struct grantor_vip *known = find_vip(g, &v->address);

    return v->holder == to && may_serve(g, to) && !grants_is_released(&g->grants, v) &&
           known != NULL && known->is_described && known->proposed_epoch == 0 &&
           (stays(known, v) || parts(known, now_ns)) && (node == NULL || !node->is_dead);
}

static void grant_all(struct grantor *g, uint64_t to, uint64_t now_ns, uint64_t end_ns,
                      struct vip_grant *out)
{
    for (unsigned i = 0; i < roster_vip_n(g->roster); i++) {
        const struct roster_vip *v = roster_vip_at(g->roster, i);

        if (!may_grant(g, v, to, now_ns))
            continue;
        struct grantor_vip *known = find_vip(g, &v->address);
        known->is_told = known->part_ns != 0;
        grants_note(&g->grants, v, end_ns);
        out->claims[out->n++] = (struct vip_claim){.address = v->address,
                                                   .epoch = v->epoch,
                                                   .cause = v->cause,
                                                   .is_parting = known->part_ns != 0,
                                                   .since_us = v->since_us};
    }
}

void grantor_ask(struct grantor *g, uint64_t from, const struct vip_ask *m, uint64_t now_ns,
                 struct vip_grant *out)
{
    *out = (struct vip_grant){.sequence = m->sequence, .term = g->term, .stamp_ns = now_ns};
    if (g->term == 0)
        return;
    hear(g, from, m, now_ns);
    if (!grantor_is_ready(g, now_ns))
        return;
    const uint64_t end_ns = end_of_lease(g, now_ns);
    out->is_ready = true;
    out->length_ns = end_ns - now_ns;
    grant_all(g, from, now_ns, end_ns, out);
}

/* ---- the dead ---- */

static void release_all(struct grantor *g, uint64_t holder)
{
    for (unsigned i = 0; i < roster_vip_n(g->roster); i++) {
        const struct roster_vip *v = roster_vip_at(g->roster, i);

        if (v->holder == holder)
            grants_release(&g->grants, v);
    }
}

bool grantor_bury(struct grantor *g, uint64_t id, const uint8_t *digest, uint64_t now_ns)
{
    struct grantor_node *node = find_node(g, id);

    if (g->term == 0 || !g->is_proven || node == NULL || node->is_dead ||
        memcmp(node->digest, digest, sizeof(node->digest)) != 0 ||
        now_ns < node->digest_ns + g->lease_ns + g->margin_ns)
        return false;
    node->is_dead = true;
    node->fit_ns = 0;
    release_all(g, id);
    return true;
}

void grantor_bury_predecessor(struct grantor *g, uint64_t id, const uint8_t *digest)
{
    MUST(g->term != 0 && !g->is_proven);
    g->predecessor = id;
    memcpy(g->predecessor_digest, digest, sizeof(g->predecessor_digest));
}

/* It may have begun anew, and asked already: nothing was granted to that process yet. */
static void bury_predecessor(struct grantor *g)
{
    static const uint8_t none[VIP_DIGEST_BYTES];
    struct grantor_node *node = take_node(g, g->predecessor);

    if (node != NULL && (memcmp(node->digest, none, sizeof(none)) == 0 ||
                         memcmp(node->digest, g->predecessor_digest, sizeof(none)) == 0)) {
        memcpy(node->digest, g->predecessor_digest, sizeof(node->digest));
        node->is_dead = true;
        node->fit_ns = 0;
    }
    release_all(g, g->predecessor);
    g->predecessor = 0;
}

/* Only who is proven knows all that was assigned to the dead one. */
void grantor_prove(struct grantor *g)
{
    g->is_proven = g->term != 0;
    if (g->is_proven && g->predecessor != 0)
        bury_predecessor(g);
}

/* ---- what is to be done ---- */

static unsigned list_nodes(const struct grantor *g, uint64_t now_ns, struct vip_plan_node *out)
{
    const unsigned n = roster_member_n(g->roster);

    for (unsigned i = 0; i < n; i++) {
        const uint64_t id = roster_member_at(g->roster, i)->id;
        const struct grantor_node *node = find_node(g, id);
        const bool fits = is_fit(g, id, now_ns);

        out[i] = (struct vip_plan_node){.id = id,
                                        .may_get = fits,
                                        .may_keep = may_keep(g, id, now_ns),
                                        .is_settled = fits && now_ns - node->fit_ns >=
                                                                  GRANTOR_SETTLED_NS};
    }
    return n;
}

static enum cluster_vip_cause cause_of(const struct grantor *g, const struct grantor_vip *v,
                                       uint64_t holder, uint64_t now_ns)
{
    if (holder == 0)
        return CLUSTER_VIP_FIRST;
    if (v->wanted != 0 && v->wanted == v->target)
        return CLUSTER_VIP_MOVED;
    if (roster_find(g->roster, holder) == NULL)
        return CLUSTER_VIP_HOLDER_LEFT;
    if (is_lost(g, holder, now_ns))
        return CLUSTER_VIP_HOLDER_SILENT;
    return is_fit(g, holder, now_ns) ? CLUSTER_VIP_REBALANCED : CLUSTER_VIP_HOLDER_UNFIT;
}

static void plan(struct grantor *g, uint64_t now_ns)
{
    struct vip_plan_node nodes[ROSTER_MEMBERS_MAX];
    struct vip_plan_vip vips[ROSTER_VIPS_MAX];
    struct grantor_vip *described[ROSTER_VIPS_MAX];
    uint64_t targets[ROSTER_VIPS_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < g->vip_n && n < ROSTER_VIPS_MAX; i++) {
        struct grantor_vip *v = &g->vips[i];
        const struct roster_vip *at = roster_find_vip(g->roster, &v->address);

        if (!v->is_described)
            continue;
        vips[n] =
            (struct vip_plan_vip){.address = v->address,
                                  .holder = at != NULL ? at->holder : 0,
                                  .wanted = v->wanted,
                                  .is_pinned = at != NULL && at->cause == CLUSTER_VIP_MOVED};
        described[n++] = v;
    }
    vip_plan(nodes, list_nodes(g, now_ns, nodes), vips, n, targets);
    for (unsigned i = 0; i < n; i++) {
        const uint64_t holder = vips[i].holder;
        const bool is_there = may_serve(g, holder) && !is_lost(g, holder, now_ns);

        /* One that is not fit is better than none. */
        described[i]->target = targets[i] == 0 && is_there ? holder : targets[i];
        described[i]->cause = cause_of(g, described[i], holder, now_ns);
    }
}

/* While members may still come, the first one takes no more than it would have to. */
static bool are_all_heard(const struct grantor *g, uint64_t now_ns)
{
    for (unsigned i = 0; i < roster_member_n(g->roster); i++) {
        const uint64_t id = roster_member_at(g->roster, i)->id;

        if (may_serve(g, id) && find_node(g, id) == NULL && !is_lost(g, id, now_ns))
            return false;
    }
    return true;
}

/* What its holder has not it can't part with. */
static bool can_part(const struct grantor *g, const struct roster_vip *at, uint64_t now_ns)
{
    const struct grantor_node *node = find_node(g, at->holder);

    return node != NULL && node->may_part && grants_is_held(&g->grants, at, now_ns);
}

static void look_at_parting(struct grantor *g, struct grantor_vip *v,
                            const struct roster_vip *at, uint64_t now_ns)
{
    const bool moves =
        at != NULL && v->is_described && !stays(v, at) && can_part(g, at, now_ns);

    if (moves == (v->part_ns != 0))
        return;
    v->part_ns = moves ? now_ns : 0;
    v->is_told = false;
}

/* True: *out is to be committed. */
static bool advance(struct grantor *g, struct grantor_vip *v, uint64_t now_ns,
                    struct roster_vip *out)
{
    const struct roster_vip *at = roster_find_vip(g->roster, &v->address);
    const uint64_t to = v->is_described ? v->target : 0;

    if (v->proposed_epoch != 0 && at != NULL && at->epoch >= v->proposed_epoch)
        v->proposed_epoch = 0;
    if (at != NULL && at->holder == v->wanted)
        v->wanted = 0;
    look_at_parting(g, v, at, now_ns);
    if (v->proposed_epoch != 0 || (v->is_described && to == 0))
        return false;
    if (at == NULL ? to == 0 || !are_all_heard(g, now_ns)
                   : at->holder == to && !grants_is_released(&g->grants, at))
        return false;
    if (at != NULL && !grants_is_over(&g->grants, at, now_ns, g->margin_ns))
        return false;
    *out = (struct roster_vip){.address = v->address,
                               .holder = to,
                               .epoch = roster_next_epoch(g->roster, &v->address),
                               .cause = at != NULL && at->holder == to ? at->cause : v->cause};
    v->proposed_epoch = out->epoch;
    return true;
}

unsigned grantor_step(struct grantor *g, uint64_t now_ns, struct roster_vip *out)
{
    unsigned n = 0;

    if (now_ns - g->step_ns > g->lease_ns / 2)
        g->awake_ns = now_ns;
    g->step_ns = now_ns;
    if (!grantor_is_ready(g, now_ns))
        return 0;
    drop_past(g);
    for (unsigned i = 0; i < roster_vip_n(g->roster); i++)
        (void)take_vip(g, &roster_vip_at(g->roster, i)->address);
    plan(g, now_ns);
    for (unsigned i = 0; i < g->vip_n && n < ROSTER_VIPS_MAX; i++)
        n += advance(g, &g->vips[i], now_ns, &out[n]);
    return n;
}

void grantor_failed(struct grantor *g, const struct addr *address)
{
    struct grantor_vip *v = find_vip(g, address);

    if (v != NULL)
        v->proposed_epoch = 0;
}

bool grantor_must_nudge(const struct grantor *g, uint64_t id, uint64_t now_ns)
{
    for (unsigned i = 0; i < roster_vip_n(g->roster); i++) {
        const struct roster_vip *v = roster_vip_at(g->roster, i);
        const struct grantor_vip *known = find_vip(g, &v->address);
        const bool is_held = grants_is_held(&g->grants, v, now_ns);
        const bool is_news = is_held != may_grant(g, v, id, now_ns) ||
                             (is_held && known->part_ns != 0 && !known->is_told);

        if (v->holder == id && is_news && !is_lost(g, id, now_ns))
            return true;
    }
    return false;
}

/* ---- an operator's ---- */

/* Another one than the holder; 0: none is fit. */
static uint64_t pick_other(const struct grantor *g, const struct addr *address, uint64_t holder,
                           uint64_t now_ns)
{
    struct vip_plan_node nodes[ROSTER_MEMBERS_MAX];
    const struct vip_plan_vip vip = {.address = *address};
    const unsigned n = list_nodes(g, now_ns, nodes);
    uint64_t id = 0;

    for (unsigned i = 0; i < n; i++)
        nodes[i].may_get = nodes[i].may_get && nodes[i].id != holder;
    vip_plan(nodes, n, &vip, 1, &id);
    return id;
}

int grantor_want(struct grantor *g, const struct addr *address, uint64_t *id, uint64_t now_ns)
{
    struct grantor_vip *v = find_vip(g, address);
    const struct roster_vip *at = roster_find_vip(g->roster, address);

    if (v == NULL || !v->is_described || (*id != 0 && roster_find(g->roster, *id) == NULL))
        return WERR_NOT_FOUND;
    if (v->wanted != 0 || v->proposed_epoch != 0)
        return WERR_IN_USE;
    if (*id == 0)
        *id = pick_other(g, address, at != NULL ? at->holder : 0, now_ns);
    if (*id == 0 || !is_fit(g, *id, now_ns))
        return WERR_GUARD;
    if (at != NULL && at->holder == *id)
        return 1;
    v->wanted = *id;
    return 0;
}

void grantor_unwant(struct grantor *g, const struct addr *address)
{
    struct grantor_vip *v = find_vip(g, address);

    if (v != NULL)
        v->wanted = 0;
}

enum cluster_vip_wait grantor_wait(const struct grantor *g, const struct addr *address,
                                   uint64_t now_ns)
{
    const struct roster_vip *at = roster_find_vip(g->roster, address);
    const struct grantor_vip *v = find_vip(g, address);

    if (at != NULL && grants_is_held(&g->grants, at, now_ns))
        return CLUSTER_VIP_HELD;
    if (!grantor_is_ready(g, now_ns))
        return CLUSTER_VIP_HOLD_OFF;
    return v != NULL && v->target != 0 ? CLUSTER_VIP_HOLD_OFF : CLUSTER_VIP_NOBODY_FIT;
}
