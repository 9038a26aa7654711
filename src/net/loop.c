#include "net/loop.h"

#include <stdlib.h>

#include "log/log.h"
#include "net/loop_int.h"

/* What a poller may say of a socket. */
#define SOCK_SIGNALLED (SOCK_CAN_RECV | SOCK_CAN_SEND | SOCK_HUP | SOCK_DEAD)

/* ---- lists ---- */

static struct sock_list *list_of(struct loop *l, const struct sock *s)
{
    if (s->flags & SOCK_QUEUED)
        return &l->ready;
    if (s->flags & SOCK_PARKED)
        return &l->parked;
    return s->flags & SOCK_PAUSED ? &l->paused : NULL;
}

void loop_unregister(struct sock *s)
{
    if (!(s->flags & SOCK_LEVEL))
        return;
    s->loop->ops->unwatch(s->loop, s);
    s->flags &= ~(uint32_t)(SOCK_REGISTERED | SOCK_LEVEL);
}

void loop_unlink(struct loop *l, struct sock *s)
{
    struct sock_list *list = list_of(l, s);

    if (list == NULL)
        return;
    TAILQ_REMOVE(list, s, ready);
    s->flags &= ~(uint32_t)(SOCK_QUEUED | SOCK_PARKED | SOCK_PAUSED);
}

static void queue_sock(struct loop *l, struct sock *s)
{
    loop_unlink(l, s);
    s->flags |= SOCK_QUEUED;
    if (l->in_accept)
        TAILQ_INSERT_BEFORE(&l->mark, s, ready);
    else
        TAILQ_INSERT_TAIL(&l->ready, s, ready);
}

void loop_park(struct loop *l, struct sock *s)
{
    if (s->flags & (SOCK_REGISTERED | SOCK_QUEUED | SOCK_PARKED))
        return;
    s->flags |= SOCK_PARKED;
    TAILQ_INSERT_TAIL(&l->parked, s, ready);
}

static bool has_flags(const struct sock *s, uint32_t all)
{
    return (s->flags & all) == all;
}

static bool can_try_recv(const struct sock *s)
{
    return has_flags(s, SOCK_RECV) &&
           (s->flags & (SOCK_CAN_RECV | SOCK_HUP | SOCK_DEAD)) != 0 &&
           (s->flags & (SOCK_EOF | SOCK_CONNECTING)) == 0;
}

static bool can_try_send(const struct sock *s)
{
    return has_flags(s, SOCK_SEND_ARMED) && (s->flags & (SOCK_CAN_SEND | SOCK_DEAD)) != 0 &&
           !has_flags(s, SOCK_CONNECTING);
}

static bool has_hung_up(const struct sock *s)
{
    const uint32_t told_otherwise =
        SOCK_RECV | SOCK_HOLDS | SOCK_SEND_ARMED | SOCK_FAILED | SOCK_CONNECTING;

    return has_flags(s, SOCK_DEAD) && (s->flags & told_otherwise) == 0 &&
           s->ops->on_hangup != NULL;
}

static bool has_fin_to_tell(const struct sock *s)
{
    return has_flags(s, SOCK_TELLS_FIN) && (s->flags & (SOCK_HUP | SOCK_EOF)) != 0 &&
           (s->flags & (SOCK_RECV | SOCK_DEAD | SOCK_FAILED | SOCK_CONNECTING)) == 0;
}

static bool is_over(const struct sock *s)
{
    return (s->flags & (SOCK_HUP | SOCK_DEAD | SOCK_EOF)) != 0 &&
           (has_hung_up(s) || has_fin_to_tell(s));
}

/* Is a callback due (or at least a try that may lead to one)? */
static bool is_due(const struct sock *s)
{
    if (s->flags & SOCK_FOREIGN)
        return (s->flags & SOCK_SIGNALLED) != 0;
    if (s->flags & SOCK_LISTENS)
        return has_flags(s, SOCK_CAN_RECV) && !has_flags(s, SOCK_PAUSED);
    if (s->flags & SOCK_CONNECTING)
        return (s->flags & (SOCK_CAN_SEND | SOCK_HUP | SOCK_DEAD)) != 0;
    return can_try_recv(s) || can_try_send(s) || is_over(s);
}

