#include "manager/api_servers.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/strb.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/api_shown.h"
#include "manager/api_view.h"
#include "manager/api_wish.h"
#include "manager/leaving.h"
#include "manager/manager.h"
#include "manager/states.h"
#include "pool/pool_code.h"

struct pool *api_find_pool(const struct api_conn *ac)
{
    const struct span name = api_match_param(&ac->match, SPAN("pool"));

    return name.ptr == NULL ? pool_default(ac->m->pool) : pool_find(ac->m->pool, name);
}

void api_respond_no_server(struct api_conn *ac)
{
    if (api_find_pool(ac) == NULL)
        api_problem(ac, 404, "not_found", "there is no such pool");
    else
        api_problem(ac, 404, "not_found", "there is no such server");
}

/* ---- which one ---- */

static const struct pool_server *find_by_id(const struct api_conn *ac, const struct pool *p,
                                            struct span text, bool draining_too)
{
    uint64_t id;

    if (pool_id_from_text(text, &id) < 0)
        return NULL;
    const struct pool_server *server = pool_find_server(p, id);
    if (server != NULL || !draining_too)
        return server;
    const struct server_facts *f = facts_find(&ac->m->facts, id);
    return f != NULL && f->pool_id == p->id ? f->removed : NULL;
}

static const struct pool_server *find_draining(const struct api_conn *ac, const struct pool *p,
                                               struct span url)
{
    const struct server_facts *f;

    TAILQ_FOREACH (f, &ac->m->facts.draining, draining) {
        if (f->pool_id == p->id && span_is_equal(span_from_str(f->removed->url), url))
            return f->removed;
    }
    return NULL;
}

/* The path's host and port make a URL like that of a POST; its canonical form is the identity.
 */
