#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/seal.h"
#include "http/reply.h"
#include "log/log.h"
#include "manager/api_accept.h"
#include "manager/api_host.h"
#include "manager/api_int.h"
#include "manager/api_problem.h"
#include "manager/manager.h"

enum { BODY_FIRST_BYTES = 1024 };

static const struct api_route routes[] = {
#define ROUTE(method, pattern, handler, keys, ...) \
    {{method, sizeof(method) - 1}, {pattern, sizeof(pattern) - 1}, handler, keys},
#include "manager/api_routes.def"
#undef ROUTE
};
enum { ROUTES_N = sizeof(routes) / sizeof(routes[0]) };

/* Why a head alone is enough to refuse. */
static const struct {
    unsigned status;
    const char *code, *detail;
} refusals[] = {
    {0, "", ""},
    {401, "unauthorized", "this address asks for a bearer token: Authorization: Bearer …"},
    {403, "read_only_token", "this token may only read: GET and HEAD"},
    {403, "forbidden_origin", "requests of other sites' pages are refused"},
    {421, "unknown_host",
     "Host must be an address, localhost or a name that is given with --admin-host"},
    {414, "path_too_long", "the path is too long"},
    {400, "invalid_path", "the path is malformed"},
    {413, "too_large", "a body may have at most 1 MiB, a list of all servers 16 MiB"},
    {405, "method_not_allowed", "no resource knows the method"},
    {503, "nomem", "out of memory"},
    {415, "unsupported_media_type",
     "a body must be JSON: application/json or application/merge-patch+json"},
    {404, "not_found", "this address has GET /metrics and nothing else"},
};
enum refusal {
    REFUSE_NONE,
    REFUSE_TOKEN,
    REFUSE_ROLE,
    REFUSE_ORIGIN,
    REFUSE_HOST,
    REFUSE_LONG,
    REFUSE_PATH,
    REFUSE_BODY,
    REFUSE_CONNECT,
    REFUSE_MEMORY,
    REFUSE_TYPE,
    REFUSE_ALL_ELSE
};

/* ---- a body ---- */

/* Not those of keys. */
static char *new_body(const struct api_conn *ac, size_t cap)
{
    return ac->is_secret ? seal_memory_new(cap) : malloc(cap);
}

/* What the loop has read it into shows it too. */
static void free_body(struct api_conn *ac, char *body)
{
    if (!ac->is_secret) {
        free(body);
    } else if (body != NULL) {
        seal_memory_free(body);
        conn_wipe_scratch(ac->conn.shared);
    }
}

static size_t long_bytes(size_t cap)
{
    return cap > API_BODY_SHORT ? cap : 0;
}

void api_drop_request(struct api_conn *ac)
{
    MUST(ac->api->body_bytes >= long_bytes(ac->body_cap)); /* it is in the sum */
    ac->api->body_bytes -= long_bytes(ac->body_cap);
    free_body(ac, ac->body);
    ac->body = NULL;
    ac->body_len = ac->body_cap = 0;
    free(ac->target);
    ac->target = NULL;
    ac->path = SPAN_NONE;
}

/* ---- the head ---- */

static void refuse(struct api_conn *ac, enum refusal refusal)
{
    struct strb b;

    strb_init(&b, ac->allow, sizeof(ac->allow));
    if (refusal == REFUSE_CONNECT)
        api_route_allow_any(routes, ROUTES_N, &b);
    api_problem(ac, refusals[refusal].status, refusals[refusal].code, refusals[refusal].detail);
}

static void allow_methods(struct api_conn *ac)
{
    struct strb b;

    strb_init(&b, ac->allow, sizeof(ac->allow));
    api_route_allow(routes, ROUTES_N, ac->path, &b);
}

void api_put_off(struct api_conn *ac)
{
    if (ac->phase != API_PUT_OFF) {
        log_info("request is put off", LOG_S("method", ac->method), LOG_B("path", ac->path));
        api_move(ac, API_PUT_OFF, "what it needs is about to come");
    }
    conn_timer_set(&ac->conn, API_AGAIN_MS);
}

