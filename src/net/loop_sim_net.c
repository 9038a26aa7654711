#include "net/loop_sim_int.h"

#include <stdlib.h>

struct sim_end *sim_end_of(const struct loop *l, int handle)
{
    struct loop_sim *m = sim_from_loop(l);

    MUST(handle >= 0 && (unsigned)handle < m->end_n);
    return m->end[handle];
}

/* ---- ends ---- */

struct sim_end *sim_new_end(struct loop_sim *m)
{
    struct sim_end *e = calloc(1, sizeof(*e));

    if (m->end_n == m->end_cap) {
        m->end_cap = m->end_cap != 0 ? m->end_cap * 2 : 64;
        m->end = reallocarray(m->end, m->end_cap, sizeof(struct sim_end *));
    }
    MUST(e != NULL && m->end != NULL);
    TAILQ_INIT(&e->backlog);
    e->handle = (int)m->end_n;
    e->cap = m->faults.buffer_bytes != 0 ? m->faults.buffer_bytes : SIM_BUFFER_BYTES;
    m->end[m->end_n++] = e;
    m->open_n++;
    return e;
}

void sim_join_ends(struct sim_end *a, struct sim_end *b)
{
    a->peer = b;
    b->peer = a;
    a->remote = b->local;
    b->remote = a->local;
}

uint32_t sim_room_for(const struct sim_end *to)
{
    return to->cap - to->unread - to->travelling;
}

void sim_mark_end(struct sim_end *e, uint32_t seen)
{
    if (e->sock != NULL && seen != 0)
        loop_mark(e->sock, seen);
}

uint32_t sim_state_of(const struct sim_end *e)
{
    uint32_t seen = 0;

    if (e->connect_result == WERR_AGAIN)
        return 0;
    if (e->unread > 0 || !TAILQ_EMPTY(&e->backlog))
        seen |= SOCK_CAN_RECV;
    if (e->has_fin)
        seen |= SOCK_CAN_RECV | SOCK_HUP;
    if (e->has_reset)
        seen |= SOCK_CAN_RECV | SOCK_CAN_SEND | SOCK_HUP | SOCK_DEAD;
    if (e->peer != NULL && sim_room_for(e->peer) > 0)
        seen |= SOCK_CAN_SEND;
    return seen;
}

/* ---- events: posting ---- */

struct sim_event *sim_new_event(enum sim_event_kind kind, struct sim_end *end, uint32_t len)
{
    struct sim_event *ev = calloc(1, sizeof(*ev) + len);

    MUST(ev != NULL);
    ev->kind = kind;
    ev->end = end;
    ev->len = len;
    return ev;
}

static void insert_event(struct sim_events *events, struct sim_event *ev)
{
    struct sim_event *before = TAILQ_LAST(events, sim_events);

    while (before != NULL && before->due_us > ev->due_us)
        before = TAILQ_PREV(before, sim_events, entry);
    if (before != NULL)
        TAILQ_INSERT_AFTER(events, before, ev, entry);
    else
        TAILQ_INSERT_HEAD(events, ev, entry);
}

void sim_post_event(struct loop_sim *m, struct sim_event *ev)
{
    uint64_t due_us = m->loop.now_us;

    if (m->faults.max_delay_us > 0)
        due_us += rand_below(&m->rand, m->faults.max_delay_us + 1ULL);
    if (due_us < ev->end->last_arrival_us)
        due_us = ev->end->last_arrival_us;
    ev->end->last_arrival_us = due_us;
    ev->due_us = due_us;
    insert_event(&m->events, ev);
}

void sim_post_signal(struct loop_sim *m, enum sim_event_kind kind, struct sim_end *end)
{
    if (end != NULL && !end->is_closed)
        sim_post_event(m, sim_new_event(kind, end, 0));
}

/* A reset behind the peer's end is no error to a reader, as with TCP. */
static void reset_end(struct sim_end *e)
{
    e->has_reset = true;
    e->has_error = !e->has_fin;
}

void sim_break_end(struct loop_sim *m, struct sim_end *e)
{
    reset_end(e);
    sim_post_signal(m, SIM_EDGE, e);
    sim_post_signal(m, SIM_RESET, e->peer);
}

