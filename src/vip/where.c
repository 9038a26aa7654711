#include "vip/where.h"

#include <string.h>

#include "base/cidr.h"

enum { LOOPBACK_IFINDEX = 1 }; /* in every network namespace */

void where_begin(struct where *w)
{
    memset(w, 0, sizeof(*w));
}

static bool is_in_subnet(const struct addr *a, const struct where_address *of)
{
    struct cidr net = {.family = of->addr.family, .bits = of->prefix};

    memcpy(net.ip, of->addr.ip, sizeof(net.ip));
    return cidr_has(&net, a);
}

static void weigh(struct where *w, unsigned i, const struct where_address *a)
{
    const bool is_better = w->of[i].ifindex == 0 || a->prefix > w->of[i].prefix ||
                           (a->prefix == w->of[i].prefix && a->ifindex < w->of[i].ifindex);

    if (!is_better)
        return;
    w->of[i].ifindex = a->ifindex;
    w->of[i].prefix = a->prefix;
}

void where_see_address(struct where *w, struct plan *p, const struct where_address *a,
                       uint64_t now)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++) {
        struct plan_row *row = &p->rows[i];

        if (row->phase == PLAN_FREE || !row->is_named)
            continue;
        if (addr_is_equal(&a->addr, &row->named.addr)) {
            if (a->is_finite)
                plan_found(row, a->ifindex, a->prefix, now);
        } else if (a->ifindex != LOOPBACK_IFINDEX && is_in_subnet(&row->named.addr, a)) {
            weigh(w, i, a);
        }
    }
}

void where_see_link(struct where *w, const struct plan *p, const struct where_link *l)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++) {
        const struct plan_row *row = &p->rows[i];
        const char *wanted = row->named.ifname;
        const int ifindex = w->of[i].ifindex != 0 ? w->of[i].ifindex : row->place.ifindex;

        if (row->phase == PLAN_FREE ||
            (wanted[0] != '\0' ? strcmp(wanted, l->name) != 0 : ifindex != l->ifindex))
            continue;
        struct plan_place *place = &w->of[i].place;

        *place = (struct plan_place){.ifindex = l->ifindex,
                                     .link = l->is_up ? VIP_LINK_UP : VIP_LINK_DOWN,
                                     .has_mac = l->has_mac};
        memcpy(place->mac, l->mac, sizeof(place->mac));
        memcpy(place->ifname, l->name, sizeof(place->ifname));
    }
}

void where_end(const struct where *w, struct plan *p, uint64_t now)
{
    for (unsigned i = 0; i < PLAN_ROWS; i++)
        if (p->rows[i].phase != PLAN_FREE)
            plan_place(&p->rows[i], &w->of[i].place, now);
}
