/* caller.h - who a request is of, as far as an exchange and its server need to know: a part of
 * the client (client.h) that outlives each of its exchanges. */
#ifndef WELDR_WORKER_CALLER_H
#define WELDR_WORKER_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct listener_runtime;

struct caller {
    struct listener_runtime *listener; /* where it came in */
    struct addr *local;      /* where it connected to, as its PROXY header says, the client's
                                own; NULL: ask the stream */
    struct addr peer;        /* of the connection, or as its PROXY header says */
    uint32_t requests : 30;  /* begun so far */
    uint32_t is_trusted : 1; /* what it says of whom it speaks for is passed on */
    uint32_t is_counted_at_host : 1; /* admission.h */
};

#endif
