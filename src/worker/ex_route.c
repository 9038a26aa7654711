#include "http/reply.h"
#include "worker/ex_int.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"

/* What becomes of the request: a pool, or a response that a rule says. */

static enum ex_verdict forward(struct exchange *ex, const struct route_hit *hit)
{
    ex->pool = routing_pick(&ex->caller->listener->routing, ex->worker, hit);
    if (ex->pool == NULL) { /* its listener has left, and then the pool */
        ex_fail(ex, END_NO_SERVER);
        return EX_VERDICT_NEXT;
    }
    pool_runtime_enter(ex->pool);
    ex_pace_pool(ex);
    stats_line_add(ex->pool->stats, STATS_POOL_requests, 1);
    stats_line_add(ex->pool->stats, STATS_POOL_in_flight, 1);
    ex_move(ex, EX_PICK, "pool chosen");
    return EX_VERDICT_NEXT;
}

/* Where a redirect leads to, in the exchange's arena. */
static enum end print_location(struct exchange *ex, const struct rule_redirect *redirect,
                               const struct route_request *request)
{
    enum { LOCATION_MAX = 16 * 1024 };
    char text[LOCATION_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    if (route_redirect(redirect, request, ex_is_secure(ex), &b) < 0) {
        ex->why = "it has no host, or is too long, for a redirect";
        return END_BAD_REQUEST;
    }
    ex->said = arena_copy(&ex->arena, span_from(text, b.len));
    return ex->said.ptr != NULL ? END_REDIRECT : END_NO_MEMORY;
}

static enum ex_verdict redirect(struct exchange *ex, const struct rule_action *action)
{
    struct route_request request;

    route_request_init(&request, &ex->request, &ex->caller->peer);
    enum end end = print_location(ex, &action->redirect, &request);
    if (end != END_REDIRECT) {
        ex_fail(ex, end);
        return EX_VERDICT_NEXT;
    }
    ex->end = END_REDIRECT;
    ex->status = action->redirect.status;
    stats_line_add(ex->caller->listener->stats, STATS_LISTENER_redirects, 1);
    ex_move(ex, EX_REPLY, "redirected");
    return EX_VERDICT_NEXT;
}

/* tls.redirect: the same by https, at its usual port. */
static enum ex_verdict redirect_to_https(struct exchange *ex)
{
    static char https[] = "https";
    static const struct rule_action action = {.type = RULE_REDIRECT,
                                              .redirect = {.status = 308, .scheme = https}};

    return redirect(ex, &action);
}

static enum ex_verdict respond(struct exchange *ex, const struct rule_action *action)
{
    ex->fixed = &action->fixed;
    ex->end = END_FIXED;
    ex->status = action->fixed.status;
    stats_line_add(ex->caller->listener->stats, STATS_LISTENER_fixed, 1);
    ex_move(ex, EX_REPLY, "a rule says what is answered");
    return EX_VERDICT_NEXT;
}

enum ex_verdict ex_step_route(struct exchange *ex)
{
    struct routing *routing = &ex->caller->listener->routing;

    if (ex->caller->listener->settings.tls_settings.redirect && !ex_is_secure(ex))
        return redirect_to_https(ex);
    const struct route_hit hit = routing_match(routing, &ex->request, &ex->caller->peer);

    if (hit.rule != NULL) {
        ex->rule_id = hit.rule->id;
        worker_count_rule(ex->worker, ex->rule_id);
    }
    if (ex->request.flags & MSG_HAS_EXPLAIN)
        ex_explain_route(ex);
    switch ((enum rule_action_type)hit.action->type) {
    case RULE_REDIRECT:
        return redirect(ex, hit.action);
    case RULE_FIXED:
        return respond(ex, hit.action);
    case RULE_FORWARD:
        break;
    }
    return forward(ex, &hit);
}

/* ---- responses of rules ---- */

static int add_fixed(const struct rule_fixed *fixed, struct msg *m, struct span *body)
{
    if (fixed->body != NULL)
        *body = span_from_str(fixed->body);
    reply_init(m, fixed->status, body->len);
    if (body->len == 0)
        return 0;
    return msg_add(m, SPAN("Content-Type"),
                   fixed->type != NULL ? span_from_str(fixed->type) : SPAN("text/plain"));
}

int ex_fill_ruled(struct exchange *ex, struct msg *m, struct span *body)
{
    int rc;

    *body = SPAN_NONE;
    if (ex->end == END_FIXED) {
        rc = add_fixed(ex->fixed, m, body);
    } else {
        reply_init(m, ex->status, 0);
        rc = msg_add(m, SPAN("Location"), ex->said);
    }
    rc |= msg_add(m, SPAN("Date"), worker_date(ex->worker));
    if (ex->caller->listener->settings.request_id_to_client)
        rc |= msg_add(m, SPAN("X-Request-Id"), ex_request_id(ex));
    return rc | ex_add_hsts(ex, m);
}