void api_handle(struct api_conn *ac)
{
    const struct span method = span_from_str(ac->method);

    ac->match.handler = NULL; /* of the request before */
    const int rc = api_route_find(routes, ROUTES_N, method, ac->path, &ac->match);

    log_debug("api request", LOG_S("method", ac->method), LOG_B("path", ac->path));
    if (ac->refusal != REFUSE_NONE) {
        refuse(ac, ac->refusal);
    } else if (rc == 0 && ac->query.error.code != NULL) {
        api_problem_of(ac, &ac->query.error);
    } else if (rc == 0 && ac->query.is_consistent && !ac->is_fresh) {
        api_await_fresh(ac);
    } else if (rc == 0) {
        ac->match.handler(ac);
    } else if (rc == WERR_NOT_FOUND) {
        api_problem(ac, 404, "not_found", "there is no such resource");
    } else {
        allow_methods(ac);
        if (span_is_equal(method, SPAN("OPTIONS")))
            api_respond_nothing(ac);
        else
            api_problem(ac, 405, "method_not_allowed",
                        "this resource does not know the method");
    }
}

/* Which form the response has, and from where on a stream of events goes on. */
static void read_wishes(struct api_conn *ac, const struct msg *m)
{
    ac->accept = (struct api_accept){0};
    ac->last_event_id[0] = '\0';
    for (unsigned i = 0; i < m->field_n; i++) {
        const struct span name = msg_field_name(m, &m->fields[i]);
        const struct span value = msg_field_value(m, &m->fields[i]);

        if (span_is_equal_nocase(name, SPAN("Accept")))
            api_accept_read(value, &ac->accept);
        else if (span_is_equal_nocase(name, SPAN("Accept-Encoding")))
            api_accept_read_encoding(value, &ac->accept);
        else if (span_is_equal_nocase(name, SPAN("Last-Event-ID")) &&
                 span_to_str(value, ac->last_event_id, sizeof(ac->last_event_id)) < 0)
            ac->last_event_id[0] = '\0'; /* too long for one of ours */
    }
}

static bool prefers(const struct msg *m, struct span name, struct span wanted)
{
    bool is_it = false;

    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];

        if (span_is_equal_nocase(msg_field_name(m, f), SPAN("Prefer")) &&
            api_query_prefer(msg_field_value(m, f), name, wanted, &is_it))
            return is_it;
    }
    return false;
}

/* Whose request without a body it is; NULL: nobody's. */
static api_handler_fn find_handler(const struct api_conn *ac, const struct msg *m)
{
    struct api_match match;

    if (m->body != MSG_BODY_NONE ||
        api_route_find(routes, ROUTES_N, msg_method(m), ac->path, &match) < 0)
        return NULL;
    return match.handler;
}

/* What load balancers ask, by whatever name they know us: it tells nothing that is worth a
 * token or that a page of another site could use. */
static bool is_open_to_all(const struct api_conn *ac, const struct msg *m)
{
    const api_handler_fn handler = find_handler(ac, m);

    return handler == api_health_get || handler == api_ready_get;
}

/* Notes the name of the token that it shows, if any. */
static enum refusal judge_token(struct api_conn *ac, const struct msg *m)
{
    const struct api_auth *auth = &ac->api->auth;
    const struct token *token = api_auth_token(auth, msg_value(m, FIELD_AUTHORIZATION));

    ac->access = API_ACCESS_NONE;
    ac->token_name[0] = '\0';
    if (token != NULL)
        memcpy(ac->token_name, token->name, sizeof(ac->token_name));
    if (token == NULL && !ac->is_certified && api_auth_needs_token(auth, &ac->peer))
        return REFUSE_TOKEN;
    places_know(&ac->api->places, &ac->place);
    ac->access = api_auth_may(token, SPAN("PUT")) ? API_ACCESS_ADMIN : API_ACCESS_READ;
    return api_auth_may(token, msg_method(m)) ? REFUSE_NONE : REFUSE_ROLE;
}

/* The dashboard is the same for everybody, and asks for a token itself. A link on another
 * site's page may lead to it: what it shows comes by requests of its own. */
