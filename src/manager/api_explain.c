#include <stdio.h>
#include <string.h>

#include "base/jtext.h"
#include "http/field.h"
#include "http/msg.h"
#include "manager/api.h"
#include "manager/api_json.h"
#include "manager/api_problem.h"
#include "manager/manager.h"
#include "manager/usable.h"
#include "route/route.h"

/* GET /explain: which rule, pool and server a request would get, and why. What workers know
 * alone (turns, who is ejected) is not asked: it says who may be picked, and whether there is a
 * place now. */

enum { HEADERS_MAX = 16, SERVERS_SHOWN_MAX = 64, LOCATION_MAX = 4096 };

/* The request that is asked about; its texts are in the query's copy. */
struct asked {
    struct route_request request;
    struct msg head;
    struct msg_field fields[HEADERS_MAX];
    struct addr source;
    char text[API_QUERY_TEXT_MAX];
    size_t used;
};

static void refuse(struct api_conn *ac, const char *field, const char *why)
{
    struct pool_error error = {.code = "invalid_value"};

    (void)snprintf(error.field, sizeof(error.field), "%s", field);
    (void)snprintf(error.detail, sizeof(error.detail), "%s", why);
    api_problem_of(ac, &error);
}

/* A value with its escapes undone, kept in text. ptr NULL: not there; false: malformed. */
static bool decode(struct asked *q, struct span value, struct span *out)
{
    char *at = q->text + q->used;

    *out = SPAN_NONE;
    if (value.ptr == NULL)
        return true;
    if (api_query_decode(value, at, sizeof(q->text) - q->used, out) < 0)
        return false;
    q->used += out->len;
    return true;
}

/* "name:value". */
static bool add_header(struct asked *q, struct span line)
{
    const size_t colon = span_find(line, ':');
    const struct span name = span_trim(span_first(line, colon));

    if (name.len == 0 || colon == line.len)
        return false;
    struct span value = span_trim(span_skip(line, colon + 1));
    q->fields[q->head.field_n++] = (struct msg_field){
        .name_off = (uint32_t)(name.ptr - q->text),
        .name_len = (uint16_t)name.len,
        .value_off = value.len > 0 ? (uint32_t)(value.ptr - q->text) : 0,
        .value_len = (uint32_t)value.len,
        .token = (uint8_t)field_lookup(name),
    };
    return true;
}

static bool read_headers(struct asked *q, const struct api_query *query)
{
    const struct span text = span_from_str(query->text);
    struct span line, value;

    for (unsigned i = 0; (value = api_route_query_nth(text, SPAN("header"), i)).ptr != NULL;
         i++)
        if (i == HEADERS_MAX || !decode(q, value, &line) || !add_header(q, line))
            return false;
    return true;
}

static bool read_source(struct asked *q, struct span text)
{
    struct span source;

    if (!decode(q, text, &source))
        return false;
    if (source.len == 0)
        return true;
    q->request.source = &q->source;
    return addr_from_ip(source, 0, &q->source) == 0;
}

static bool read_path(struct asked *q, struct span text)
{
    struct span path;

    if (!decode(q, text, &path) || (path.len > 0 && path.ptr[0] != '/'))
        return false;
    path = path.len > 0 ? path : SPAN("/");
    q->request.path = span_first(path, span_find(path, '?'));
    if (q->request.path.len < path.len)
        q->request.query = span_skip(path, q->request.path.len + 1);
    return true;
}

/* The key of what is malformed; NULL: all is well. */
static const char *read_asked(struct asked *q, const struct api_query *query)
{
    const struct span text = span_from_str(query->text);

    memset(q, 0, sizeof(*q));
    q->head.base = q->text;
    q->head.base_len = sizeof(q->text);
    q->head.fields = q->fields;
    q->request.head = &q->head;
    if (!decode(q, api_route_query(text, SPAN("host")), &q->request.host))
        return "host";
    if (!decode(q, api_route_query(text, SPAN("method")), &q->request.method))
        return "method";
    if (q->request.method.len == 0)
        q->request.method = SPAN("GET");
    if (!read_path(q, api_route_query(text, SPAN("path"))))
        return "path";
    if (!read_headers(q, query))
        return "header";
    return read_source(q, api_route_query(text, SPAN("source"))) ? NULL : "source";
}

/* ---- what it would get ---- */

static uint64_t in_flight(const struct manager *m, const struct pool_server *server)
{
    const struct server_facts *f = facts_find(&m->facts, server->id);

    return stats_sum_server(m->stats, f->stats_slot, STATS_SERVER_in_flight);
}

static void put_server(const struct manager *m, const struct pool_server *server,
                       struct jtext *t)
{
    const struct server_facts *f = facts_find(&m->facts, server->id);
    char id[24];

