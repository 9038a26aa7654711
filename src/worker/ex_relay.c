#include <stddef.h>

#include "http/rewrite.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"

static struct exchange *of_client(struct stream_user *u)
{
    struct exchange *ex =
        (struct exchange *)(void *)((char *)u - offsetof(struct exchange, of_client));

    MUST(ex->magic == EX_MAGIC);
    return ex;
}

static struct exchange *of_lane(struct stream_user *u)
{
    struct exchange *ex =
        (struct exchange *)(void *)((char *)u - offsetof(struct exchange, of_lane));

    MUST(ex->magic == EX_MAGIC);
    return ex;
}

static void fail_and_run(struct exchange *ex, enum end end)
{
    ex_fail(ex, end);
    ex_run(ex);
}

/* ---- from the client ---- */

static void client_body(struct exchange *ex, const struct event *ev)
{
    stats_add(ex->worker->stats, STATS_client_bytes_in, ev->data.len);
    ex->bytes_in += ev->data.len;
    if (ex_is_tunnel_byte(ex)) {
        ex_tunnel_client_event(ex, ev);
        return;
    }
    if (ex->step != EX_RELAY && ex->step != EX_TUNNEL)
        return;
    enum end end = ex_check_body(ex, ev->data.len);
    if (end != END_OK) {
        fail_and_run(ex, end);
        return;
    }
    if (ev->data.ptr != NULL)
        stream_send_body(ex_server(ex), ev->data, ev->chunk_bytes);
    /* What must not be sent twice need not be kept once the kernel has taken a byte of it: that
     * is found out first, where keeping it would mean a large copy. */
    if (ev->data.len >= LIMIT_COPY_BLINDLY_BYTES && ex->request.body == MSG_BODY_LENGTH &&
        !ex_is_idempotent(ex))
        stream_flush(ex_server(ex));
    ex_keep_body(ex, ev->data);
    ex_touch(ex);
}

static struct stream *client_splices_to(struct stream_user *u)
{
    struct exchange *ex = of_client(u);

    return ex->step == EX_RELAY ? ex_server(ex) : NULL;
}

static void client_end(struct exchange *ex, const struct event *ev)
{
    if (ex->step == EX_TUNNEL) {
        ex_tunnel_client_event(ex, ev);
        return;
    }
    stream_listen(ex->client, STREAM_QUIET);
    if (ex->step == EX_RELAY && !stream_is_said(ex_server(ex)))
        ex_request_sent(ex, NULL);
}

static void client_head(struct exchange *ex, const struct msg *head)
{
    MUST(ex->step == EX_CHECK);
    if (stream_is_read(ex->client))
        stream_listen(ex->client, STREAM_QUIET);
    stats_add(ex->worker->stats, STATS_requests, 1);
    stats_line_add(ex->caller->listener->stats, STATS_LISTENER_requests, 1);
    worker_note(ex->worker, FLIGHT_REQUEST, ex->caller->peer.port,
                ex->worker->stats->value[STATS_requests]);
    if (msg_copy(&ex->request, head, &ex->arena) < 0) {
        ex_have_no_request(ex);
        ex_fail(ex, END_NO_MEMORY);
    }
    ex_run(ex);
}

static void client_reset(struct exchange *ex, const struct event *ev)
{
    if (ex->step == EX_CHECK)
        ex_have_no_request(ex);
    if (ev->error == WERR_EOF || ev->error == WERR_RESET) {
        ex_client_gone(ex);
        return;
    }
    ex->status = ev->status ? ev->status : 400;
    ex->why = ev->why;
    fail_and_run(ex, END_BAD_REQUEST);
}

/* Apart from the rest: what lies on its stack would be paid for by each piece of a body. */
static void __attribute__((noinline)) client_other(struct exchange *ex, struct event *ev)
{
    if (ev->type == EVENT_HEAD)
        client_head(ex, ev->msg);
    else if (ev->type == EVENT_RESET)
        client_reset(ex, ev);
    else if (ev->type == EVENT_TRAILERS)
        ex_client_trailers(ex, ev->msg);
}

