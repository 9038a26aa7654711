/* codec.h - bytes to events and events to bytes: all that callers see of a protocol version.
 *
 * A codec belongs to one connection (the conn frees it) and sees no socket. Two roles:
 * CODEC_SERVER reads requests and writes responses (client connections, management API),
 * CODEC_CLIENT writes requests and reads responses (origin connections, health probes).
 * codec_new makes one by protocol; nobody else names a protocol.
 *
 * Streams: a connection carries one stream (HTTP/1: the same one for one message after the
 * other) or many at once. A stream is one request and its response. In the server role it
 * begins with the peer's first event of it, whose stream->user is NULL; in the client role with
 * codec_open. It is the caller's until codec_done or codec_reset, even if the peer has given it
 * up meanwhile, so that no pointer to it dies unheard of. Identifiers are the codec's own.
 * Where a codec has one stream only, NULL means that one: it looks at no stream that it is
 * given.
 *
 * Reading: feed() consumes a prefix of the bytes, hands events to the owner and says how many
 * it took. What it did not take must be offered again, with more behind it, by the next feed()
 * (the conn keeps it). Whole, byte by byte or split anywhere: the same events (BODY pieces may
 * be cut differently). A HEAD with is_whole counts as END, here and below. HTTP/1 takes nothing
 * more after an END until codec_done() (pipelined requests wait in the conn), nor while paused.
 * eof() tells that the peer has closed. On HTTP/1 it ends an until-close body, else makes RESET
 * with WERR_EOF when a message was begun; after a RESET the codec reads nothing more, and the
 * connection must close after what is still to be sent. With many streams a RESET is of its
 * stream alone; a RESET without a stream says that the connection is broken: each stream had
 * its own before.
 *
 * Writing: send_*() append to an outv, for which the caller made sure of room
 * (codec_send_room()). The writer makes canonical framing from msg.body and the peer's version:
 * chunked is never sent to HTTP/1.0 (the body then ends with the connection). What a stream's
 * peer gives no credit for is kept in the stream, in blocks of the process's one store:
 * flow(true) tells so, flow(false) that nothing is kept any more. Whatever a codec has to say
 * that no caller asked for (credit, settings, answers to pings, what was kept) comes by
 * codec_output(). codec_can_reuse() tells whether the connection may carry another message.
 *
 * Upgrade (HTTP/1): a client codec that has sent the head of a request with MSG_UPGRADE takes a
 * 101 and tells it as HEAD; a server codec sends a 101 as head. From then on both directions
 * are a body that ends with the connection: bytes as they are. Only a request that has not
 * ended yet goes on to its end (send_end, END) in its own framing first (RFC 9110 section 7.8).
 *
 * Back-pressure has one verb: pause(true) asks for no more of a stream's body, pause(false)
 * goes on. HTTP/1 consumes no more of it at once; with many streams what the peer had credit
 * for still comes.
 */
#ifndef WELDR_CODEC_CODEC_H
#define WELDR_CODEC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outv.h"
#include "base/span.h"
#include "base/werr.h"
#include "http/event.h"
#include "http/msg.h"

struct bufq_store;

enum codec_role { CODEC_SERVER, CODEC_CLIENT, CODEC_ROLES };
/* CODEC_RAW: bytes that are no HTTP (raw.h): no heads, BODY from the start to the end. */
enum codec_protocol { CODEC_H1, CODEC_RAW, CODEC_PROTOCOLS };

/* Why a stream is given up; HTTP/1 can say none of it. */
enum codec_why {
    CODEC_CANCELLED, /* nobody wants it any more */
    CODEC_REFUSED,   /* nothing was done for it: the peer may ask again */
    CODEC_FAILED     /* ours, or the other side's, fault */
};

/* How the peer's bytes have ended. */
enum codec_eof {
    CODEC_ENDED, /* as it meant it */
    CODEC_CUT    /* by whoever: a body that ends with the connection may not be whole */
};

/* The first member of what a codec keeps of a stream. */
struct codec_stream {
    void *user; /* the owner's; NULL at first. Of HTTP/1's only stream always NULL */
};

struct codec;
/* What a codec tells its owner. */
struct codec_owner_ops {
    void (*event)(struct codec *c, struct event *ev);
    /* What is sent on this stream is kept (is_full), or all of it has gone out. Only of codecs
     * with many streams; may be NULL otherwise. It may come inside send_*: do nothing but pause
     * the source. */
    void (*flow)(struct codec *c, struct codec_stream *st, bool is_full);
};