    (void)pool_id_print(server->id, id);
    jtext_open(t, NULL, '{');
    jtext_str(t, "id", id);
    jtext_str(t, "url", server->url);
    jtext_str(t, "state", server_state_word((enum server_state)f->record.state));
    jtext_bool(t, "usable", usable_is(m, server));
    if (server->max_requests > 0) {
        jtext_number(t, "in_flight", in_flight(m, server));
        jtext_number(t, "max_requests", server->max_requests);
    }
    jtext_close(t, '}');
}

/* Every server that would do has what it may have at once. */
static bool is_full(const struct manager *m, const struct pool *p)
{
    const bool is_open = usable_is_fail_open(m, p);
    bool is_any = false;

    for (uint32_t i = 0; i < p->server_n; i++) {
        const struct pool_server *server = p->servers[i];

        if (!is_open && !usable_is(m, server))
            continue;
        if (server->max_requests == 0 || in_flight(m, server) < server->max_requests)
            return false;
        is_any = true;
    }
    return is_any;
}

/* What the request would meet in the pool's queue; null: it would not have to wait. */
static void put_wait(const struct manager *m, const struct pool *p, struct jtext *t)
{
    const uint32_t slot = stats_slot_find(m->stats, STATS_OF_POOL, p->id);
    char outcome[128];

    if (!is_full(m, p)) {
        jtext_null(t, "wait");
        return;
    }
    if (p->settings.queue.requests == 0)
        snprintf(outcome, sizeof(outcome), "503 queue_full at once");
    else
        snprintf(outcome, sizeof(outcome),
                 "waits for a place, after %u ms 503 queue_timeout; 503 queue_full if a worker "
                 "has %u",
                 p->settings.queue.wait_ms, p->settings.queue.requests);
    jtext_open(t, "wait", '{');
    jtext_str(t, "reason", "all servers are at max_requests");
    jtext_str(t, "outcome", outcome);
    jtext_number(t, "waiting", stats_sum_pool(m->stats, slot, STATS_POOL_waiting));
    jtext_close(t, '}');
}

/* Those that would be picked from, or all when the pool fails open. */
static void put_servers(const struct manager *m, const struct pool *p, struct jtext *t)
{
    const bool is_open = usable_is_fail_open(m, p);
    unsigned shown = 0;

    jtext_open(t, "servers", '[');
    for (uint32_t i = 0; i < p->server_n && shown < SERVERS_SHOWN_MAX; i++) {
        if (!is_open && !usable_is(m, p->servers[i]))
            continue;
        put_server(m, p->servers[i], t);
        shown++;
    }
    jtext_close(t, ']');
    jtext_number(t, "usable", usable_count(m, p));
    jtext_bool(t, "fail_open", is_open);
}

static void put_pool(const struct manager *m, const struct rule_target *target, struct jtext *t)
{
    const struct pool *p = pool_find(m->pool, span_from_str(target->pool));

    MUST(p != NULL); /* a pool that is forwarded to stays */
    jtext_str(t, "pool", p->name);
    put_servers(m, p, t);
    put_wait(m, p, t);
}

static void put_redirect(const struct rule_action *action, const struct route_request *r,
                         struct jtext *t)
{
    char location[LOCATION_MAX];
    struct strb b;

    strb_init(&b, location, sizeof(location));
    jtext_number(t, "status", action->redirect.status);
    if (route_redirect(&action->redirect, r, false, &b) == 0)
        jtext_str(t, "location", location);
    else
        jtext_null(t, "location");
}

static void put_outcome(const struct manager *m, struct route_table *table,
                        const struct route_request *r, struct jtext *t)
{
    const struct route_hit hit = route_match(table, r);

    if (hit.action->type == RULE_FORWARD)
        put_pool(m, route_peek(table, &hit), t);
    else if (hit.action->type == RULE_REDIRECT)
        put_redirect(hit.action, r, t);
    else
        jtext_number(t, "status", hit.action->fixed.status);
}

static char *explain(const struct manager *m, const struct listener *l,
                     const struct route_request *r)
{
    struct route_table *table =
        route_table_new(l->rules, l->rule_n, &l->default_action, 0, NULL);
    struct jtext t;

    if (table == NULL)
        return NULL;
    jtext_init(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "listener", l->name);
    route_explain(table, r, &t);
    put_outcome(m, table, r, &t);
    jtext_close(&t, '}');
    route_table_free(table);
    return jtext_take(&t);
}

void api_explain_get(struct api_conn *ac)
{
    static struct asked q; /* large; nobody else runs meanwhile */
    const struct span name = api_route_query(span_from_str(ac->query.text), SPAN("listener"));
    const char *bad = read_asked(&q, &ac->query);
    const struct listener *l =
        name.len > 0 ? listener_find(ac->m->pool, name) : listener_default(ac->m->pool);

    if (l == NULL)
        api_problem(ac, 404, "not_found", "there is no such listener");
    else if (bad != NULL)
        refuse(ac, bad,
               "it is malformed: ?host=NAME&path=/PATH&method=GET&source=IP&header=NAME:VALUE");
    else
        api_respond(ac, 200, explain(ac->m, l, &q.request));
}
