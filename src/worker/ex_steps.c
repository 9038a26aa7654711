#include <stdio.h>

#include "base/fsm.h"
#include "http/hops.h"
#include "http/reply.h"
#include "http/rewrite.h"
#include "log/log.h"
#include "worker/access_log.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"

#define ALLOWED_METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"

static enum ex_verdict go(struct exchange *ex, enum ex_step next, const char *why)
{
    ex_move(ex, next, why);
    return EX_VERDICT_NEXT;
}

static const struct listener_bounds *bounds_of(const struct exchange *ex)
{
    return &ex->caller->listener->settings.bounds;
}

static enum ex_verdict step_check(struct exchange *ex)
{
    uint64_t max_bytes = bounds_of(ex)->body_bytes;

    if (span_is_equal(msg_method(&ex->request), SPAN("CONNECT"))) {
        /* What comes next is meant for the tunnel: it shall not be read as requests. */
        stream_close_after(ex->client);
        ex_fail(ex, END_METHOD);
        return EX_VERDICT_NEXT;
    }
    if (!rewrite_may_forward(&ex->request)) {
        if (span_is_equal(msg_method(&ex->request), SPAN("OPTIONS")))
            ex->status = 200; /* asked of Weldr itself, which can tell (RFC 9110 9.3.7) */
        ex_fail(ex, END_MAX_FORWARDS);
        return EX_VERDICT_NEXT;
    }
    if ((ex->request.flags & MSG_HAS_VIA) && hops_count(&ex->request) >= bounds_of(ex)->hops) {
        ex_fail(ex, END_LOOP);
        return EX_VERDICT_NEXT;
    }
    if (max_bytes > 0 && (ex->request.flags & MSG_HAS_LENGTH) &&
        ex->request.content_length > max_bytes) {
        ex_fail(ex, END_BODY_TOO_BIG);
        return EX_VERDICT_NEXT;
    }
    if (ex->worker->draining || !ex->caller->listener->is_described)
        stream_close_after(ex->client);
    ex_check_upgrade(ex);
    return go(ex, EX_ROUTE, "request is fine");
}

/* What is sent again gets a connection of its own: an idle lane may be as stale as the one
 * before, and then the last attempt would be spent on it. */
static enum lane_choice choose_lane(const struct exchange *ex)
{
    if (ex->sent_n > 0)
        return LANE_NEW;
    return ex_is_idempotent(ex) ? LANE_ANY : LANE_SAFE;
}

/* An address that swallows what is sent to it must leave time for the others. */
static uint32_t connect_limit_ms(const struct exchange *ex)
{
    uint32_t all_ms = ex->pool->settings.timeouts.connect_ms;
    uint32_t share_ms = addr_set_share_ms(ex->origin->addrs, &ex->tries, all_ms);
    uint32_t left_ms = ex_connect_left_ms(ex);

    return share_ms < left_ms ? share_ms : left_ms;
}

static enum ex_verdict step_lane(struct exchange *ex)
{
    int error = 0;

    if (ex->lane == NULL)
        ex->lane = lane_take(ex->origin, &ex->of_lane, &ex->tries, choose_lane(ex), &error);
    if (ex->lane == NULL) {
        ex_fail(ex, ex_end_of_error(error));
        return EX_VERDICT_NEXT;
    }
    if (ex->lane->state == LANE_BUSY) {
        lane_note_open(ex->lane);
        return go(ex, EX_SEND, lane_is_reused(ex->lane) ? "idle lane" : "connected");
    }
    if (!stream_is_read(ex->client))
        stream_listen(ex->client, STREAM_WAIT); /* the body waits where it is */
    ex_watch_client(ex);
    ex_await_lane(ex, connect_limit_ms(ex));
    return EX_VERDICT_WAIT;
}

/* A rewritten head goes back to what was received, for another attempt. */
static void undo_rewrite(struct msg *m)
{
    m->added_n = 0;
    for (unsigned i = 0; i < m->field_n; i++)
        m->fields[i].flags &= (uint8_t)~MSG_FIELD_DROP;
}

/* However many attempts there are, the arena holds the rewritten fields of one. */
static void begin_rewrite(struct exchange *ex)
{
    if (ex->unwritten.used_bytes == 0) {
        ex->unwritten = arena_mark(&ex->arena);
        return;
    }
    undo_rewrite(&ex->request);
    arena_rewind(&ex->arena, &ex->unwritten);
}

