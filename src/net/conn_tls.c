/* A conn that speaks TLS: what comes is decrypted before the codec sees it, and what goes out
 * becomes records before the socket does. Records leave with the call that made them, so none
 * gets to another peer.
 *
 * Handshakes are dear: one takes as long as a dozen requests. So their steps share a budget of
 * the turn; who comes later waits in a line, and requests of open conns go on in between. */
#include <stdlib.h>

#include "base/fault.h"
#include "net/conn_int.h"
#include "net/conn_line.h"
#include "net/tlsio.h"
#include "net/tlsio_context.h"

/* What handshakes may take of a turn, by their estimated costs (tlsio_step_cost_us). A request
 * meets two or three turns on its way through a busy worker, and the slowest one of a hundred
 * half a dozen. One handshake in progress holds 45 KB; all together no more than this share of
 * the queues' budget, but some at least. */
enum {
    TURN_BUDGET_US = 500,
    HANDSHAKE_BYTES = 48 * 1024,
    HANDSHAKES_SHARE = 2,
    HANDSHAKES_LEAST_N = 64
};

struct conn_tls {
    struct loop *loop;
    const struct conn_shared *shared;
    struct tlsio_shared *tlsio;
    uint32_t progress_n; /* handshakes of clients */
    uint64_t turn_us;    /* when the turn began … */
    uint32_t spent_us;   /* … and what handshakes took of it */
    /* What came is in the queue of who waits. Newcomers have their ClientHello there, and may
     * have to wait for one that ends; others never have to. */
    struct conn_line newcomers, others;
    struct loop_work next_turn;
    bool is_same_turn; /* next_turn was put off in the turn that it runs in */
};

/* ---- of a process ---- */

static void begin_server(struct conn *c);
static void go_on_with_queue(struct conn *c);

/* With a line the budget lasts from the line's turn to its next one. */
static bool has_new_budget(const struct conn_tls *k)
{
    return !k->next_turn.queued && k->turn_us != loop_now_us(k->loop);
}

/* For a step of this cost. The first step of a turn is always taken, however dear it is; each
 * later one only if it still fits in. */
static bool has_budget(const struct conn_tls *k, uint32_t cost_us)
{
    return has_new_budget(k) || k->spent_us == 0 || k->spent_us + cost_us <= TURN_BUDGET_US;
}

static size_t held_bytes(const struct conn_tls *k)
{
    return (size_t)k->progress_n * HANDSHAKE_BYTES;
}

/* No more than their share, though the least of them may hold more of a small budget. */
size_t conn_tls_counted_bytes(const struct conn_tls *k)
{
    const size_t share = k != NULL ? k->shared->queue_budget_bytes / HANDSHAKES_SHARE : 0;

    return k != NULL && held_bytes(k) < share ? held_bytes(k) : share;
}

/* Is there memory for one more in progress? */
static bool has_place(const struct conn_tls *k)
{
    const size_t budget = k->shared->queue_budget_bytes;

    return budget == 0 || k->progress_n < HANDSHAKES_LEAST_N ||
           held_bytes(k) < budget / HANDSHAKES_SHARE;
}

/* Of those who may go on now. NULL: nobody does. */
static struct conn_line *next_line(struct conn_tls *k)
{
    if (conn_line_first(&k->others) != NULL)
        return &k->others;
    return conn_line_first(&k->newcomers) != NULL && has_place(k) ? &k->newcomers : NULL;
}

/* What is put off while sockets are served comes up at the end of the same turn. */
static void go_on_next_turn(struct conn_tls *k)
{
    if (k->next_turn.queued || next_line(k) == NULL)
        return;
    loop_defer(k->loop, &k->next_turn);
    k->is_same_turn = true;
}

static void end_progress(struct conn *c)
{
    struct conn_tls *k = c->shared->tls;

    if (c->flags & CONN_ASKS)
        return;
    MUST(k->progress_n > 0);
    k->progress_n--;
    go_on_next_turn(k);
}

static void spend(struct conn_tls *k, uint32_t us)
{
    if (has_new_budget(k))
        k->spent_us = 0;
    k->turn_us = loop_now_us(k->loop);
    k->spent_us += us;
}

/* What the next step of c takes, estimated. Whose context is missing is turned away. */
static uint32_t cost_of(struct conn *c)
{
    if (c->tls != NULL)
        return tlsio_step_cost_us(c->tls);
    const struct tlsio_context *context = c->ops->tls_context(c);

    return context != NULL ? tlsio_context_cost_us(context) : 0;
}

