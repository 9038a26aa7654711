/* ex_int.h - what the files of the exchange share. They call each other downward only, but for
 * ex_run, which runs the steps of a table:
 *
 *     ex_steps ex_life → ex_relay → ex_tunnel ex_early → ex_pick ex_route → ex_hop →
 *     ex_shown → ex_explain → ex_pace → ex_fail → ex_retry → ex_run
 */
#ifndef WELDR_WORKER_EX_INT_H
#define WELDR_WORKER_EX_INT_H

#include "worker/caller.h"
#include "worker/exchange.h"
#include "worker/lane.h"
#include "worker/listener_runtime.h"
#include "worker/origin.h"
#include "worker/worker.h"

enum { EX_MAGIC = 0x65786368 };

enum ex_verdict {
    EX_VERDICT_NEXT, /* run the present step */
    EX_VERDICT_WAIT, /* for an event */
    EX_VERDICT_OVER  /* the exchange is no more */
};

/* ex_run.c */
void ex_move(struct exchange *ex, enum ex_step next, const char *why);
void ex_run(struct exchange *ex);
/* Its head could not be read, or kept. */
void ex_have_no_request(struct exchange *ex);

/* ex_life.c */
void ex_free(struct exchange *ex);

/* Of the present attempt, which has a lane. */
static inline struct stream *ex_server(const struct exchange *ex)
{
    MUST(ex->lane != NULL);
    return &ex->lane->stream;
}
/* The server has sent something for this attempt. */
static inline bool ex_lane_spoke(const struct exchange *ex)
{
    return ex->lane_status != 0;
}

/* ex_steps.c */
extern enum ex_verdict (*const ex_step_run[EX_STEPS])(struct exchange *ex);

/* ex_route.c: what becomes of the request, as its listener says. */
enum ex_verdict ex_step_route(struct exchange *ex);
/* The response that a rule says. */
int ex_fill_ruled(struct exchange *ex, struct msg *m, struct span *body) MUST_USE;

/* ex_pick.c: which server; QUEUE waits for a place at one. */
enum ex_verdict ex_step_pick(struct exchange *ex);
enum ex_verdict ex_step_queue(struct exchange *ex);
enum ex_verdict ex_step_retry(struct exchange *ex);

/* ex_explain.c: for a request with X-Weldr-Explain. */
/* Which rule took it and why, if it has the token; else the field counts as refused. */
void ex_explain_route(struct exchange *ex);
/* ex->explained, and what came of it, for a response. WERR_TOO_BIG. */
int ex_add_explain(struct exchange *ex, struct msg *m) MUST_USE;

/* ex_early.c: a response that comes before the request has ended. */
/* Before the response's head: says that the connection closes, if it will. */
void ex_announce_end(struct exchange *ex);
/* The response is out: is the rest of the request read, so that the connection lives on? */
bool ex_may_read_on(const struct exchange *ex);

/* ex_hop.c: what the heads of both sides are made to say. */
/* The X-Request-Id of all attempts, of the response and of the access log: the client's or a
 * new one. */
struct span ex_request_id(struct exchange *ex);
/* A response's head on its way to the client. WERR_*. */
int ex_rewrite_response(struct exchange *ex, struct msg *m) MUST_USE;
/* Fields that are meant for the next hop. WERR_TOO_BIG. */
int ex_add_hop_fields(struct exchange *ex) MUST_USE;
/* Has the client said that it takes trailers (never HTTP/1.0)? */
bool ex_takes_trailers(const struct exchange *ex);
/* The protocols of an Upgrade field; empty: there is none. */
struct span ex_upgrade_of(const struct msg *m);
/* Sends on the request body's end, with trailers or NULL; sets the time-out for the response.
 */
void ex_request_sent(struct exchange *ex, const struct msg *trailers);
/* Trailers are handed on with the message's end; END follows. */
void ex_client_trailers(struct exchange *ex, struct msg *m);
void ex_lane_trailers(struct exchange *ex, struct msg *m);

/* ex_shown.c: what comes of TLS with the client. */
static inline bool ex_is_secure(const struct exchange *ex)
{
    return stream_tls(ex->client) != NULL;
}
int ex_add_shown_by(struct exchange *ex, const struct tlsio *tls) MUST_USE;
int ex_add_hsts_of(const struct listener_secure *secure, struct msg *m) MUST_USE;
/* Tells the server what certificate the client has shown. WERR_*. */
static inline int MUST_USE ex_add_shown(struct exchange *ex)
{
    const struct tlsio *tls = stream_tls(ex->client);

    return tls != NULL ? ex_add_shown_by(ex, tls) : 0;
}
/* Strict-Transport-Security, where the listener says so; any other one goes. WERR_TOO_BIG. */
static inline int MUST_USE ex_add_hsts(const struct exchange *ex, struct msg *m)
{
    const struct listener_secure *secure = &ex->caller->listener->secure;

    return secure->hsts_len > 0 && ex_is_secure(ex) ? ex_add_hsts_of(secure, m) : 0;
}

