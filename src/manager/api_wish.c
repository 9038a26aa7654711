#include "manager/api_wish.h"

#include <stdio.h>

#include "base/fault.h"
#include "manager/api.h"
#include "manager/api_diff.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/ca_offer.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/usable.h"
#include "pool/pool_apply.h"

/* What this node knows goes with the command: whoever applies it judges by that. */
static int stamp_guard(const struct manager *m, struct pool_command *c)
{
    const struct pool *p = pool_find(m->pool, span_from_str(c->pool));

    if (!pool_takes_out(c) || p == NULL || p->min_active == 0)
        return 0;
    c->guard_unusable = fault_malloc((p->server_n + 1) * sizeof(c->guard_unusable[0]));
    if (c->guard_unusable == NULL)
        return WERR_NOMEM;
    c->has_guard = true;
    for (uint32_t i = 0; i < p->server_n; i++)
        if (!usable_is(m, p->servers[i]))
            c->guard_unusable[c->guard_n++] = p->servers[i]->id;
    return 0;
}

static int judge(struct api_conn *ac, struct pool_command *c, struct pool_error *error)
{
    struct manager *m = ac->m;
    int rc = 0;

    if (!ac->query.is_forced)
        rc = stamp_guard(m, c);
    if (rc == 0)
        rc = api_tag_stamp(&ac->conditions, m->pool, c);
    if (rc == 0)
        rc = pool_check(m->pool, c, error);
    if (rc == 0 && c->type == POOL_ADD_SERVER)
        rc = own_address_check(&m->own, &c->server, error);
    for (uint32_t i = 0; rc == 0 && i < c->list_n; i++)
        rc = own_address_check(&m->own, &c->list[i], error);
    if (rc == 0)
        rc = ca_offer_check(c, error);
    if (rc == 0)
        rc = ca_bundle_check(&m->authorities, m->pool, c, error);
    return rc == 0 ? listeners_prepare(m, c, error) : rc;
}

/* Of servers: also which, and how much of the traffic goes elsewhere. */
static char *tell_dry_run(const struct manager *m, const struct pool_command *c)
{
    return pool_command_kind(c->type) == KIND_SERVER
               ? api_diff_tell(m, c)
               : api_json_dry_run(pool_command_word(c->type));
}

void api_wish(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *ac))
{
    struct manager *m = ac->m;
    struct pool_error error;
    const int rc = judge(ac, c, &error);

    if (rc == WERR_NOMEM || rc == WERR_NO_FD)
        api_problem_internal(ac, rc);
    else if (rc == WERR_AGAIN)
        api_put_off(ac);
    else if (rc < 0)
        api_problem_of(ac, &error);
    else if (ac->query.is_dry_run)
        api_respond(ac, 200, tell_dry_run(m, c));
    else
        api_propose(ac, c, then);
    if (pool_command_kind(c->type) == KIND_LISTENER)
        listeners_give_up(m, span_from_str(c->listener)); /* unless a change awaits them now */
    pool_command_fini(c);
}
