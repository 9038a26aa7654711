#include "cluster/raft_transport.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "net/listen.h"

/* One read of a link, and what little may follow it. Members that share a slot connect once
 * more than they need to. */
enum { WAITING_MAX_BYTES = 1024 * 1024, BREAK_SLOTS = 64 };

/* A link and the socket pair that it is pumped into; lives until both are closed. */
struct pump {
    TAILQ_ENTRY(pump) entry;
    struct raft_transport *transport; /* NULL: it has been closed */
    struct link own;                  /* of one that calls */
    struct link *link;                /* that one, or the gate's; NULL: closed */
    struct bufq_store *store;
    struct sock sock;            /* our end */
    bool has_sock;               /* it is open, or on_closed is still to come */
    bool is_called;              /* it came in by the gate */
    struct bufq waiting;         /* for libraft, which does not take it yet */
    struct raft_uv_connect *req; /* whose callback is owed; NULL */
    raft_uv_connect_cb cb;
};
TAILQ_HEAD(pumps, pump);

struct raft_transport {
    struct link_self *self;
    uv_loop_t *uv;
    void (*kick)(void *arg);
    void *arg;
    struct raft_uv_transport *out;
    raft_uv_accept_cb on_accept; /* NULL: it does not listen */
    raft_uv_transport_close_cb on_closed;
    bool is_closing;
    uv_timer_t closing;
    struct pumps pumps;
    unsigned breaks[BREAK_SLOTS]; /* by id */
};

static void free_if_done(struct pump *p)
{
    if (p->link != NULL || p->has_sock)
        return;
    if (p->transport != NULL)
        TAILQ_REMOVE(&p->transport->pumps, p, entry);
    bufq_fini(&p->waiting, p->store);
    free(p);
}

static void end_sock(struct pump *p)
{
    if (p->has_sock && sock_is_open(&p->sock))
        sock_close(&p->sock, false);
}

/* Once of each connect; libraft may start anything then. stream NULL: it has failed. */
static void respond(struct pump *p, uv_stream_t *stream)
{
    struct raft_transport *t = p->transport;
    struct raft_uv_connect *req = p->req;

    if (req == NULL)
        return;
    const int failed = t->is_closing ? RAFT_CANCELED : RAFT_NOCONNECTION;

    p->req = NULL;
    uv_update_time(t->uv);
    p->cb(req, stream, stream != NULL ? 0 : failed);
    t->kick(t->arg);
}

/* ---- libraft's bytes to the link ---- */

static struct pump *pump_from_sock(struct sock *s)
{
    return (struct pump *)((char *)s - offsetof(struct pump, sock));
}

/* No bytes: libraft has closed its end. What it said before still goes out. */
static void on_recv(struct sock *s, struct span bytes, int error)
{
    struct pump *p = pump_from_sock(s);

    if (bytes.len == 0 || error < 0 || p->link == NULL) {
        if (p->link != NULL)
            link_close(p->link);
        end_sock(p);
        return;
    }
    link_send_bytes(p->link, bytes);
}

static void on_congested(struct link *l)
{
    struct pump *p = link_user(l);

    if (sock_is_open(&p->sock))
        sock_recv_hold(&p->sock);
}

static void on_drained(struct link *l)
{
    struct pump *p = link_user(l);

    if (sock_is_open(&p->sock))
        sock_recv_start(&p->sock);
}

/* ---- the link's bytes to libraft ---- */

static void give_up(struct pump *p)
{
    if (p->link != NULL)
        link_abort(p->link);
    end_sock(p);
}

static void on_bytes(struct link *l, struct span bytes)
{
    struct pump *p = link_user(l);
    struct iovec iov = {(void *)bytes.ptr, bytes.len};

    if (!sock_is_open(&p->sock))
        return;
    int64_t taken = bufq_len(&p->waiting) == 0 ? sock_send(&p->sock, &iov, 1) : 0;

    p->transport->kick(p->transport->arg); /* it is read in this turn still */
    if (taken >= 0 && (size_t)taken < bytes.len) {
        const int rc = bufq_push(&p->waiting, p->store, span_skip(bytes, (size_t)taken),
                                 WAITING_MAX_BYTES);

        link_pause(l);
        taken = rc < 0 ? rc : taken;
    }
    if (taken < 0)
        give_up(p);
}

