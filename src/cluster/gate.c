#include "cluster/gate.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "net/inherited.h"
#include "net/listen.h"

/* EXPECTED: not proved either, but it calls from the host of a member. */
enum gate_place { PLACE_UNPROVED, PLACE_EXPECTED, PLACE_JOINS, PLACE_MEMBERS, PLACES };

struct guest {
    struct link link; /* first */
    TAILQ_ENTRY(guest) entry;
    struct gate *gate;
    enum gate_place place;
    struct timer timer; /* of a join link: it has been here for long enough */
};
TAILQ_HEAD(guests, guest);

struct gate {
    struct sock sock;
    struct link_self *self;
    struct loop *loop;
    struct gate_ops ops;
    struct addr address;
    struct guests guests;
    unsigned n[PLACES];
    /* From where members have called last: a host of several addresses may call from one that
     * it is not reached at. */
    struct link_told callers[ROSTER_MEMBERS_MAX];
    uint64_t refused_n, failed_n;
    bool is_closing, is_shut; /* is_shut: the socket is closed */
    void (*on_closed)(void *arg);
    void *arg;
};

static struct guest *guest_from(struct link *l)
{
    return (struct guest *)(void *)l;
}

static void move_to(struct guest *u, enum gate_place place)
{
    u->gate->n[u->place]--;
    u->place = place;
    u->gate->n[place]++;
}

/* ---- the end ---- */

static void end_if_empty(struct gate *g)
{
    if (!g->is_shut || !TAILQ_EMPTY(&g->guests))
        return;
    void (*on_closed)(void *) = g->on_closed;
    void *arg = g->arg;

    free(g);
    if (on_closed != NULL)
        on_closed(arg);
}

static void release(struct link *l)
{
    struct guest *u = guest_from(l);
    struct gate *g = u->gate;

    timer_stop(loop_timers(g->loop), &u->timer);
    TAILQ_REMOVE(&g->guests, u, entry);
    g->n[u->place]--;
    free(u);
    end_if_empty(g);
}

static void on_listener_closed(struct sock *s)
{
    struct gate *g = (struct gate *)s;

    g->is_shut = true;
    end_if_empty(g);
}

void gate_close(struct gate *g, void (*on_closed)(void *arg), void *arg)
{
    struct guest *u;

    MUST(!g->is_closing);
    g->is_closing = true;
    g->on_closed = on_closed;
    g->arg = arg;
    inherited_note_cluster(-1, &g->address);
    sock_close(&g->sock, false);
    TAILQ_FOREACH (u, &g->guests, entry)
        link_close(&u->link);
}

/* ---- hosts of members ---- */

static bool is_host(const struct addr *host, const struct addr *a)
{
    struct addr same = *a;

    same.port = host->port;
    return addr_is_equal(host, &same);
}

static bool is_member(const struct gate *g, uint64_t id)
{
    return g->self->roster != NULL && roster_find(g->self->roster, id) != NULL;
}

static void note_caller(struct gate *g, const struct link *l)
{
    const uint64_t id = link_peer(l);
    struct link_told *place = NULL;

    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++) {
        struct link_told *t = &g->callers[i];

        if (t->id == id || (place == NULL && !is_member(g, t->id)))
            place = t;
    }
    if (place != NULL && is_member(g, id))
        *place = (struct link_told){id, *link_address(l)};
}

static bool has_called_from(const struct gate *g, const struct addr *host)
{
    for (unsigned i = 0; i < ROSTER_MEMBERS_MAX; i++)
        if (is_member(g, g->callers[i].id) && is_host(host, &g->callers[i].address))
            return true;
    return false;
}

static bool is_members_host(const struct gate *g, const struct addr *host)
{
    const struct roster *r = g->self->roster;

    for (unsigned i = 0; r != NULL && i < roster_member_n(r); i++) {
        const struct roster_member *m = roster_member_at(r, i);
        const struct addr *at = link_self_find(g->self, m->id);

        if (is_host(host, &m->address) || (at != NULL && is_host(host, at)))
            return true;
    }
    return has_called_from(g, host);
}

static unsigned expected_from(const struct gate *g, const struct addr *host)
{
    struct guest *u;
    unsigned n = 0;

    TAILQ_FOREACH (u, &g->guests, entry)
        n += u->place == PLACE_EXPECTED && is_host(host, link_address(&u->link));
    return n;
}

/* ---- those who have not proved who they are ---- */

static void on_unproved_closed(struct link *l, int error)
{
    (void)error;
    guest_from(l)->gate->failed_n++;
}

