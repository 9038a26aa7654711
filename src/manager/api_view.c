#include "manager/api_view.h"

#include "manager/leaving.h"
#include "manager/manager.h"
#include "manager/states.h"

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
        .state = server_state_word((enum server_state)f->record.state),
        .since_us = f->record.since_us,
        .transitions = f->record.transitions,
        .is_verified = p->tls_settings.verify,
        .addrs = &f->addrs,
        .views = view->views,
        .view_n = views_show(m, f, view->views),
        .check = &view->check,
        .last = explain != NULL ? &explain->last : NULL,
    };
    read_counters(m, f->stats_slot, v);
    v->reason = states_reason(m, f, view->reason, sizeof(view->reason));
    view->drain_left_ms = leaving_left_ms(m, f);
    if (facts_is_leaving(f))
        v->drain_left_ms = &view->drain_left_ms;
}