static void client_event(struct stream_user *u, struct event *ev)
{
    struct exchange *ex = of_client(u);

    if (ev->type == EVENT_BODY)
        client_body(ex, ev);
    else if (ev->type == EVENT_END)
        client_end(ex, ev);
    else
        client_other(ex, ev);
}

void ex_client_gone(struct exchange *ex)
{
    ex->flags |= EX_CLIENT_GONE;
    fail_and_run(ex, END_CLIENT_ABORT);
}

static void client_gone(struct stream_user *u)
{
    ex_client_gone(of_client(u));
}

/* Behind its request: it may still wait for the response. */
static void client_fin(struct stream_user *u)
{
    struct exchange *ex = of_client(u);

    if (ex_fin_aborts(ex))
        ex_client_gone(ex);
}

static void client_progress(struct stream_user *u)
{
    ex_client_progress(of_client(u));
}

/* Before its response's head a server is read on: what it is late with shall be its own fault.
 */
static void client_congested(struct stream_user *u)
{
    struct exchange *ex = of_client(u);

    if (!ex_is_relaying(ex))
        return;
    if (stream_is_begun(ex->client))
        stream_pause(ex_server(ex));
    ex_touch(ex);
}

static void client_drained(struct stream_user *u)
{
    struct exchange *ex = of_client(u);

    if (!ex_is_relaying(ex))
        return;
    ex_touch(ex);
    stream_resume(ex_server(ex));
}

/* ---- from the lane ---- */

static void lane_connected(struct stream_user *u)
{
    struct exchange *ex = of_lane(u);

    MUST(ex->step == EX_LANE && ex->lane != NULL);
    lane_tell_caller(ex->lane, ex->caller, ex->client);
}

static void lane_open(struct stream_user *u, int error)
{
    struct exchange *ex = of_lane(u);

    if (error < 0)
        ex_fail(ex, ex_end_of_error(error));
    ex_run(ex);
}

/* No 1xx is a response: as many as a server may send, it has as long for the response's head as
 * without. But the first 100 makes it the client's turn, if it has waited for it. */
static void note_info(struct exchange *ex, const struct msg *m)
{
    const bool is_first_100 = m->status == 100 && !(ex->flags & EX_CONTINUED);

    ex->lane_status = m->status;
    if (is_first_100)
        ex->flags |= EX_CONTINUED;
    if (is_first_100 && !stream_is_said(ex_server(ex)))
        ex_touch(ex);
}

static void lane_info(struct exchange *ex, struct msg *m)
{
    note_info(ex, m);
    if (ex->request.version < 11)
        return; /* HTTP/1.0 knows no 1xx: RFC 9110 section 15.2 */
    rewrite_drop_hop_by_hop(m);
    stream_send_head(ex->client, m);
}

/* False: it can't be written, and the exchange has come to its end. */
static bool response_head(struct exchange *ex, struct msg *m)
{
    if (ex_rewrite_response(ex, m) < 0) {
        fail_and_run(ex, END_INTERNAL);
        return false;
    }
    ex->status = m->status;
    if (ex->worker->draining)
        stream_close_after(ex->client);
    ex_announce_end(ex);
    stream_send_head(ex->client, m);
    return true;
}

static void response_end(struct exchange *ex)
{
    if (stream_is_broken(ex->client)) {
        ex_client_gone(ex); /* its last bytes were not taken */
        return;
    }
    if (!stream_is_ended(ex->client))
        stream_send_end(ex->client, NULL);
    ex_run(ex);
}

static void lane_head(struct exchange *ex, const struct event *ev)
{
    struct msg *m = ev->msg;

    MUST(ex->step == EX_RELAY && stream_is_begun(ex_server(ex)));
    ex->lane_status = m->status;
    ex->first_us = loop_now_us(ex->worker->loop);
    pool_runtime_heard(ex->pool, ex->origin, ex->first_us - ex->sent_us, true);
    lane_note_head(ex->lane, m);
    ex_forget_body(ex);
    if (m->status == 101) {
        if (ex_tunnel_begin(ex, m) < 0)
            fail_and_run(ex, END_INTERNAL);
    } else if (response_head(ex, m)) {
        if (ev->is_whole)
            response_end(ex);
        else
            ex_response_begun(ex);
    }
}