static void on_message_of_nobody(struct link *l, uint8_t type, struct span payload)
{
    (void)type;
    (void)payload;
    link_abort(l);
}

static void on_bytes_of_nobody(struct link *l, struct span bytes)
{
    (void)bytes;
    link_abort(l);
}

static void on_refused_closed(struct link *l, int error)
{
    (void)l;
    (void)error;
}

static const struct link_ops refused_ops = {
    .on_message = on_message_of_nobody,
    .on_bytes = on_bytes_of_nobody,
    .on_closed = on_refused_closed,
};

static void on_join_timer(struct timer *t)
{
    link_abort(&((struct guest *)((char *)t - offsetof(struct guest, timer)))->link);
}

/* The place that it takes from now on. */
static bool find_place(struct guest *u)
{
    struct gate *g = u->gate;

    if (link_use(&u->link) != LINK_JOIN) {
        note_caller(g, &u->link);
        move_to(u, PLACE_MEMBERS);
        return true;
    }
    if (g->n[PLACE_JOINS] >= GATE_JOINS_MAX) {
        g->refused_n++;
        return false;
    }
    move_to(u, PLACE_JOINS);
    loop_timer_in(g->loop, &u->timer, GATE_JOIN_MS);
    return true;
}

static void on_open(struct link *l)
{
    struct guest *u = guest_from(l);
    const struct link_ops *ops = NULL;

    l->ops = &refused_ops;
    if (find_place(u))
        ops = u->gate->ops.on_link(u->gate->ops.arg, l);
    if (ops != NULL)
        l->ops = ops;
    else
        link_abort(l);
}

static const struct link_ops unproved_ops = {
    .on_open = on_open,
    .on_message = on_message_of_nobody,
    .on_bytes = on_bytes_of_nobody,
    .on_closed = on_unproved_closed,
};

/* ---- newcomers ---- */

static void admit(struct gate *g, struct accepted *a, enum gate_place place)
{
    struct guest *u = fault_malloc(sizeof(*u));
    const int rc = u != NULL ? link_accept(&u->link, g->self, &unproved_ops, a) : WERR_NOMEM;

    if (rc < 0) {
        g->refused_n++;
        free(u);
        return;
    }
    u->link.release = release;
    u->gate = g;
    u->place = place;
    timer_init(&u->timer, on_join_timer);
    g->n[place]++;
    TAILQ_INSERT_TAIL(&g->guests, u, entry);
}

/* The budget of the queues is for those who may be anybody. */
static void on_accept(struct sock *s, struct accepted *a)
{
    struct gate *g = (struct gate *)s;
    const struct addr *host = accepted_peer(a);

    if (is_members_host(g, host) && expected_from(g, host) < GATE_EXPECTED_MAX)
        admit(g, a, PLACE_EXPECTED);
    else if (g->n[PLACE_UNPROVED] < GATE_UNPROVED_MAX && !conn_queues_are_full(g->self->conns))
        admit(g, a, PLACE_UNPROVED);
    else
        g->refused_n++;
}

static const struct sock_ops listener_ops = {.on_accept = on_accept,
                                             .on_closed = on_listener_closed};

int gate_new_on(struct link_self *self, int listener, const struct gate_ops *ops,
                struct gate **out)
{
    struct gate *g = fault_malloc(sizeof(*g));

    if (g == NULL)
        return WERR_NOMEM;
    *g = (struct gate){.self = self, .loop = self->loop, .ops = *ops};
    TAILQ_INIT(&g->guests);
    sock_accept_start(self->loop, &g->sock, &listener_ops, listener);
    if (sock_local_addr(&g->sock, &g->address) < 0)
        g->address.family = 0;
    *out = g;
    return 0;
}

int gate_new(struct link_self *self, const struct addr *address, const struct gate_ops *ops,
             struct gate **out)
{
    const struct inherited_key key = {.use = INHERITED_CLUSTER, .wanted = *address};
    struct addr bound;
    int fd = inherited_take(&key, &bound);

    if (fd < 0)
        fd = listen_open(address, false, false, &bound);
    const int rc = fd >= 0 ? gate_new_on(self, fd, ops, out) : fd;

    if (rc == 0)
        inherited_note_cluster(fd, address);
    else if (fd >= 0)
        (void)close(fd);
    return rc;
}

const struct addr *gate_address(const struct gate *g)
{
    return &g->address;
}

void gate_counts(const struct gate *g, uint64_t *refused, uint64_t *failed)
{
    *refused = g->refused_n;
    *failed = g->failed_n;
}