static void on_next_turn(struct loop_work *w)
{
    struct conn_tls *k =
        (struct conn_tls *)(void *)((char *)w - offsetof(struct conn_tls, next_turn));
    struct conn_line *line;

    if (!k->is_same_turn || k->turn_us != loop_now_us(k->loop))
        k->spent_us = 0;
    while ((line = next_line(k)) != NULL) {
        struct conn *c = conn_line_first(line);

        if (!has_budget(k, cost_of(c)))
            break;
        conn_line_drop_first(line);
        sock_recv_start(&c->sock);
        if (line == &k->newcomers)
            begin_server(c);
        else
            go_on_with_queue(c);
    }
    go_on_next_turn(k);
    k->is_same_turn = false;
}

int conn_use_tls(struct conn_shared *s)
{
    if (s->tls != NULL)
        return 0;
    struct conn_tls *k = tlsio_start() == 0 ? fault_malloc(sizeof(*k)) : NULL;

    if (k == NULL)
        return WERR_NOMEM;
    k->loop = s->loop;
    k->shared = s;
    k->progress_n = 0;
    k->tlsio = tlsio_shared_new(LOOP_SCRATCH_BYTES);
    k->turn_us = 0;
    k->spent_us = 0;
    k->newcomers.first = k->newcomers.n = k->others.first = k->others.n = 0;
    k->next_turn = (struct loop_work){.run = on_next_turn};
    k->is_same_turn = false;
    if (k->tlsio == NULL) {
        free(k);
        return WERR_NOMEM;
    }
    s->tls = k;
    return 0;
}

void conn_tls_free(struct conn_tls *k)
{
    if (k == NULL)
        return;
    loop_undefer(k->loop, &k->next_turn);
    tlsio_shared_free(k->tlsio);
    free(k);
}

void conn_wipe_scratch(struct conn_shared *s)
{
    loop_wipe_scratch(s->loop);
    if (s->tls != NULL)
        tlsio_shared_wipe(s->tls->tlsio);
}

/* ---- sending ---- */

static int send_records(struct conn *c)
{
    struct span out = tlsio_output(c->tls);
    struct iovec iov = {(void *)out.ptr, out.len};
    const int rc = out.len > 0 && !conn_is_broken(c) ? conn_push_out(c, &iov, 1, out.len) : 0;

    tlsio_output_taken(c->tls);
    return rc;
}

/* A request may have come with one read before a bad record. It is heard, but the alert was our
 * last word: nothing can be said to it. */
int conn_tls_send(struct conn *c, const struct iovec *iov, unsigned n, bool is_last)
{
    if (tlsio_state(c->tls) == TLSIO_FAILED)
        return tlsio_fault(c->tls).error;
    const int made = tlsio_write(c->tls, iov, n);

    if (made == 0 && is_last)
        tlsio_shut(c->tls);
    const int sent = send_records(c);

    return made < 0 ? made : sent;
}

void conn_tls_send_clear(struct conn *c, struct span bytes)
{
    struct iovec iov = {(void *)bytes.ptr, bytes.len};

    MUST(c->state == CONN_TLS && c->tls == NULL);
    const int rc = conn_push_out(c, &iov, 1, bytes.len);

    if (rc < 0)
        conn_break(c, rc);
}

bool conn_tls_end(struct conn *c)
{
    tlsio_shut(c->tls);
    const int rc = send_records(c);

    if (rc < 0)
        conn_break(c, rc);
    return rc == 0 && bufq_len(&c->out) == 0;
}

/* Of a conn that closes: what the peer takes at once. */
static void send_last(struct conn *c)
{
    struct span out = tlsio_output(c->tls);
    struct iovec iov = {(void *)out.ptr, out.len};
    const bool can_send = !conn_is_broken(c) && bufq_len(&c->out) == 0;

    if (out.len > 0 && can_send && sock_send(&c->sock, &iov, 1) < 0)
        conn_set_sending(c, SENDING_BROKEN, "the peer has gone");
    tlsio_output_taken(c->tls);
}

/* A conn that closes in good order says so. */
void conn_tls_say_bye(struct conn *c)
{
    if (conn_is_broken(c) || bufq_len(&c->out) > 0)
        return;
    tlsio_shut(c->tls);
    send_last(c);
}

/* ---- receiving ---- */

void conn_tls_gone(struct conn *c, int error)
{
    const bool asks = c->state == CONN_TLS && (c->flags & CONN_ASKS);

    conn_drop_held(c);
    if (!asks) {
        c->ops->on_gone(c, error);
        return;
    }
    c->ops->on_open(c, error);
    conn_close(c, CONN_CLOSE_NOW);
}