static void lane_body(struct exchange *ex, const struct event *ev)
{
    stats_add(ex->worker->stats, STATS_client_bytes_out, ev->data.len);
    ex->bytes_out += ev->data.len;
    if (ex->step == EX_TUNNEL) {
        ex_tunnel_lane_event(ex, ev);
        return;
    }
    if (ev->data.ptr != NULL)
        stream_send_body(ex->client, ev->data, ev->chunk_bytes);
    ex_touch(ex);
}

static struct stream *lane_splices_to(struct stream_user *u)
{
    struct exchange *ex = of_lane(u);

    return ex->step == EX_RELAY ? ex->client : NULL;
}

static void lane_end(struct exchange *ex, const struct event *ev)
{
    if (ex->step == EX_TUNNEL)
        ex_tunnel_lane_event(ex, ev);
    else
        response_end(ex);
}

static enum end end_of_reset(const struct exchange *ex, const struct event *ev)
{
    if (ev->error == WERR_EOF || ev->error == WERR_RESET)
        return END_ORIGIN_RESET;
    return stream_is_begun(ex->client) ? END_ORIGIN_RESET : END_ORIGIN_BAD_ANSWER;
}

/* As client_other. */
static void __attribute__((noinline)) lane_other(struct exchange *ex, struct event *ev)
{
    if (ev->type == EVENT_HEAD)
        lane_head(ex, ev);
    else if (ev->type == EVENT_INFO)
        lane_info(ex, ev->msg);
    else if (ev->type == EVENT_TRAILERS)
        ex_lane_trailers(ex, ev->msg);
    else
        fail_and_run(ex, end_of_reset(ex, ev));
}

static void lane_event(struct stream_user *u, struct event *ev)
{
    struct exchange *ex = of_lane(u);

    if (ev->type == EVENT_BODY)
        lane_body(ex, ev);
    else if (ev->type == EVENT_END)
        lane_end(ex, ev);
    else
        lane_other(ex, ev);
}

static void lane_gone(struct stream_user *u)
{
    struct exchange *ex = of_lane(u);

    if (!ex_tunnel_lane_gone(ex))
        fail_and_run(ex, lane_tls_word(ex->lane) != NULL ? END_ORIGIN_TLS_FAILED
                                                         : END_ORIGIN_RESET);
}

/* A client that resets gets no response any more, so the rest of its request is of no use; what
 * is said in a tunnel is. */
static void lane_congested(struct stream_user *u)
{
    struct exchange *ex = of_lane(u);

    if (ex->step == EX_TUNNEL)
        stream_pause(ex->client);
    else
        stream_listen(ex->client, STREAM_WAIT);
    ex_touch(ex);
}

static void lane_progress(struct stream_user *u)
{
    ex_lane_progress(of_lane(u));
}

static void lane_drained(struct stream_user *u)
{
    struct exchange *ex = of_lane(u);

    ex->rate_from_us = 0;
    ex_lane_progress(ex);
    stream_resume(ex->client);
}

static void lane_cut(struct stream_user *u)
{
    fail_and_run(of_lane(u), END_DRAINED);
}

const struct stream_up ex_of_client = {
    .event = client_event,
    .splices_to = client_splices_to,
    .gone = client_gone,
    .fin = client_fin,
    .congested = client_congested,
    .drained = client_drained,
    .progress = client_progress,
};

const struct stream_up ex_of_lane = {
    .connected = lane_connected,
    .open = lane_open,
    .event = lane_event,
    .splices_to = lane_splices_to,
    .gone = lane_gone,
    .congested = lane_congested,
    .drained = lane_drained,
    .progress = lane_progress,
    .cut = lane_cut,
};
