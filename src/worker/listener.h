/* listener.h - a listening socket of a worker; every accepted connection becomes a client
 * (stream.h), here or in a worker that has fewer (spread.h).
 *
 * The manager hands each over with a LISTEN frame; it is known by its number, which connections
 * that are passed on carry. It accepts from the first snapshot on, until UNLISTEN or a drain:
 * then what waits there is taken and it closes. Its struct stays, for connections that others
 * have accepted there. Owned by the worker. */
#ifndef WELDR_WORKER_LISTENER_H
#define WELDR_WORKER_LISTENER_H

#include <sys/queue.h>

#include "net/loop.h"
#include "wire/frame.h"

struct worker;

struct listener {
    struct sock sock;
    struct worker *worker;
    LIST_ENTRY(listener) entry;
    uint32_t socket_no;
    int handle;       /* until it is started; -1 then */
    bool has_headers; /* its clients come behind a PROXY header */
};

/* 0: the handle is taken. WERR_EXISTS: that socket is here already; WERR_NOMEM. */
int listener_take(struct worker *w, uint32_t socket_no, int handle) MUST_USE;
void listener_leave(struct worker *w, uint32_t socket_no);
/* NULL: none, or not yet. */
struct listener *listener_find(const struct worker *w, uint32_t socket_no);
/* Begins to accept at all of them. */
void listener_start_all(struct worker *w);
void listener_free_all(struct worker *w);

#endif
