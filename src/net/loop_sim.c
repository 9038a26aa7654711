#include "net/loop_sim.h"

#include <stdlib.h>

#include "base/rand.h"
#include "net/loop_int.h"

enum { SIM_BUFFER_BYTES = 64 * 1024, SIM_FIRST_PORT = 32768, SIM_ROUTES = 16 };
#define SIM_START_US 1000000000ULL
#define SIM_WALL_US  1700000000000000ULL

TAILQ_HEAD(sim_ends, sim_end);
TAILQ_HEAD(sim_events, sim_event);

/* One end of a connection, or a listener. Ends are freed with the world only, so that a late
 * event for a closed one finds it closed. */
struct sim_end {
    TAILQ_ENTRY(sim_end) entry; /* in a backlog; a listener: in the list of listeners */
    struct sim_ends backlog;    /* listener: connections that nobody has accepted */
    struct sock *sock;          /* who gets signals; NULL: not registered */
    struct sim_end *peer;       /* NULL: listener, or a connect that found none */
    struct addr local, remote;
    int handle;
    char *buf; /* ring of what came and was not read */
    uint32_t cap, head, unread;
    uint32_t travelling;      /* bytes on their way to this end */
    uint64_t last_arrival_us; /* nothing overtakes what was sent before */
    int connect_result;       /* WERR_AGAIN: pending */
    bool is_listener, is_closed;
    bool has_fin;    /* the peer's end has come */
    bool has_reset;  /* broken: nothing goes in or out any more, what came before can be read */
    bool has_error;  /* … which the next send, or the read behind the last byte, tells once */
    bool is_shut;    /* our end is sent */
    bool wants_room; /* a send met a full buffer */
};

enum sim_event_kind {
    SIM_SYN, /* of a server's end, at its listener */
    SIM_CONNECTED,
    SIM_DATA,
    SIM_FIN,
    SIM_RESET,
    SIM_ROOM,
    SIM_EDGE /* the rest of what a short read left, or a reset that has struck */
};

struct sim_event {
    TAILQ_ENTRY(sim_event) entry;
    uint64_t due_us;
    enum sim_event_kind kind;
    struct sim_end *end;
    struct sim_end *listener; /* SYN */
    int result;               /* CONNECTED */
    uint32_t len;             /* DATA */
    char bytes[];
};

struct sim_route {
    struct addr to;
    int result; /* 0: a free place */
};

struct loop_sim {
    struct loop loop;
    struct sim_route routes[SIM_ROUTES];
    struct rand_state rand;
    struct loop_sim_faults faults;
    uint64_t ops;
    uint16_t next_port;
    struct sim_events events; /* in order of due_us */
    struct sim_ends listeners;
    struct sim_end **end; /* by handle */
    unsigned end_n, end_cap;
    unsigned open_n;
};

static struct loop_sim *from_loop(const struct loop *l)
{
    return (struct loop_sim *)(const void *)l;
}

static struct sim_end *end_of(const struct loop *l, int handle)
{
    struct loop_sim *m = from_loop(l);

    MUST(handle >= 0 && (unsigned)handle < m->end_n);
    return m->end[handle];
}

/* ---- ends ---- */

static struct sim_end *new_end(struct loop_sim *m)
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

static void join_ends(struct sim_end *a, struct sim_end *b)
{
    a->peer = b;
    b->peer = a;
    a->remote = b->local;
    b->remote = a->local;
}

static uint32_t room_for(const struct sim_end *to)
{
    return to->cap - to->unread - to->travelling;
}

static void mark_end(struct sim_end *e, uint32_t seen)
{
    if (e->sock != NULL && seen != 0)
        loop_mark(e->sock, seen);
}

/* What a poller would report of the end as it is. */
static uint32_t state_of(const struct sim_end *e)
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
    if (e->peer != NULL && room_for(e->peer) > 0)
        seen |= SOCK_CAN_SEND;
    return seen;
}

/* ---- events: posting ---- */

static struct sim_event *new_event(enum sim_event_kind kind, struct sim_end *end, uint32_t len)
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

static void post_event(struct loop_sim *m, struct sim_event *ev)
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

