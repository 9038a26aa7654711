#include <inttypes.h>
#include <stdio.h>

#include "manager/api.h"
#include "manager/api_problem.h"
#include "manager/api_servers.h"
#include "manager/api_view.h"
#include "manager/api_wish.h"
#include "manager/leaving.h"
#include "manager/manager.h"
#include "pool/pool_code.h"

/* DELETE, drain, maintenance and resume: the response says whether all is done (200) or
 * requests are still in flight (202), and waits for the end of them when it was asked to. */

static const struct pool_server *find_in_pool(const struct api_conn *ac)
{
    return pool_find_any_server(ac->m->pool, ac->outcome.id, NULL);
}

/* NULL: it is gone. */
static const struct pool_server *find_removed(const struct api_conn *ac)
{
    const struct server_facts *f = facts_find(&ac->m->facts, ac->outcome.id);

    return f != NULL ? f->removed : NULL;
}

static void respond_progress(struct api_conn *ac)
{
    const unsigned status = leaving_has_drained(ac->m, ac->outcome.id) ? 200 : 202;

    leaving_sweep(ac->m);
    if (!ac->shows_list)
        api_respond_server(ac, status, find_in_pool(ac));
    else if (ac->wants_little)
        api_respond_little(ac, status, find_removed(ac));
    else
        api_respond_one(ac, status, find_removed(ac));
}

/* No success, so that "curl -f … && deploy" is safe: the server still works on requests. */
static void respond_still_draining(struct api_conn *ac)
{
    const struct pool_server *server = ac->shows_list ? find_removed(ac) : find_in_pool(ac);
    const struct server_facts *f = facts_find(&ac->m->facts, ac->outcome.id);
    struct pool_error error = {.code = "still_draining"};
    struct api_view view;

    MUST(server != NULL && f != NULL); /* it has not drained */
    api_view_fill(ac->m, server, &view);
    (void)snprintf(error.detail, sizeof(error.detail),
                   "the server is out of rotation and has not drained: %" PRIu64
                   " in flight, which are cut off in %" PRIu64 " ms",
                   view.json.in_flight, leaving_left_ms(ac->m, f));
    api_problem_of(ac, &error);
}

static void on_waited(struct api_conn *ac)
{
    if (leaving_has_drained(ac->m, ac->outcome.id))
        respond_progress(ac);
    else
        respond_still_draining(ac);
}

/* Every worker has it: nothing new begins there any more. */
static void on_stood_down(struct api_conn *ac)
{
    if (api_respond_refusal(ac))
        return;
    leaving_sweep(ac->m);
    if (!ac->query.waits || leaving_has_drained(ac->m, ac->outcome.id))
        respond_progress(ac);
    else if (leaving_waiters_n(ac->m) < API_WAITERS_MAX)
        api_await_leaving(ac, on_waited);
    else
        respond_still_draining(ac);
}

static void name_pool(const struct api_conn *ac, struct pool_command *c)
{
    MUST(span_to_str(span_from_str(api_find_pool(ac)->name), c->pool, sizeof(c->pool)) == 0);
}

void api_server_remove(struct api_conn *ac)
{
    const struct pool_server *server = api_find_server(ac, false);
    struct pool_command c;

    if (server == NULL) {
        api_respond_no_server(ac);
        return;
    }
    ac->shows_list = true;
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = server->id;
    name_pool(ac, &c);
    api_wish(ac, &c, on_stood_down);
}

static void set_admin(struct api_conn *ac, enum pool_admin admin)
{
    const struct pool_server *server = api_find_server(ac, false);
    struct pool_error error;
    struct pool_command c;

    if (server == NULL) {
        api_respond_no_server(ac);
        return;
    }
    if (pool_code_admin_from_json(api_body(ac), admin, api_find_pool(ac), server->id, &c,
                                  &error) < 0) {
        api_problem_of(ac, &error);
        return;
    }
    name_pool(ac, &c);
    if (ac->query.has_drain && admin != POOL_ADMIN_ENABLED)
        c.server.drain_ms = ac->query.drain_ms;
    ac->shows_list = false;
    api_wish(ac, &c, on_stood_down);
}

void api_server_drain(struct api_conn *ac)
{
    set_admin(ac, POOL_ADMIN_DRAINING);
}

void api_server_maintenance(struct api_conn *ac)
{
    set_admin(ac, POOL_ADMIN_MAINTENANCE);
}

void api_server_resume(struct api_conn *ac)
{
    set_admin(ac, POOL_ADMIN_ENABLED);
}
