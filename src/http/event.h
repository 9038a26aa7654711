/* event.h - what a codec tells about a message, and what it is told to send: the
 * version-neutral half of HTTP.
 *
 * The same events come from every codec and go into every codec, so that the exchange relays h1
 * and h2 alike: (INFO)* HEAD (BODY)* [TRAILERS] END, or RESET at any point. A HEAD with
 * is_whole is a whole message: it counts as END too, and no END follows. Everything that an
 * event points to lives until the sink returns.
 */
#ifndef WELDR_HTTP_EVENT_H
#define WELDR_HTTP_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "http/msg.h"

struct codec_stream;

enum event_type {
    EVENT_INFO,     /* 1xx response head (msg) */
    EVENT_HEAD,     /* final head (msg); an END comes later unless is_whole is set */
    EVENT_BODY,     /* body bytes (data, may be a part of a chunk) */
    EVENT_TRAILERS, /* trailer section (msg: only fields are set) */
    EVENT_END,      /* the message is complete; not after a HEAD that is whole */
    EVENT_RESET,    /* the message will not be completed (error) */
};

struct event {
    enum event_type type;
    bool is_whole;               /* HEAD: nothing follows, the message was read to its end */
    struct codec_stream *stream; /* that it is of; NULL: RESET of the connection */
    int error;                   /* RESET: WERR_* */
    uint16_t status; /* RESET while reading a request: the status that answers it best (400,
                        431, 501, 505 …), else 0 */
    const char
        *why; /* RESET: a few words for log and response, a literal ("content-length twice") */
    struct msg *msg;      /* INFO, HEAD, TRAILERS; the sink may mark and add */
    struct span data;     /* BODY; ptr NULL: went to the other side already, only counts */
    uint64_t chunk_bytes; /* BODY, chunked: size of the chunk that begins with this piece; 0 =
                             goes on with the chunk before (or not chunked) */
};

const char *event_name(enum event_type type);

#endif
