/* api_stream.h - connections of the management API that read GET /events as a stream of
 * server-sent events.
 *
 * A stream is a cursor into the ring of events (event_ring.h) and a filter; what it sends, it
 * sends from the ring. It stops while its client takes nothing. When the client is so far
 * behind that half of the ring waits for it, or has taken nothing for STREAM_STUCK_MS, it is
 * cut off: its last event is `overrun` and says where to go on, which works for as long as the
 * ring has what follows. A client whose `since` the ring has no more gets the event `gap`
 * first. Every STREAM_BEAT_MS without an event a comment shows that the stream lives. When
 * weldr drains, the last event is `end`.
 *
 * A stream begins in the phase STREAMING of its api_conn and ends with the connection. Owner:
 * the api_conn.
 */
#ifndef WELDR_MANAGER_API_STREAM_H
#define WELDR_MANAGER_API_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/event_ring.h"

struct api;
struct api_conn;

enum {
    STREAMS_MAX = 256,
    STREAM_BEAT_MS = 15000,
    STREAM_STUCK_MS = 60000,
    STREAM_PIECE_BYTES = 16 * 1024,
    STREAM_PIECES_MAX = 16 /* a turn, for each stream */
};

struct api_stream_start {
    struct event_filter filter;
    uint64_t next;   /* number of the event to begin with */
    const char *gap; /* why there are events that it has missed; NULL: there are none */
    uint64_t lost;   /* how many; 0: nobody knows */
};

/* Those that there are end in order, with this word. */
void api_streams_end(struct api *a, const char *why);
/* The response to this request is a stream from now on. False: there are too many, or no
 * memory; nothing was sent. */
bool api_stream_begin(struct api_conn *ac, const struct api_stream_start *start);

#endif
