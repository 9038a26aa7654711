#include "net/loop_int.h"

/* What is asked about a peer beyond what its poller's signals lead to. */

void sock_look(struct sock *s)
{
    s->unacked = sock_is_open(s) ? s->loop->ops->unacked(s->loop, s) : 0;
}

bool sock_has_taken(struct sock *s)
{
    uint32_t before = s->unacked;

    sock_look(s);
    return s->unacked < before;
}

void sock_lose_after(struct sock *s, uint32_t ms)
{
    if (sock_is_open(s) && s->loop->ops->lose_after != NULL)
        s->loop->ops->lose_after(s->loop, s, ms);
}

void sock_watch_fin(struct sock *s)
{
    if (!sock_is_open(s))
        return;
    sock_watch(s);
    loop_mark(s, SOCK_TELLS_FIN);
}
