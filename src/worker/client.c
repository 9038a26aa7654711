#include "worker/client.h"

#include <stddef.h>
#include <stdlib.h>

#include "worker/admission.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/trust.h"

static void close_client(struct client *c, enum conn_close_how how)
{
    conn_close(&c->conn, how);
}

struct worker *client_worker(const struct client *c)
{
    return (struct worker *)(void *)((char *)c->conn.shared - offsetof(struct worker, shared));
}

static struct client *client_of(struct conn *conn)
{
    return (struct client *)conn;
}

static const struct pool_timeouts *timeouts_of(const struct client *c)
{
    return &worker_pool(client_worker(c))->timeouts;
}

/* Answered without a request. */
static void reject(struct client *c, enum end end)
{
    struct exchange *ex = exchange_new(client_worker(c), c);

    c->flags &= (uint8_t)~CLIENT_IN_HEAD;
    if (ex)
        exchange_reject(ex, end);
    else
        close_client(c, CONN_CLOSE_NOW);
}

/* A head that can't be read: answered by an exchange that has no request. */
static void refuse(struct client *c, const struct event *ev)
{
    struct exchange *ex;

    if (ev->error == WERR_EOF || ev->error == WERR_RESET) { /* left in the middle of a head */
        close_client(c, CONN_CLOSE_NOW);
        return;
    }
    ex = exchange_new(client_worker(c), c);
    if (ex)
        exchange_refuse(ex, ev);
    else
        close_client(c, CONN_CLOSE_NOW);
}

static void begin(struct client *c, struct event *ev)
{
    struct exchange *ex = exchange_new(client_worker(c), c);
    uint32_t max = worker_pool(client_worker(c))->bounds.requests_per_connection;

    c->flags = (uint8_t)((c->flags & CLIENT_TRUSTED) | CLIENT_ASKED);
    c->requests++;
    if (max > 0 && c->requests >= max)
        conn_close_after(&c->conn);
    if (ex)
        exchange_begin(ex, ev->msg);
    else
        close_client(c, CONN_CLOSE_RESET);
}

/* What comes of a request that was answered before it had ended. */
static void read_on(struct client *c, const struct event *ev)
{
    if (ev->type == EVENT_BODY) {
        stats_add(client_worker(c)->stats, STATS_client_bytes_in, ev->data.len);
    } else if (ev->type == EVENT_END) {
        c->flags &= (uint8_t)~CLIENT_READS_ON;
        conn_quiet(&c->conn);
        client_finish(c, false);
    } else {
        close_client(c, CONN_CLOSE_NOW);
    }
}

static void on_event(struct conn *conn, struct event *ev)
{
    struct client *c = client_of(conn);

    if (c->exchange)
        exchange_client_event(c->exchange, ev);
    else if (c->flags & CLIENT_READS_ON)
        read_on(c, ev);
    else if (ev->type == EVENT_HEAD)
        begin(c, ev);
    else if (ev->type == EVENT_RESET)
        refuse(c, ev);
}

/* A head has begun, or goes on without being whole. */
static void on_unread(struct conn *conn)
{
    struct client *c = client_of(conn);
    uint32_t now_ms = (uint32_t)loop_now_ms(client_worker(c)->loop);

    if (c->exchange || client_worker(c)->draining || (conn->flags & CONN_PROLOGUE))
        return;
    if (!(c->flags & CLIENT_IN_HEAD)) {
        c->flags |= CLIENT_IN_HEAD;
        c->head_from_ms = now_ms;
        conn_timer_set(conn, timeouts_of(c)->client_head_ms);
    } else if (ex_is_too_slow(client_worker(c), conn_unread_bytes(conn),
                              now_ms - c->head_from_ms)) {
        reject(c, END_CLIENT_SLOW);
    }
}

static struct conn *splice_target(struct conn *conn)
{
    struct client *c = client_of(conn);

    return c->exchange ? exchange_client_splices_to(c->exchange) : NULL;
}

static void on_gone(struct conn *conn, int error)
{
    struct client *c = client_of(conn);

    if ((conn->flags & CONN_PROLOGUE) && conn_has_unread(conn))
        trust_refuse(client_worker(c), &c->peer, "PROXY header cut off");
    if (c->exchange)
        exchange_client_gone(c->exchange);
    else
        close_client(c, error == WERR_EOF ? CONN_CLOSE_FLUSH : CONN_CLOSE_NOW);
}

static void on_fin(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->exchange)
        exchange_client_shut(c->exchange);
}

static void on_congested(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->exchange)
        exchange_client_congested(c->exchange);
}

static void next_request(struct client *c)
{
    conn_next(&c->conn);
    conn_timer_set(&c->conn, timeouts_of(c)->client_idle_ms);
}

static void on_drained(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->exchange) {
        exchange_client_drained(c->exchange);
    } else if (c->flags & CLIENT_WAITS_DRAIN) {
        c->flags &= (uint8_t)~CLIENT_WAITS_DRAIN;
        next_request(c);
    }
}

static void on_progress(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->exchange)
        exchange_client_progress(c->exchange);
    else if (c->flags & CLIENT_WAITS_DRAIN)
        conn_timer_set(conn, timeouts_of(c)->client_write_ms);
}

/* A request, or the rest of one, that crosses our end must not meet a reset. */
static bool is_to_linger(const struct client *c)
{
    return (c->flags & CLIENT_READS_ON) ||
           (client_worker(c)->draining && (c->flags & CLIENT_ASKED));
}