static void on_send(struct sock *s, int error)
{
    struct pump *p = pump_from_sock(s);
    const struct span left = bufq_peek(&p->waiting);
    struct iovec iov = {(void *)left.ptr, left.len};
    const int64_t taken = error == 0 && left.len > 0 ? sock_send(s, &iov, 1) : error;

    if (taken < 0) {
        give_up(p);
        return;
    }
    bufq_drop(&p->waiting, p->store, (size_t)taken);
    if (bufq_len(&p->waiting) == 0 && p->link != NULL)
        link_resume(p->link);
}

static void on_sock_closed(struct sock *s)
{
    struct pump *p = pump_from_sock(s);

    p->has_sock = false;
    free_if_done(p);
}

static const struct sock_ops pump_sock_ops = {
    .on_recv = on_recv, .on_send = on_send, .on_closed = on_sock_closed};

/* ---- the pair ---- */

static void free_stream(uv_handle_t *handle)
{
    raft_free(handle);
}

/* libuv's end, which libraft closes and frees; NULL: no memory, or no descriptor. */
static uv_stream_t *make_stream(uv_loop_t *uv, int fd)
{
    uv_pipe_t *pipe = raft_malloc(sizeof(*pipe));

    if (pipe == NULL)
        return NULL;
    (void)uv_pipe_init(uv, pipe, 0);
    if (uv_pipe_open(pipe, fd) == 0)
        return (uv_stream_t *)pipe;
    uv_close((uv_handle_t *)pipe, free_stream);
    return NULL;
}

static uv_stream_t *make_pair(struct pump *p)
{
    struct raft_transport *t = p->transport;
    int fds[2];

    if (listen_pair(fds) < 0)
        return NULL;
    uv_stream_t *stream = make_stream(t->uv, fds[0]);

    if (stream == NULL) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return NULL;
    }
    sock_adopt(t->self->loop, &p->sock, &pump_sock_ops, fds[1]);
    p->has_sock = true;
    sock_recv_start(&p->sock);
    return stream;
}

/* ---- links ---- */

static struct pump *pump_new(struct raft_transport *t, struct link *link)
{
    struct pump *p = fault_malloc(sizeof(*p));

    if (p == NULL)
        return NULL;
    *p = (struct pump){
        .transport = t, .store = t->self->conns->store, .is_called = link != NULL};
    p->link = link != NULL ? link : &p->own;
    bufq_init(&p->waiting);
    TAILQ_INSERT_TAIL(&t->pumps, p, entry);
    return p;
}

static void on_open(struct link *l)
{
    struct pump *p = link_user(l);
    uv_stream_t *stream =
        p->transport != NULL && !p->transport->is_closing ? make_pair(p) : NULL;

    if (stream == NULL) {
        link_abort(l);
        return;
    }
    respond(p, stream);
}

/* libraft has a stream that leads nowhere. One that it has closed itself is no break. */
static void note_break(struct pump *p)
{
    if (p->transport != NULL && !p->is_called && p->has_sock && sock_is_open(&p->sock))
        p->transport->breaks[link_peer(p->link) % BREAK_SLOTS]++;
}

unsigned engine_transport_breaks(const struct raft_transport *t, uint64_t id)
{
    return t->breaks[id % BREAK_SLOTS];
}

static void on_closed(struct link *l, int error)
{
    struct pump *p = link_user(l);

    (void)error;
    note_break(p);
    p->link = NULL;
    respond(p, NULL);
    end_sock(p);
    free_if_done(p);
}

