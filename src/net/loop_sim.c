#include "net/loop_sim.h"

#include <stdlib.h>

#include "net/loop_sim_int.h"

#define SIM_START_US 1000000000ULL
#define SIM_WALL_US  1700000000000000ULL

static void wait_sim(struct loop *l, int64_t max_wait_ms)
{
    struct loop_sim *m = sim_from_loop(l);
    const struct sim_event *next = TAILQ_FIRST(&m->events);
    uint64_t now_us = l->now_us;
    uint64_t until_us = UINT64_MAX;

    if (max_wait_ms >= 0)
        until_us = now_us + (uint64_t)max_wait_ms * 1000;
    if (next != NULL && next->due_us < until_us)
        until_us = next->due_us;
    if (until_us == UINT64_MAX)
        loop_stop(l); /* nothing can ever happen any more */
    else if (until_us > now_us)
        now_us = until_us;
    loop_set_now(l, now_us);
    sim_deliver_due(m);
}

static uint64_t wall_us_sim(const struct loop *l)
{
    return SIM_WALL_US + l->now_us - SIM_START_US;
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
    if (!sender->wants_room || sim_room_for(e) < e->cap / 4)
        return;
    sender->wants_room = false;
    sim_post_signal(m, SIM_ROOM, sender);
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
    struct loop_sim *m = sim_from_loop(l);
    struct sim_end *e = sim_end_of(l, s->fd);
    uint32_t n = len < e->unread ? (uint32_t)len : e->unread;

    if (strikes_reset(m) && !e->has_reset)
        sim_break_end(m, e);
    if (e->unread == 0)
        return recv_end(e);
    n = at_most(m, n, m->faults.short_reads);
    for (uint32_t i = 0; i < n; i++)
        buf[i] = e->buf[(e->head + i) % e->cap];
    e->head = (e->head + n) % e->cap;
    e->unread -= n;
    if (e->unread > 0)
        sim_post_signal(m, SIM_EDGE, e);
    give_room(m, e);
    return n;
}

static bool has_input_sim(struct loop *l, struct sock *s)
{
    const struct sim_end *e = sim_end_of(l, s->fd);

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
    struct loop_sim *m = sim_from_loop(l);
    struct sim_end *e = sim_end_of(l, s->fd);
    size_t all = 0;

    if (strikes_reset(m) && !e->has_reset)
        sim_break_end(m, e);
    if (e->has_error)
        s->flags |= SOCK_RESET;
    e->has_error = false;
    if (e->has_reset || e->is_shut || e->peer == NULL)
        return WERR_RESET;
    uint32_t room = sim_room_for(e->peer);
    for (unsigned i = 0; i < n; i++)
        all += iov[i].iov_len;
    e->wants_room = all > room;
    if (room == 0)
        return WERR_AGAIN;
    uint32_t taken = at_most(m, all < room ? (uint32_t)all : room, m->faults.short_sends);
    if (taken < all && taken < room) {
        e->wants_room = false;
        sim_post_signal(m, SIM_ROOM, e);
    }
    struct sim_event *ev = sim_new_event(SIM_DATA, e->peer, taken);
    gather(ev, iov, n);
    e->peer->travelling += taken;
    sim_post_event(m, ev);
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
    const struct sim_end *peer = sim_end_of(l, s->fd)->peer;

    return peer != NULL ? peer->travelling + peer->unread : 0;
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
    struct loop_sim *m = sim_from_loop(l);
    struct sim_end *listener = find_listener(m, to);
    int route = route_to(m, to);

    if (strikes_fault(m))
        return WERR_NO_FD;
    if (route != 0 && route != WERR_AGAIN)
        return route;
    struct sim_end *client = sim_new_end(m);
    s->fd = client->handle;
    client->connect_result = WERR_AGAIN;
    client->local = local_addr_for(m, to);
    if (route == WERR_AGAIN)
        return WERR_AGAIN;
    if (listener == NULL) {
        sim_post_connected(m, client, WERR_REFUSED);
        return WERR_AGAIN;
    }
    struct sim_end *server = sim_new_end(m);
    server->local = *to;
    sim_join_ends(client, server);
    struct sim_event *ev = sim_new_event(SIM_SYN, server, 0);
    ev->listener = listener;
    sim_post_event(m, ev);
    return WERR_AGAIN;
}