void loop_queue_if_due(struct sock *s)
{
    if (!(s->flags & SOCK_QUEUED) && is_due(s))
        queue_sock(s->loop, s);
}

void loop_mark(struct sock *s, uint32_t seen)
{
    s->flags |= seen;
    loop_queue_if_due(s);
}

void loop_register(struct loop *l, struct sock *s)
{
    if (s->flags & SOCK_REGISTERED)
        return;
    s->flags |= SOCK_REGISTERED;
    l->ops->register_sock(l, s);
}

/* ---- life of the loop ---- */

static struct loop *loop_of_pause_timer(struct timer *t)
{
    return (struct loop *)(void *)((char *)t - offsetof(struct loop, pause_timer));
}

static void on_pause_end(struct timer *t)
{
    struct loop *l = loop_of_pause_timer(t);
    struct sock *s;

    while ((s = TAILQ_FIRST(&l->paused)) != NULL) {
        loop_unlink(l, s);
        loop_register(l, s);
        loop_queue_if_due(s);
    }
}

int loop_init(struct loop *l, const struct loop_ops *ops, uint64_t now_us)
{
    *l = (struct loop){.ops = ops, .read_max = LOOP_SCRATCH_BYTES};
    loop_set_now(l, now_us);
    l->scratch = aligned_alloc(64, LOOP_SCRATCH_BYTES);
    if (l->scratch == NULL)
        return WERR_NOMEM;
    timers_init(&l->timers, l->now_ms);
    timer_init(&l->pause_timer, on_pause_end);
    TAILQ_INIT(&l->ready);
    TAILQ_INIT(&l->parked);
    TAILQ_INIT(&l->paused);
    TAILQ_INIT(&l->closing);
    TAILQ_INIT(&l->work);
    return 0;
}

void loop_wipe_scratch(struct loop *l)
{
    explicit_bzero(l->scratch, LOOP_SCRATCH_BYTES);
}

void loop_run_after(struct loop *l)
{
    if (l->after != NULL)
        l->after(l->after_arg);
}

static void run_closing(struct loop *l)
{
    struct sock *s;

    while ((s = TAILQ_FIRST(&l->closing)) != NULL) {
        TAILQ_REMOVE(&l->closing, s, ready);
        s->flags = 0;
        s->ops->on_closed(s);
        loop_run_after(l);
    }
}

void loop_fini(struct loop *l)
{
    run_closing(l);
    MUST(l->open_n == 0);
    timer_stop(&l->timers, &l->pause_timer);
    free(l->scratch);
}

void loop_free(struct loop *l)
{
    if (l != NULL)
        l->ops->free(l);
}

/* ---- the turn ---- */

/* Nothing came: not now, or never again. */
static void end_recv(struct loop *l, struct sock *s, int error)
{
    if (error == WERR_AGAIN) {
        s->flags &= ~(uint32_t)(SOCK_CAN_RECV | SOCK_HUP | SOCK_DEAD);
        return;
    }
    s->flags = (s->flags | SOCK_EOF) & ~(uint32_t)SOCK_RECV;
    if (error == 0 && (s->flags & SOCK_RESET))
        error = WERR_RESET;
    if (error < 0)
        s->flags |= SOCK_FAILED;
    s->ops->on_recv(s, SPAN_NONE, error);
    loop_run_after(l);
}

void loop_arm_send(struct sock *s)
{
    s->flags = (s->flags | SOCK_SEND_ARMED) & ~(uint32_t)SOCK_CAN_SEND;
    loop_register(s->loop, s);
}

