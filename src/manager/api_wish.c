#include "manager/api_wish.h"

#include <stdio.h>

#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/usable.h"

static bool takes_out_of_rotation(const struct pool_command *c)
{
    switch (c->type) {
    case POOL_REMOVE_SERVER:
        return true;
    case POOL_CHANGE_SERVER:
        return (c->set & POOL_SET_WEIGHT) != 0 && c->server.weight == 0;
    case POOL_SET_SERVER_ADMIN:
        return c->server.admin != POOL_ADMIN_ENABLED;
    default:
        return false;
    }
}

/* A server that is of no use already may always go. */
static bool would_empty_pool(const struct manager *m, const struct pool_command *c,
                             struct pool_error *error)
{
    const struct pool *p = pool_find(m->pool, span_from_str(c->pool));
    const struct pool_server *server = p != NULL ? pool_find_server(p, c->server_id) : NULL;
    uint32_t left;

    if (server == NULL || p->min_active == 0 || !takes_out_of_rotation(c) ||
        !usable_is(m, server))
        return false;
    left = usable_count(m, p) - 1;
    if (left >= p->min_active)
        return false;
    *error = (struct pool_error){.code = "would_empty_pool"};
    snprintf(error->detail, sizeof(error->detail),
             "%u usable servers would be left and the pool's min_active is %u; "
             "?force=true does it all the same",
             left, p->min_active);
    return true;
}

static bool is_query_bad(const struct api_query *q, struct pool_error *error)
{
    if (q->bad_key == NULL)
        return false;
    *error = (struct pool_error){.code = "invalid_value"};
    snprintf(error->field, sizeof(error->field), "%s", q->bad_key);
    snprintf(error->detail, sizeof(error->detail), "%s", q->bad_why);
    return true;
}

void api_wish(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *ac))
{
    const struct api_query *q = &ac->query;
    struct pool_error error;

    if (is_query_bad(q, &error) || pool_check(ac->m->pool, c, &error) < 0 ||
        (c->type == POOL_ADD_SERVER &&
         own_address_check(&ac->m->own, &c->server, &error) < 0) ||
        (!q->is_forced && would_empty_pool(ac->m, c, &error)))
        api_problem_of(ac, &error);
    else if (q->is_dry_run)
        api_answer(ac, 200, api_json_dry_run(pool_command_word(c->type)));
    else
        api_propose(ac, c, then);
    pool_command_fini(c);
}