struct codec_limits {
    uint32_t line_bytes;            /* request line: 414 */
    uint32_t head_bytes;            /* whole head: 431 (request), broken response (response) */
    uint16_t fields;                /* number of fields: 431 */
    uint32_t chunk_extension_bytes; /* of a body in all: 400 (RFC 9112 section 7.1.1) */
    uint32_t trailer_bytes;         /* trailer section */
};
extern const struct codec_limits codec_limits_request; /* 8 KiB, 32 KiB, 100, 4 KiB, 8 KiB */
/* 8 KiB, 64 KiB, MSG_FIELDS_MAX, 4 KiB, 8 KiB: what checks take; workers have the pool's. */
extern const struct codec_limits codec_limits_response;

/* What may stand before a response: past it the response is broken. */
enum { CODEC_INFO_MAX = 64, CODEC_INFO_BYTES_MAX = 64 * 1024 };

struct codec_ops {
    const char *name; /* "h1" */
    bool has_many;    /* streams at once; else the stream that callers name may be NULL */
    /* Returns bytes consumed (0..in.len), never negative: errors come as RESET events. */
    size_t (*feed)(struct codec *c, struct span in);
    /* Did an event tell the owner of it? With many streams none does. */
    bool (*eof)(struct codec *c, enum codec_eof how);
    void (*pause)(struct codec *c, struct codec_stream *st, bool paused);
    /* Upper bound of the own bytes that send_head (or, for trailers, send_end) of this message
     * takes; for codec_send_room. Trailers that find no room are left out. */
    size_t (*head_room)(const struct codec *c, const struct msg *m);
    void (*send_head)(struct codec *c, struct codec_stream *st, const struct msg *m,
                      struct outv *out); /* also INFO (1xx) */
    void (*send_body)(struct codec *c, struct codec_stream *st, struct span data,
                      uint64_t chunk_bytes, struct outv *out);
    void (*send_end)(struct codec *c, struct codec_stream *st, const struct msg *trailers,
                     struct outv *out); /* trailers may be NULL */
    /* Writes what the codec itself has to say, as far as there is room; true: there is more.
     * NULL: never anything. */
    bool (*output)(struct codec *c, struct outv *out);
    /* Bytes of this stream's body that wait for credit. NULL: never any. */
    size_t (*kept)(const struct codec *c, const struct codec_stream *st);
    uint64_t (*raw_in)(const struct codec *c, const struct codec_stream *st);
    void (*skip_in)(struct codec *c, struct codec_stream *st, size_t n);
    uint64_t (*raw_out)(const struct codec *c, const struct codec_stream *st);
    void (*skip_out)(struct codec *c, struct codec_stream *st, size_t n);
    struct codec_stream *(*open)(struct codec *c, void *user);
    void (*done)(struct codec *c, struct codec_stream *st);
    /* NULL: a stream can't end before its time but with its connection. */
    void (*reset)(struct codec *c, struct codec_stream *st, enum codec_why why);
    void (*close_after)(struct codec *c);
    bool (*can_reuse)(const struct codec *c);
    void (*free)(struct codec *c);
};

struct codec {
    const struct codec_ops *ops;
    const struct codec_owner_ops *up;
    void *owner; /* the conn */
};

/* ---- making them ---- */

/* One protocol: what all its codecs of a process share (memory), and how one is made. */
struct codec_kind {
    const char *name;
    void *(*shared_new)(struct bufq_store *store); /* NULL: no memory */
    void (*shared_free)(void *shared);             /* NULL allowed; no codec may be left */
    /* NULL: no memory. limits must outlive it. */
    struct codec *(*make)(void *shared, enum codec_role role,
                          const struct codec_limits *limits);
    unsigned (*live_n)(const void *shared); /* codecs that were not freed yet */
    void (*settle)(void *shared);           /* see codec_shared_settle */
};

/* Of all codecs of a process. The store keeps what streams can't send; it must outlive this. */
struct codec_shared;
struct codec_shared *codec_shared_new(struct bufq_store *store); /* NULL: no memory */
void codec_shared_free(struct codec_shared *s); /* NULL allowed; no codec may be left */
/* For tests: another kind for this protocol in this role, once, before the first codec is made.
 * WERR_NOMEM. */
int codec_shared_put(struct codec_shared *s, enum codec_protocol protocol, enum codec_role role,
                     const struct codec_kind *kind) MUST_USE;
unsigned codec_shared_live_n(const struct codec_shared *s);
/* To be called every few seconds: gives back what was not needed since the last call. */
void codec_shared_settle(struct codec_shared *s);

/* NULL: no memory. limits must outlive it. The caller sets up and owner. */
struct codec *codec_new(struct codec_shared *s, enum codec_protocol protocol,
                        enum codec_role role, const struct codec_limits *limits);
