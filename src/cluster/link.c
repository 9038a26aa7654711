#include "cluster/link.h"

#include <stddef.h>

#include "base/fsm.h"
#include "cluster/link_int.h"
#include "net/tlsio_context.h"

enum { REST_MAX_BYTES = 1024 * 1024 };

static const struct fsm_state link_states[LINK_STATES] = {
    [LINK_CONNECTING] = {"CONNECTING", FSM_TO(LINK_HELLO) | FSM_TO(LINK_OPEN) |
                                           FSM_TO(LINK_CLOSING) | FSM_TO(LINK_CLOSED)},
    [LINK_HELLO] = {"HELLO", FSM_TO(LINK_OPEN) | FSM_TO(LINK_CLOSING) | FSM_TO(LINK_CLOSED)},
    [LINK_OPEN] = {"OPEN", FSM_TO(LINK_CLOSING) | FSM_TO(LINK_CLOSED)},
    [LINK_CLOSING] = {"CLOSING", FSM_TO(LINK_CLOSED)},
    [LINK_CLOSED] = {"CLOSED", 0},
};
static const struct fsm link_fsm = {"link", link_states, LINK_STATES};

static void move(struct link *l, enum link_state next, const char *why)
{
    fsm_move(&link_fsm, &l->state, next, (uint64_t)(uintptr_t)l, why);
}

static struct link *link_from(struct conn *c)
{
    struct link *l = (struct link *)c;

    MUST(l->magic == LINK_MAGIC);
    return l;
}

/* ---- its end ---- */

static void leave(struct link *l, int error)
{
    if (l->state >= LINK_CLOSING)
        return;
    l->error = error;
    move(l, LINK_CLOSING, error < 0 ? werr_word(error) : "closed");
}

/* What waits is lost. */
static void fail(struct link *l, int error)
{
    leave(l, error);
    conn_close(&l->conn, CONN_CLOSE_NOW);
}

void link_abort(struct link *l)
{
    fail(l, 0);
}

void link_close(struct link *l)
{
    const bool was_open = l->state == LINK_OPEN;

    if (l->state >= LINK_CLOSING)
        return;
    if (!was_open) {
        fail(l, 0);
        return;
    }
    leave(l, 0);
    if (STAILQ_EMPTY(&l->pieces))
        conn_close(&l->conn, CONN_CLOSE_FLUSH);
    else
        conn_timer_set(&l->conn, LINK_FLUSH_MS);
}

static void on_closed(struct conn *c)
{
    struct link *l = link_from(c);
    void (*release)(struct link *) = l->release;

    if (l->work.queued)
        loop_undefer(l->conns->loop, &l->work);
    move(l, LINK_CLOSED, "closed");
    link_drop_pieces(l);
    link_message_fini(&l->message);
    bufq_fini(&l->rest, l->conns->store);
    tlsio_context_put(l->joins);
    l->joins = NULL;
    l->ops->on_closed(l, l->error);
    if (release != NULL)
        release(l);
}

/* ---- receiving ---- */

static void open_up(struct link *l)
{
    conn_timer_stop(&l->conn);
    sock_lose_after(&l->conn.sock, LINK_LOST_MS);
    move(l, LINK_OPEN, "proved");
    l->ops->on_open(l);
}

/* The last word to one that was removed. */
static void say_farewell(struct link *l)
{
    link_say_hello(l, true);
    leave(l, WERR_DENIED);
    conn_close(&l->conn, CONN_CLOSE_FLUSH);
}

static void take_hello(struct link *l, struct span bytes)
{
    const int rc = link_judge_hello(l, bytes);

    if (rc < 0 && l->owes_farewell)
        say_farewell(l);
    else if (rc < 0)
        fail(l, rc);
    if (rc < 0)
        return;
    if (!(l->conn.flags & CONN_ASKS))
        link_say_hello(l, false);
    open_up(l);
}

