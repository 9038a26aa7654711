/* What owners do with their sockets, and with descriptors that a library owns. */
#include "base/outv.h"
#include "net/loop_int.h"

void loop_open(struct loop *l, struct sock *s, const struct sock_ops *ops, uint32_t flags)
{
    s->ops = ops;
    s->loop = l;
    s->fd = -1;
    s->flags = SOCK_OPEN | flags;
    s->recv_max = 0;
    s->unacked = 0;
    l->open_n++;
}

int sock_local_addr(const struct sock *s, struct addr *out)
{
    if (!sock_is_open(s))
        return WERR_CLOSED;
    return s->loop->ops->local_addr(s->loop, s, out);
}

void sock_adopt(struct loop *l, struct sock *s, const struct sock_ops *ops, int fd)
{
    loop_open(l, s, ops, SOCK_CAN_RECV);
    s->fd = fd;
    l->ops->adopt(l, fd);
}

int sock_connect(struct loop *l, struct sock *s, const struct sock_ops *ops,
                 const struct addr *to)
{
    loop_open(l, s, ops, 0);
    int rc = l->ops->connect(l, s, to);
    if (rc == WERR_AGAIN) {
        s->flags |= SOCK_CONNECTING;
        loop_register(l, s);
    } else if (rc < 0) {
        s->flags = 0;
        l->open_n--;
    }
    return rc;
}

void sock_recv_start(struct sock *s)
{
    if (!sock_is_open(s) || (s->flags & (SOCK_EOF | SOCK_RECV)) != 0)
        return;
    s->flags = (s->flags | SOCK_RECV) & ~(uint32_t)SOCK_HOLDS;
    loop_queue_if_due(s);
    loop_park(s->loop, s);
}

void sock_recv_stop(struct sock *s)
{
    s->flags &= ~(uint32_t)(SOCK_RECV | SOCK_HOLDS);
    loop_queue_if_due(s);
}

void sock_recv_hold(struct sock *s)
{
    if (sock_is_open(s))
        s->flags = (s->flags & ~(uint32_t)SOCK_RECV) | SOCK_HOLDS;
}

void sock_expect_end(struct sock *s)
{
    if (sock_is_open(s))
        loop_mark(s, SOCK_HUP);
}

bool sock_has_more(struct sock *s)
{
    const uint32_t untold = SOCK_CAN_RECV | SOCK_HUP | SOCK_DEAD;

    if (!sock_is_open(s) || (s->flags & untold) == 0)
        return false;
    if (s->loop->ops->has_input(s->loop, s))
        return true;
    s->flags &= ~untold;
    return false;
}

void sock_watch(struct sock *s)
{
    if (sock_is_open(s))
        loop_register(s->loop, s);
}

size_t sock_read_max(const struct sock *s)
{
    uint32_t own = s->recv_max - 1U < LOOP_SCRATCH_BYTES ? s->recv_max : LOOP_SCRATCH_BYTES;

    return (s->flags & SOCK_BOUNDED) && s->loop->read_max < own ? s->loop->read_max : own;
}

static size_t sum_bytes(const struct iovec *iov, unsigned n)
{
    size_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += iov[i].iov_len;
    return sum;
}

int64_t sock_send(struct sock *s, const struct iovec *iov, unsigned n)
{
    size_t all = sum_bytes(iov, n);

    MUST(n <= OUTV_PIECES);
    if (!sock_is_open(s))
        return WERR_CLOSED;
    if (all == 0)
        return 0;
    int64_t taken =
        s->flags & SOCK_CONNECTING ? WERR_AGAIN : s->loop->ops->send(s->loop, s, iov, n);
    if (taken == WERR_AGAIN)
        taken = 0;
    if (taken >= 0 && (size_t)taken < all)
        loop_arm_send(s);
    return taken;
}

void sock_shutdown(struct sock *s)
{
    if (sock_is_open(s))
        s->loop->ops->shutdown(s->loop, s);
}

void sock_close(struct sock *s, bool abort)
{
    struct loop *l = s->loop;

    if (!sock_is_open(s))
        return;
    loop_unlink(l, s);
    l->ops->close(l, s, abort);
    s->fd = -1;
    s->flags = SOCK_CLOSING;
    l->open_n--;
    TAILQ_INSERT_TAIL(&l->closing, s, ready);
}

/* ---- descriptors that a library owns ---- */

void loop_watch_start(struct loop *l, struct loop_watch *w, int fd)
{
    MUST(l->ops->watch != NULL);
    loop_open(l, &w->sock, NULL, SOCK_FOREIGN);
    w->sock.fd = fd;
}

void loop_watch_set(struct loop_watch *w, bool read, bool write)
{
    w->sock.loop->ops->watch(w->sock.loop, &w->sock, read, write);
}

void loop_watch_stop(struct loop_watch *w)
{
    struct loop *l = w->sock.loop;

    if (!sock_is_open(&w->sock))
        return;
    loop_unlink(l, &w->sock);
    l->ops->unwatch(l, &w->sock);
    w->sock.flags = 0;
    l->open_n--;
}
