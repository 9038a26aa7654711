#include "manager/api_servers.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/strb.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/api_shown.h"
#include "manager/api_view.h"
#include "manager/api_wish.h"
#include "manager/manager.h"
#include "pool/pool_code.h"

static struct pool *the_pool(const struct api_conn *ac)
{
    return &ac->m->pool->pools[0];
}

void api_answer_no_server(struct api_conn *ac)
{
    api_problem(ac, 404, "not_found", "there is no such server");
}

/* ---- which one ---- */

static const struct pool_server *find_by_id(const struct api_conn *ac, struct span text,
                                            bool draining_too)
{
    const struct pool_server *server;
    const struct server_facts *f;
    uint64_t id;

    if (pool_id_from_text(text, &id) < 0)
        return NULL;
    server = pool_find_server(the_pool(ac), id);
    if (server != NULL || !draining_too)
        return server;
    f = facts_find(&ac->m->facts, id);
    return f != NULL ? f->removed : NULL;
}

static const struct pool_server *find_draining(const struct api_conn *ac, struct span url)
{
    const struct server_facts *f;

    TAILQ_FOREACH (f, &ac->m->facts.draining, draining) {
        if (span_is_equal(span_from_str(f->removed->url), url))
            return f->removed;
    }
    return NULL;
}

/* The path's host and port make a URL like that of a POST; its canonical form is the identity.
 */
static const struct pool_server *find_by_host(const struct api_conn *ac, struct span host,
                                              struct span port, bool draining_too)
{
    const struct pool_server *server = NULL;
    struct pool_command c;
    char text[POOL_URL_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "http://%.*s:%.*s", (int)host.len, host.ptr, (int)port.len, port.ptr);
    pool_command_init(&c, POOL_ADD_SERVER);
    if (!strb_is_full(&b) && pool_check_url(strb_span(&b), &c.server, NULL) == 0) {
        struct span url = span_from_str(c.server.url);

        server = pool_find_url(the_pool(ac), url);
        if (server == NULL && draining_too)
            server = find_draining(ac, url);
    }
    pool_command_fini(&c);
    return server;
}

const struct pool_server *api_find_server(const struct api_conn *ac, bool draining_too)
{
    const struct api_match *match = &ac->match;

    if (match->param_n == 1)
        return find_by_id(ac, match->params[0], draining_too);
    return find_by_host(ac, match->params[0], match->params[1], draining_too);
}

/* ---- reading ---- */

void api_answer_list(struct api_conn *ac, unsigned status, const struct pool_server *named)
{
    static const struct api_pages_kind kind = {api_json_servers_begin, api_json_servers_add};

    api_pages_answer(ac, status, &kind, named);
}

void api_answer_server(struct api_conn *ac, unsigned status, const struct pool_server *server)
{
    struct api_view view;

    if (server == NULL) {
        api_answer_no_server(ac);
        return;
    }
    api_view_fill(ac->m, server, &view);
    api_answer(ac, status, api_json_server(&view.json));
}

void api_answer_little(struct api_conn *ac, unsigned status, const struct pool_server *server)
{
    ac->is_shortened = true;
    if (server != NULL)
        api_answer_server(ac, status, server);
    else
        api_answer_nothing(ac);
}

void api_servers_list(struct api_conn *ac)
{
    api_answer_list(ac, 200, NULL);
}

void api_server_get(struct api_conn *ac)
{
    leaving_sweep(ac->m);
    api_answer_server(ac, 200, api_find_server(ac, true));
}

/* ---- changing ---- */

/* pool_apply's refusal: what pool_check found right can have changed in between. */
bool api_answer_refusal(struct api_conn *ac)
{
    const int result = ac->outcome.result;

    if (result == 0)
        return false;
    if (result == WERR_NOT_FOUND)
        api_answer_no_server(ac);
    else if (result == WERR_TOO_BIG)
        api_problem(ac, 409, "too_many", "the pool can't hold more servers");
    else
        api_problem_internal(ac, result);
    return true;
}

static void on_added(struct api_conn *ac)
{
    const struct pool_server *server = pool_find_server(the_pool(ac), ac->outcome.id);
    const bool is_new = ac->outcome.change == POOL_CHANGE_SERVER_ADDED;

    if (api_answer_refusal(ac))
        return;
    if (server != NULL)
        api_json_server_href(server, ac->location, sizeof(ac->location));
    if (ac->wants_little)
        api_answer_little(ac, is_new ? 201 : 200, server);
    else
        api_answer_list(ac, is_new ? 201 : 200, server);
}

static void on_changed(struct api_conn *ac)
{
    if (!api_answer_refusal(ac))
        api_answer_server(ac, 200, pool_find_server(the_pool(ac), ac->outcome.id));
}

void api_servers_add(struct api_conn *ac)
{
    struct pool_command c;
    struct pool_error error;
    const int result = pool_code_add_from_json(api_body(ac), &c, &error);

    if (result < 0)
        api_problem_of_body(ac, result, &error);
    else
        api_wish(ac, &c, on_added);
}

/* The body may be what GET has answered, edited. */
static int read_change(struct api_conn *ac, const struct pool_server *server,
                       struct pool_command *c, struct pool_error *error)
{
    struct api_view view;
    char *rest;
    int result;

    api_view_fill(ac->m, server, &view);
    result = api_shown_cut_server(api_body(ac), &view.json, error, &rest);
    if (result == 0)
        result = pool_code_change_from_json(rest != NULL ? span_from_str(rest) : api_body(ac),
                                            server, c, error);
    free(rest);
    return result;
}

void api_server_change(struct api_conn *ac)
{
    const struct pool_server *server = api_find_server(ac, false);
    struct pool_command c;
    struct pool_error error;
    int result;

    if (server == NULL) {
        api_answer_no_server(ac);
        return;
    }
    result = read_change(ac, server, &c, &error);
    if (result < 0)
        api_problem_of_body(ac, result, &error);
    else
        api_wish(ac, &c, on_changed);
}
