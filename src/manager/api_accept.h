/* api_accept.h - what the head of a request says of the response that it wants: a stream of
 * events, and from which one on? Called by api_request.c for each head. Pure. */
#ifndef WELDR_MANAGER_API_ACCEPT_H
#define WELDR_MANAGER_API_ACCEPT_H

#include <stdbool.h>

#include "manager/event_ring.h"

struct msg;

struct api_accept {
    bool wants_stream;          /* Accept: text/event-stream */
    char last_id[EVENT_ID_MAX]; /* Last-Event-ID; empty: none */
};

void api_accept_read(const struct msg *m, struct api_accept *out);

#endif
