#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/api_wish.h"
#include "manager/manager.h"
#include "pool/pool_code.h"

static struct pool *find_pool(struct api_conn *ac)
{
    struct pool *p = pool_find(ac->m->pool, ac->match.params[0]);

    if (p == NULL)
        api_problem(ac, 404, "not_found", "there is no such pool");
    return p;
}

void api_pool_get(struct api_conn *ac)
{
    const struct pool *p = find_pool(ac);

    if (p != NULL)
        api_answer(ac, 200, api_json_pool(p, ac->m->servers.revision));
}

static void on_set(struct api_conn *ac)
{
    if (ac->proposal.result < 0)
        api_problem_internal(ac, ac->proposal.result);
    else
        api_pool_get(ac);
}

void api_pool_change(struct api_conn *ac)
{
    const struct pool *p = find_pool(ac);
    struct pool_command c;
    struct pool_error error;

    if (p == NULL)
        return;
    if (pool_code_set_pool_from_json(api_body(ac), &c, &error) < 0) {
        api_problem_of(ac, &error);
        return;
    }
    MUST(span_to_str(span_from_str(p->name), c.pool, sizeof(c.pool)) == 0);
    api_wish(ac, &c, on_set);
}