/* What was sent to e and is still on its way. */
static void lose_travelling(struct loop_sim *m, struct sim_end *e)
{
    struct sim_event *ev, *next;

    for (ev = TAILQ_FIRST(&m->events); ev != NULL; ev = next) {
        next = TAILQ_NEXT(ev, entry);
        if (ev->kind != SIM_DATA || ev->end != e)
            continue;
        TAILQ_REMOVE(&m->events, ev, entry);
        e->travelling -= ev->len;
        free(ev);
    }
}

void sim_close_end(struct loop_sim *m, struct sim_end *e, bool abort)
{
    struct sim_end *waiting;

    if (e->is_closed)
        return;
    e->is_closed = true;
    e->sock = NULL;
    m->open_n--;
    while ((waiting = TAILQ_FIRST(&e->backlog)) != NULL) {
        TAILQ_REMOVE(&e->backlog, waiting, entry);
        sim_close_end(m, waiting, true);
    }
    if (e->is_listener)
        TAILQ_REMOVE(&m->listeners, e, entry);
    if (abort && m->faults.resets_lose && e->peer != NULL)
        lose_travelling(m, e->peer);
    if (!e->has_reset && (abort || e->unread > 0))
        sim_post_signal(m, SIM_RESET, e->peer);
    else if (!e->has_reset && !e->is_shut)
        sim_post_signal(m, SIM_FIN, e->peer);
    e->unread = 0;
    free(e->buf);
    e->buf = NULL;
}

/* ---- events: arriving ---- */

void sim_post_connected(struct loop_sim *m, struct sim_end *client, int result)
{
    struct sim_event *ev = sim_new_event(SIM_CONNECTED, client, 0);

    ev->result = result;
    sim_post_event(m, ev);
}

static void arrive_syn(struct loop_sim *m, const struct sim_event *ev)
{
    struct sim_end *server = ev->end;

    if (ev->listener->is_closed) {
        server->is_closed = true;
        m->open_n--;
        sim_post_connected(m, server->peer, WERR_REFUSED);
        return;
    }
    TAILQ_INSERT_TAIL(&ev->listener->backlog, server, entry);
    sim_mark_end(ev->listener, SOCK_CAN_RECV);
    sim_post_connected(m, server->peer, 0);
}

static void arrive_connected(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    ev->end->connect_result = ev->result;
    sim_mark_end(ev->end, SOCK_CAN_SEND | (ev->result < 0 ? SOCK_HUP | SOCK_DEAD : 0));
}

static void arrive_data(struct loop_sim *m, const struct sim_event *ev)
{
    struct sim_end *e = ev->end;

    e->travelling -= ev->len;
    if (e->is_closed) {
        sim_post_signal(m, SIM_RESET, e->peer);
        return;
    }
    if (e->has_reset)
        return;
    if (e->buf == NULL)
        e->buf = malloc(e->cap);
    MUST(e->buf != NULL && e->unread + ev->len <= e->cap);
    for (uint32_t i = 0; i < ev->len; i++)
        e->buf[(e->head + e->unread + i) % e->cap] = ev->bytes[i];
    e->unread += ev->len;
    sim_mark_end(e, SOCK_CAN_RECV);
}

static void arrive_fin(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    ev->end->has_fin = true;
    sim_mark_end(ev->end, SOCK_CAN_RECV | SOCK_HUP);
}

static void arrive_reset(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    if (!ev->end->has_reset)
        reset_end(ev->end);
    sim_mark_end(ev->end, sim_state_of(ev->end));
}

static void arrive_signal(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    sim_mark_end(ev->end, sim_state_of(ev->end));
}

void sim_deliver_due(struct loop_sim *m)
{
    static void (*const arrive[])(struct loop_sim *, const struct sim_event *) = {
        [SIM_SYN] = arrive_syn,     [SIM_CONNECTED] = arrive_connected,
        [SIM_DATA] = arrive_data,   [SIM_FIN] = arrive_fin,
        [SIM_RESET] = arrive_reset, [SIM_ROOM] = arrive_signal,
        [SIM_EDGE] = arrive_signal,
    };
    struct sim_event *ev;

    while ((ev = TAILQ_FIRST(&m->events)) != NULL && ev->due_us <= m->loop.now_us) {
        TAILQ_REMOVE(&m->events, ev, entry);
        arrive[ev->kind](m, ev);
        free(ev);
    }
}