static bool is_page(const struct api_conn *ac, const struct msg *m)
{
    const api_handler_fn handler = find_handler(ac, m);

    return handler == api_ui_get || handler == api_ui_access;
}

/* No browser comes by a socket, and its callers invent a name. */
static enum refusal judge_host(const struct api_conn *ac, const struct msg *m)
{
    return ac->peer.family == 0 || api_host_is_known(ac->m->config, m) ? REFUSE_NONE
                                                                       : REFUSE_HOST;
}

static enum refusal judge_caller(struct api_conn *ac, const struct msg *m)
{
    const struct span origin = msg_value(m, FIELD_ORIGIN);
    const enum refusal refusal = judge_token(ac, m);

    if (refusal != REFUSE_NONE)
        return refusal;
    if (api_host_is_foreign_page(m))
        return REFUSE_ORIGIN;
    if (origin.ptr != NULL && !api_auth_is_own_origin(ac->m->config, origin, &ac->local))
        return REFUSE_ORIGIN;
    return judge_host(ac, m);
}

/* Room for the path, which is no longer than what it is made of. */
static int make_target(struct api_conn *ac, size_t len)
{
    free(ac->target);
    ac->target = fault_malloc(len < API_PATH_MAX ? len + 1 : API_PATH_MAX);
    return ac->target != NULL ? 0 : WERR_NOMEM;
}

/* A list of all servers as GET prints it is 10 MB at 10,000. */
static size_t body_max(const struct api_conn *ac)
{
    return ac->match.handler == api_servers_put && strcmp(ac->method, "PUT") == 0
               ? API_BODY_LIST_MAX
               : API_BODY_MAX;
}

/* Does its body hold a private key? */
static bool is_of_keys(const struct api_conn *ac)
{
    return ac->match.handler == api_certificates_add ||
           ac->match.handler == api_certificate_put;
}

/* By what the route knows; what has none is refused for that. */
static void read_query(struct api_conn *ac, const struct msg *m)
{
    const int rc = api_route_find(routes, ROUTES_N, msg_method(m), ac->path, &ac->match);

    ac->is_secret = rc == 0 && is_of_keys(ac);
    api_query_read(msg_target(m), rc == 0 ? ac->match.keys : "*", &ac->query);
}

static enum refusal judge_head(struct api_conn *ac, const struct msg *m)
{
    if (make_target(ac, msg_target(m).len) < 0)
        return REFUSE_MEMORY;
    int rc = api_route_normalize(msg_target(m), ac->target, &ac->path);
    /* What was cut off stands before it. */
    ac->is_below_v1 = rc == 0 && ac->path.ptr != ac->target;
    read_query(ac, m);
    if (ac->is_metrics)
        return rc == 0 && find_handler(ac, m) == api_metrics_get ? REFUSE_NONE
                                                                 : REFUSE_ALL_ELSE;
    if (rc == 0 && is_open_to_all(ac, m)) {
        (void)judge_token(ac, m); /* who shows a good one is told more */
        return REFUSE_NONE;
    }
    if (rc == 0 && is_page(ac, m)) {
        (void)judge_token(ac, m);
        return judge_host(ac, m);
    }
    enum refusal refusal = judge_caller(ac, m);
    if (refusal != REFUSE_NONE)
        return refusal;
    /* Its target is the one that is no path (RFC 9112 section 3.2.3). */
    if (span_is_equal(msg_method(m), SPAN("CONNECT")))
        return REFUSE_CONNECT;
    if (rc < 0)
        return rc == WERR_TOO_BIG ? REFUSE_LONG : REFUSE_PATH;
    if ((m->flags & MSG_HAS_LENGTH) && m->content_length > body_max(ac))
        return REFUSE_BODY;
    if (m->body != MSG_BODY_NONE && !api_type_is_taken(msg_value(m, FIELD_CONTENT_TYPE)))
        return REFUSE_TYPE;
    return REFUSE_NONE;
}

void api_send_continue(struct api_conn *ac)
{
    struct msg m;

    reply_init(&m, 100, 0);
    m.flags = 0;
    conn_send_head(&ac->conn, &m);
}