static enum rewrite_trust trust_in(const struct caller *c)
{
    if (c->is_trusted)
        return REWRITE_TRUSTED;
    return c->listener->names_trusted ? REWRITE_STRANGER : REWRITE_UNKNOWN;
}

static int rewrite(struct exchange *ex)
{
    char ip[ADDR_TEXT_MAX];
    struct rewrite_facts facts = {
        .client_ip = span_from(ip, addr_print_ip(&ex->caller->peer, ip)),
        .scheme = ex_is_secure(ex) ? SPAN("https") : SPAN("http"),
        .request_id = ex_request_id(ex),
        .trust = trust_in(ex->caller),
        .forwarded = ex->pool->settings.forwarded,
    };

    if (ex->origin->map_host)
        facts.map_host = span_from_str(ex->origin->authority);
    if (ex->request.version == 10)
        facts.server_host = span_from_str(ex->origin->authority);
    begin_rewrite(ex);
    return rewrite_request(&ex->request, &facts, &ex->arena);
}

static enum ex_verdict step_send(struct exchange *ex)
{
    MUST(ex->lane->state == LANE_BUSY && ex_server(ex)->out == STREAM_IDLE);
    ex->connected_us = loop_now_us(ex->worker->loop);
    ex->connect_from_us = 0;
    ex->sent_n++;
    if (rewrite(ex) < 0 || ex_add_hop_fields(ex) < 0) {
        ex_fail(ex, END_INTERNAL);
        return EX_VERDICT_NEXT;
    }
    lane_tell_caller(ex->lane, ex->caller, ex->client);
    stream_send_head(ex_server(ex), &ex->request);
    ex->sent_us = loop_now_us(ex->worker->loop);
    if (ex_is_timed(ex))
        access_log_sent(ex);
    ex_move(ex, EX_RELAY, "request head sent");
    ex_replay_body(ex);
    if (stream_is_read(ex->client)) {
        ex_request_sent(ex, NULL);
        return EX_VERDICT_WAIT;
    }
    ex_touch(ex);
    if (!stream_is_congested(ex_server(ex)))
        stream_resume(ex->client);
    return EX_VERDICT_WAIT;
}

static enum ex_verdict step_relay(struct exchange *ex)
{
    if (!stream_is_ended(ex->client))
        return EX_VERDICT_WAIT;
    ex_leave_lane(ex, true);
    return go(ex, EX_DONE, "answered");
}

/* In the exchange's arena; none if that has no room. */
static struct span print_words(struct exchange *ex, struct span words)
{
    char text[192];
    const char *said = exchange_why(ex);
    struct span why = said != NULL ? span_from_str(said) : SPAN_NONE;
    int n = snprintf(text, sizeof(text), "%.*s%s%.*s.\n", (int)words.len, words.ptr,
                     why.len ? ": " : "", (int)why.len, why.ptr != NULL ? why.ptr : "");
    struct span kept = arena_copy(
        &ex->arena, span_from(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));

    return kept.ptr != NULL ? kept : SPAN_NONE;
}

static int fill_reply(struct exchange *ex, struct msg *m, struct span *body)
{
    const struct end_facts *facts = end_facts(ex->end);
    bool is_error = ex->status >= 400; /* an OPTIONS that was asked of Weldr is none */

    if (ex->end == END_REDIRECT || ex->end == END_FIXED)
        return ex_fill_ruled(ex, m, body);
    *body = is_error ? print_words(ex, facts->text) : SPAN_NONE;
    reply_init(m, ex->status, body->len);
    int rc = msg_add(m, SPAN("Date"), worker_date(ex->worker));
    if (is_error) {
        rc |= msg_add(m, SPAN("Content-Type"), SPAN("text/plain"));
        rc |= msg_add(m, SPAN("Weldr-Error"), span_from_str(facts->word));
    }
    if (ex->caller->listener->settings.request_id_to_client)
        rc |= msg_add(m, SPAN("X-Request-Id"), ex_request_id(ex));
    rc |= ex_add_hsts(ex, m);
    if (ex->end == END_METHOD || ex->end == END_MAX_FORWARDS)
        rc |= msg_add(m, SPAN("Allow"), SPAN(ALLOWED_METHODS));
    if (ex->status == 503 && facts->blame == END_BLAME_WELDR)
        rc |= msg_add(m, SPAN("Retry-After"), SPAN("1"));
    return rc;
}

static enum ex_verdict step_reply(struct exchange *ex)
{
    struct msg m;
    struct span body;

