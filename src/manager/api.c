#include "manager/api.h"

#include <stdlib.h>

#include "base/fsm.h"
#include "http/date.h"
#include "http/reply.h"
#include "log/log.h"
#include "manager/api_pages.h"
#include "manager/api_problem.h"
#include "manager/manager.h"

enum { API_MAGIC = 0x61706963, SEND_PIECE_BYTES = 64 * 1024, BODY_FIRST_BYTES = 1024 };

static const struct fsm_state phases[API_PHASES] = {
    [API_READING] = {"READING", FSM_TO(API_WAITING) | FSM_TO(API_SENDING)},
    [API_WAITING] = {"WAITING", FSM_TO(API_SENDING)},
    [API_SENDING] = {"SENDING", FSM_TO(API_READING)},
};
static const struct fsm phase_fsm = {"api", phases, API_PHASES};

static const struct api_route routes[] = {
#define ROUTE(method, pattern, handler) \
    {{method, sizeof(method) - 1}, {pattern, sizeof(pattern) - 1}, handler},
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
    {403, "forbidden_origin", "requests of other sites' pages are refused"},
    {414, "path_too_long", "the path is too long"},
    {400, "invalid_path", "the path is malformed"},
    {413, "too_large", "a body may have at most 1 MiB"},
    {405, "method_not_allowed", "no resource knows the method"},
};
enum refusal {
    REFUSE_NONE,
    REFUSE_TOKEN,
    REFUSE_ORIGIN,
    REFUSE_LONG,
    REFUSE_PATH,
    REFUSE_BODY,
    REFUSE_CONNECT
};

static struct api_conn *api_conn_of(struct conn *c)
{
    struct api_conn *ac = (struct api_conn *)c; /* its first member */

    MUST(ac->magic == API_MAGIC);
    return ac;
}

/* What a phase means for whoever else wants a place. */
static const enum place_state place_states[API_PHASES] = {
    [API_READING] = PLACE_IDLE,
    [API_WAITING] = PLACE_BUSY,
    [API_SENDING] = PLACE_SENDING,
};

static void note_place(struct api_conn *ac, enum place_state state)
{
    places_move(&ac->m->api.places, &ac->place, state, loop_now_ms(ac->m->loop));
}

static void move(struct api_conn *ac, enum api_phase next, const char *why)
{
    note_place(ac, place_states[next]);
    fsm_move(&phase_fsm, &ac->phase, next, (uint64_t)(uintptr_t)ac, why);
}

static size_t long_bytes(size_t cap)
{
    return cap > API_BODY_SHORT ? cap : 0;
}

static void drop_body(struct api_conn *ac)
{
    ac->m->api.body_bytes -= long_bytes(ac->body_cap);
    free(ac->body);
    ac->body = NULL;
    ac->body_len = ac->body_cap = 0;
}

static void free_conn(struct api_conn *ac)
{
    loop_undefer(ac->m->loop, &ac->next_page);
    api_pages_free(ac->pages);
    drop_body(ac);
    free(ac->text);
    ac->magic = 0;
    free(ac);
}

/* ---- sending ---- */

static void hear_next(struct api_conn *ac)
{
    ac->is_given = false;
    move(ac, API_READING, "answered");
    ac->is_in_head = false;
    conn_timer_set(&ac->conn, API_IDLE_MS);
    conn_next(&ac->conn);
}

static void end_conn(struct api_conn *ac)
{
    move(ac, API_READING, "answered");
    conn_close(&ac->conn, ac->is_whole ? CONN_CLOSE_FLUSH : CONN_CLOSE_LINGER);
}

/* The next request is heard when this answer was taken: else each one that a client sends and
 * does not read the answer of would add to its queue. And in another turn, so that others are
 * served between the requests of one who has sent many. */
static void finish(struct api_conn *ac)
{
    struct conn *c = &ac->conn;

    conn_send_end(c, NULL);
    conn_flush(c);
    free(ac->text);
    ac->text = NULL;
    drop_body(ac);
    if (!ac->is_whole || !conn_can_reuse(c))
        end_conn(ac);
    else
        ac->is_given = true;
    if (ac->is_given && !conn_is_congested(c)) /* else on_drained goes on */
        loop_defer(ac->m->loop, &ac->next_page);
}

/* The next page, in the place of the last one. False: there is none, or the answer is cut off.
 */
