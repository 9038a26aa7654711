/* codec.h - bytes to events and events to bytes: all that callers see of a protocol version.
 *
 * A codec belongs to one connection (the conn frees it) and sees no socket. Two roles:
 * CODEC_SERVER reads requests and writes responses (client connections, management API),
 * CODEC_CLIENT writes requests and reads responses (origin connections, health probes).
 *
 * Reading: feed() consumes a prefix of the bytes, hands events to the sink and says how many it
 * took. What it did not take must be offered again, with more behind it, by the next feed()
 * (the conn keeps it). A HEAD with is_whole counts as END, here and below. It takes nothing
 * more after an END until codec_next() (one message at a time on h1: pipelined requests wait in
 * the conn), nor while paused by credit. Whole, byte by byte or split anywhere: the same events
 * (BODY pieces may be cut differently). eof() tells that the peer has closed: ends an
 * until-close body, else makes RESET with WERR_EOF when a message was begun. After RESET the
 * codec reads nothing more; the connection must close after what is still to be sent.
 *
 * Writing: send_*() append to an outv, for which the caller made sure of room
 * (codec_send_room()). The writer makes canonical framing from msg.body and the peer's version:
 * chunked is never sent to HTTP/1.0 (the body then ends with the connection). codec_can_reuse()
 * tells after both directions ended whether the connection lives on.
 *
 * Upgrade: a client codec that has sent the head of a request with MSG_UPGRADE takes a 101 and
 * tells it as HEAD; a server codec sends a 101 as head. From then on both directions are a body
 * that ends with the connection: bytes as they are. Only a request that has not ended yet goes
 * on to its end (send_end, END) in its own framing first (RFC 9110 section 7.8).
 *
 * Back-pressure has one verb: pause(true) makes feed() consume no more body; pause(false) goes
 * on.
 */
#ifndef WELDR_CODEC_CODEC_H
#define WELDR_CODEC_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outv.h"
#include "base/span.h"
#include "base/werr.h"
#include "http/event.h"
#include "http/msg.h"

enum codec_role { CODEC_SERVER, CODEC_CLIENT };

struct codec;
typedef void (*codec_sink_fn)(struct codec *c, struct event *ev);

struct codec_limits {
    uint32_t line_bytes;            /* request line: 414 */
    uint32_t head_bytes;            /* whole head: 431 (request), broken answer (response) */
    uint16_t fields;                /* number of fields: 431 */
    uint32_t chunk_extension_bytes; /* of a body in all: 400 (RFC 9112 section 7.1.1) */
    uint32_t trailer_bytes;         /* trailer section */
};
extern const struct codec_limits codec_limits_request; /* 8 KiB, 32 KiB, 100, 4 KiB, 8 KiB */
/* 8 KiB, 64 KiB, MSG_FIELDS_MAX, 4 KiB, 8 KiB: what checks take; workers have the pool's. */
extern const struct codec_limits codec_limits_response;

/* What may stand before an answer: past it the answer is broken. */
enum { CODEC_INFO_MAX = 64, CODEC_INFO_BYTES_MAX = 64 * 1024 };

struct codec_ops {
    const char *name; /* "h1" */
    /* Returns bytes consumed (0..in.len), never negative: errors come as RESET events. */
    size_t (*feed)(struct codec *c, struct span in);
    void (*eof)(struct codec *c);
    void (*pause)(struct codec *c, bool paused);
    /* Upper bound of the own bytes that send_head (or, for trailers, send_end) of this message
     * takes; for codec_send_room. Trailers that find no room are left out. */
    size_t (*head_room)(const struct codec *c, const struct msg *m);
    void (*send_head)(struct codec *c, const struct msg *m,
                      struct outv *out); /* also INFO (1xx) */
    void (*send_body)(struct codec *c, struct span data, uint64_t chunk_bytes,
                      struct outv *out);
    void (*send_end)(struct codec *c, const struct msg *trailers,
                     struct outv *out); /* trailers may be NULL */
    uint64_t (*raw_in)(const struct codec *c);
    void (*skip_in)(struct codec *c, size_t n);
    uint64_t (*raw_out)(const struct codec *c);
    void (*skip_out)(struct codec *c, size_t n);
    void (*next)(struct codec *c);
    bool (*can_reuse)(const struct codec *c);
    void (*free)(struct codec *c);
};

struct codec {
    const struct codec_ops *ops;
    codec_sink_fn sink;
    void *owner; /* the conn */
};

/* Room that one send_body or send_end takes at the most. */
enum { CODEC_BODY_OWN_BYTES = 64 + OUTV_COPY_MAX, CODEC_BODY_PIECES = 4 };

static inline size_t codec_feed(struct codec *c, struct span in)
{
    return c->ops->feed(c, in);
}

static inline void codec_eof(struct codec *c)
{
    c->ops->eof(c);
}
static inline void codec_pause(struct codec *c, bool paused)
{
    c->ops->pause(c, paused);
}
/* Room in out for this head (or trailers), one send_body and one send_end? */
static inline bool codec_send_room(const struct codec *c, const struct msg *m,
                                   const struct outv *out)
{
    size_t head = m != NULL ? c->ops->head_room(c, m) : 0;
    return outv_has_room(out, head + 2 * (size_t)CODEC_BODY_OWN_BYTES,
                         1 + 2 * CODEC_BODY_PIECES);
}
static inline void codec_send_head(struct codec *c, const struct msg *m, struct outv *out)
{
    c->ops->send_head(c, m, out);
}
static inline void codec_send_body(struct codec *c, struct span data, uint64_t chunk_bytes,
                                   struct outv *out)
{
    c->ops->send_body(c, data, chunk_bytes, out);
}
static inline void codec_send_end(struct codec *c, const struct msg *trailers, struct outv *out)
{
    c->ops->send_end(c, trailers, out);
}
/* So many bytes to come are nothing but body, and so many may be sent that go out as they are:
 * they need not be seen, 0 otherwise. Whoever takes them past the codec says so: skip_in gives
 * BODY without bytes and, when it was the last, END. */
static inline uint64_t codec_raw_in(const struct codec *c)
{
    return c->ops->raw_in(c);
}
static inline void codec_skip_in(struct codec *c, size_t n)
{
    c->ops->skip_in(c, n);
}
static inline uint64_t codec_raw_out(const struct codec *c)
{
    return c->ops->raw_out(c);
}
static inline void codec_skip_out(struct codec *c, size_t n)
{
    c->ops->skip_out(c, n);
}
/* Both directions must have ended (MUST). May be called from within the sink's END: feed() then
 * goes on with the next message. */
static inline void codec_next(struct codec *c)
{
    c->ops->next(c);
}
static inline bool codec_can_reuse(const struct codec *c)
{
    return c->ops->can_reuse(c);
}
/* Not from within the sink. */
static inline void codec_free(struct codec *c)
{
    c->ops->free(c);
}

#endif
