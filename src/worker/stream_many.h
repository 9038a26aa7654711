/* stream_many.h - a stream that is one of many on its connection (STREAM_MANY).
 *
 * It is an object of its own, from a slab of the worker, between an exchange and a stream of
 * the codec. The owner of the connection (client_many.c) keeps those of one connection in a
 * struct streams and passes on what the conn tells of them.
 *
 * Congestion: a stream is congested while the codec keeps something of it for want of credit,
 * or while its whole connection is.
 *
 * Pause: a peer to whom no credit is given stops only when it has used up what it has. What
 * comes until then is queued here, in the budget of all queues, and handed on when the exchange
 * goes on, in a callback of its own, so that none runs inside another. A reset is told at once.
 *
 * End: an exchange is over when all was said. If the codec keeps the last of it, the stream
 * goes on alone (stream_many_end) until that has gone out, or until the peer has taken nothing
 * of it for too long. What ends a stream is nothing to the others of its connection; what ends
 * the connection ends them all (streams_lose).
 */
#ifndef WELDR_WORKER_STREAM_MANY_H
#define WELDR_WORKER_STREAM_MANY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/bufq.h"
#include "base/slab.h"
#include "base/timers.h"
#include "net/conn.h"
#include "worker/stream.h"

struct stream_many;

/* Those of one connection. */
struct streams {
    LIST_HEAD(, stream_many) all;
    uint32_t n;
    uint32_t taken_n; /* times that the peer was found to have taken something */
};

/* What all of a worker share. */
struct stream_hub {
    struct conn_shared *shared;
    struct slab slab;
    struct loop_work work;           /* goes through … */
    TAILQ_HEAD(, stream_many) ready; /* … those that have something to hand on, or to end */
    const struct stream_many *at_it; /* the one whose queue is being handed on */
};

struct stream_many {
    struct stream stream; /* first */
    struct stream_hub *hub;
    struct streams *of;
    struct conn *conn;
    struct codec_stream *codec;
    void (*on_freed)(struct streams *of); /* its connection carries one less */
    LIST_ENTRY(stream_many) entry;
    TAILQ_ENTRY(stream_many) ready;
    struct bufq in;       /* what came while it was paused */
    struct timer timer;   /* without a user: when its peer has had its time */
    uint32_t limit_ms;    /* … which is so long */
    uint32_t taken_n;     /* of streams.taken_n, as it was looked at … */
    uint64_t taken_bytes; /* … and what had gone out of said_bytes */
    uint64_t said_bytes;  /* of its body, to the codec */
    uint8_t why;          /* enum codec_why, if it has to be reset */
    bool is_paused;
    bool is_full;  /* the codec keeps something of it */
    bool is_ready; /* on hub.ready */
    bool has_end;  /* END came while it was paused */
    bool is_cut;   /* what is kept of it is of no use */
};

void stream_hub_init(struct stream_hub *hub, struct conn_shared *shared);
/* No stream is left. */
void stream_hub_fini(struct stream_hub *hub);

static inline void streams_init(struct streams *all)
{
    *all = (struct streams){0};
}

/* For a stream of the codec that has no user yet. NULL: no memory; the caller gives it up. */
struct stream_many *stream_many_new(struct stream_hub *hub, struct streams *of, struct conn *c,
                                    struct codec_stream *codec,
                                    void (*on_freed)(struct streams *of));
static inline struct stream_many *stream_many_from(struct stream *st)
{
    MUST(st->magic == STREAM_MAGIC && st->kind == STREAM_MANY);
    return (struct stream_many *)(void *)st;
}
static inline struct stream_many *stream_many_of(const struct codec_stream *codec)
{
    return stream_many_from(codec->user);
}
/* It has no user any more. It is freed when what is said has gone out, perhaps at once, or when
 * the peer has taken nothing of that for limit_ms. What the peer still says is not heard. */
void stream_many_end(struct stream_many *sm, uint32_t limit_ms);

/* ---- told by the connection's owner; the stream may be gone afterwards ---- */

void stream_many_hear(struct stream_many *sm, struct event *ev);
void stream_many_hear_flow(struct stream_many *sm, bool is_full);
void streams_hear_congested(struct streams *all);
void streams_hear_drained(struct streams *all);
void streams_hear_progress(struct streams *all);
/* The peer is gone, or has to go: each user hears it, and none is left. */
void streams_lose(struct streams *all);

#endif