static bool turn_page(struct api_conn *ac)
{
    int error = 0;

    if (ac->pages == NULL)
        return false;
    free(ac->text);
    ac->text = api_pages_next(ac->pages, ac->m, &error);
    ac->text_len = ac->text != NULL ? strlen(ac->text) : 0;
    ac->text_sent = 0;
    if (ac->text != NULL)
        return true;
    api_pages_free(ac->pages);
    ac->pages = NULL;
    if (error < 0)
        conn_close(&ac->conn, CONN_CLOSE_FLUSH_RESET);
    return false;
}

/* All that is there, in pieces; false when the client takes no more now. */
static bool send_text(struct api_conn *ac)
{
    while (ac->text_sent < ac->text_len && conn_is_open(&ac->conn)) {
        const struct span rest =
            span_from(ac->text + ac->text_sent, ac->text_len - ac->text_sent);
        const struct span piece = span_first(rest, SEND_PIECE_BYTES);

        conn_send_body(&ac->conn, piece, 0);
        ac->text_sent += piece.len;
        if (rest.len == piece.len && ac->pages == NULL)
            return true;
        conn_flush(&ac->conn);
        if (conn_is_congested(&ac->conn))
            return false;
    }
    return true;
}

/* A long answer goes as the client takes it (on_drained goes on), and a page a turn, so that
 * others are served in between. */
static void send_more(struct api_conn *ac)
{
    const bool is_taken = send_text(ac);

    if (ac->text_sent == ac->text_len && ac->pages != NULL) {
        free(ac->text); /* what was not taken is in the connection's queue */
        ac->text = NULL;
        ac->text_len = ac->text_sent = 0;
    }
    if (!is_taken || !conn_is_open(&ac->conn))
        return;
    if (ac->pages != NULL)
        loop_defer(ac->m->loop, &ac->next_page);
    else
        finish(ac);
}

static void on_next_page(struct loop_work *w)
{
    struct api_conn *ac = (struct api_conn *)((char *)w - offsetof(struct api_conn, next_page));

    MUST(ac->magic == API_MAGIC);
    if (!conn_is_open(&ac->conn))
        return;
    if (ac->is_given)
        hear_next(ac);
    else if (turn_page(ac))
        send_more(ac);
    else if (conn_is_open(&ac->conn))
        finish(ac);
}

static void add(struct msg *m, struct span name, const char *value)
{
    if (value[0] != '\0')
        MUST(msg_add(m, name, span_from_str(value)) == 0);
}

static void send_answer(struct api_conn *ac, unsigned status, const char *type)
{
    struct manager *m = ac->m;
    struct strb revision;
    struct msg msg;

    strb_init(&revision, ac->revision, sizeof(ac->revision));
    strb_add_u64(&revision, m->servers.revision);
    date_print(loop_wall_us(m->loop) / 1000000, ac->date);
    reply_init(&msg, status, ac->text_len);
    if (ac->pages != NULL) {
        msg.flags &= (uint16_t)~MSG_HAS_LENGTH;
        msg.body = MSG_BODY_CHUNKED;
    }
    add(&msg, SPAN("Date"), ac->date);
    add(&msg, SPAN("Content-Type"), ac->text_len > 0 ? type : "");
    add(&msg, SPAN("Cache-Control"), "no-store");
    add(&msg, SPAN("X-Weldr-Revision"), ac->revision);
    add(&msg, SPAN("Location"), ac->location);
    add(&msg, SPAN("Allow"), ac->allow);
    add(&msg, SPAN("Preference-Applied"), ac->is_shortened ? "return=minimal" : "");
    add(&msg, SPAN("WWW-Authenticate"), status == 401 ? "Bearer" : "");
    if (!ac->is_whole)
        conn_close_after(&ac->conn);
    conn_timer_set(&ac->conn, API_IDLE_MS);
    conn_send_head(&ac->conn, &msg);
    if (ac->is_head) {
        ac->text_sent = ac->text_len;
        api_pages_free(ac->pages);
        ac->pages = NULL;
    }
    send_more(ac);
}

static void answer(struct api_conn *ac, unsigned status, char *text, const char *type)
{
    move(ac, API_SENDING, "answer");
    ac->text = text;
    ac->text_len = text != NULL ? strlen(text) : 0;
    ac->text_sent = 0;
    ac->is_given = false;
    if (ac->is_gone)
        free_conn(ac);
    else
        send_answer(ac, status, type);
}

