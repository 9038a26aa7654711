#include "worker/spread_in.h"

#include <stddef.h>

#include "worker/acceptor.h"
#include "worker/worker.h"

/* The one who passed it on has heard of its listener before us. */
static bool is_to_come(const struct worker *w, const struct acceptor *acceptor, uint32_t number)
{
    return acceptor != NULL ? acceptor->handle >= 0 : number >= w->next_socket_no;
}

static void on_accept(struct sock *sock, struct accepted *a)
{
    struct spread *s = (struct spread *)((char *)sock - offsetof(struct spread, inbox));
    struct worker *w = s->worker;
    const uint32_t number = accepted_tag(a);
    struct acceptor *acceptor = acceptor_find(w, number);

    s->stuck_n = 0;
    if (is_to_come(w, acceptor, number) &&
        accepted_pass(a, s->first_outbox + (int)w->id, number) == 0)
        return; /* until then it goes round */
    share_drop_waiting(&w->stats->share);
    worker_note(w, FLIGHT_PASSED_IN, number, w->clients_slab.in_use);
    if (acceptor != NULL)
        acceptor_take_client(acceptor, a);
}

static void on_closed(struct sock *sock)
{
    (void)sock; /* a part of the worker */
}

static const struct sock_ops inbox_ops = {.on_accept = on_accept, .on_closed = on_closed};

void spread_start(struct spread *s, struct worker *w, unsigned worker_n,
                  struct spread_boxes boxes)
{
    *s = (struct spread){
        .worker = w,
        .stats = boxes.stats,
        .worker_n = worker_n,
        .first_outbox = boxes.first_outbox,
    };
    MUST(s->worker_n > 0);
    sock_inbox_start(w->loop, &s->inbox, &inbox_ops, boxes.inbox);
    share_set_takes(&w->stats->share, true);
}

void spread_say_takes(struct spread *s)
{
    if (s->worker_n > 0 && sock_is_open(&s->inbox) && !s->worker->draining)
        share_set_takes(&s->worker->stats->share, true);
}

void spread_stop(struct spread *s)
{
    if (!sock_is_open(&s->inbox))
        return;
    share_set_takes(&s->worker->stats->share, false);
    sock_inbox_shut(&s->inbox);
}

bool spread_is_empty(const struct spread *s)
{
    return !sock_is_open(&s->inbox) || sock_inbox_is_empty(&s->inbox);
}

void spread_close(struct spread *s)
{
    if (sock_is_open(&s->inbox))
        sock_close(&s->inbox, false);
}
