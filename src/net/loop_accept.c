/* Listeners: how many connections a turn accepts, and what happens when that can't be done. */
#include "log/log.h"
#include "net/loop_int.h"

/* ACCEPT_LAST is far more than any backlog: no flood keeps a listener open. */
enum { ACCEPT_BATCH = 64, ACCEPT_RUN = 4, ACCEPT_LAST = 65536, ACCEPT_PAUSE_MS = 100 };

struct accepted {
    struct loop *loop;
    int fd;
    bool taken;
    uint32_t tag; /* of whoever passed it on */
    struct addr peer;
};

static void pause_listener(struct loop *l, struct sock *s)
{
    s->flags |= SOCK_PAUSED;
    TAILQ_INSERT_TAIL(&l->paused, s, ready);
    loop_unregister(s);
    if (!timer_is_set(&l->pause_timer))
        loop_timer_in(l, &l->pause_timer, ACCEPT_PAUSE_MS);
}

/* Accepting without a descriptor to spare would only spin: the queue of the kernel can wait.
 * That of a listener that is to close too: to close is to reset those who wait in it. */
static void stop_accepting(struct loop *l, struct sock *s, int error)
{
    bool may_pass = error == WERR_NO_FD || error == WERR_NOMEM;

    if ((s->flags & SOCK_LAST) && !may_pass) {
        s->flags &= ~(uint32_t)SOCK_CAN_RECV;
        return;
    }
    log_warn("accepting pauses", LOG_S("reason", werr_word(error)),
             LOG_U("pause_ms", ACCEPT_PAUSE_MS));
    pause_listener(l, s);
}

static void hand_over(struct loop *l, struct sock *s, struct accepted *a)
{
    l->in_accept = true;
    s->ops->on_accept(s, a);
    if (!a->taken)
        l->ops->close_handle(l, a->fd);
    loop_run_after(l);
    l->in_accept = false;
}

static int accept_one(struct loop *l, struct sock *s, struct accepted *a)
{
    if (s->flags & SOCK_INBOX)
        return l->ops->receive(l, s, &a->fd, &a->tag, &a->peer);
    return l->ops->accept(l, s, &a->fd, &a->peer);
}

/* Finding that none waits costs more than accepting one, since the kernel makes a file before
 * it looks. Where the poller tells for nothing that more are there, no more are accepted in a
 * turn than are likely to wait: one, and more when that has been too few for some turns. */
static unsigned accept_max(const struct sock *s)
{
    if (s->flags & SOCK_LAST)
        return ACCEPT_LAST;
    return s->flags & SOCK_LEVEL ? s->accept_max : ACCEPT_BATCH;
}

static void note_accepted(struct sock *s, unsigned n)
{
    uint16_t rounds = (uint16_t)(s->loop->round_n - s->accept_round);

    if (n < s->accept_max) {
        s->accept_max = n > 0 ? (uint8_t)n : 1;
        s->accept_run = 0;
        return;
    }
    s->accept_run = rounds <= 1 ? s->accept_run + 1 : 1;
    s->accept_round = s->loop->round_n;
    if (s->accept_run < ACCEPT_RUN)
        return;
    s->accept_run = 0;
    if (s->accept_max < ACCEPT_BATCH)
        s->accept_max += 1 + s->accept_max / 4;
}

/* A listener that can't be watched is looked at now and then. */
static void end_accepting(struct loop *l, struct sock *s, unsigned accepted_n)
{
    if (!sock_is_open(s) || (s->flags & SOCK_PAUSED))
        return;
    if (s->flags & SOCK_LAST) {
        sock_close(s, false);
    } else if (!(s->flags & SOCK_REGISTERED)) {
        pause_listener(l, s);
    } else if ((s->flags & SOCK_LEVEL)) {
        note_accepted(s, accepted_n);
        s->flags &= ~(uint32_t)SOCK_CAN_RECV;
    }
}

static bool may_accept(const struct sock *s)
{
    return (s->flags & (SOCK_CAN_RECV | SOCK_PAUSED)) == SOCK_CAN_RECV;
}

void loop_serve_accept(struct loop *l, struct sock *s)
{
    unsigned max = accept_max(s);
    unsigned n = 0;
    int rc = 0;

    while (n < max && may_accept(s)) {
        struct accepted a = {.loop = l, .fd = -1};

        rc = accept_one(l, s, &a);
        n++;
        if (rc == 0)
            hand_over(l, s, &a);
        else if (rc == WERR_AGAIN || rc == WERR_CLOSED)
            s->flags &= ~(uint32_t)SOCK_CAN_RECV;
        else if (rc != WERR_RESET)
            stop_accepting(l, s, rc);
    }
    end_accepting(l, s, rc == WERR_AGAIN ? n - 1 : n);
}

void sock_accept_start(struct loop *l, struct sock *s, const struct sock_ops *ops, int fd)
{
    loop_open(l, s, ops, SOCK_LISTENS);
    s->fd = fd;
    s->accept_max = 1;
    s->accept_run = 0;
    loop_register(l, s);
}

void sock_accept_last(struct sock *s)
{
    if (!sock_is_open(s))
        return;
    loop_unlink(s->loop, s); /* a pause is over */
    loop_mark(s, SOCK_LAST | SOCK_CAN_RECV);
}

void accepted_take(struct accepted *a, struct sock *s, const struct sock_ops *ops)
{
    MUST(!a->taken);
    /* Clients speak first: what they said is most likely there already. */
    loop_open(a->loop, s, ops, SOCK_CAN_RECV);
    s->fd = a->fd;
    a->taken = true;
}

const struct addr *accepted_peer(const struct accepted *a)
{
    return &a->peer;
}

void sock_inbox_start(struct loop *l, struct sock *s, const struct sock_ops *ops, int fd)
{
    MUST(l->ops->receive != NULL);
    loop_open(l, s, ops, SOCK_LISTENS | SOCK_INBOX);
    s->fd = fd;
    loop_register(l, s);
}

int accepted_pass(struct accepted *a, int outbox, uint32_t tag)
{
    MUST(!a->taken && a->loop->ops->pass != NULL);
    return a->loop->ops->pass(a->loop, outbox, a->fd, tag, &a->peer);
}

uint32_t accepted_tag(const struct accepted *a)
{
    return a->tag;
}

void sock_inbox_shut(struct sock *s)
{
    s->loop->ops->shut_inbox(s->loop, s);
    loop_mark(s, SOCK_CAN_RECV); /* its end is news enough */
}
