/* caller.h - who a request is of, as far as an exchange and its server need to know: a part of
 * the client (client.h) that outlives each of its exchanges. */
#ifndef WELDR_WORKER_CALLER_H
#define WELDR_WORKER_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/werr.h"

struct listener_runtime;

struct caller {
    struct listener_runtime *listener; /* where it came in */
    struct addr peer;                  /* of the connection, or as its PROXY header says */
    uint32_t requests : 30;            /* begun so far */
    uint32_t is_trusted : 1;           /* what it says of whom it speaks for is passed on */
    uint32_t is_counted_at_host : 1;   /* admission.h */
};

/* Where it connected to, as its PROXY header says. Kept beside it, by its listener, since
 * nearly no client has one, and few servers ask. WERR_NOMEM. */
int caller_note_local(struct caller *c, const struct addr *local) MUST_USE;
const struct addr *caller_local(const struct caller *c); /* NULL: ask the stream */
/* Before the caller goes. */
void caller_forget_local(struct caller *c);

#endif