static const struct link_ops pump_ops = {
    .on_open = on_open,
    .on_bytes = on_bytes,
    .on_congested = on_congested,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* Its port is of chance when only the connection tells. */
static const struct addr *address_of(const struct raft_transport *t, const struct link *l)
{
    const struct addr *known = link_self_find(t->self, link_peer(l));

    if (known != NULL)
        return known;
    return link_told_address(l)->family != 0 ? link_told_address(l) : link_address(l);
}

/* A member that calls anew has lost the one before. */
static void drop_older(struct raft_transport *t, uint64_t id)
{
    struct pump *p;

    TAILQ_FOREACH (p, &t->pumps, entry)
        if (p->is_called && p->link != NULL && link_peer(p->link) == id)
            give_up(p);
}

void engine_transport_part(struct raft_transport *t, uint64_t leader_id)
{
    const struct roster *r = t->self->roster;
    struct pump *p;

    TAILQ_FOREACH (p, &t->pumps, entry)
        if (r != NULL && p->link != NULL && link_peer(p->link) != leader_id &&
            roster_was_removed(r, link_peer(p->link)))
            give_up(p);
}

const struct link_ops *engine_transport_take(struct raft_transport *t, struct link *l)
{
    char address[ADDR_TEXT_MAX];

    if (t->is_closing || t->on_accept == NULL)
        return NULL;
    drop_older(t, link_peer(l));
    struct pump *p = pump_new(t, l);
    uv_stream_t *stream = p != NULL ? make_pair(p) : NULL;

    if (stream == NULL) {
        if (p != NULL)
            p->link = NULL;
        if (p != NULL)
            free_if_done(p);
        return NULL;
    }
    link_set_user(l, p);
    (void)addr_print(address_of(t, l), address);
    uv_update_time(t->uv);
    t->on_accept(t->out, link_peer(l), address, stream);
    t->kick(t->arg);
    return &pump_ops;
}

/* ---- what libraft asks ---- */

static int begin(struct raft_uv_transport *out, raft_id id, const char *address)
{
    (void)out;
    (void)id;
    (void)address;
    return 0;
}

static int listen_for(struct raft_uv_transport *out, raft_uv_accept_cb cb)
{
    struct raft_transport *t = out->impl;

    t->on_accept = cb;
    return 0;
}

static int find_address(const struct raft_transport *t, raft_id id, const char *text,
                        struct addr *address)
{
    const struct addr *known = link_self_find(t->self, id);

    if (known != NULL) {
        *address = *known;
        return 0;
    }
    return addr_from_text(span_from_str(text), address);
}

static int connect_to(struct raft_uv_transport *out, struct raft_uv_connect *req, raft_id id,
                      const char *text, raft_uv_connect_cb cb)
{
    struct raft_transport *t = out->impl;
    struct addr address;

    if (t->is_closing || find_address(t, id, text, &address) < 0)
        return RAFT_NOCONNECTION;
    struct pump *p = pump_new(t, NULL);

    if (p == NULL)
        return RAFT_NOMEM;
    const int rc = link_connect(&p->own, t->self, &pump_ops, LINK_RAFT, &address, id);

    if (rc < 0) {
        p->link = NULL;
        free_if_done(p);
        return rc == WERR_NOMEM ? RAFT_NOMEM : RAFT_NOCONNECTION;
    }
    link_set_user(&p->own, p);
    p->req = req;
    p->cb = cb;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct raft_transport *t = handle->data;

    t->on_closed(t->out);
}

static void close_all(uv_timer_t *timer)
{
    struct raft_transport *t = timer->data;
    struct pump *p;

    while ((p = TAILQ_FIRST(&t->pumps)) != NULL) {
        respond(p, NULL);
        TAILQ_REMOVE(&t->pumps, p, entry);
        p->transport = NULL;
        give_up(p);
    }
    uv_close((uv_handle_t *)timer, on_timer_closed);
}

/* Not within libraft's call: its callbacks change what it is looking at. */
static void end(struct raft_uv_transport *out, raft_uv_transport_close_cb cb)
{
    struct raft_transport *t = out->impl;

    t->is_closing = true;
    t->on_closed = cb;
    (void)uv_timer_init(t->uv, &t->closing);
    t->closing.data = t;
    (void)uv_timer_start(&t->closing, close_all, 0, 0);
    t->kick(t->arg);
}

struct raft_transport *engine_transport_new(struct link_self *self, uv_loop_t *uv,
                                            void (*kick)(void *arg), void *arg,
                                            struct raft_uv_transport *out)
{
    struct raft_transport *t = fault_malloc(sizeof(*t));

    if (t == NULL)
        return NULL;
    *t = (struct raft_transport){.self = self, .uv = uv, .kick = kick, .arg = arg, .out = out};
    TAILQ_INIT(&t->pumps);
    *out = (struct raft_uv_transport){.version = 1,
                                      .impl = t,
                                      .init = begin,
                                      .listen = listen_for,
                                      .connect = connect_to,
                                      .close = end};
    return t;
}

void engine_transport_free(struct raft_transport *t)
{
    if (t == NULL)
        return;
    MUST(TAILQ_EMPTY(&t->pumps));
    free(t);
}