/* A short splice does not tell that the source is empty: the pipe may have been full. */
static void serve_splice(struct loop *l, struct sock *s, struct sock *to, size_t max)
{
    struct span left = SPAN_NONE;
    int error = 0;
    int64_t n = l->ops->splice(l, s, to, max, &left, &error);

    if (n <= 0) {
        end_recv(l, s, (int)n);
        return;
    }
    if (error == 0 && left.len > 0)
        loop_arm_send(to);
    s->ops->on_spliced(s, to, (size_t)n, left, error);
    loop_run_after(l);
}

static void serve_recv(struct loop *l, struct sock *s)
{
    size_t ask = sock_read_max(s);
    bool may_splice = s->ops->splice_target != NULL && !has_flags(s, SOCK_URGENT);
    struct sock *to = may_splice ? s->ops->splice_target(s, &ask) : NULL;

    if (to != NULL) {
        serve_splice(l, s, to, ask);
        return;
    }
    int64_t n = has_flags(s, SOCK_RIGHTS) ? loop_recv_right(l, s, ask)
                                          : l->ops->recv(l, s, l->scratch, ask);
    if (n <= 0) {
        end_recv(l, s, (int)n);
        return;
    }
    if ((size_t)n < ask && (s->flags & (SOCK_URGENT | SOCK_RIGHTS)) == 0)
        s->flags &= ~(uint32_t)SOCK_CAN_RECV;
    s->ops->on_recv(s, span_from(l->scratch, (size_t)n), 0);
    loop_run_after(l);
}

static void serve_connect(struct loop *l, struct sock *s)
{
    int error = l->ops->connect_result(l, s);

    if (error == WERR_AGAIN) {
        s->flags &= ~(uint32_t)(SOCK_CAN_SEND | SOCK_HUP | SOCK_DEAD);
        return;
    }
    s->flags &= ~(uint32_t)SOCK_CONNECTING;
    if (error < 0)
        s->flags |= SOCK_FAILED | SOCK_EOF;
    s->ops->on_connect(s, error);
    loop_run_after(l);
}

static void serve_send(struct loop *l, struct sock *s)
{
    s->flags &= ~(uint32_t)(SOCK_SEND_ARMED | SOCK_CAN_SEND);
    s->ops->on_send(s, s->flags & SOCK_FAILED ? WERR_RESET : 0);
    loop_run_after(l);
}

static void serve_hangup(struct loop *l, struct sock *s)
{
    s->flags |= SOCK_FAILED;
    s->ops->on_hangup(s, WERR_RESET);
    loop_run_after(l);
}

static void serve_over(struct loop *l, struct sock *s)
{
    if (has_hung_up(s)) {
        serve_hangup(l, s);
        return;
    }
    s->flags &= ~(uint32_t)SOCK_TELLS_FIN;
    s->ops->on_fin(s);
    loop_run_after(l);
}

/* An error counts as ready for both: the library that tries will meet it. */
static void serve_watch(struct loop *l, struct sock *s)
{
    struct loop_watch *w = (struct loop_watch *)(void *)s;
    uint32_t seen = s->flags & SOCK_SIGNALLED;
    bool is_over = (seen & (SOCK_HUP | SOCK_DEAD)) != 0;

    s->flags &= ~(uint32_t)SOCK_SIGNALLED;
    w->on_ready(w, is_over || (seen & SOCK_CAN_RECV) != 0,
                is_over || (seen & SOCK_CAN_SEND) != 0);
    loop_run_after(l);
}

/* Closed sockets drop out of each test, since closing leaves no other flag than CLOSING. */
static void serve_sock(struct loop *l, struct sock *s)
{
    if (s->flags & SOCK_FOREIGN) {
        serve_watch(l, s); /* which may have freed it */
        return;
    }
    if (s->flags & SOCK_LISTENS) {
        loop_serve_accept(l, s);
    } else {
        if (s->flags & SOCK_CONNECTING)
            serve_connect(l, s);
        if (can_try_recv(s))
            serve_recv(l, s);
        if (can_try_send(s))
            serve_send(l, s);
        if (is_over(s))
            serve_over(l, s);
    }
    if (!sock_is_open(s))
        return;
    loop_queue_if_due(s);
    if (has_flags(s, SOCK_RECV))
        loop_park(l, s);
}

