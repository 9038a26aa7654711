#include "manager/vip_view.h"

#include <stdio.h>

#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/members.h"

void vip_view_of(const struct manager *m, const struct addr *address, struct vip_view *out)
{
    const struct vip_provider *p = m->vip_provider;

    *out = (struct vip_view){.holder = 0};
    if (p != NULL) {
        p->ops->describe(p->arg, address, out);
        return;
    }
    (void)snprintf(out->state, sizeof(out->state), "unassigned");
    (void)snprintf(out->why, sizeof(out->why), "this Weldr holds no VIPs: it only knows them");
}

bool vip_view_holds_any(const struct manager *m, unsigned *of)
{
    struct vip_view v;

    *of = m->pool->vip_n;
    for (uint32_t i = 0; i < m->pool->vip_n; i++) {
        vip_view_of(m, &m->pool->vips[i]->addr, &v);
        if (v.is_self)
            return true;
    }
    return false;
}

void vip_view_count(const struct manager *m, struct vip_counts *out)
{
    const struct vip_provider *p = m->vip_provider;

    *out = (struct vip_counts){.conflicts = 0};
    if (p != NULL)
        p->ops->count(p->arg, out);
}

void vip_view_described(struct manager *m)
{
    const struct vip_provider *p = m->vip_provider;

    listeners_note_vips(m);
    if (p != NULL)
        p->ops->described(p->arg);
}

void vip_move_start(struct manager *m, const struct addr *address, uint64_t member,
                    struct vip_move *move, vip_move_fn done)
{
    const struct vip_provider *p = m->vip_provider;

    MUST(p != NULL && !move->is_asked); /* a request makes one */
    *move = (struct vip_move){.is_asked = true, .done = done};
    p->ops->move(p->arg, address, member, move);
}

void vip_move_forget(struct manager *m, struct vip_move *move)
{
    if (!move->is_asked)
        return;
    move->is_asked = false;
    m->vip_provider->ops->forget(m->vip_provider->arg, move);
}

void vip_move_end(struct vip_move *move, int error, const char *why)
{
    MUST(move->is_asked);
    move->is_asked = false;
    move->done(move, error, why);
}

static const char *print_member(uint64_t id, char buf[MEMBERS_ID_TEXT])
{
    if (id == 0)
        return NULL;
    members_print_id(id, buf);
    return buf;
}

void vip_events_tell(struct manager *m, enum event_kind kind, const struct addr *address,
                     uint64_t from, uint64_t to, const char *cause)
{
    char text[ADDR_TEXT_MAX], was[MEMBERS_ID_TEXT], is[MEMBERS_ID_TEXT];

    MUST(kind == EVENT_VIP_TAKEN || kind == EVENT_VIP_RELEASED || kind == EVENT_VIP_MOVED ||
         kind == EVENT_VIP_CONFLICT);
    (void)addr_print_ip(address, text);
    events_tell(m, &(struct event_note){.kind = kind,
                                        .address = text,
                                        .from = print_member(from, was),
                                        .to = print_member(to, is),
                                        .reason = cause});
}

void vip_events_command(struct manager *m, const struct addr *address, bool is_active,
                        const char *outcome)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print_ip(address, text);
    events_tell(m, &(struct event_note){.kind = EVENT_VIP_COMMAND,
                                        .address = text,
                                        .to = is_active ? "active" : "passive",
                                        .reason = outcome});
}
