#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "manager/manager.h"
#include "manager/members.h"
#include "manager/vips_here_int.h"

/* What people are told of virtual IPs, and what they ask for (vip_view.h). */

enum { NS_PER_MS = 1000000, US_PER_MS = 1000 };

/* ---- views ---- */

static bool find_granted(const struct vips_here *h, const struct addr *address,
                         struct cluster_vip *out)
{
    const struct cluster *c = h->m->cluster;
    struct cluster_vip list[CLUSTER_VIPS_MAX];
    const unsigned n = c->ops->vips(c, list, CLUSTER_VIPS_MAX);

    for (unsigned i = 0; i < n; i++) {
        if (addr_is_equal(&list[i].address, address)) {
            *out = list[i];
            return true;
        }
    }
    return false;
}

static void say(struct vip_view *out, const char *state, const char *why)
{
    (void)snprintf(out->state, sizeof(out->state), "%s", state);
    (void)snprintf(out->why, sizeof(out->why), "%s", why != NULL ? why : "");
}

/* One that ends never has no time left to tell. */
static void say_lease(const struct cluster_vip *now, struct vip_view *out)
{
    const uint64_t at = clock_boot_ns();

    out->has_lease = now->lease_ns > at && now->lease_ns != UINT64_MAX;
    if (out->has_lease)
        out->lease_ms = (now->lease_ns - at) / NS_PER_MS;
}

/* It is this node's to hold, and it can't. */
static void say_unheld(const char *why, struct vip_view *out)
{
    char text[VIP_WHY_MAX];

    out->holder = out->since_us = 0;
    (void)snprintf(text, sizeof(text), "this node may hold it, and can't: %s", why);
    say(out, "unassigned", text);
}

/* It is this node's to hold. */
static void say_own(const struct vips_here *h, const struct vip_here *v, struct vip_view *out)
{
    const struct vip_link_row *row = vip_link_find(&h->link, &v->address);

    out->announcements = row != NULL ? row->announced_n : 0;
    out->is_self = vips_here_has(v);
    if (out->is_self)
        say(out, "held", v->state == VIP_PARTING ? "another node is to have it" : NULL);
    else if (h->link.state != VIP_HELPER_READY)
        say_unheld(vip_link_word(&h->link), out);
    else if (v->has_failed)
        say_unheld(v->failure, out);
    else if (row != NULL && row->link != VIP_LINK_UP)
        say_unheld("its interface has no link here", out);
    else
        say(out, "taking", NULL);
}

/* What is here stays, for those whose requests are answered still, or until its lease is over.
 */
static void say_without_engine(const struct vip_here *v, struct vip_view *out)
{
    out->is_self = v != NULL && vips_here_has(v);
    if (out->is_self)
        say(out, "held", NULL);
    else
        say(out, "unassigned", "this process hands over or ends");
}

void vips_here_describe(void *arg, const struct addr *address, struct vip_view *out)
{
    const struct vips_here *h = arg;
    const struct vip_here *v = vips_here_find(h, address);
    struct cluster_vip now;

    if (h->m->cluster == NULL) {
        say_without_engine(v, out);
        return;
    }
    if (v == NULL || !find_granted(h, address, &now)) {
        say(out, "unassigned", "it is not known to the cluster yet");
        return;
    }
    out->epoch = now.epoch;
    if (now.wait != CLUSTER_VIP_HELD) {
        say(out, "unassigned", cluster_vip_wait_text(now.wait));
        return;
    }
    out->holder = now.holder;
    out->since_us = now.since_ms * US_PER_MS;
    say_lease(&now, out);
    if (now.is_self)
        say_own(h, v, out);
    else
        say(out, "elsewhere", NULL);
}

void vips_here_count(void *arg, struct vip_counts *out)
{
    *out = ((const struct vips_here *)arg)->counts;
}

/* ---- moves ---- */

/* One that the engine has under way; whoever waits may have gone. */
struct asked {
    struct vip_move *move; /* NULL: gone */
    bool is_to_anybody;
    LIST_ENTRY(asked) entry;
};

static void on_moved(void *arg, int error, uint64_t index)
{
    struct asked *a = arg;

    (void)index;
    MUST(a->move == NULL || a->move->is_asked);
    LIST_REMOVE(a, entry);
    if (error == WERR_GUARD && a->is_to_anybody)
        error = WERR_NO_TARGET;
    if (a->move != NULL)
        vip_move_end(a->move, error, NULL);
    free(a);
}

void vips_here_move(void *arg, const struct addr *address, uint64_t member,
                    struct vip_move *move)
{
    struct vips_here *h = arg;
    struct asked *a = malloc(sizeof(*a));

    if (a == NULL) {
        vip_move_end(move, WERR_NOMEM, NULL);
        return;
    }
    *a = (struct asked){.move = move, .is_to_anybody = member == 0};
    LIST_INSERT_HEAD(&h->asked, a, entry);
    const int rc = h->m->cluster->ops->move_vip(h->m->cluster, address, member, on_moved, a);
    if (rc < 0)
        on_moved(a, rc, 0);
}

void vips_here_forget(void *arg, struct vip_move *move)
{
    struct vips_here *h = arg;
    struct asked *a;

    LIST_FOREACH (a, &h->asked, entry)
        if (a->move == move)
            a->move = NULL;
}