    if (ex->status == 0)
        ex->status = end_facts(ex->end)->status;
    MUST(fill_reply(ex, &m, &body) == 0); /* a handful of fields always fit */
    if (ex->explained.len > 0)
        MUST(ex_add_explain(ex, &m) == 0);
    if (!stream_is_read(ex->client) || (ex->flags & EX_NO_REQUEST))
        stream_close_after(ex->client);
    stream_send_head(ex->client, &m);
    if (body.len > 0)
        stream_send_body(ex->client, body, 0);
    ex->bytes_out += body.len;
    stream_send_end(ex->client, NULL);
    return go(ex, EX_DONE, "answered by Weldr");
}

/* A tunnel has answered when it began. */
static uint64_t ended_us(const struct exchange *ex)
{
    return ex->status == 101 ? ex->first_us : loop_now_us(ex->worker->loop);
}

static void count_at(const struct exchange *ex, enum stats_listener_counter of_listener,
                     enum stats_pool_counter of_pool)
{
    stats_line_add(ex->caller->listener->stats, of_listener, 1);
    if (ex->pool != NULL)
        stats_line_add(ex->pool->stats, of_pool, 1);
}

static void count_response(const struct exchange *ex)
{
    struct stats_worker *stats = ex->worker->stats;
    bool whole = stream_is_ended(ex->client) && !(ex->flags & EX_CLIENT_GONE);
    uint64_t took_us = ended_us(ex) - ex->begin_us;

    if (whole && ex->status < 500) {
        stats_add(stats, STATS_client_success, 1);
        count_at(ex, STATS_LISTENER_success, STATS_POOL_success);
        ex_measure_response(ex, ex->status, took_us);
    } else if (stream_is_begun(ex->client)) {
        stats_add(stats, STATS_client_failed, 1);
        count_at(ex, STATS_LISTENER_failed, STATS_POOL_failed);
        ex_measure_response(ex, whole ? ex->status : 0, took_us);
    }
    if (ex->end == END_BAD_REQUEST)
        stats_add(stats, STATS_bad_requests, 1);
    if (ex->flags & EX_CLIENT_GONE)
        stats_add(stats, STATS_client_aborts, 1);
    worker_note(ex->worker, FLIGHT_END, ex->end, ex->origin_id);
    stats->end[ex->end] += 1;
    histogram_add(&stats->latency_us, took_us);
    stats_sub(stats, STATS_in_flight, 1);
}

static void log_done(const struct exchange *ex)
{
    log_debug("exchange done", LOG_B("method", msg_method(&ex->request)),
              LOG_U("status", ex->status), LOG_S("end", end_facts(ex->end)->word),
              LOG_U("attempts", ex->attempts),
              LOG_U("us", loop_now_us(ex->worker->loop) - ex->begin_us));
}

/* What an end that is not good makes of the client's stream. A tunnel has begun to read anew.
 */
static void settle_client(struct exchange *ex)
{
    if (ex->status == 101 && stream_is_read(ex->client))
        stream_listen(ex->client, STREAM_QUIET);
    if (ex->flags & EX_CLIENT_GONE)
        stream_reset(ex->client, STREAM_PEER_LEFT);
    else if (stream_is_begun(ex->client) && !stream_is_ended(ex->client))
        stream_reset(ex->client, ex_ends_at_once(ex) ? STREAM_CUT_NOW : STREAM_CUT_OFF);
}

static void leave_pool(struct exchange *ex)
{
    if (ex->pool == NULL)
        return;
    stats_line_add(ex->pool->stats, STATS_POOL_in_flight, -1);
    pool_runtime_leave(ex->pool);
}

static enum ex_verdict step_done(struct exchange *ex)
{
    struct stream *client = ex->client;
    const struct exchange_owner *owner = ex->owner;
    bool reads_on = ex_may_read_on(ex);

    MUST(ex->lane == NULL && ex->origin == NULL);
    count_response(ex);
    log_done(ex);
    if (ex->worker->access_log != NULL)
        access_log_exchange(ex->worker->access_log, ex);
    settle_client(ex);
    leave_pool(ex);
    ex_free(ex);
    owner->on_over(client, reads_on);
    return EX_VERDICT_OVER;
}

enum ex_verdict (*const ex_step_run[EX_STEPS])(struct exchange *ex) = {
#define STEP(name, function, next) [EX_##name] = (function),
#include "worker/exchange_steps.def"
#undef STEP
};
