#include "http/rewrite.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/pool_runtime.h"

static void fail_and_run(struct exchange *ex, enum end end)
{
    ex_fail(ex, end);
    exchange_run(ex);
}

/* ---- from the client ---- */

static void client_body(struct exchange *ex, const struct event *ev)
{
    enum end end;

    stats_add(ex->worker->stats, STATS_client_bytes_in, ev->data.len);
    ex->bytes_in += ev->data.len;
    if (ex_is_tunnel_byte(ex)) {
        ex_tunnel_client_event(ex, ev);
        return;
    }
    if (ex->step != EX_RELAY && ex->step != EX_TUNNEL)
        return;
    end = ex_check_body(ex, ev->data.len);
    if (end != END_OK) {
        fail_and_run(ex, end);
        return;
    }
    if (ev->data.ptr)
        conn_send_body(&ex->lane->conn, ev->data, ev->chunk_bytes);
    /* What must not be sent twice need not be kept once the kernel has taken a byte of it: that
     * is found out first, where keeping it would mean a large copy. */
    if (ev->data.len >= LIMIT_COPY_BLINDLY_BYTES && ex->request.body == MSG_BODY_LENGTH &&
        !ex_is_idempotent(ex))
        conn_flush(&ex->lane->conn);
    ex_keep_body(ex, ev->data);
    ex_touch(ex);
}

struct conn *exchange_client_splices_to(struct exchange *ex)
{
    return ex->step == EX_RELAY ? &ex->lane->conn : NULL;
}

static void client_end(struct exchange *ex, const struct event *ev)
{
    if (ex->step == EX_TUNNEL) {
        ex_tunnel_client_event(ex, ev);
        return;
    }
    ex->flags |= EX_REQUEST_READ;
    conn_quiet(&ex->client->conn);
    if (ex->step == EX_RELAY && !(ex->flags & EX_REQUEST_SENT))
        ex_request_sent(ex, NULL);
    else if (ex->step == EX_DONE)
        exchange_run(ex);
}

static void client_reset(struct exchange *ex, const struct event *ev)
{
    if (ev->error == WERR_EOF || ev->error == WERR_RESET) {
        exchange_client_gone(ex);
        return;
    }
    ex->status = ev->status ? ev->status : 400;
    ex->why = ev->why;
    fail_and_run(ex, END_BAD_REQUEST);
}

void exchange_client_event(struct exchange *ex, struct event *ev)
{
    switch (ev->type) {
    case EVENT_BODY:
        client_body(ex, ev);
        break;
    case EVENT_END:
        client_end(ex, ev);
        break;
    case EVENT_RESET:
        client_reset(ex, ev);
        break;
    case EVENT_TRAILERS:
        ex_client_trailers(ex, ev->msg);
        break;
    case EVENT_INFO:
    case EVENT_HEAD:
        break;
    }
}

void exchange_client_gone(struct exchange *ex)
{
    ex->flags |= EX_CLIENT_GONE;
    fail_and_run(ex, END_CLIENT_ABORT);
}

void exchange_client_shut(struct exchange *ex)
{
    if (ex_fin_aborts(ex))
        exchange_client_gone(ex);
}

static bool is_relaying(const struct exchange *ex)
{
    return ex->step == EX_RELAY || ex->step == EX_TUNNEL;
}

void exchange_client_progress(struct exchange *ex)
{
    if (is_relaying(ex))
        ex_touch(ex);
}

/* Before its answer's head a server is read on: what it is late with shall be its own fault. */
void exchange_client_congested(struct exchange *ex)
{
    if (!is_relaying(ex))
        return;
    if (ex->flags & EX_ANSWER_BEGUN)
        conn_pause(&ex->lane->conn);
    ex_touch(ex);
}

void exchange_client_drained(struct exchange *ex)
{
    if (!is_relaying(ex))
        return;
    ex_touch(ex);
    conn_resume(&ex->lane->conn);
}

/* ---- from the lane ---- */

void exchange_lane_open(struct exchange *ex, int error)
{
    if (error < 0)
        ex_fail(ex, ex_end_of_error(error));
    exchange_run(ex);
}

/* No 1xx is an answer: as many as a server may send, it has as long for the answer's head as
 * without. But the first 100 makes it the client's turn, if it has waited for it. */
static void note_info(struct exchange *ex, const struct msg *m)
{
    const bool is_first_100 = m->status == 100 && !(ex->flags & EX_CONTINUED);

    ex->flags |= EX_LANE_SPOKE | (is_first_100 ? EX_CONTINUED : 0);
    if (is_first_100 && !(ex->flags & EX_REQUEST_SENT))
        ex_touch(ex);
}