/* An alert may be under way that explains it. A client whose handshake has failed is told as it
 * closes: its owner hears first, so that what it counts is counted when the client looks. */
static void fail(struct conn *c, int error)
{
    const bool is_told_later = c->state == CONN_TLS && !(c->flags & CONN_ASKS);

    if (c->tls != NULL && !is_told_later)
        (void)send_records(c);
    conn_tls_gone(c, error);
}

static void end_of_stream(struct conn *c)
{
    c->flags |= CONN_PEER_EOF;
    if (!conn_is_stopped(c))
        conn_feed_queue(c);
}

/* Broken for want of room, so that plain bytes are missing. What is handed on behind them would
 * be taken for what follows them. */
static bool has_hole(const struct conn *c)
{
    return conn_is_broken(c) && conn_is_quiet(c);
}

/* All of what came becomes plain, paused or not: it can't wait where it lies. What one read
 * brought is handed on before the next one puts its own there. */
static void decrypt(struct conn *c)
{
    struct span plain = SPAN_NONE;
    int rc;

    const bool was_open = tlsio_state(c->tls) == TLSIO_OPEN;

    do {
        rc = tlsio_read(c->tls, &plain);
        const int sent = send_records(c);

        if (sent < 0)
            conn_break(c, sent);
        if (plain.len > 0 && !has_hole(c))
            conn_receive(c, plain);
        if (c->shared->outv_owner != NULL)
            conn_end_output(c->shared->outv_owner);
    } while (rc == 0 && plain.len > 0 && c->state == CONN_OPEN);
    if (c->state != CONN_OPEN)
        return;
    if (rc < 0)
        fail(c, rc);
    else if (was_open && tlsio_state(c->tls) == TLSIO_ENDED)
        end_of_stream(c);
}

bool conn_tls_has_more(const struct conn *c)
{
    return tlsio_has_more(c->tls);
}

static void open_up(struct conn *c)
{
    end_progress(c);
    conn_move(c, CONN_OPEN, "handshake done");
    c->flags &= (uint8_t)~CONN_SENT; /* nothing of a message yet */
    if (c->ops->on_open != NULL)
        c->ops->on_open(c, 0);
}

/* A step with what was lent. */
static void go_on(struct conn *c)
{
    const int rc = tlsio_handshake(c->tls);

    if (rc < 0 && rc != WERR_AGAIN) {
        fail(c, rc);
        return;
    }
    const int sent = send_records(c);

    if (sent < 0) {
        conn_tls_gone(c, sent);
        return;
    }
    if (rc == 0)
        open_up(c);
    if (c->state == CONN_OPEN)
        decrypt(c);
}

/* The queue is the codec's from now on. */
static void use_queue(struct conn *c)
{
    struct bufq in = c->in;

    bufq_init(&c->in);
    tlsio_give(c->tls, bufq_peek(&in));
    go_on(c);
    bufq_fini(&in, c->shared->store);
}

/* The whole ClientHello is in the queue. */
static void begin_server(struct conn *c)
{
    struct conn_tls *k = c->shared->tls;
    struct tlsio_context *context = c->ops->tls_context(c);

    spend(k, cost_of(c));
    c->tls = context != NULL ? tlsio_new_server(k->tlsio, context) : NULL;
    if (c->tls == NULL) {
        c->ops->on_gone(c, WERR_NOMEM);
        return;
    }
    k->progress_n++;
    use_queue(c);
}

static void go_on_with_queue(struct conn *c)
{
    spend(c->shared->tls, cost_of(c));
    use_queue(c);
}

static void wait_in(struct conn_line *line, struct conn *c)
{
    sock_recv_stop(&c->sock);
    conn_line_join(line, c);
    go_on_next_turn(c->shared->tls);
}

static bool can_wait(struct conn *c, struct span bytes)
{
    const struct conn_tls *k = c->shared->tls;

    return !conn_line_is_full(&k->others) &&
           bufq_push(&c->in, c->shared->store, bytes, CONN_IN_MAX_BYTES) == 0;
}

/* Clients that find the line full are refused, as newcomers are. What servers send is what we
 * have asked for: with it, and for want of memory, it goes on at once. */
static void hear_more(struct conn *c, struct span bytes)
{
    struct conn_tls *k = c->shared->tls;
    const uint32_t cost_us = cost_of(c);
    const bool must_wait = k->others.n > 0 || !has_budget(k, cost_us);

    if (must_wait && can_wait(c, bytes)) {
        wait_in(&k->others, c);
        return;
    }
    if (must_wait && conn_line_is_full(&k->others) && !(c->flags & CONN_ASKS)) {
        conn_tls_gone(c, WERR_NO_SPACE);
        return;
    }
    spend(k, cost_us);
    tlsio_give(c->tls, bytes);
    go_on(c);
}