static int connect_result_sim(struct loop *l, struct sock *s)
{
    return sim_end_of(l, s->fd)->connect_result;
}

static int accept_sim(struct loop *l, struct sock *listener, int *fd, struct addr *peer)
{
    struct loop_sim *m = sim_from_loop(l);
    struct sim_end *e = sim_end_of(l, listener->fd);
    struct sim_end *first = TAILQ_FIRST(&e->backlog);

    if (first == NULL)
        return WERR_AGAIN;
    if (strikes_fault(m) || m->faults.no_descriptors)
        return WERR_NO_FD;
    TAILQ_REMOVE(&e->backlog, first, entry);
    *fd = first->handle;
    *peer = first->remote;
    return 0;
}

static void adopt_sim(struct loop *l, int fd)
{
    MUST(!sim_end_of(l, fd)->is_closed);
}

static void register_sim(struct loop *l, struct sock *s)
{
    struct sim_end *e = sim_end_of(l, s->fd);

    e->sock = s;
    sim_mark_end(e, sim_state_of(e));
}

static void shutdown_sim(struct loop *l, struct sock *s)
{
    struct sim_end *e = sim_end_of(l, s->fd);

    if (e->is_shut || e->has_reset)
        return;
    e->is_shut = true;
    sim_post_signal(sim_from_loop(l), SIM_FIN, e->peer);
}

static void close_sim(struct loop *l, struct sock *s, bool abort)
{
    sim_close_end(sim_from_loop(l), sim_end_of(l, s->fd), abort);
}

static void close_handle_sim(struct loop *l, int fd)
{
    sim_close_end(sim_from_loop(l), sim_end_of(l, fd), false);
}

static int local_addr_sim(const struct loop *l, const struct sock *s, struct addr *out)
{
    *out = sim_end_of(l, s->fd)->local;
    return 0;
}

static void free_sim(struct loop *l)
{
    struct loop_sim *m = sim_from_loop(l);
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
    .wall_us = wall_us_sim,
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
    if (loop_init(&m->loop, &sim_ops, SIM_START_US) < 0) {
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
    sim_from_loop(l)->faults = faults != NULL ? *faults : (struct loop_sim_faults){0};
}

int loop_sim_listen(struct loop *l, const struct addr *at)
{
    struct loop_sim *m = sim_from_loop(l);

    if (at->port != 0 && find_listener(m, at) != NULL)
        return WERR_ADDR_IN_USE;
    struct sim_end *e = sim_new_end(m);
    e->is_listener = true;
    e->local = *at;
    if (at->port == 0)
        e->local.port = take_port(m);
    TAILQ_INSERT_TAIL(&m->listeners, e, entry);
    return e->handle;
}

void loop_sim_route(struct loop *l, const struct addr *to, int result)
{
    struct sim_route *r = find_route(sim_from_loop(l), to);

    MUST(r != NULL);
    *r = (struct sim_route){*to, result};
}

void loop_sim_pair(struct loop *l, int handles[2])
{
    struct sim_end *a = sim_new_end(sim_from_loop(l));
    struct sim_end *b = sim_new_end(sim_from_loop(l));

    sim_join_ends(a, b);
    handles[0] = a->handle;
    handles[1] = b->handle;
}

bool loop_sim_is_quiet(const struct loop *l)
{
    return loop_is_idle(l) && TAILQ_EMPTY(&l->parked) &&
           TAILQ_EMPTY(&sim_from_loop(l)->events) && timers_next_ms(&l->timers) == UINT64_MAX;
}

uint64_t loop_sim_ops(const struct loop *l)
{
    return sim_from_loop(l)->ops;
}

unsigned loop_sim_open_n(const struct loop *l)
{
    return sim_from_loop(l)->open_n;
}
