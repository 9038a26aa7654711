#include <inttypes.h>
#include <stdio.h>

#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/api_servers.h"
#include "manager/api_view.h"
#include "manager/events.h"
#include "manager/leaving.h"
#include "manager/manager.h"
#include "manager/states.h"
#include "pool/pool_apply.h"

/* GET of the servers of a pool: all, or those that are asked for, whole or in part. */

static void begin(struct api_json_list *l, const struct api_cursor *at)
{
    api_json_servers_begin(l, at->base, at->href);
    l->members = at->pick.members;
    l->question = at->pick.question;
    l->cursor = at->pick.cursor;
}

/* Those of the pool, then those that have left it. */
static const struct pool_server *next_server(const struct manager *m, struct api_cursor *at)
{
    const struct pool *p = pool_find_id(m->pool, at->owner_id);
    const uint32_t i = p == NULL ? 0 : pool_next_server(p, at->next);
    const struct server_facts *f;

    if (p == NULL)
        return NULL;
    if (i < p->server_n) {
        at->next = p->servers[i]->id;
        return p->servers[i];
    }
    while ((f = api_pages_next_draining(m, at)) != NULL)
        if (f->pool_id == at->owner_id)
            return f->removed;
    return NULL;
}

static bool is_picked(const struct manager *m, const struct api_pick *pick,
                      const struct pool_server *server)
{
    const struct server_facts *f = facts_find(&m->facts, server->id);

    MUST(f != NULL); /* a server that is still shown has not been forgotten */
    return api_pick_takes(pick, server, (enum server_state)f->record.state);
}

static const struct pool_server *next_picked(const struct manager *m, struct api_cursor *at)
{
    const struct pool_server *server;

    do
        server = next_server(m, at);
    while (server != NULL && !is_picked(m, &at->pick, server));
    return server;
}

static bool next(const struct manager *m, struct api_cursor *at, struct api_json_list *l)
{
    const bool is_enough = at->pick.limit > 0 && at->shown == at->pick.limit;
    const struct pool_server *server = is_enough ? NULL : next_picked(m, at);
    struct api_view view;

    if (server == NULL)
        return false;
    at->shown++;
    api_view_fill(m, server, &view);
    api_json_servers_add(l, &view.json);
    return true;
}

/* A cursor is given only when it leads to something. */
static void end(const struct manager *m, const struct api_cursor *at, struct api_json_list *l)
{
    const struct pool *p = pool_find_id(m->pool, at->owner_id);
    struct api_cursor more = *at;

    api_json_servers_total(l, p != NULL ? p->server_n : 0);
    if (at->pick.limit > 0 && next_picked(m, &more) != NULL)
        api_cursor_print(at, m->events->ring.epoch, l->next);
}

/* ---- which ---- */

static int read_place(const struct api_conn *ac, struct api_cursor *at,
                      struct pool_error *error)
{
    const struct span text = span_from_str(at->pick.cursor);
    const int rc = text.len > 0 ? api_cursor_read(text, ac->m->events->ring.epoch, at) : 0;

    if (rc == WERR_NOT_FOUND)
        pool_error_set(error, "invalid_value", "cursor",
                       "cursor is of a time before weldr was started: begin without one");
    else if (rc < 0)
        pool_error_set(error, "invalid_value", "cursor",
                       "cursor must be what a response of this list gave as next");
    return rc;
}

static int read_asked(const struct api_conn *ac, struct api_cursor *at,
                      struct pool_error *error)
{
    const int rc = api_pick_read(span_from_str(ac->query.text), &at->pick, error);

    return rc < 0 ? rc : read_place(ac, at, error);
}

/* Which servers are in these states, as a number: states are no part of a digest. */
static uint64_t sum_up(const struct manager *m, const struct api_cursor *from)
{
    struct api_cursor at = *from;
    const struct pool_server *server;
    uint64_t sum = 0;

    at.left_end = m->facts.drain_no;
    while ((server = next_picked(m, &at)) != NULL)
        sum = sum * 31 + server->id + 1;
    return sum;
}

/* A part of the list has a tag of its own: PUT with the tag of a part is refused, instead of
 * removing all that was not asked for. */
static uint64_t tag_of(struct manager *m, const struct pool *p, const struct api_cursor *at)
{
    const struct api_pick *pick = &at->pick;
    const uint64_t all = pool_list_digest(m->pool, KIND_SERVER, span_from_str(p->name));
    char text[API_QUERY_TEXT_MAX + PICK_CURSOR_MAX + 48];
    uint64_t sum = 0;

    if (pick->question[0] == '\0' && pick->cursor[0] == '\0')
        return all;
    if (pick->states != 0) {
        leaving_sweep(m);
        states_look_at_all(m);
        sum = sum_up(m, at);
    }
    (void)snprintf(text, sizeof(text), "%" PRIx64 " %" PRIx64 " %s %s", all, sum,
                   pick->question, pick->cursor);
    return api_tag_of_text(text);
}

void api_servers_list(struct api_conn *ac)
{
    static const struct api_pages_kind kind = {.begin = begin, .next = next, .end = end};
    const struct pool *p = api_find_pool(ac);
    struct api_cursor at = {0};
    struct pool_error error;

    if (p == NULL) {
        api_respond_no_server(ac);
        return;
    }
    at.owner_id = p->id;
    api_json_servers_href(p->name, at.href, sizeof(at.href));
    if (read_asked(ac, &at, &error) < 0) {
        api_problem_of(ac, &error);
        return;
    }
    ac->tag = tag_of(ac->m, p, &at);
    api_respond_pages(ac, 200, &kind, &at);
}
