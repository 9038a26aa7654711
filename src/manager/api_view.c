#include "manager/api_view.h"

#include <inttypes.h>
#include <stdio.h>

#include "manager/leaving.h"
#include "manager/manager.h"

static unsigned count_down(const struct server_facts *f)
{
    const struct facts_addr *a;
    unsigned n = 0;

    TAILQ_FOREACH (a, &f->addrs, entry)
        n += !a->rule.up;
    return n;
}

/* What the state alone does not say. */
static const char *tell_reason(const struct manager *m, const struct server_facts *f,
                               const struct facts_addr *explain, struct api_view *view)
{
    view->reason[0] = '\0';
    if (facts_leave_reason(f) != NULL)
        return facts_leave_reason(f);
    if (f->name_error[0] != '\0')
        return f->name_error;
    if (facts_has_no_addr(f))
        return "name not resolved yet";
    if (!f->is_up)
        return explain != NULL ? explain->reason : TAILQ_FIRST(&f->addrs)->reason;
    if (view->json.ejected > 0)
        snprintf(view->reason, sizeof(view->reason),
                 "ejected by %" PRIu64 " of %u workers for its errors in a row",
                 view->json.ejected, m->worker_n);
    else if (count_down(f) > 0)
        snprintf(view->reason, sizeof(view->reason), "%u of %u addresses are down",
                 count_down(f), (unsigned)f->addr_n);
    return view->reason;
}

static void read_counters(const struct manager *m, uint32_t slot,
                          struct api_json_server_view *v)
{
    if (slot == STATS_NO_SLOT)
        return;
    v->in_flight = stats_sum_server(m->stats, slot, STATS_SERVER_in_flight);
    v->success = stats_sum_server(m->stats, slot, STATS_SERVER_success);
    v->failed = stats_sum_server(m->stats, slot, STATS_SERVER_failed);
    v->ejected = stats_sum_server(m->stats, slot, STATS_SERVER_ejected);
    v->ejections = stats_sum_server(m->stats, slot, STATS_SERVER_ejections);
}

void api_view_fill(const struct manager *m, const struct pool_server *server,
                   struct api_view *view)
{
    const struct server_facts *f = facts_find(&m->facts, server->id);
    struct api_json_server_view *v = &view->json;

    MUST(f != NULL); /* a server that is still shown has not been forgotten */
    const struct pool *p = pool_find_id(m->pool, f->pool_id);
    const struct facts_addr *explain = facts_explain(f);

    MUST(p != NULL); /* servers of a pool that has gone are not shown */
    pool_health_effective(p, server, &view->check);
    *v = (struct api_json_server_view){
        .server = server,
        .pool = p->name,
        .state = facts_state(f),
        .addrs = &f->addrs,
        .check = &view->check,
        .last = explain != NULL ? &explain->last : NULL,
    };
    read_counters(m, f->stats_slot, v);
    v->reason = tell_reason(m, f, explain, view);
    view->drain_left_ms = leaving_left_ms(m, f);
    if (facts_is_leaving(f))
        v->drain_left_ms = &view->drain_left_ms;
}
