#include "worker/routing.h"

#include <string.h>

#include "pool/listener.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

int routing_follow(struct routing *r, const struct worker *w, const struct listener *described)
{
    static const struct route_request nothing;
    struct route_table *table = route_table_new(described->rules, described->rule_n,
                                                &described->default_action, w->id, r->table);

    if (table == NULL)
        return WERR_NOMEM;
    routing_fini(r);
    r->table = table;
    r->rule_n = described->rule_n;
    r->default_hit = route_match(table, &nothing);
    return 0;
}

void routing_fini(struct routing *r)
{
    route_table_free(r->table);
    *r = (struct routing){0};
}

struct route_hit routing_match_rules(struct routing *r, const struct msg *head,
                                     const struct addr *source)
{
    struct route_request request;

    route_request_init(&request, head, source);
    return route_match(r->table, &request);
}

static struct pool_runtime *look_up(const struct worker *w, const struct rule_target *target)
{
    const struct pool *p = pool_find(w->pool_state, span_from_str(target->pool));

    return p != NULL ? pool_runtime_find(w, p->id) : NULL;
}

struct pool_runtime *routing_pick(struct routing *r, const struct worker *w,
                                  const struct route_hit *hit)
{
    const struct rule_target *target =
        hit->action->target_n == 1 ? hit->action->targets : route_pick(r->table, hit);
    struct routing_found *found =
        &r->found[(uintptr_t)target / sizeof(*target) % ROUTING_FOUND_N];

    if (r->pools_version != w->pools_version) {
        memset(r->found, 0, sizeof(r->found));
        r->pools_version = w->pools_version;
    }
    if (found->target != target)
        *found = (struct routing_found){.target = target, .pool = look_up(w, target)};
    return found->pool;
}