static void run_ready(struct loop *l)
{
    struct sock *s;

    TAILQ_INSERT_TAIL(&l->ready, &l->mark, ready);
    while ((s = TAILQ_FIRST(&l->ready)) != &l->mark) {
        TAILQ_REMOVE(&l->ready, s, ready);
        s->flags &= ~(uint32_t)SOCK_QUEUED;
        serve_sock(l, s);
    }
    TAILQ_REMOVE(&l->ready, &l->mark, ready);
}

static void run_work(struct loop *l)
{
    struct loop_work *w;

    if (TAILQ_EMPTY(&l->work))
        return;
    TAILQ_INSERT_TAIL(&l->work, &l->work_mark, entry);
    while ((w = TAILQ_FIRST(&l->work)) != &l->work_mark) {
        TAILQ_REMOVE(&l->work, w, entry);
        w->queued = false;
        w->run(w);
        loop_run_after(l);
    }
    TAILQ_REMOVE(&l->work, &l->work_mark, entry);
}

static void register_parked(struct loop *l)
{
    struct sock *s;

    while ((s = TAILQ_FIRST(&l->parked)) != NULL) {
        loop_unlink(l, s);
        if (has_flags(s, SOCK_RECV))
            loop_register(l, s);
    }
}

bool loop_is_idle(const struct loop *l)
{
    return TAILQ_EMPTY(&l->ready) && TAILQ_EMPTY(&l->work) && TAILQ_EMPTY(&l->closing);
}

/* Counted from the begun ms, so that the timer is due on waking and no turn is wasted. */
static int64_t shorten_wait_for_timer(const struct loop *l, int64_t max_wait_ms)
{
    uint64_t due_ms = timers_next_ms(&l->timers);
    uint64_t now_ms = loop_now_ms(l);
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;

    if (due_ms == UINT64_MAX || (max_wait_ms >= 0 && wait_ms > (uint64_t)max_wait_ms))
        return max_wait_ms;
    return wait_ms < INT32_MAX ? (int64_t)wait_ms : INT32_MAX;
}

bool loop_turn(struct loop *l, int64_t max_wait_ms)
{
    register_parked(l);
    l->ops->wait(l, loop_is_idle(l) ? shorten_wait_for_timer(l, max_wait_ms) : 0);
    run_ready(l);
    if (timers_run(&l->timers, loop_now_ms(l)) > 0)
        loop_run_after(l);
    run_work(l);
    run_closing(l);
    bool goes_on = !l->stopped;
    l->stopped = false;
    return goes_on;
}

void loop_run(struct loop *l)
{
    while (loop_turn(l, -1)) {
    }
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

uint64_t loop_now_us(const struct loop *l)
{
    return l->now_us;
}

/* Read in the turns in which somebody asks: few do. */
uint64_t loop_wall_us(struct loop *l)
{
    if (l->wall_us == 0)
        l->wall_us = l->ops->wall_us(l);
    return l->wall_us;
}

struct timers *loop_timers(struct loop *l)
{
    return &l->timers;
}

void loop_defer(struct loop *l, struct loop_work *w)
{
    if (w->queued)
        return;
    w->queued = true;
    TAILQ_INSERT_TAIL(&l->work, w, entry);
}

void loop_undefer(struct loop *l, struct loop_work *w)
{
    if (!w->queued)
        return;
    w->queued = false;
    TAILQ_REMOVE(&l->work, w, entry);
}

void loop_set_after(struct loop *l, void (*after)(void *arg), void *arg)
{
    l->after = after;
    l->after_arg = arg;
}

bool loop_has_ready(const struct loop *l)
{
    const struct sock *first = TAILQ_FIRST(&l->ready);

    return first != NULL && first != &l->mark;
}

void loop_set_read_max(struct loop *l, uint32_t bytes)
{
    MUST(bytes - 1U < LOOP_SCRATCH_BYTES);
    l->read_max = bytes;
}
