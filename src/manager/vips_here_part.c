#include "manager/manager.h"
#include "manager/vips_here_int.h"

/* How an address leaves on purpose: its clients are told first (parting.h), and who calls in
 * the last moment is kept for the node that comes after (vip_link_part). And the end of the
 * manager, before which all addresses leave in this way. */

enum { PART_STEP_MS = 20 };

static uint32_t limit_ms(const struct vips_here *h)
{
    const uint32_t drain_ms = h->m->config->drain_timeout_ms;

    return drain_ms < CLUSTER_VIP_PART_MS ? drain_ms : CLUSTER_VIP_PART_MS;
}

static struct parting *parting_of(const struct vips_here *h)
{
    return &h->m->supervisor.parting;
}

static void on_parted(void *arg, const struct addr *address)
{
    struct vips_here *h = arg;
    struct vip_here *v = (struct vip_here *)vips_here_find(h, address);

    if (v != NULL && v->state == VIP_PARTING)
        vips_here_let_go(h, v, "parted");
}

void vips_here_on_shut(void *arg, const struct addr *address)
{
    struct vips_here *h = arg;
    const struct vip_here *v = vips_here_find(h, address);

    if (v != NULL && v->state == VIP_PARTING)
        vip_link_part(&h->link, address);
}

bool vips_here_is_shut(void *arg)
{
    return vip_link_has_kept_out(&((const struct vips_here *)arg)->link);
}

int vips_here_keep_out(void *arg, int fd, const struct addr *addrs, unsigned n)
{
    return vip_link_keep_out(&((struct vips_here *)arg)->link, fd, addrs, n);
}

void vips_here_part_with(struct vips_here *h, struct vip_here *v)
{
    MUST(v->state == VIP_HERE && v->is_described);
    vips_here_enter(v, VIP_PARTING, "another node is to have it");
    parting_begin(parting_of(h), &v->address, limit_ms(h), on_parted, h);
}

void vips_here_stay(struct vips_here *h, struct vip_here *v)
{
    MUST(v->state == VIP_PARTING);
    vips_here_enter(v, VIP_HERE, "it stays");
    vips_here_end_parting(h, v);
}

void vips_here_end_parting(struct vips_here *h, struct vip_here *v)
{
    MUST(v->address.family != 0);
    parting_end(parting_of(h), &v->address);
}

void vips_here_end_all_parting(struct vips_here *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++)
        if (h->list[i].address.family != 0)
            vips_here_end_parting(h, &h->list[i]);
}

/* ---- the end ---- */

static bool is_leased(const struct vip_here *v)
{
    return v->address.family != 0 && v->state != VIP_IDLE && v->until_ns != UINT64_MAX;
}

static bool has_leased(const struct vips_here *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++)
        if (is_leased(&h->list[i]))
            return true;
    return false;
}

static bool has_parting(const struct vips_here *h)
{
    for (unsigned i = 0; i < CLUSTER_VIPS_MAX; i++)
        if (h->list[i].address.family != 0 && h->list[i].state == VIP_PARTING)
            return true;
    return false;
}

/* Nobody takes what is not parting by then. */
uint32_t vips_here_part(struct vips_here *h)
{
    if (h->m == NULL)
        return 0;
    const uint64_t now = loop_now_ms(h->m->loop);

    if (h->parting_ms == 0)
        h->parting_ms = now;
    vips_here_on_vips(h);
    const uint32_t limit = VIPS_HERE_PART_MS + (has_parting(h) ? limit_ms(h) : 0);
    return has_leased(h) && now - h->parting_ms < limit ? PART_STEP_MS : 0;
}

void vips_here_drain(struct vips_here *h)
{
    if (h->m == NULL)
        return;
    timer_stop(loop_timers(h->m->loop), &h->tick);
    if (has_leased(h))
        vips_here_stop(h);
}
