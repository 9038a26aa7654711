#include "worker/listener.h"

#include <stddef.h>

#include "worker/client.h"
#include "worker/worker.h"

static void on_accept(struct sock *s, struct accepted *a)
{
    struct listener *l = (struct listener *)((char *)s - offsetof(struct listener, sock));

    worker_note(l->worker, FLIGHT_ACCEPTED, (uint64_t)(l - l->worker->listeners),
                l->worker->clients_slab.in_use);
    if (!spread_pass(&l->worker->spread, a, (uint32_t)(l - l->worker->listeners)))
        client_accept(l->worker, a, l->has_headers);
}

static void on_closed(struct sock *s)
{
    const struct listener *l =
        (const struct listener *)((char *)s - offsetof(struct listener, sock));

    worker_listener_closed(l->worker); /* which frees all of them together */
}

static const struct sock_ops listener_ops = {.on_accept = on_accept, .on_closed = on_closed};

void listener_start(struct listener *l, struct worker *w, int handle, bool has_headers)
{
    l->has_headers = has_headers;
    l->worker = w;
    sock_accept_start(w->loop, &l->sock, &listener_ops, handle);
}