static void post_signal(struct loop_sim *m, enum sim_event_kind kind, struct sim_end *end)
{
    if (end != NULL && !end->is_closed)
        post_event(m, new_event(kind, end, 0));
}

/* A reset behind the peer's end is no error to a reader, as with TCP. */
static void reset_end(struct sim_end *e)
{
    e->has_reset = true;
    e->has_error = !e->has_fin;
}

/* Breaks the connection at this end now and at the other when the news arrives. */
static void break_end(struct loop_sim *m, struct sim_end *e)
{
    reset_end(e);
    post_signal(m, SIM_EDGE, e);
    post_signal(m, SIM_RESET, e->peer);
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

static void close_end(struct loop_sim *m, struct sim_end *e, bool abort)
{
    struct sim_end *waiting;

    if (e->is_closed)
        return;
    e->is_closed = true;
    e->sock = NULL;
    m->open_n--;
    while ((waiting = TAILQ_FIRST(&e->backlog)) != NULL) {
        TAILQ_REMOVE(&e->backlog, waiting, entry);
        close_end(m, waiting, true);
    }
    if (e->is_listener)
        TAILQ_REMOVE(&m->listeners, e, entry);
    if (abort && m->faults.resets_lose && e->peer != NULL)
        lose_travelling(m, e->peer);
    if (!e->has_reset && (abort || e->unread > 0))
        post_signal(m, SIM_RESET, e->peer);
    else if (!e->has_reset && !e->is_shut)
        post_signal(m, SIM_FIN, e->peer);
    e->unread = 0;
    free(e->buf);
    e->buf = NULL;
}

/* ---- events: arriving ---- */

static void post_connected(struct loop_sim *m, struct sim_end *client, int result)
{
    struct sim_event *ev = new_event(SIM_CONNECTED, client, 0);

    ev->result = result;
    post_event(m, ev);
}

static void arrive_syn(struct loop_sim *m, const struct sim_event *ev)
{
    struct sim_end *server = ev->end;

    if (ev->listener->is_closed) {
        server->is_closed = true;
        m->open_n--;
        post_connected(m, server->peer, WERR_REFUSED);
        return;
    }
    TAILQ_INSERT_TAIL(&ev->listener->backlog, server, entry);
    mark_end(ev->listener, SOCK_CAN_RECV);
    post_connected(m, server->peer, 0);
}

static void arrive_connected(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    ev->end->connect_result = ev->result;
    mark_end(ev->end, SOCK_CAN_SEND | (ev->result < 0 ? SOCK_HUP | SOCK_DEAD : 0));
}

static void arrive_data(struct loop_sim *m, const struct sim_event *ev)
{
    struct sim_end *e = ev->end;

    e->travelling -= ev->len;
    if (e->is_closed) {
        post_signal(m, SIM_RESET, e->peer);
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
    mark_end(e, SOCK_CAN_RECV);
}

static void arrive_fin(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    ev->end->has_fin = true;
    mark_end(ev->end, SOCK_CAN_RECV | SOCK_HUP);
}

static void arrive_reset(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    if (!ev->end->has_reset)
        reset_end(ev->end);
    mark_end(ev->end, state_of(ev->end));
}

static void arrive_signal(struct loop_sim *m, const struct sim_event *ev)
{
    (void)m;
    mark_end(ev->end, state_of(ev->end));
}

static void deliver_due(struct loop_sim *m)
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

static void wait_sim(struct loop *l, int64_t max_wait_ms)
{
    struct loop_sim *m = from_loop(l);
    const struct sim_event *next = TAILQ_FIRST(&m->events);
    uint64_t until_us = UINT64_MAX;

    if (max_wait_ms >= 0)
        until_us = l->now_us + (uint64_t)max_wait_ms * 1000;
    if (next != NULL && next->due_us < until_us)
        until_us = next->due_us;
    if (until_us == UINT64_MAX)
        loop_stop(l); /* nothing can ever happen any more */
    else if (until_us > l->now_us)
        l->now_us = until_us;
    l->wall_us = SIM_WALL_US + l->now_us - SIM_START_US;
    deliver_due(m);
}

/* ---- operations ---- */

static bool strikes_fault(struct loop_sim *m)
{
    return ++m->ops == m->faults.fail_op;
}

static bool strikes_reset(struct loop_sim *m)
{
    return strikes_fault(m) || (m->faults.reset_per_million > 0 &&
                                rand_below(&m->rand, 1000000) < m->faults.reset_per_million);
}

static uint32_t at_most(struct loop_sim *m, uint32_t n, bool random)
{
    return random ? 1 + (uint32_t)rand_below(&m->rand, n) : n;
}

static void give_room(struct loop_sim *m, const struct sim_end *e)
{
    struct sim_end *sender = e->peer;

    /* Not for each byte read: a kernel wakes a sender when there is room worth the waking. */
    if (!sender->wants_room || room_for(e) < e->cap / 4)
        return;
    sender->wants_room = false;
    post_signal(m, SIM_ROOM, sender);
}

static int64_t recv_end(struct sim_end *e)
{
    if (e->has_error) {
        e->has_error = false;
        return WERR_RESET;
    }
    return e->has_reset || e->has_fin ? 0 : WERR_AGAIN;
}

static int64_t recv_sim(struct loop *l, struct sock *s, char *buf, size_t len)
{
    struct loop_sim *m = from_loop(l);
    struct sim_end *e = end_of(l, s->fd);
    uint32_t n = len < e->unread ? (uint32_t)len : e->unread;

    if (strikes_reset(m) && !e->has_reset)
        break_end(m, e);
    if (e->unread == 0)
        return recv_end(e);
    n = at_most(m, n, m->faults.short_reads);
    for (uint32_t i = 0; i < n; i++)
        buf[i] = e->buf[(e->head + i) % e->cap];
    e->head = (e->head + n) % e->cap;
    e->unread -= n;
    if (e->unread > 0)
        post_signal(m, SIM_EDGE, e);
    give_room(m, e);
    return n;
}

static bool has_input_sim(struct loop *l, struct sock *s)
{
    const struct sim_end *e = end_of(l, s->fd);

    return e->unread > 0 || e->has_fin || e->has_reset;
}

static void gather(struct sim_event *ev, const struct iovec *iov, unsigned iov_n)
{
    uint32_t done = 0;

    for (; iov_n > 0 && done < ev->len; iov++, iov_n--) {
        size_t n = iov->iov_len;

        if (n > ev->len - done)
            n = ev->len - done;
        if (n > 0)
            memcpy(ev->bytes + done, iov->iov_base, n);
        done += (uint32_t)n;
    }
}

static int64_t send_sim(struct loop *l, struct sock *s, const struct iovec *iov, unsigned n)
{
    struct loop_sim *m = from_loop(l);
    struct sim_end *e = end_of(l, s->fd);
    struct sim_event *ev;
    size_t all = 0;
    uint32_t room;
    uint32_t taken;

    if (strikes_reset(m) && !e->has_reset)
        break_end(m, e);
    if (e->has_error)
        s->flags |= SOCK_RESET;
    e->has_error = false;
    if (e->has_reset || e->is_shut || e->peer == NULL)
        return WERR_RESET;
    room = room_for(e->peer);
    for (unsigned i = 0; i < n; i++)
        all += iov[i].iov_len;
    e->wants_room = all > room;
    if (room == 0)
        return WERR_AGAIN;
    taken = at_most(m, all < room ? (uint32_t)all : room, m->faults.short_sends);
    if (taken < all && taken < room) {
        e->wants_room = false;
        post_signal(m, SIM_ROOM, e);
    }
    ev = new_event(SIM_DATA, e->peer, taken);
    gather(ev, iov, n);
    e->peer->travelling += taken;
    post_event(m, ev);
    return taken;
}

static int64_t splice_sim(struct loop *l, struct sock *from, struct sock *to, size_t max,
                          struct span *left, int *error)
{
    int64_t n = recv_sim(l, from, l->scratch, max);
    size_t done = 0;

    while (n > 0 && done < (size_t)n) {
        struct iovec iov = {l->scratch + done, (size_t)n - done};
        int64_t taken = send_sim(l, to, &iov, 1);

        if (taken <= 0) {
            *error = taken < 0 && taken != WERR_AGAIN ? (int)taken : 0;
            break;
        }
        done += (size_t)taken;
    }
    *left = n > 0 ? span_from(l->scratch + done, (size_t)n - done) : SPAN_NONE;
    return n;
}

/* There is but one buffer on the way, that of the peer: what it has not read is not taken. */
static uint32_t unacked_sim(struct loop *l, const struct sock *s)
{
    const struct sim_end *peer = end_of(l, s->fd)->peer;

    return peer ? peer->travelling + peer->unread : 0;
}

static struct sim_end *find_listener(struct loop_sim *m, const struct addr *at)
{
    struct sim_end *e;

    TAILQ_FOREACH (e, &m->listeners, entry) {
        if (addr_is_equal(&e->local, at) ||
            (e->local.port == at->port && addr_is_wildcard(&e->local)))
            return e;
    }
    return NULL;
}

static uint16_t take_port(struct loop_sim *m)
{
    if (m->next_port < SIM_FIRST_PORT)
        m->next_port = SIM_FIRST_PORT;
    return m->next_port++;
}

static struct addr local_addr_for(struct loop_sim *m, const struct addr *to)
{
    struct addr a = {.family = to->family, .port = take_port(m)};

    if (to->family == AF_INET6) {
        a.ip[15] = 1;
    } else {
        a.ip[0] = 127;
        a.ip[3] = 1;
    }
    return a;
}

static struct sim_route *find_route(struct loop_sim *m, const struct addr *to)
{
    struct sim_route *free_one = NULL;

    for (unsigned i = 0; i < SIM_ROUTES; i++) {
        struct sim_route *r = &m->routes[i];

        if (r->result != 0 && addr_is_equal(&r->to, to))
            return r;
        if (r->result == 0)
            free_one = r;
    }
    return free_one;
}

static int route_to(struct loop_sim *m, const struct addr *to)
{
    const struct sim_route *r = find_route(m, to);

    return r != NULL ? r->result : 0;
}

static int connect_sim(struct loop *l, struct sock *s, const struct addr *to)
{
    struct loop_sim *m = from_loop(l);
    struct sim_end *listener = find_listener(m, to);
    struct sim_end *client;
    struct sim_end *server;
    struct sim_event *ev;
    int route = route_to(m, to);

    if (strikes_fault(m))
        return WERR_NO_FD;
    if (route != 0 && route != WERR_AGAIN)
        return route;
    client = new_end(m);
    s->fd = client->handle;
    client->connect_result = WERR_AGAIN;
    client->local = local_addr_for(m, to);
    if (route == WERR_AGAIN)
        return WERR_AGAIN;
    if (listener == NULL) {
        post_connected(m, client, WERR_REFUSED);
        return WERR_AGAIN;
    }
    server = new_end(m);
    server->local = *to;
    join_ends(client, server);
    ev = new_event(SIM_SYN, server, 0);
    ev->listener = listener;
    post_event(m, ev);
    return WERR_AGAIN;
}

static int connect_result_sim(struct loop *l, struct sock *s)
{
    return end_of(l, s->fd)->connect_result;
}

static int accept_sim(struct loop *l, struct sock *listener, int *fd, struct addr *peer)
{
    struct loop_sim *m = from_loop(l);
    struct sim_end *e = end_of(l, listener->fd);
    struct sim_end *first = TAILQ_FIRST(&e->backlog);

    if (first == NULL)
        return WERR_AGAIN;
    if (strikes_fault(m))
        return WERR_NO_FD;
    TAILQ_REMOVE(&e->backlog, first, entry);
    *fd = first->handle;
    *peer = first->remote;
    return 0;
}

static void adopt_sim(struct loop *l, int fd)
{
    MUST(!end_of(l, fd)->is_closed);
}

static void register_sim(struct loop *l, struct sock *s)
{
    struct sim_end *e = end_of(l, s->fd);

    e->sock = s;
    mark_end(e, state_of(e));
}

static void shutdown_sim(struct loop *l, struct sock *s)
{
    struct sim_end *e = end_of(l, s->fd);

    if (e->is_shut || e->has_reset)
        return;
    e->is_shut = true;
    post_signal(from_loop(l), SIM_FIN, e->peer);
}

static void close_sim(struct loop *l, struct sock *s, bool abort)
{
    close_end(from_loop(l), end_of(l, s->fd), abort);
}

static void close_handle_sim(struct loop *l, int fd)
{
    close_end(from_loop(l), end_of(l, fd), false);
}

static int local_addr_sim(const struct loop *l, const struct sock *s, struct addr *out)
{
    *out = end_of(l, s->fd)->local;
    return 0;
}

static void free_sim(struct loop *l)
{
    struct loop_sim *m = from_loop(l);
    struct sim_event *ev;

    loop_fini(l);
    while ((ev = TAILQ_FIRST(&m->events)) != NULL) {
        TAILQ_REMOVE(&m->events, ev, entry);
        free(ev);
    }
    for (unsigned i = 0; i < m->end_n; i++) {
        free(m->end[i]->buf);
        free(m->end[i]);
    }
    free(m->end);
    free(m);
}

static const struct loop_ops sim_ops = {
    .name = "sim",
    .wait = wait_sim,
    .recv = recv_sim,
    .has_input = has_input_sim,
    .send = send_sim,
    .splice = splice_sim,
    .unacked = unacked_sim,
    .connect = connect_sim,
    .connect_result = connect_result_sim,
    .accept = accept_sim,
    .adopt = adopt_sim,
    .register_sock = register_sim,
    .shutdown = shutdown_sim,
    .close = close_sim,
    .close_handle = close_handle_sim,
    .local_addr = local_addr_sim,
    .free = free_sim,
};

/* ---- the world ---- */

struct loop *loop_sim_new(uint64_t seed, const struct loop_sim_faults *faults)
{
    struct loop_sim *m = calloc(1, sizeof(*m));

    if (m == NULL)
        return NULL;
    if (loop_init(&m->loop, &sim_ops, SIM_START_US, SIM_WALL_US) < 0) {
        free(m);
        return NULL;
    }
    rand_seed(&m->rand, seed);
    TAILQ_INIT(&m->events);
    TAILQ_INIT(&m->listeners);
    loop_sim_set_faults(&m->loop, faults);
    return &m->loop;
}

void loop_sim_set_faults(struct loop *l, const struct loop_sim_faults *faults)
{
    from_loop(l)->faults = faults != NULL ? *faults : (struct loop_sim_faults){0};
}

int loop_sim_listen(struct loop *l, const struct addr *at)
{
    struct loop_sim *m = from_loop(l);
    struct sim_end *e;

    if (at->port != 0 && find_listener(m, at) != NULL)
        return WERR_ADDR_IN_USE;
    e = new_end(m);
    e->is_listener = true;
    e->local = *at;
    if (at->port == 0)
        e->local.port = take_port(m);
    TAILQ_INSERT_TAIL(&m->listeners, e, entry);
    return e->handle;
}

void loop_sim_route(struct loop *l, const struct addr *to, int result)
{
    struct sim_route *r = find_route(from_loop(l), to);

    MUST(r != NULL);
    *r = (struct sim_route){*to, result};
}

void loop_sim_pair(struct loop *l, int handles[2])
{
    struct sim_end *a = new_end(from_loop(l));
    struct sim_end *b = new_end(from_loop(l));

    join_ends(a, b);
    handles[0] = a->handle;
    handles[1] = b->handle;
}

bool loop_sim_is_quiet(const struct loop *l)
{
    return loop_is_idle(l) && TAILQ_EMPTY(&l->parked) && TAILQ_EMPTY(&from_loop(l)->events) &&
           timers_next_ms(&l->timers) == UINT64_MAX;
}

uint64_t loop_sim_ops(const struct loop *l)
{
    return from_loop(l)->ops;
}

unsigned loop_sim_open_n(const struct loop *l)
{
    return from_loop(l)->open_n;
}