void api_answer(struct api_conn *ac, unsigned status, char *text)
{
    answer(ac, text != NULL ? status : 503, text, "application/json");
}

void api_answer_pages(struct api_conn *ac, unsigned status, char *text, struct api_pages *pages)
{
    ac->pages = pages;
    answer(ac, status, text, "application/json");
}

void api_answer_nothing(struct api_conn *ac)
{
    answer(ac, 204, NULL, "");
}

void api_answer_problem(struct api_conn *ac, unsigned status, char *text)
{
    answer(ac, status, text, "application/problem+json");
}

/* ---- changes ---- */

static void on_acked(struct publish_waiter *w)
{
    struct api_conn *ac = (struct api_conn *)((char *)w - offsetof(struct api_conn, waiter));

    ac->then(ac);
}

static void on_committed(struct proposal *p, int error)
{
    struct api_conn *ac = (struct api_conn *)((char *)p - offsetof(struct api_conn, proposal));

    if (error < 0) {
        api_problem_internal(ac, error);
        return;
    }
    if (ac->committed != NULL)
        ac->committed(ac);
    publish_wait(&ac->m->publish, &ac->waiter, on_acked);
}

void api_propose(struct api_conn *ac, struct pool_command *c, void (*then)(struct api_conn *))
{
    int error;

    if (ac->m->is_draining) {
        api_problem(ac, 503, "draining", "weldr is shutting down");
        return;
    }
    ac->then = then;
    ac->proposal.done = on_committed;
    move(ac, API_WAITING, "proposed");
    conn_timer_stop(&ac->conn);
    error = servers_propose(ac->m, c, &ac->proposal);
    if (error < 0)
        api_problem_internal(ac, error);
}

void api_await_workers(struct api_conn *ac, void (*then)(struct api_conn *))
{
    ac->then = then;
    move(ac, API_WAITING, "workers");
    conn_timer_stop(&ac->conn);
    publish_wait(&ac->m->publish, &ac->waiter, on_acked);
}

/* ---- requests ---- */

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

static void handle(struct api_conn *ac)
{
    const struct span method = span_from_str(ac->method);
    const int error = api_route_find(routes, ROUTES_N, method, ac->path, &ac->match);

    log_debug("api request", LOG_S("method", ac->method), LOG_B("path", ac->path));
    if (ac->refusal != REFUSE_NONE) {
        refuse(ac, ac->refusal);
    } else if (error == 0) {
        ac->match.handler(ac);
    } else if (error == WERR_NOT_FOUND) {
        api_problem(ac, 404, "not_found", "there is no such resource");
    } else {
        allow_methods(ac);
        if (span_is_equal(method, SPAN("OPTIONS")))
            api_answer_nothing(ac);
        else
            api_problem(ac, 405, "method_not_allowed",
                        "this resource does not know the method");
    }
}

static bool prefers_minimal(const struct msg *m)
{
    bool is_minimal = false;

    for (unsigned i = 0; i < m->field_n; i++) {
        const struct msg_field *f = &m->fields[i];

        if (span_is_equal_nocase(msg_field_name(m, f), SPAN("Prefer")) &&
            api_query_prefer(msg_field_value(m, f), &is_minimal))
            return is_minimal;
    }
    return false;
}

/* What load balancers ask: it tells nothing that is worth a token. */
static bool is_open_to_all(const struct api_conn *ac, const struct msg *m)
{
    struct api_match match;

    return m->body == MSG_BODY_NONE &&
           api_route_find(routes, ROUTES_N, msg_method(m), ac->path, &match) == 0 &&
           (match.handler == api_health_get || match.handler == api_ready_get);
}

static bool may_ask(const struct api_conn *ac, const struct msg *m)
{
    return api_auth_is_allowed(&ac->m->api.auth, &ac->peer, msg_value(m, FIELD_AUTHORIZATION));
}

static enum refusal judge_caller(const struct api_conn *ac, const struct msg *m)
{
    const struct span origin = msg_value(m, FIELD_ORIGIN);

    if (!may_ask(ac, m))
        return REFUSE_TOKEN;
    if (origin.ptr != NULL && !api_auth_is_own_origin(origin, &ac->local))
        return REFUSE_ORIGIN;
    return REFUSE_NONE;
}