/* ex_tunnel.c: after a 101. */
/* Is the request's wish for another protocol one that is passed on? Else it is forgotten. */
void ex_check_upgrade(struct exchange *ex);
/* The server has switched. WERR_*: the head can't be written. */
int ex_tunnel_begin(struct exchange *ex, struct msg *m) MUST_USE;
/* A server may switch before it has the whole request: what comes of it still is no byte of the
 * tunnel yet. */
static inline bool ex_is_tunnel_byte(const struct exchange *ex)
{
    return ex->step == EX_TUNNEL && stream_is_read(ex->client);
}
void ex_tunnel_client_event(struct exchange *ex, const struct event *ev);
void ex_tunnel_lane_event(struct exchange *ex, const struct event *ev);
/* False: this is the end of a running tunnel or of none. */
bool ex_tunnel_lane_gone(struct exchange *ex);
enum ex_verdict ex_step_tunnel(struct exchange *ex);

/* ex_retry.c: what it takes to send a request again. */
bool ex_is_idempotent(const struct exchange *ex);
/* May the attempt that ends so be followed by another? Asked while the lane is still there. */
bool ex_may_retry(const struct exchange *ex, enum end end);
/* How long a connection may still be tried to get, at all the servers and addresses there are.
 */
uint32_t ex_connect_left_ms(const struct exchange *ex);
/* As far as retry.attempts goes. */
bool ex_may_send_more(const struct exchange *ex);
/* Counts a further attempt against the budget, if it is a repetition, until ex_retry_done. */
void ex_retry_begin(struct exchange *ex);
void ex_retry_done(struct exchange *ex);
/* A piece of the body is handed to the lane: kept as long as it may be needed again. */
void ex_keep_body(struct exchange *ex, struct span data);
/* Hands a new lane what has come of the body so far. */
void ex_replay_body(struct exchange *ex);
void ex_forget_body(struct exchange *ex);

/* ex_fail.c: this attempt, or the whole exchange, has come to a bad end. Moves to RETRY, REPLY
 * or DONE; ex_run goes on from there. */
void ex_fail(struct exchange *ex, enum end end);
/* Lets go of the lane and counts the attempt. */
void ex_leave_lane(struct exchange *ex, bool well);
/* QUEUE: waits no more. */
void ex_leave_queue(struct exchange *ex);
/* What has come is delivered before the end of a broken message is shown, but not where that
 * would be in vain, or where the operator cuts it off. */
bool ex_ends_at_once(const struct exchange *ex);
/* Before the response of Weldr's own: what kind of ending an error of the lane is. */
enum end ex_end_of_error(int error);

/* ex_pace.c: who is waited for, how long, and what it is when it takes longer. */
/* Joins the worker's exchanges, and leaves them. */
void ex_pace_begin(struct exchange *ex);
/* Its pool is chosen, and with it how long it may wait. */
void ex_pace_pool(struct exchange *ex);
void ex_pace_end(struct exchange *ex);
void ex_on_timer(struct timer *t);
/* The exchange's timer, for what and until when: the only place where it is set. */
void ex_timer_set(struct exchange *ex, enum ex_timer_for what, uint64_t due_ms);
/* The server has this long, from now on, to accept the connection. */
void ex_await_lane(struct exchange *ex, uint32_t ms);
/* … or, the request being sent, to answer. */
void ex_await_response(struct exchange *ex);
/* From now on a reset by the client is heard of, and its orderly end where that says that it
 * has left. */
void ex_watch_client(struct exchange *ex);
bool ex_fin_aborts(const struct exchange *ex);
/* While relaying: something moved, or it is another's turn. Who is waited for has its time anew
 * (but for the response's head, which is due when it is due). */
void ex_touch_slow(struct exchange *ex);
static inline void ex_touch(struct exchange *ex)
{
    if (ex->timer_for == EX_FOR_PACE)
        ex->moved_us = loop_now_us(ex->worker->loop);
    else
        ex_touch_slow(ex);
}
static inline bool ex_is_relaying(const struct exchange *ex)
{
    return ex->step == EX_RELAY || ex->step == EX_TUNNEL;
}
/* The response's head has gone to the client: whoever takes nothing yet is not sent more. */
void ex_response_begun(struct exchange *ex);
/* Has taken some of what waits for it. */
void ex_client_progress(struct exchange *ex);
void ex_lane_progress(struct exchange *ex);
/* A piece of the request's body has come: END_OK, or why no more is taken. */
enum end ex_check_body(struct exchange *ex, size_t bytes);

/* ex_measure.c: what served.h counts. */
/* The attempt is over, and counts as one. */
void ex_measure_attempt(const struct exchange *ex, bool well);
/* The response is over: it took this long. status 0: it was begun and broken off. */
void ex_measure_response(const struct exchange *ex, unsigned status, uint64_t took_us);
/* Is the time measured that Weldr adds? It takes two readings of the clock: one request in 64,
 * by what the clock says when it begins; each where the access log tells it. */
static inline bool ex_is_timed(const struct exchange *ex)
{
    return ex->begin_us % 64 == 0 || ex->worker->access_log != NULL;
}

/* ex_relay.c */
extern const struct stream_up ex_of_client, ex_of_lane;
void ex_client_gone(struct exchange *ex);

#endif