static void lane_info(struct exchange *ex, struct msg *m)
{
    note_info(ex, m);
    if (ex->request.version < 11)
        return; /* HTTP/1.0 knows no 1xx: RFC 9110 section 15.2 */
    rewrite_drop_hop_by_hop(m);
    conn_send_head(&ex->client->conn, m);
}

/* A client that has not taken the end of the answer before is congested from the start, which
 * it was told when this exchange had no lane, or none that was open. */
void ex_answer_begun(struct exchange *ex)
{
    if (conn_is_congested(&ex->client->conn))
        conn_pause(&ex->lane->conn);
    ex_touch(ex);
}

static void answer_head(struct exchange *ex, struct msg *m)
{
    if (ex_rewrite_answer(ex, m) < 0) {
        fail_and_run(ex, END_INTERNAL);
        return;
    }
    ex->status = m->status;
    ex->flags |= EX_ANSWER_BEGUN;
    if (ex->worker->draining)
        conn_close_after(&ex->client->conn);
    ex_announce_end(ex);
    conn_send_head(&ex->client->conn, m);
    ex_answer_begun(ex);
}

static void lane_head(struct exchange *ex, struct msg *m)
{
    ex->flags |= EX_LANE_SPOKE;
    ex->lane_status = m->status;
    ex->first_us = loop_now_us(ex->worker->loop);
    pool_runtime_heard(ex->pool, ex->origin, ex->first_us - ex->sent_us, true);
    lane_note_head(ex->lane, m);
    ex_forget_body(ex);
    if (m->status != 101)
        answer_head(ex, m);
    else if (ex_tunnel_begin(ex, m) < 0)
        fail_and_run(ex, END_INTERNAL);
}

static void lane_body(struct exchange *ex, const struct event *ev)
{
    stats_add(ex->worker->stats, STATS_client_bytes_out, ev->data.len);
    ex->bytes_out += ev->data.len;
    if (ex->step == EX_TUNNEL) {
        ex_tunnel_lane_event(ex, ev);
        return;
    }
    if (ev->data.ptr)
        conn_send_body(&ex->client->conn, ev->data, ev->chunk_bytes);
    ex_touch(ex);
}

struct conn *exchange_lane_splices_to(struct exchange *ex)
{
    return ex->step == EX_RELAY ? &ex->client->conn : NULL;
}

static void lane_end(struct exchange *ex, const struct event *ev)
{
    if (ex->step == EX_TUNNEL) {
        ex_tunnel_lane_event(ex, ev);
        return;
    }
    if (conn_is_broken(&ex->client->conn)) {
        exchange_client_gone(ex); /* its last bytes were not taken */
        return;
    }
    if (!(ex->flags & EX_ANSWER_ENDED))
        conn_send_end(&ex->client->conn, NULL);
    ex->flags |= EX_ANSWER_ENDED;
    exchange_run(ex);
}

static enum end end_of_reset(const struct exchange *ex, const struct event *ev)
{
    if (ev->error == WERR_EOF || ev->error == WERR_RESET)
        return END_ORIGIN_RESET;
    return ex->flags & EX_ANSWER_BEGUN ? END_ORIGIN_RESET : END_ORIGIN_BAD_ANSWER;
}

void exchange_lane_event(struct exchange *ex, struct event *ev)
{
    switch (ev->type) {
    case EVENT_INFO:
        lane_info(ex, ev->msg);
        break;
    case EVENT_HEAD:
        lane_head(ex, ev->msg);
        break;
    case EVENT_BODY:
        lane_body(ex, ev);
        break;
    case EVENT_TRAILERS:
        ex_lane_trailers(ex, ev->msg);
        break;
    case EVENT_END:
        lane_end(ex, ev);
        break;
    case EVENT_RESET:
        fail_and_run(ex, end_of_reset(ex, ev));
        break;
    }
}

void exchange_lane_gone(struct exchange *ex, int error)
{
    (void)error;
    if (!ex_tunnel_lane_gone(ex))
        fail_and_run(ex, END_ORIGIN_RESET);
}

/* A client that resets gets no answer any more, so the rest of its request is of no use; what
 * is said in a tunnel is. */
void exchange_lane_congested(struct exchange *ex)
{
    if (ex->step == EX_TUNNEL)
        conn_pause(&ex->client->conn);
    else
        conn_wait(&ex->client->conn);
    ex_touch(ex);
}

/* As long as it takes the request, it can't answer. */
void exchange_lane_progress(struct exchange *ex)
{
    if ((ex->flags & EX_REQUEST_SENT) && !(ex->flags & EX_ANSWER_BEGUN))
        ex_await_answer(ex);
    else
        ex_touch(ex);
}

void exchange_lane_drained(struct exchange *ex)
{
    ex->rate_from_us = 0;
    exchange_lane_progress(ex);
    conn_resume(&ex->client->conn);
}

void exchange_origin_gone(struct exchange *ex)
{
    fail_and_run(ex, END_DRAINED);
}
