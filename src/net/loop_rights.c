#include "net/loop_int.h"

int64_t loop_recv_right(struct loop *l, struct sock *s, size_t ask)
{
    bool has_fd = false;
    int fd = -1;
    const int64_t n = l->ops->recv_right(l, s, ask, &fd, &has_fd);

    if (has_fd)
        s->ops->on_right(s, fd);
    return n;
}

void sock_take_rights(struct sock *s)
{
    MUST(s->ops->on_right != NULL);
    if (s->loop->ops->recv_right != NULL)
        s->flags |= SOCK_RIGHTS;
}

int64_t sock_send_right(struct sock *s, const struct iovec *iov, unsigned n, int fd)
{
    size_t all = 0;

    MUST(s->loop->ops->send_right != NULL);
    if (!sock_is_open(s))
        return WERR_CLOSED;
    for (unsigned i = 0; i < n; i++)
        all += iov[i].iov_len;
    int64_t taken = s->loop->ops->send_right(s->loop, s, iov, n, fd);
    if (taken == WERR_AGAIN)
        taken = 0;
    if (taken >= 0 && (size_t)taken < all)
        loop_arm_send(s);
    return taken;
}
