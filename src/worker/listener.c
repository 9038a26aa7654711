#include "worker/listener.h"

#include <stddef.h>

#include "base/fault.h"
#include "worker/stream.h"
#include "worker/worker.h"

static void on_accept(struct sock *s, struct accepted *a)
{
    struct listener *l = (struct listener *)((char *)s - offsetof(struct listener, sock));

    worker_note(l->worker, FLIGHT_ACCEPTED, l->socket_no, l->worker->clients_slab.in_use);
    if (!spread_pass(&l->worker->spread, a, l->socket_no))
        client_accept(l->worker, a, l->has_headers);
}

static void on_closed(struct sock *s)
{
    const struct listener *l =
        (const struct listener *)((char *)s - offsetof(struct listener, sock));

    worker_listener_closed(l->worker);
}

static const struct sock_ops listener_ops = {.on_accept = on_accept, .on_closed = on_closed};

static void start(struct listener *l)
{
    MUST(l->handle >= 0);
    sock_accept_start(l->worker->loop, &l->sock, &listener_ops, l->handle);
    l->handle = -1;
}

struct listener *listener_find(const struct worker *w, uint32_t socket_no)
{
    struct listener *l;

    LIST_FOREACH (l, &w->listeners, entry)
        if (l->socket_no == socket_no)
            return l;
    return NULL;
}

int listener_take(struct worker *w, uint32_t socket_no, int handle)
{
    struct listener *l;

    if (listener_find(w, socket_no) != NULL)
        return WERR_EXISTS;
    l = fault_malloc(sizeof(*l));
    if (l == NULL)
        return WERR_NOMEM;
    *l = (struct listener){
        .worker = w,
        .socket_no = socket_no,
        .handle = handle,
        .has_headers = socket_no < 64 && (w->proxy_listeners >> socket_no & 1),
    };
    LIST_INSERT_HEAD(&w->listeners, l, entry);
    w->listener_n++;
    w->next_socket_no = socket_no >= w->next_socket_no ? socket_no + 1 : w->next_socket_no;
    if (w->is_listening)
        start(l);
    return 0;
}

void listener_leave(struct worker *w, uint32_t socket_no)
{
    struct listener *l = listener_find(w, socket_no);

    if (l != NULL && sock_is_open(&l->sock))
        sock_accept_last(&l->sock);
}

void listener_start_all(struct worker *w)
{
    struct listener *l;

    w->is_listening = true;
    LIST_FOREACH (l, &w->listeners, entry)
        start(l);
}

void listener_free_all(struct worker *w)
{
    struct listener *l;

    while ((l = LIST_FIRST(&w->listeners)) != NULL) {
        LIST_REMOVE(l, entry);
        free(l);
    }
}