static void take_message(struct link *l, struct span *in)
{
    const size_t max = l->use == LINK_JOIN ? LINK_JOIN_MESSAGE_MAX : LINK_MESSAGE_MAX;
    struct span payload;
    uint8_t type;
    const int rc = link_message_take(&l->message, in, max, &type, &payload);

    if (rc < 0)
        fail(l, rc);
    else if (rc > 0)
        l->ops->on_message(l, type, payload);
}

/* false: more must come. */
static bool step(struct link *l, struct span *in)
{
    if (l->state == LINK_HELLO && in->len < HELLO_BYTES)
        return false;
    struct span bytes = *in;

    if (l->state == LINK_HELLO) {
        *in = span_skip(*in, HELLO_BYTES);
        take_hello(l, span_first(bytes, HELLO_BYTES));
    } else if (l->use == LINK_RAFT) {
        *in = SPAN_NONE;
        l->ops->on_bytes(l, bytes);
    } else {
        take_message(l, in);
    }
    return true;
}

static bool is_taking(const struct link *l)
{
    return !l->is_paused && (l->state == LINK_HELLO || l->state == LINK_OPEN);
}

static struct span consume(struct link *l, struct span in)
{
    while (in.len > 0 && is_taking(l) && step(l, &in))
        continue;
    return in;
}

static void keep_rest(struct link *l, struct span rest)
{
    const int rc = rest.len > 0 && l->state < LINK_CLOSING
                       ? bufq_push(&l->rest, l->conns->store, rest, REST_MAX_BYTES)
                       : 0;

    if (rc < 0)
        fail(l, rc);
}

static void consume_rest(struct link *l)
{
    const struct span all = bufq_peek(&l->rest);
    const struct span left = consume(l, all);

    bufq_drop(&l->rest, l->conns->store, all.len - left.len);
}

static void receive(struct link *l, struct span in)
{
    if (bufq_len(&l->rest) == 0) {
        keep_rest(l, consume(l, in));
        return;
    }
    keep_rest(l, in);
    consume_rest(l);
}

static void on_work(struct loop_work *w)
{
    struct link *l = (struct link *)((char *)w - offsetof(struct link, work));

    consume_rest(l);
    if (is_taking(l))
        conn_resume(&l->conn);
}

void link_pause(struct link *l)
{
    if (l->state >= LINK_CLOSING)
        return;
    l->is_paused = true;
    conn_pause(&l->conn);
}

/* What is there already is handed on first, though not within this call. */
void link_resume(struct link *l)
{
    if (l->state >= LINK_CLOSING || !l->is_paused)
        return;
    l->is_paused = false;
    loop_defer(l->conns->loop, &l->work);
}

/* ---- what the conn tells ---- */

static void on_event(struct conn *c, struct event *ev)
{
    struct link *l = link_from(c);

    if (ev->type == EVENT_BODY) {
        if (l->state < LINK_CLOSING)
            receive(l, ev->data);
        return;
    }
    fail(l, ev->type == EVENT_RESET ? ev->error : WERR_EOF);
}

static void on_gone(struct conn *c, int error)
{
    fail(link_from(c), error);
}

static void on_open(struct conn *c, int error)
{
    struct link *l = link_from(c);

    if (error == 0)
        error = link_find_use(l);
    if (error < 0) {
        fail(l, error);
    } else if (l->use == LINK_JOIN) {
        open_up(l);
    } else {
        move(l, LINK_HELLO, "handshake done");
        if (c->flags & CONN_ASKS)
            link_say_hello(l, false);
    }
}

static void on_timer(struct conn *c)
{
    fail(link_from(c), WERR_TIMEOUT);
}

static void on_congested(struct conn *c)
{
    struct link *l = link_from(c);

    if (l->state != LINK_OPEN || l->is_full)
        return;
    l->is_full = true;
    if (l->ops->on_congested != NULL)
        l->ops->on_congested(l);
}

