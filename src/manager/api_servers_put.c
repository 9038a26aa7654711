#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/api_servers.h"
#include "manager/api_wish.h"
#include "manager/manager.h"
#include "pool/pool_apply.h"
#include "pool/pool_code.h"

/* PUT of all servers of a pool: one change, one revision. */

static void on_put(struct api_conn *ac)
{
    const struct pool *p = api_find_pool(ac);
    struct api_json_list list;
    char href[API_JSON_HREF_MAX];

    if (api_respond_refusal(ac))
        return;
    if (p == NULL) {
        api_respond_no_server(ac);
        return;
    }
    ac->tag = pool_list_digest(ac->m->pool, KIND_SERVER, span_from_str(p->name));
    api_json_servers_href(p->name, href, sizeof(href));
    api_json_servers_begin(&list, api_base(ac), href);
    api_json_servers_total(&list, p->server_n);
    api_respond(ac, 200, api_json_list_end(&list));
}

void api_servers_put(struct api_conn *ac)
{
    const struct pool *p = api_find_pool(ac);
    struct pool_command c;
    struct pool_error error;

    if (p == NULL) {
        api_respond_no_server(ac);
        return;
    }
    const int rc = pool_code_set_servers_from_json(api_body(ac), p, &c, &error);
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    else
        api_wish(ac, &c, on_put);
}