static enum refusal judge_head(struct api_conn *ac, const struct msg *m)
{
    const int error = api_route_normalize(msg_target(m), ac->target, &ac->path);
    enum refusal refusal;

    if (error == 0 && is_open_to_all(ac, m))
        return REFUSE_NONE;
    refusal = judge_caller(ac, m);
    if (refusal != REFUSE_NONE)
        return refusal;
    /* Its target is the one that is no path (RFC 9112 section 3.2.3). */
    if (span_is_equal(msg_method(m), SPAN("CONNECT")))
        return REFUSE_CONNECT;
    if (error < 0)
        return error == WERR_TOO_BIG ? REFUSE_LONG : REFUSE_PATH;
    api_query_read(msg_target(m), &ac->query);
    if ((m->flags & MSG_HAS_LENGTH) && m->content_length > API_BODY_MAX)
        return REFUSE_BODY;
    return REFUSE_NONE;
}

static void send_continue(struct api_conn *ac)
{
    struct msg m;

    reply_init(&m, 100, 0);
    m.flags = 0;
    conn_send_head(&ac->conn, &m);
}

static void on_head(struct api_conn *ac, const struct msg *m)
{
    ac->is_whole = false;
    ac->body_len = 0;
    ac->location[0] = ac->allow[0] = '\0';
    ac->path = SPAN_NONE;
    ac->committed = NULL;
    ac->wants_little = prefers_minimal(m);
    ac->is_shortened = false;
    if (span_to_str(msg_method(m), ac->method, sizeof(ac->method)) < 0)
        ac->method[0] = '\0'; /* too long for one that we know */
    ac->is_head = span_is_equal(msg_method(m), SPAN("HEAD"));
    conn_timer_set(&ac->conn, API_IDLE_MS);
    ac->refusal = judge_head(ac, m);
    if (ac->refusal == REFUSE_NONE && may_ask(ac, m))
        places_know(&ac->m->api.places, &ac->place);
    if (m->body == MSG_BODY_NONE)
        return; /* it is whole */
    if (ac->refusal != REFUSE_NONE)
        refuse(ac, ac->refusal);
    else if (m->flags & MSG_EXPECT_100)
        send_continue(ac);
}

/* WERR_TOO_BIG: long bodies have used up what they may. */
static int make_room(struct api_conn *ac, size_t n)
{
    struct api *api = &ac->m->api;
    size_t cap = ac->body_cap > 0 ? ac->body_cap : BODY_FIRST_BYTES;
    size_t others, all;
    char *body;

    if (n <= ac->body_cap - ac->body_len)
        return 0;
    while (cap - ac->body_len < n)
        cap *= 2;
    others = api->body_bytes - long_bytes(ac->body_cap);
    all = others + long_bytes(cap);
    if (long_bytes(cap) > 0 && all > API_BODIES_MAX)
        return WERR_TOO_BIG;
    body = realloc(ac->body, cap);
    if (body == NULL)
        return WERR_NOMEM;
    api->body_bytes = all;
    ac->body = body;
    ac->body_cap = cap;
    return 0;
}

static void on_body(struct api_conn *ac, struct span piece)
{
    int error;

    if (piece.len > API_BODY_MAX - ac->body_len) {
        refuse(ac, REFUSE_BODY);
        return;
    }
    error = make_room(ac, piece.len);
    if (error < 0) {
        if (error == WERR_TOO_BIG)
            api_problem(ac, 503, "busy", "too many long bodies at once");
        else
            api_problem_internal(ac, error);
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
    conn_quiet(&ac->conn); /* a client that has closed its side still wants its answer */
    handle(ac);
}

static void on_event(struct conn *c, struct event *ev)
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

/* ---- connections ---- */

static void on_progress(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->phase != API_SENDING)
        return;
    note_place(ac, PLACE_SENDING);
    conn_timer_set(c, API_IDLE_MS);
}

static void on_drained(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    on_progress(c);
    if (ac->phase != API_SENDING)
        return;
    if (ac->is_given)
        hear_next(ac);
    else
        send_more(ac);
}

static void on_unread(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    if (ac->phase != API_READING || ac->is_in_head || ac->body_len > 0)
        return;
    ac->is_in_head = true;
    conn_timer_set(c, API_HEAD_MS);
}

/* Who waits for a server to drain and ends its side has left: nobody else would tell for as
 * long as that takes. */
