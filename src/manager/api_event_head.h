/* api_event_head.h - what the head of a request says of the response that it wants: a stream of
 * events, and from which one on? Called by api_request.c for each head. Pure. */
#ifndef WELDR_MANAGER_API_EVENT_HEAD_H
#define WELDR_MANAGER_API_EVENT_HEAD_H

#include <stdbool.h>

#include "manager/event_ring.h"

struct msg;

struct api_event_head {
    bool wants_stream;          /* Accept: text/event-stream */
    char last_id[EVENT_ID_MAX]; /* Last-Event-ID; empty: none */
};

void api_event_head_read(const struct msg *m, struct api_event_head *out);

#endif
