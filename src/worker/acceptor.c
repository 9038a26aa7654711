#include "worker/acceptor.h"

#include <stddef.h>

#include "base/fault.h"
#include "worker/client.h"
#include "worker/listener_runtime.h"
#include "worker/spread.h"
#include "worker/worker.h"

static struct acceptor *acceptor_of(struct sock *s)
{
    struct acceptor *a = (struct acceptor *)((char *)s - offsetof(struct acceptor, sock));

    MUST(a->magic == ACCEPTOR_MAGIC);
    return a;
}

void acceptor_take_client(struct acceptor *a, struct accepted *accepted)
{
    client_accept(a->listener, accepted, a->has_headers || a->listener->proxy_protocol);
}

static void on_accept(struct sock *s, struct accepted *accepted)
{
    struct acceptor *a = acceptor_of(s);
    struct worker *w = a->listener->worker;

    worker_note(w, FLIGHT_ACCEPTED, a->socket_no, w->clients_slab.in_use);
    if (!spread_pass(&w->spread, accepted, a->socket_no))
        acceptor_take_client(a, accepted);
}

static void on_closed(struct sock *s)
{
    struct listener_runtime *l = acceptor_of(s)->listener;

    worker_acceptor_closed(l->worker);
    listener_runtime_part(l);
}

static const struct sock_ops acceptor_ops = {.on_accept = on_accept, .on_closed = on_closed};

static void start(struct acceptor *a)
{
    if (a->handle < 0 || !a->listener->is_described)
        return;
    sock_accept_start(a->listener->worker->loop, &a->sock, &acceptor_ops, a->handle);
    a->handle = -1;
}

/* One that was never started is closed as it is. */
static void leave(struct acceptor *a)
{
    if (a->handle >= 0) {
        sock_accept_start(a->listener->worker->loop, &a->sock, &acceptor_ops, a->handle);
        a->handle = -1;
        sock_close(&a->sock, false);
    } else if (sock_is_open(&a->sock)) {
        sock_accept_last(&a->sock);
    }
}

struct acceptor *acceptor_find(const struct worker *w, uint32_t socket_no)
{
    struct acceptor *a;

    LIST_FOREACH (a, &w->acceptors, entry)
        if (a->socket_no == socket_no)
            return a;
    return NULL;
}

/* Of this listener, which is about to be freed; all are closed. */
static void free_all(const struct listener_runtime *l)
{
    struct worker *w = l->worker;
    struct acceptor *a, *next;

    for (a = LIST_FIRST(&w->acceptors); a != NULL; a = next) {
        next = LIST_NEXT(a, entry);
        if (a->listener != l)
            continue;
        MUST(a->handle < 0 && !sock_is_open(&a->sock));
        LIST_REMOVE(a, entry);
        w->acceptor_n--;
        a->magic = 0;
        free(a);
    }
}

int acceptor_take(struct worker *w, const struct frame_listen *listen, int handle)
{
    const uint32_t number = listen->socket_no;

    struct acceptor *a = acceptor_find(w, number);
    if (a != NULL) {
        a->is_told = true;
        return WERR_EXISTS;
    }
    a = fault_malloc(sizeof(*a));
    struct listener_runtime *l =
        a != NULL ? listener_runtime_find_or_new(w, listen->listener_id) : NULL;
    if (l == NULL) {
        free(a);
        return WERR_NOMEM;
    }
    *a = (struct acceptor){
        .magic = ACCEPTOR_MAGIC,
        .socket_no = number,
        .listener = l,
        .handle = handle,
        .is_told = true,
        .has_headers = number < 64 && (w->proxy_listeners >> number & 1),
    };
    LIST_INSERT_HEAD(&w->acceptors, a, entry);
    listener_runtime_join(l, free_all);
    w->acceptor_n++;
    w->next_socket_no = number >= w->next_socket_no ? number + 1 : w->next_socket_no;
    if (w->draining)
        leave(a);
    else if (w->is_listening)
        start(a);
    return 0;
}

void acceptor_leave(struct worker *w, uint32_t socket_no)
{
    struct acceptor *a = acceptor_find(w, socket_no);

    if (a != NULL)
        leave(a);
}

void acceptor_forget_told(struct worker *w)
{
    struct acceptor *a;

    LIST_FOREACH (a, &w->acceptors, entry)
        a->is_told = false;
}

void acceptor_leave_untold(struct worker *w)
{
    struct acceptor *a;

    LIST_FOREACH (a, &w->acceptors, entry)
        if (!a->is_told)
            leave(a);
}

void acceptor_start_all(struct worker *w)
{
    struct acceptor *a;

    w->is_listening = true;
    LIST_FOREACH (a, &w->acceptors, entry)
        start(a);
}

void acceptor_leave_all(struct worker *w, const struct listener_runtime *l)
{
    struct acceptor *a;

    LIST_FOREACH (a, &w->acceptors, entry)
        if (l == NULL || a->listener == l)
            leave(a);
}