static void on_fin(struct conn *c)
{
    if (leaving_is_waiting(&api_conn_of(c)->leave))
        conn_close(c, CONN_CLOSE_NOW);
}

static void on_gone(struct conn *c, int error)
{
    (void)error;
    conn_close(c, CONN_CLOSE_NOW);
}

static void on_timer(struct conn *c)
{
    if (conn_is_congested(c) && conn_has_taken(c)) {
        on_progress(c);
        return;
    }
    conn_close(c, api_conn_of(c)->phase == API_SENDING ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
}

static void on_closed(struct conn *c)
{
    struct api_conn *ac = api_conn_of(c);

    LIST_REMOVE(ac, entry);
    places_leave(&ac->m->api.places, &ac->place);
    ac->m->api.conn_n--;
    ac->is_gone = true;
    if (leaving_is_waiting(&ac->leave)) {
        leaving_give_up(&ac->leave);
        free_conn(ac);
        return;
    }
    if (ac->phase != API_WAITING)
        free_conn(ac);
}

static const struct conn_ops api_conn_ops = {
    .on_event = on_event,
    .on_gone = on_gone,
    .on_unread = on_unread,
    .on_fin = on_fin,
    .on_progress = on_progress,
    .on_drained = on_drained,
    .on_timer = on_timer,
    .on_closed = on_closed,
};

static bool take_place(struct api *api, bool is_known)
{
    struct place *victim;

    if (!places_make_room(&api->places, is_known, loop_now_ms(api->m->loop), &victim)) {
        log_warn("too many connections to the management API");
        return false;
    }
    if (victim != NULL) {
        struct api_conn *ac =
            (struct api_conn *)((char *)victim - offsetof(struct api_conn, place));

        log_debug("connection to the management API gives way",
                  LOG_U("connections", api->conn_n));
        conn_close(&ac->conn, CONN_CLOSE_NOW);
    }
    return true;
}

static void on_accept(struct sock *s, struct accepted *a)
{
    const struct api_listener *l = (const struct api_listener *)s; /* its first member */
    struct api *api = l->owner;
    const bool is_known = addr_is_loopback(accepted_peer(a));
    struct api_conn *ac;

    if (!take_place(api, is_known))
        return;
    ac = calloc(1, sizeof(*ac));
    if (ac == NULL)
        return;
    ac->magic = API_MAGIC;
    ac->m = api->m;
    ac->next_page.run = on_next_page;
    ac->peer = *accepted_peer(a);
    if (conn_accept(&ac->conn, &api->m->shared, &api_conn_ops, a, CODEC_H1,
                    &codec_limits_request) < 0) {
        free(ac);
        return;
    }
    if (sock_local_addr(&ac->conn.sock, &ac->local) < 0)
        ac->local = l->bound;
    LIST_INSERT_HEAD(&api->conns, ac, entry);
    api->conn_n++;
    places_enter(&api->places, &ac->place, is_known, loop_now_ms(api->m->loop));
    conn_timer_set(&ac->conn, API_HEAD_MS);
}

static void on_listener_closed(struct sock *s)
{
    ((struct api_listener *)s)->owner->open_n--;
}

static const struct sock_ops listener_ops = {
    .on_accept = on_accept,
    .on_closed = on_listener_closed,
};

/* ---- life ---- */

void api_init(struct api *a, struct manager *m)
{
    memset(a, 0, sizeof(*a));
    a->m = m;
    LIST_INIT(&a->conns);
    places_init(&a->places);
}

void api_add_listener(struct api *a, int fd, const struct addr *bound)
{
    struct api_listener *l = &a->listeners[a->listener_n++];

    l->owner = a;
    l->bound = *bound;
    sock_accept_start(a->m->loop, &l->sock, &listener_ops, fd);
    a->open_n++;
}

void api_stop_accepting(struct api *a)
{
    for (unsigned i = 0; i < a->listener_n; i++)
        sock_accept_last(&a->listeners[i].sock);
}

void api_stop(struct api *a)
{
    struct api_conn *ac, *next;

    for (unsigned i = 0; i < a->listener_n; i++)
        sock_close(&a->listeners[i].sock, false);
    a->listener_n = 0;
    for (ac = LIST_FIRST(&a->conns); ac != NULL; ac = next) {
        next = LIST_NEXT(ac, entry);
        conn_close(&ac->conn, CONN_CLOSE_NOW);
    }
}
