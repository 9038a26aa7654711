/* acceptor.h - one listening socket of a worker: an address of a listener. Every accepted
 * connection becomes a client of that listener (stream.h), here or in a worker that has fewer
 * (spread.h).
 *
 * The manager hands each over with a LISTEN frame; it is known by its number, which connections
 * that are passed on carry. It accepts from the first snapshot on, as soon as the description
 * has its listener, until UNLISTEN or a drain: then what waits there is taken and it closes.
 * Its struct stays as long as its listener, for connections that others have accepted there.
 * Owned by the worker. */
#ifndef WELDR_WORKER_ACCEPTOR_H
#define WELDR_WORKER_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/loop.h"
#include "wire/frame.h"

struct worker;
struct listener_runtime;

enum { ACCEPTOR_MAGIC = 0x61636370 };

struct acceptor {
    struct sock sock;
    uint32_t magic;
    uint32_t socket_no;
    struct listener_runtime *listener;
    LIST_ENTRY(acceptor) entry;
    int handle;       /* until it is started; -1 then */
    bool is_told;     /* by a LISTEN since acceptor_forget_told */
    bool has_headers; /* its clients come behind a PROXY header, whatever its listener says */
};

/* 0: the handle is taken. WERR_EXISTS: that socket is here already; WERR_NOMEM. */
int acceptor_take(struct worker *w, const struct frame_listen *listen, int handle) MUST_USE;
void acceptor_leave(struct worker *w, uint32_t socket_no);
/* NULL: none, or not yet. */
struct acceptor *acceptor_find(const struct worker *w, uint32_t socket_no);
/* A client for this worker: accepted here, or by another worker at this address. */
void acceptor_take_client(struct acceptor *a, struct accepted *accepted);
/* All that are open are about to be told of again, and then a snapshot comes: those that were
 * not told of are closed, for the word to close them was left out for the snapshot. */
void acceptor_forget_told(struct worker *w);
void acceptor_leave_untold(struct worker *w);
/* The description is here: begins to accept at all whose listener is in it. */
void acceptor_start_all(struct worker *w);
/* Closes those of this listener, which has left the description; NULL: of all. What waits there
 * is taken. */
void acceptor_leave_all(struct worker *w, const struct listener_runtime *l);

#endif
