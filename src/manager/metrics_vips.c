#include "manager/manager.h"
#include "manager/metrics_int.h"
#include "manager/vip_view.h"

static void put(struct metrics_put *p, uint64_t value)
{
    mtext_sample(p->text, &p->row->family, strb_span(&p->labels), value);
}

void metrics_put_vip_held(struct metrics_put *p)
{
    struct vip_view v;

    vip_view_of(p->m, &p->vip->addr, &v);
    put(p, v.is_self);
}

void metrics_put_vip_moves(struct metrics_put *p)
{
    const size_t len = p->labels.len;
    struct vip_counts counts;

    vip_view_count(p->m, &counts);
    for (unsigned i = 0; i < counts.cause_n; i++) {
        mtext_label(&p->labels, "cause", counts.causes[i].cause);
        put(p, counts.causes[i].moves);
        p->labels.len = len;
    }
}

void metrics_put_vip_conflicts(struct metrics_put *p)
{
    struct vip_counts counts;

    vip_view_count(p->m, &counts);
    put(p, counts.conflicts);
}