static void on_timer(struct conn *conn)
{
    struct client *c = client_of(conn);

    if (c->exchange)
        return; /* which has a timer of its own: this one is left from before */
    if (conn->flags & CONN_PROLOGUE)
        trust_refuse(client_worker(c), &c->peer, "no PROXY header in time");
    if (c->flags & CLIENT_IN_HEAD)
        reject(c, END_HEAD_TIMEOUT);
    else if ((c->flags & CLIENT_WAITS_DRAIN) && conn_has_taken(conn))
        on_progress(conn);
    else
        close_client(c, is_to_linger(c) ? CONN_CLOSE_LINGER : CONN_CLOSE_NOW);
}

/* Now that it is known who the client is: may it come in? */
static void enter(struct client *c)
{
    struct worker *w = client_worker(c);
    enum end end = admission_enter(w, c);

    conn_timer_set(&c->conn,
                   w->draining ? LIMIT_DRAIN_FIRST_MS : timeouts_of(c)->client_idle_ms);
    if (end != END_OK)
        reject(c, end);
}

static uint32_t header_ms(const struct worker *w)
{
    return w->draining ? LIMIT_DRAIN_FIRST_MS : worker_pool(w)->timeouts.client_head_ms;
}

static int64_t on_prologue(struct conn *conn, struct span in)
{
    struct client *c = client_of(conn);
    int64_t n = trust_take_header(c, in);

    if (n < 0)
        close_client(c, CONN_CLOSE_NOW);
    else if (n > 0)
        enter(c);
    return n;
}

static uint32_t flush_limit_ms(const struct conn *conn)
{
    return timeouts_of((const struct client *)conn)->client_write_ms;
}

static void on_closed(struct conn *conn)
{
    struct client *c = client_of(conn);
    struct worker *w = client_worker(c);

    MUST(!c->exchange);
    LIST_REMOVE(c, entry);
    admission_leave(w, c);
    free(c->local);
    stats_sub(w->stats, STATS_client_open, 1);
    slab_put(&w->clients_slab, c);
    spread_tell(w);
    worker_check_drained(w);
}

static const struct conn_ops client_ops = {
    .on_event = on_event,
    .on_prologue = on_prologue,
    .on_unread = on_unread,
    .splice_target = splice_target,
    .on_gone = on_gone,
    .on_fin = on_fin,
    .on_congested = on_congested,
    .on_drained = on_drained,
    .on_progress = on_progress,
    .on_timer = on_timer,
    .flush_limit_ms = flush_limit_ms,
    .on_closed = on_closed,
};

void client_accept(struct worker *w, struct accepted *a, bool has_header)
{
    struct client *c;

    if (has_header && !trust_may_send_header(w, accepted_peer(a)))
        return;
    c = admission_is_full(w) ? NULL : slab_get(&w->clients_slab);
    if (!c)
        return;
    if (conn_accept(&c->conn, &w->shared, &client_ops, a, &w->request_limits) < 0) {
        slab_put(&w->clients_slab, c);
        return;
    }
    c->peer = *accepted_peer(a);
    LIST_INSERT_HEAD(&w->clients, c, entry);
    reclaim_watch(w);
    stats_add(w->stats, STATS_client_connections, 1);
    stats_add(w->stats, STATS_client_open, 1);
    spread_tell(w);
    if (has_header) {
        conn_expect_prologue(&c->conn);
        conn_timer_set(&c->conn, header_ms(w));
    } else {
        trust_judge(c);
        enter(c);
    }
}

void client_finish(struct client *c, bool broken)
{
    c->exchange = NULL;
    if (broken) {
        conn_flush(&c->conn); /* what is good of the answer shall be seen */
        close_client(c, CONN_CLOSE_RESET);
    } else if (!conn_can_reuse(&c->conn)) {
        /* After a whole request nothing more is due from the client; otherwise, or when it
         * could not know that this is the last answer, it may still be sending, and a reset
         * would take the answer away from it. */
        bool whole = (c->conn.flags & CONN_QUIET) && !client_worker(c)->draining &&
                     !conn_has_more(&c->conn);

        close_client(c, whole ? CONN_CLOSE_FLUSH : CONN_CLOSE_LINGER);
    } else if (conn_is_congested(&c->conn)) {
        c->flags |= CLIENT_WAITS_DRAIN;
        conn_timer_set(&c->conn, timeouts_of(c)->client_write_ms);
    } else {
        next_request(c);
    }
}

void client_read_on(struct client *c)
{
    c->exchange = NULL;
    c->flags |= CLIENT_READS_ON;
    conn_timer_set(&c->conn, timeouts_of(c)->client_body_ms);
    conn_resume(&c->conn);
}

void client_drain(struct client *c)
{
    if (c->exchange) {
        conn_close_after(&c->conn);
    } else if (c->flags & CLIENT_WAITS_DRAIN) {
        close_client(c, CONN_CLOSE_FLUSH);
    } else if ((c->flags & CLIENT_ASKED) && !conn_has_unread(&c->conn)) {
        conn_timer_set(&c->conn,
                       (uint32_t)rand_below(&client_worker(c)->rand,
                                            client_worker(c)->drain_jitter_ms + 1ULL));
    } else {
        conn_timer_set(&c->conn, LIMIT_DRAIN_FIRST_MS);
    }
}