/* Not from within an event. Streams that are left go with it. */
static inline void codec_free(struct codec *c)
{
    c->ops->free(c);
}

/* ---- reading ---- */

static inline bool codec_has_many(const struct codec *c)
{
    return c->ops->has_many;
}
static inline size_t codec_feed(struct codec *c, struct span in)
{
    return c->ops->feed(c, in);
}
static inline bool codec_eof(struct codec *c, enum codec_eof how)
{
    return c->ops->eof(c, how);
}
static inline void codec_pause(struct codec *c, struct codec_stream *st, bool paused)
{
    c->ops->pause(c, st, paused);
}

/* ---- writing ---- */

/* Room that one send_body or send_end takes at the most. */
enum { CODEC_BODY_OWN_BYTES = 64 + OUTV_COPY_MAX, CODEC_BODY_PIECES = 4 };

/* Room in out for this head (or trailers), one send_body and one send_end? */
static inline bool codec_send_room(const struct codec *c, const struct msg *m,
                                   const struct outv *out)
{
    size_t head = m != NULL ? c->ops->head_room(c, m) : 0;
    return outv_has_room(out, head + 2 * (size_t)CODEC_BODY_OWN_BYTES,
                         1 + 2 * CODEC_BODY_PIECES);
}
static inline void codec_send_head(struct codec *c, struct codec_stream *st,
                                   const struct msg *m, struct outv *out)
{
    c->ops->send_head(c, st, m, out);
}
static inline void codec_send_body(struct codec *c, struct codec_stream *st, struct span data,
                                   uint64_t chunk_bytes, struct outv *out)
{
    c->ops->send_body(c, st, data, chunk_bytes, out);
}
static inline void codec_send_end(struct codec *c, struct codec_stream *st,
                                  const struct msg *trailers, struct outv *out)
{
    c->ops->send_end(c, st, trailers, out);
}
/* To be asked after feed(), pause(false), reset() and close_after(), and when there is room
 * again: see codec_ops. At the least it is asked with the room of a send_body. */
static inline bool codec_output(struct codec *c, struct outv *out)
{
    return c->ops->output != NULL && c->ops->output(c, out);
}

/* What it keeps of this stream: has some of that gone out? */
static inline size_t codec_kept(const struct codec *c, const struct codec_stream *st)
{
    return c->ops->kept != NULL ? c->ops->kept(c, st) : 0;
}

/* ---- past the codec ---- */

/* So many bytes to come are nothing but this stream's body, and so many may be sent that go out
 * as they are: they need not be seen, 0 otherwise (as with many streams). Whoever takes them
 * past the codec says so: skip_in gives BODY without bytes and, when it was the last, END. */
static inline uint64_t codec_raw_in(const struct codec *c, const struct codec_stream *st)
{
    return c->ops->raw_in(c, st);
}
static inline void codec_skip_in(struct codec *c, struct codec_stream *st, size_t n)
{
    c->ops->skip_in(c, st, n);
}
static inline uint64_t codec_raw_out(const struct codec *c, const struct codec_stream *st)
{
    return c->ops->raw_out(c, st);
}
static inline void codec_skip_out(struct codec *c, struct codec_stream *st, size_t n)
{
    c->ops->skip_out(c, st, n);
}

/* ---- life of a stream ---- */

/* Client role: a new stream; NULL: none can begin now (no memory, as many as the peer allows,
 * the connection is about to close, or its one stream is in use). */
static inline struct codec_stream *codec_open(struct codec *c, void *user)
{
    return c->ops->open(c, user);
}
/* Both directions have ended, or RESET was told (MUST): the caller is done with the stream. On
 * HTTP/1, where RESET does not allow it, the next message begins. May be called within the
 * stream's event: feed() then goes on. */
static inline void codec_done(struct codec *c, struct codec_stream *st)
{
    c->ops->done(c, st);
}
/* Gives the stream up at any time: no more events come of it, nothing kept is sent, and it is
 * the codec's again. Only where codec_can_reset. */
static inline void codec_reset(struct codec *c, struct codec_stream *st, enum codec_why why)
{
    c->ops->reset(c, st, why);
}
static inline bool codec_can_reset(const struct codec *c)
{
    return c->ops->reset != NULL;
}
/* Server role: no more streams. On HTTP/1 the next response says that the connection closes;
 * with many streams the peer is told at once, and those that it has begun go on. */
static inline void codec_close_after(struct codec *c)
{
    c->ops->close_after(c);
}
static inline bool codec_can_reuse(const struct codec *c)
{
    return c->ops->can_reuse(c);
}

#endif