static void on_head(struct api_conn *ac, const struct msg *m)
{
    MUST(ac->change == NULL && ac->pages == NULL); /* of the request before */
    ac->is_whole = false;
    ac->body_len = 0;
    ac->location[0] = ac->allow[0] = '\0';
    ac->path = SPAN_NONE;
    ac->file = NULL;
    ac->tag = 0;
    api_tag_read(m, &ac->conditions);
    ac->wants_little = prefers(m, SPAN("return"), SPAN("minimal"));
    ac->wants_applied = prefers(m, SPAN("wait"), SPAN("applied"));
    read_wishes(ac, m);
    ac->is_shortened = ac->is_passing = ac->is_fresh = ac->has_waited = false;
    ac->knows_1xx = m->version >= 11;
    if (span_to_str(msg_method(m), ac->method, sizeof(ac->method)) < 0)
        ac->method[0] = '\0'; /* too long for one that we know */
    ac->is_head = span_is_equal(msg_method(m), SPAN("HEAD"));
    conn_timer_set(&ac->conn, API_IDLE_MS);
    ac->refusal = judge_head(ac, m);
    if (m->body == MSG_BODY_NONE)
        return; /* it is whole */
    if (ac->refusal != REFUSE_NONE)
        refuse(ac, ac->refusal);
    else if (m->flags & MSG_EXPECT_100)
        api_send_continue(ac);
}

/* WERR_TOO_BIG: long bodies have used up what they may. */
static int make_room(struct api_conn *ac, size_t n)
{
    struct api *api = ac->api;
    size_t cap = ac->body_cap > 0 ? ac->body_cap : BODY_FIRST_BYTES;
    size_t others, all;

    if (n <= ac->body_cap - ac->body_len)
        return 0;
    while (cap - ac->body_len < n)
        cap *= 2;
    others = api->body_bytes - long_bytes(ac->body_cap);
    all = others + long_bytes(cap);
    if (long_bytes(cap) > 0 && all > API_BODIES_MAX)
        return WERR_TOO_BIG;
    char *body = new_body(ac, cap);
    if (body == NULL)
        return WERR_NOMEM;
    if (ac->body_len > 0)
        memcpy(body, ac->body, ac->body_len);
    free_body(ac, ac->body);
    api->body_bytes = all;
    ac->body = body;
    ac->body_cap = cap;
    return 0;
}

static void on_body(struct api_conn *ac, struct span piece)
{
    if (piece.len > body_max(ac) - ac->body_len) {
        refuse(ac, REFUSE_BODY);
        return;
    }
    int rc = make_room(ac, piece.len);
    if (rc < 0) {
        if (rc == WERR_TOO_BIG)
            api_problem_passing(ac, 503, "busy", "too many long bodies at once");
        else
            api_problem_internal(ac, rc);
        return;
    }
    memcpy(ac->body + ac->body_len, piece.ptr, piece.len);
    ac->body_len += piece.len;
}

static void on_reset(struct api_conn *ac, const struct event *ev)
{
    if (ev->status != 0)
        api_problem(ac, ev->status, "bad_request", ev->why != NULL ? ev->why : "malformed");
    else
        conn_close(&ac->conn, CONN_CLOSE_NOW);
}

static void on_end(struct api_conn *ac)
{
    ac->is_whole = true;
    conn_quiet(&ac->conn); /* a client that has closed its side still wants its response */
    api_handle(ac);
}

void api_on_event(struct conn *c, struct event *ev)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->phase != API_READING)
        return; /* the rest of a request that was answered early */
    switch (ev->type) {
    case EVENT_HEAD:
        on_head(ac, ev->msg);
        if (ev->is_whole)
            on_end(ac);
        break;
    case EVENT_BODY:
        on_body(ac, ev->data);
        break;
    case EVENT_END:
        on_end(ac);
        break;
    case EVENT_RESET:
        ac->is_whole = false;
        on_reset(ac, ev);
        break;
    case EVENT_INFO:
    case EVENT_TRAILERS:
        break;
    }
}
