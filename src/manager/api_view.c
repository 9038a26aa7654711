#include "manager/api_view.h"

#include "manager/manager.h"

static const struct pool *the_pool(const struct manager *m)
{
    return &m->pool->pools[0];
}

static const char *reason_of(const struct server_facts *f)
{
    if (f->removed != NULL)
        return "removed";
    if (f->name_error[0] != '\0')
        return f->name_error;
    return facts_has_no_addr(f) ? "name not resolved yet" : f->reason;
}

void api_view_fill(const struct manager *m, const struct pool_server *server,
                   struct api_view *view)
{
    const struct server_facts *f = facts_find(&m->facts, server->id);
    struct api_json_server_view *v = &view->json;

    pool_health_effective(the_pool(m), server, &view->check);
    *v = (struct api_json_server_view){
        .server = server,
        .pool = the_pool(m)->name,
        .state = facts_state(f),
        .reason = reason_of(f),
        .addrs = f->is_named ? f->addrs : &server->addr,
        .addr_n = f->is_named ? f->addr_n : 1,
        .check = &view->check,
        .last = f->has_result ? &f->last : NULL,
    };
    if (f->stats_slot == STATS_NO_SLOT)
        return;
    v->in_flight = stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_in_flight);
    v->success = stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_success);
    v->failed = stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_failed);
}

void api_view_each(const struct manager *m,
                   void (*fn)(struct api_json_list *l, const struct api_json_server_view *v),
                   struct api_json_list *l)
{
    const struct pool *p = the_pool(m);
    struct server_facts *f = NULL;
    struct api_view view;

    for (uint32_t i = 0; i < p->server_n; i++) {
        api_view_fill(m, p->servers[i], &view);
        fn(l, &view.json);
    }
    if (m->facts.draining_n == 0)
        return;
    while ((f = facts_next(&m->facts, f)) != NULL) {
        if (f->removed == NULL)
            continue;
        api_view_fill(m, f->removed, &view);
        fn(l, &view.json);
    }
}
