#include <inttypes.h>

#include "http/sfield.h"
#include "pool/pool_policy.h"
#include "worker/ex_int.h"
#include "worker/listener_runtime.h"
#include "worker/origin_table.h"
#include "worker/pool_runtime.h"

/* X-Weldr-Explain: the admin token in a request, and then Weldr-Explain in its response: what
 * GET /explain says in advance, as it came about. Only the bearer of the token learns what
 * there is behind Weldr; to anybody else the field does nothing. It is a hop-by-hop field
 * (http/fields.def): no server ever sees it. */

enum { EXPLAIN_MAX = 4096 };

static bool has_token(const struct exchange *ex)
{
    return secret_is(&ex->worker->token, msg_value(&ex->request, FIELD_X_WELDR_EXPLAIN));
}

/* At ROUTE, for rules may change before the response. */
void ex_explain_route(struct exchange *ex)
{
    const struct listener_runtime *l = ex->caller->listener;
    struct route_request request;
    char text[EXPLAIN_MAX];
    struct strb b;

    if (!has_token(ex)) {
        stats_add(ex->worker->stats, STATS_explain_refused, 1);
        return;
    }
    strb_init(&b, text, sizeof(text));
    sfield_key(&b, "listener");
    sfield_string(&b, l->name != NULL ? span_from_str(l->name) : SPAN_NONE);
    route_request_init(&request, &ex->request, &ex->caller->peer);
    route_explain_brief(l->routing.table, &request, &b);
    struct span kept = strb_is_full(&b) ? SPAN_NONE : arena_copy(&ex->arena, strb_span(&b));
    if (kept.ptr != NULL)
        ex->explained = kept;
}

static void put_pool(const struct pool_runtime *pool, struct strb *b)
{
    sfield_key(b, "pool");
    sfield_string(b, span_from_str(pool->name));
    sfield_parameter(b, "policy");
    strb_add_str(b, pool_policy_word((enum pool_policy)pool->policy));
    sfield_parameter(b, "usable");
    strb_add_u64(b, pool->usable_n);
    if (pool->fail_open)
        strb_add(b, SPAN(";fail-open"));
}

/* Of the last attempt; it may have left meanwhile. */
static void put_server(const struct exchange *ex, struct strb *b)
{
    const struct origin *o = origin_find(ex->worker, ex->origin_id);

    if (o != NULL && o->authority != NULL) {
        sfield_key(b, "server");
        sfield_string(b, span_from_str(o->authority));
        sfield_parameter(b, "id");
        strb_addf(b, "\"s-%" PRIx64 "\"", o->server_id);
    }
    sfield_key(b, "attempts");
    strb_add_u64(b, ex->attempts);
}

/* All servers were at max_requests when it came: how long it has waited for a place at one. */
static void put_wait(const struct exchange *ex, struct strb *b)
{
    if (ex->waited_us == 0 && ex->end != END_QUEUE_FULL)
        return;
    sfield_key(b, "waited");
    sfield_string(b, SPAN("all servers are at max_requests"));
    sfield_parameter(b, "us");
    strb_add_u64(b, ex->waited_us);
}

int ex_add_explain(struct exchange *ex, struct msg *m)
{
    char text[2 * EXPLAIN_MAX];
    struct strb b;

    strb_init(&b, text, sizeof(text));
    strb_add(&b, ex->explained);
    if (ex->pool != NULL) {
        put_pool(ex->pool, &b);
        put_wait(ex, &b);
        put_server(ex, &b);
    }
    if (ex->end != END_OK && ex->end != END_REDIRECT && ex->end != END_FIXED) {
        sfield_key(&b, "result");
        sfield_token(&b, span_from_str(end_facts(ex->end)->word));
    }
    struct span kept = arena_copy(&ex->arena, strb_span(&b));
    return kept.ptr != NULL && !strb_is_full(&b) ? msg_add(m, SPAN("Weldr-Explain"), kept) : 0;
}