static void on_drained(struct conn *c)
{
    struct link *l = link_from(c);

    link_send_pieces(l);
    if (!STAILQ_EMPTY(&l->pieces)) {
        if (l->state == LINK_CLOSING)
            conn_timer_set(c, LINK_FLUSH_MS);
        return;
    }
    if (l->state == LINK_CLOSING)
        conn_close(c, CONN_CLOSE_FLUSH);
    if (l->state != LINK_OPEN || !l->is_full || conn_is_congested(c))
        return;
    l->is_full = false;
    if (l->ops->on_drained != NULL)
        l->ops->on_drained(l);
}

static void on_progress(struct conn *c)
{
    if (link_from(c)->state == LINK_CLOSING)
        conn_timer_set(c, LINK_FLUSH_MS);
}

static uint32_t flush_limit_ms(const struct conn *c)
{
    (void)c;
    return LINK_FLUSH_MS;
}

const struct conn_ops link_conn_ops = {
    .on_open = on_open,
    .on_event = on_event,
    .tls_context = link_tls_context,
    .tls_peer = link_tls_peer,
    .on_gone = on_gone,
    .on_congested = on_congested,
    .on_drained = on_drained,
    .on_progress = on_progress,
    .on_timer = on_timer,
    .flush_limit_ms = flush_limit_ms,
    .on_closed = on_closed,
};

/* ---- its begin ---- */

static void prepare(struct link *l, struct conn_shared *conns, const struct link_ops *ops,
                    enum link_use use)
{
    *l = (struct link){.magic = LINK_MAGIC,
                       .state = LINK_CONNECTING,
                       .use = (uint8_t)use,
                       .conns = conns,
                       .ops = ops,
                       .work = {.run = on_work}};
    bufq_init(&l->rest);
    STAILQ_INIT(&l->pieces);
}

static int call(struct link *l, const struct addr *to)
{
    const int rc = conn_connect_tls(&l->conn, l->conns, &link_conn_ops, to, CODEC_RAW,
                                    &codec_limits_request);

    if (rc < 0)
        return rc;
    l->at = *to;
    conn_timer_set(&l->conn, LINK_HELLO_MS);
    return 0;
}

int link_connect(struct link *l, struct link_self *self, const struct link_ops *ops,
                 enum link_use use, const struct addr *to, uint64_t id)
{
    MUST(use == LINK_RAFT || use == LINK_CTL);
    if (self->connects == NULL)
        return WERR_NO_CERTIFICATE;
    if (self->was_removed || !link_may_be(self, use, id))
        return WERR_DENIED;
    prepare(l, self->conns, ops, use);
    l->self = self;
    l->peer = id;
    return call(l, to);
}

int link_connect_join(struct link *l, const struct link_join *join, const struct link_ops *ops)
{
    prepare(l, join->conns, ops, LINK_JOIN);
    int rc = conn_use_tls(join->conns);

    if (rc == 0)
        rc = link_join_context(join->authority, &l->joins);
    if (rc == 0)
        rc = call(l, &join->to);
    if (rc < 0)
        tlsio_context_put(l->joins);
    return rc;
}

int link_accept(struct link *l, struct link_self *self, const struct link_ops *ops,
                struct accepted *a)
{
    if (self->accepts == NULL)
        return WERR_NO_CERTIFICATE;
    prepare(l, self->conns, ops, LINK_USES);
    l->self = self;
    l->at = *accepted_peer(a);
    const int rc = conn_accept_tls(&l->conn, self->conns, &link_conn_ops, a, CODEC_RAW,
                                   &codec_limits_request);

    if (rc == 0)
        conn_timer_set(&l->conn, LINK_HELLO_MS);
    return rc;
}

/* ---- facts ---- */

enum link_use link_use(const struct link *l)
{
    return (enum link_use)l->use;
}

uint64_t link_peer(const struct link *l)
{
    return l->peer;
}

const struct addr *link_address(const struct link *l)
{
    return &l->at;
}

const struct addr *link_told_address(const struct link *l)
{
    return &l->told;
}

bool link_is_open(const struct link *l)
{
    return l->state == LINK_OPEN;
}

bool link_is_congested(const struct link *l)
{
    return l->is_full;
}

void link_set_user(struct link *l, void *user)
{
    l->user = user;
}

void *link_user(const struct link *l)
{
    return l->user;
}
