/* listener.h - a listening socket of a worker; every accepted connection becomes a client
 * (client.h), here or in a worker that has fewer (spread.h). Owned by the worker. */
#ifndef WELDR_WORKER_LISTENER_H
#define WELDR_WORKER_LISTENER_H

#include "net/loop.h"

struct worker;

struct listener {
    struct sock sock;
    struct worker *worker;
    bool has_headers; /* its clients come behind a PROXY header */
};

void listener_start(struct listener *l, struct worker *w, int handle, bool has_headers);

#endif