void conn_tls_leave(struct conn *c)
{
    struct conn_tls *k = c->shared->tls;

    conn_line_leave(c->tls == NULL ? &k->newcomers : &k->others, c);
    if (c->tls == NULL)
        return;
    send_last(c);
    end_progress(c);
}

/* Whoever waits in line and ends can't finish a handshake: none is begun. What a server has
 * said before its end may explain it, and is heard first. */
void conn_tls_on_fin(struct conn *c)
{
    if (c->tls == NULL && !(c->flags & CONN_ASKS))
        conn_tls_gone(c, WERR_EOF);
}

static void wait_as_newcomer(struct conn *c)
{
    wait_in(&c->shared->tls->newcomers, c);
    sock_watch_fin(&c->sock);
}

/* It lingers for the sake of an alert, and holds no memory of a handshake meanwhile. */
void conn_tls_give_up(struct conn *c)
{
    conn_tls_leave(c);
    tlsio_free(c->tls);
    c->tls = NULL;
}

/* Who speaks TLS, but wrongly, is told by an alert in clear. */
static void refuse_hello(struct conn *c, int error)
{
    const struct span alert = tlsio_gate_alert(bufq_peek(&c->in), error);

    if (alert.len > 0)
        conn_tls_send_clear(c, alert);
    c->ops->on_gone(c, error);
}

static void look_for_hello(struct conn *c)
{
    struct conn_tls *k = c->shared->tls;
    const int64_t n = tlsio_gate(bufq_peek(&c->in));

    if (n < 0)
        refuse_hello(c, (int)n);
    else if (n > 0 && k->newcomers.n == 0 && has_budget(k, cost_of(c)) && has_place(k))
        begin_server(c);
    else if (n > 0 && conn_line_is_full(&k->newcomers))
        c->ops->on_gone(c, WERR_NO_SPACE);
    else if (n > 0)
        wait_as_newcomer(c);
}

static void hear_first(struct conn *c, struct span bytes)
{
    if (!conn_keep(c, bytes))
        return;
    if (conn_is_in_prologue(c)) {
        const size_t used = conn_take_prologue(c, bufq_peek(&c->in));

        if (used == 0)
            return;
        bufq_drop(&c->in, c->shared->store, used);
    }
    look_for_hello(c);
}

void conn_tls_accept(struct conn *c)
{
    MUST(c->shared->tls != NULL && c->ops->tls_context != NULL);
    conn_move(c, CONN_TLS, "accepted");
    sock_recv_start(&c->sock);
}

void conn_tls_begin_client(struct conn *c)
{
    struct tlsio_peer_name peer = {0};

    MUST(c->shared->tls != NULL);
    conn_move(c, CONN_TLS, "connected");
    struct tlsio_context *context = c->ops->tls_context(c);

    c->ops->tls_peer(c, &peer);
    if (context != NULL)
        c->tls = tlsio_new_client(c->shared->tls->tlsio, context, &peer);
    if (c->tls == NULL) {
        fail(c, WERR_NOMEM);
        return;
    }
    sock_recv_start(&c->sock);
    go_on(c);
}

const char *conn_tls_word(const struct conn *c)
{
    if (c->tls != NULL && tlsio_state(c->tls) == TLSIO_FAILED)
        return tlsio_fault(c->tls).word;
    return c->state == CONN_TLS ? "closed" : NULL;
}

/* In the middle of a handshake there is nothing to be read any more. */
static void on_end_of_peer(struct conn *c, int error)
{
    if (error < 0 || c->state == CONN_TLS) {
        conn_tls_gone(c, error < 0 ? error : WERR_EOF);
        return;
    }
    if (tlsio_state(c->tls) == TLSIO_ENDED)
        return; /* it has said so before */
    c->flags |= CONN_CUT;
    end_of_stream(c);
}

void conn_tls_on_recv(struct sock *s, struct span bytes, int error)
{
    struct conn *c = conn_from_sock(s);

    conn_note_moved(c->shared, bytes.len);
    if (!conn_is_open(c)) {
        if (bytes.len == 0) /* lingering: the peer is done */
            conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    if (error < 0 || bytes.len == 0) {
        on_end_of_peer(c, error);
        return;
    }
    if (c->tls == NULL) {
        hear_first(c, bytes);
        return;
    }
    if (c->state == CONN_TLS) {
        hear_more(c, bytes);
        return;
    }
    tlsio_give(c->tls, bytes);
    decrypt(c);
}