static const struct pool_server *find_by_url(const struct api_conn *ac, const struct pool *p,
                                             const char *scheme, const struct span at[2],
                                             bool draining_too)
{
    const struct pool_server *server = NULL;
    struct pool_command c;
    char text[POOL_URL_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_addf(&b, "%s://%.*s:%.*s", scheme, (int)at[0].len, at[0].ptr, (int)at[1].len,
              at[1].ptr);
    pool_command_init(&c, POOL_ADD_SERVER);
    if (!strb_is_full(&b) && pool_check_url(strb_span(&b), &c.server, NULL) == 0) {
        struct span url = span_from_str(c.server.url);

        server = pool_find_url(p, url);
        if (server == NULL && draining_too)
            server = find_draining(ac, p, url);
    }
    pool_command_fini(&c);
    return server;
}

/* Host and port of a path say no scheme: it is the http server, and the https one where there
 * is no other. What is in the pool comes before what is draining. */
static const struct pool_server *find_by_host(const struct api_conn *ac, const struct pool *p,
                                              struct span host, struct span port,
                                              bool draining_too)
{
    static const char *const schemes[] = {"http", "https"};
    const struct span at[2] = {host, port};
    const struct pool_server *server = NULL;

    for (unsigned i = 0; server == NULL && i < 2; i++)
        server = find_by_url(ac, p, schemes[i], at, false);
    for (unsigned i = 0; draining_too && server == NULL && i < 2; i++)
        server = find_by_url(ac, p, schemes[i], at, true);
    return server;
}

/* "/10.0.0.5/8080", or "/10.0.0.5:8080" in one segment. False: the path says no address. */
static bool address_of_path(const struct api_conn *ac, struct span *host, struct span *port)
{
    const struct span id = api_match_param(&ac->match, SPAN("id"));
    size_t colon = id.len;

    *host = api_match_param(&ac->match, SPAN("ip"));
    *port = api_match_param(&ac->match, SPAN("port"));
    while (colon > 0 && id.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return host->ptr != NULL;
    *host = span_first(id, colon - 1);
    *port = span_skip(id, colon);
    return true;
}

const struct pool_server *api_find_server(const struct api_conn *ac, bool draining_too)
{
    const struct pool *p = api_find_pool(ac);
    struct span host, port;

    if (p == NULL)
        return NULL;
    if (address_of_path(ac, &host, &port))
        return find_by_host(ac, p, host, port, draining_too);
    return find_by_id(ac, p, api_match_param(&ac->match, SPAN("id")), draining_too);
}

/* After a change; NULL: gone again. */
static const struct pool_server *find_changed(const struct api_conn *ac)
{
    return pool_find_any_server(ac->m->pool, ac->outcome.id, NULL);
}

/* ---- reading ---- */

void api_respond_one(struct api_conn *ac, unsigned status, const struct pool_server *server)
{
    const struct pool *p = api_find_pool(ac);
    struct api_json_list list;
    struct api_view view;
    char href[API_JSON_HREF_MAX];

    if (p == NULL) {
        api_respond_no_server(ac);
        return;
    }
    api_json_servers_href(p->name, href, sizeof(href));
    api_json_servers_begin(&list, api_base(ac), href);
    if (server != NULL) {
        api_view_fill(ac->m, server, &view);
        api_json_servers_add(&list, &view.json);
        ac->tag = pool_find_server(p, server->id) != NULL ? server->digest : 0;
    }
    api_json_servers_total(&list, p->server_n);
    api_respond(ac, status, api_json_list_end(&list));
}

void api_respond_server(struct api_conn *ac, unsigned status, const struct pool_server *server)
{
    struct api_view view;

    if (server == NULL) {
        api_respond_no_server(ac);
        return;
    }
    states_look(ac->m, facts_find(&ac->m->facts, server->id));
    api_view_fill(ac->m, server, &view);
    ac->tag = server->digest;
    api_respond(ac, status, api_json_server(&view.json, api_base(ac)));
}

void api_respond_little(struct api_conn *ac, unsigned status, const struct pool_server *server)
{
    ac->is_shortened = true;
    if (server != NULL)
        api_respond_server(ac, status, server);
    else
        api_respond_nothing(ac);
}

void api_server_get(struct api_conn *ac)
{
    leaving_sweep(ac->m);
    api_respond_server(ac, 200, api_find_server(ac, true));
}

/* ---- changing ---- */

/* pool_apply's refusal: what pool_check found right can have changed in between. */
bool api_respond_refusal(struct api_conn *ac)
{
    if (ac->outcome.result == 0)
        return false;
    if (ac->outcome.result == WERR_NOT_FOUND)
        api_respond_no_server(ac);
    else
        api_problem_of_refusal(ac);
    return true;
}

static void on_added(struct api_conn *ac)
{
    const struct pool_server *server = find_changed(ac);
    const bool is_new = ac->outcome.change == POOL_CHANGE_ADDED;

    if (api_respond_refusal(ac))
        return;
    if (server != NULL && api_find_pool(ac) != NULL)
        api_json_server_href(api_find_pool(ac)->name, server, ac->location,
                             sizeof(ac->location));
    if (ac->wants_little)
        api_respond_little(ac, is_new ? 201 : 200, server);
    else
        api_respond_one(ac, is_new ? 201 : 200, server);
}

static void on_changed(struct api_conn *ac)
{
    if (!api_respond_refusal(ac))
        api_respond_server(ac, 200, find_changed(ac));
}

/* Takes the command. */
static void wish(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *ac))
{
    const struct pool *p = api_find_pool(ac);

    if (p == NULL) {
        pool_command_fini(c);
        api_respond_no_server(ac);
        return;
    }
    MUST(span_to_str(span_from_str(p->name), c->pool, sizeof(c->pool)) == 0);
    api_wish(ac, c, then);
}

/* What GET prints of a server comes back without what the pool gives it. *rest: NULL: the body
 * as it is. */
static int cut_inherited(const struct api_conn *ac, char **rest)
{
    const struct pool *p = api_find_pool(ac);
    char *check;

    *rest = NULL;
    if (p == NULL)
        return 0;
    check = api_json_check(&p->health);
    const int rc =
        check != NULL ? api_json_cut_inherited(api_body(ac), check, rest) : WERR_NOMEM;

    free(check);
    return rc;
}

void api_servers_add(struct api_conn *ac)
{
    struct pool_command c;
    struct pool_error error;
    char *rest = NULL;
    int result = cut_inherited(ac, &rest);

    if (result == 0)
        result = pool_code_add_from_json(rest != NULL ? span_from_str(rest) : api_body(ac), &c,
                                         &error);
    free(rest);
    if (result < 0)
        api_problem_of_body(ac, result, &error);
    else
        wish(ac, &c, on_added);
}

/* ---- PUT ---- */

/* A server is its URL, so the path gives one when the body has none; an id names one that is
 * there. False: there is none, or the path is no host and port. */
static bool url_of_path(const struct api_conn *ac, char *buf, size_t size)
{
    const struct pool_server *server = api_find_server(ac, false);
    struct span host, port;
    struct strb b;

    strb_init(&b, buf, size);
    if (server != NULL)
        strb_add_str(&b, server->url);
    else if (address_of_path(ac, &host, &port))
        strb_addf(&b, "http://%.*s:%.*s", (int)host.len, host.ptr, (int)port.len, port.ptr);
    return b.len > 0 && !strb_is_full(&b);
}

/* What GET shows of a server that is there beside what people decide is passed over. */
static int cut_shown(const struct api_conn *ac, struct span body, bool is_whole,
                     struct pool_error *error, char **rest)
{
    const struct pool_server *server = api_find_server(ac, false);
    struct api_view view;

    *rest = NULL;
    if (server == NULL || !api_shown_has_fixed_server(body))
        return 0;
    api_view_fill(ac->m, server, &view);
    return api_shown_cut_server(body, api_json_server(&view.json, api_base(ac)), is_whole,
                                error, rest);
}

static int read_put(const struct api_conn *ac, const char *url, struct pool_command *c,
                    struct pool_error *error)
{
    struct span body = api_body(ac);
    char *own = NULL, *rest = NULL, *whole = NULL;

    int rc = cut_inherited(ac, &own);
    if (own != NULL)
        body = span_from_str(own);
    if (rc == 0)
        rc = cut_shown(ac, body, true, error, &rest);
    if (rest != NULL)
        body = span_from_str(rest);
    if (rc == 0)
        rc = api_json_give_text(body, "url", url, error, &whole);
    if (whole != NULL)
        body = span_from_str(whole);
    if (rc == 0)
        rc = pool_code_put_server_from_json(body, c, error);
    free(own);
    free(rest);
    free(whole);
    return rc;
}

void api_server_put(struct api_conn *ac)
{
    char url[POOL_URL_MAX];
    struct pool_command c;
    struct pool_error error;

    if (!url_of_path(ac, url, sizeof(url))) {
        api_respond_no_server(ac);
        return;
    }
    int rc = read_put(ac, url, &c, &error);
    if (rc < 0)
        api_problem_of_body(ac, rc, &error);
    else
        wish(ac, &c, on_added);
}

/* ---- PATCH ---- */

/* The body may be what GET has answered, edited. */
static int read_change(struct api_conn *ac, const struct pool_server *server,
                       struct pool_command *c, struct pool_error *error)
{
    char *rest;
    int result = cut_shown(ac, api_body(ac), false, error, &rest);

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

    if (server == NULL) {
        api_respond_no_server(ac);
        return;
    }
    int result = read_change(ac, server, &c, &error);
    if (result < 0)
        api_problem_of_body(ac, result, &error);
    else
        wish(ac, &c, on_changed);
}
