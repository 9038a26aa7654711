#include <stdlib.h>

#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/api_shown.h"
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
    if (ac->outcome.result < 0)
        api_problem_internal(ac, ac->outcome.result);
    else
        api_pool_get(ac);
}

/* The body may be what GET has answered, edited. */
static int read_change(struct api_conn *ac, const struct pool *p, struct pool_command *c,
                       struct pool_error *error)
{
    char *rest;
    int result = api_shown_cut_pool(api_body(ac), p, ac->m->servers.revision, error, &rest);

    if (result == 0)
        result = pool_code_set_pool_from_json(rest != NULL ? span_from_str(rest) : api_body(ac),
                                              c, error);
    free(rest);
    return result;
}

void api_pool_change(struct api_conn *ac)
{
    const struct pool *p = find_pool(ac);
    struct pool_command c;
    struct pool_error error;
    int result;

    if (p == NULL)
        return;
    result = read_change(ac, p, &c, &error);
    if (result < 0) {
        api_problem_of_body(ac, result, &error);
        return;
    }
    MUST(span_to_str(span_from_str(p->name), c.pool, sizeof(c.pool)) == 0);
    api_wish(ac, &c, on_set);
}
