/* stream.h - one half of an exchange: what it says to, and hears from, one of its two peers.
 *
 * An exchange holds two streams, its client's and its server's, and never a connection. What
 * lies below a stream is found by its kind, in a table of operations; what lies above by its
 * user, who brings a table of his own. On HTTP/1 a connection carries one stream at a time,
 * which stands right behind the conn in the object that owns both (client.h, lane.h): it is
 * found by its place, and an idle one costs 16 bytes. Where a connection carries many at once
 * each is an object of its own (stream_many.h). The owner of the connection tells the
 * stream what it hears (stream_hear and below it); the exchange speaks with the operations.
 *
 * Each direction has a state, `in` (what was heard of the peer's message) and `out` (what was
 * said to it): IDLE → HEAD (1xx only) → BODY (its head is there) → END, with RESET from
 * anywhere. Behind a 101 the bytes of another protocol follow: what a client says goes END →
 * TUNNEL → SHUT, since they begin behind its request; the other three directions only end in
 * SHUT or END. Sending into a stream whose connection closes is ignored.
 */
#ifndef WELDR_WORKER_STREAM_H
#define WELDR_WORKER_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fsm.h"
#include "base/werr.h"
#include "http/event.h"

struct addr;
struct conn;
struct stream;
struct tlsio;
struct stream_user;

enum { STREAM_MAGIC = 0x7374 };

enum stream_state {
    STREAM_IDLE,
    STREAM_HEAD,
    STREAM_BODY,
    STREAM_TUNNEL, /* behind the end of the message */
    STREAM_END,
    STREAM_SHUT, /* the tunnel has ended this way */
    STREAM_RESET,
    STREAM_STATES
};

enum stream_why {
    STREAM_PEER_LEFT, /* nobody is there to hear more */
    STREAM_CUT_OFF,   /* it shall not look whole; what is good of it is delivered before */
    STREAM_CUT_NOW    /* the same at once: the peer takes nothing, or has had its time */
};

/* How the peer is listened to while its message is not read on. */
enum stream_listen {
    STREAM_WAIT,     /* until stream_resume; a reset is told at once */
    STREAM_QUIET,    /* its message was read whole: nothing is */
    STREAM_WATCH,    /* … a reset is told */
    STREAM_WATCH_FIN /* … and an orderly end */
};

/* Of the connection below. */
struct stream_ops {
    void (*send_head)(struct stream *st, const struct msg *m);
    void (*send_body)(struct stream *st, struct span data, uint64_t chunk_bytes);
    void (*send_end)(struct stream *st, const struct msg *trailers);
    void (*reset)(struct stream *st, enum stream_why why);
    void (*pause)(struct stream *st);
    void (*resume)(struct stream *st);
    void (*close_after)(struct stream *st);
    struct conn *(*splice)(struct stream *st); /* where a body may go past the exchange */
    void (*listen)(struct stream *st, enum stream_listen how);
    void (*flush)(struct stream *st);
    void (*tunnel)(struct stream *st);
    void (*shut)(struct stream *st);
    bool (*is_open)(const struct stream *st);
    bool (*is_broken)(const struct stream *st);  /* nothing reaches the peer any more */
    bool (*is_watched)(const struct stream *st); /* a reset would be heard of */
    /* The kernel has, or may have, taken something of what was sent. */
    bool (*has_sent)(const struct stream *st);
    bool (*has_taken)(struct stream *st);
    void (*look)(struct stream *st);
    int (*local_addr)(const struct stream *st, struct addr *out);
    const struct tlsio *(*tls)(const struct stream *st);
};

enum stream_kind {
    STREAM_ONE,  /* the only one of its connection, which stands right before it */
    STREAM_MANY, /* one of many: stream_many.h */
    STREAM_KINDS
};
extern const struct stream_ops stream_ops_one, stream_ops_many;
extern const struct stream_ops *const stream_ops_of[STREAM_KINDS];

/* An operation of a stream: where it is the only one of its connection, as with HTTP/1, no
 * indirect call, so that it costs what the conn's own function does. */
#define STREAM_DO(st, op, ...)                                         \
    ((st)->kind == STREAM_ONE ? stream_ops_one.op((st), ##__VA_ARGS__) \
                              : stream_ops_of[(st)->kind]->op((st), ##__VA_ARGS__))

struct stream {
    struct stream_user *user; /* NULL: idle */
    uint16_t magic;
    uint8_t kind;      /* enum stream_kind */
    uint8_t in, out;   /* enum stream_state */
    bool is_congested; /* the peer takes less than it is sent */
};

/* What a stream tells. The user embeds a struct stream_user for each of its streams. */
struct stream_up {
    /* Of a lane that was connecting. First, with TLS: what is to be said in clear, before the
     * handshake, is said now. */
    void (*connected)(struct stream_user *u);
    void (*open)(struct stream_user *u, int error);
    void (*event)(struct stream_user *u, struct event *ev);
    struct stream *(*splices_to)(struct stream_user *u); /* NULL: its body must be seen */
    void (*gone)(struct stream_user *u);
    void (*fin)(struct stream_user *u); /* after STREAM_WATCH_FIN */
    /* It may come inside stream_send_*. */
    void (*congested)(struct stream_user *u);
    void (*drained)(struct stream_user *u);
    void (*progress)(struct stream_user *u); /* congested still, but something was taken */
    void (*cut)(struct stream_user *u);      /* its server has no more time */
};

struct stream_user {
    const struct stream_up *up;
};

extern const struct fsm stream_fsm;
static inline const char *stream_state_name(uint8_t state)
{
    return fsm_name(&stream_fsm, state);
}

void stream_init(struct stream *st, enum stream_kind kind);
/* Both directions begin anew. */
static inline void stream_take(struct stream *st, struct stream_user *user)
{
    MUST(st->magic == STREAM_MAGIC && st->user == NULL);
    st->user = user;
    st->in = st->out = STREAM_IDLE;
}
/* Its user hears no more of it. */
static inline void stream_leave(struct stream *st)
{
    MUST(st->user != NULL);
    st->user = NULL;
}

static inline void stream_move_in(struct stream *st, enum stream_state next, const char *why)
{
    fsm_move(&stream_fsm, &st->in, next, (uint64_t)(uintptr_t)st, why);
}
static inline void stream_move_out(struct stream *st, enum stream_state next, const char *why)
{
    fsm_move(&stream_fsm, &st->out, next, (uint64_t)(uintptr_t)st, why);
}
static inline bool stream_is_info(const struct msg *m)
{
    return m->status >= 100 && m->status < 200 && m->status != 101;
}

/* ---- asked by the exchange ---- */

/* The peer's message was heard to its end. */
static inline bool stream_is_read(const struct stream *st)
{
    return st->in >= STREAM_TUNNEL && st->in <= STREAM_SHUT;
}
/* Ours was said to its end. */
static inline bool stream_is_said(const struct stream *st)
{
    return st->out >= STREAM_TUNNEL && st->out <= STREAM_SHUT;
}
/* Nothing more follows from us. */
static inline bool stream_is_ended(const struct stream *st)
{
    return st->out == STREAM_END || st->out == STREAM_SHUT;
}
/* A final head was sent. */
static inline bool stream_is_begun(const struct stream *st)
{
    return st->out >= STREAM_BODY && st->out <= STREAM_SHUT;
}
static inline bool stream_is_congested(const struct stream *st)
{
    return st->is_congested;
}
static inline bool stream_is_open(const struct stream *st)
{
    return STREAM_DO(st, is_open);
}
static inline bool stream_is_broken(const struct stream *st)
{
    return STREAM_DO(st, is_broken);
}
static inline bool stream_is_watched(const struct stream *st)
{
    return STREAM_DO(st, is_watched);
}
static inline bool stream_has_sent(const struct stream *st)
{
    return STREAM_DO(st, has_sent);
}
/* Since it was congested, last made progress or was looked at. */
static inline bool stream_has_taken(struct stream *st)
{
    return STREAM_DO(st, has_taken);
}
static inline void stream_look(struct stream *st)
{
    STREAM_DO(st, look);
}

/* The TLS that the peer speaks; NULL: it speaks in clear. */
static inline const struct tlsio *stream_tls(const struct stream *st)
{
    return STREAM_DO(st, tls);
}

/* ---- said by the exchange ---- */

/* A 1xx too (not 101, behind which nothing of HTTP follows). */
static inline void stream_send_head(struct stream *st, const struct msg *m)
{
    stream_move_out(st, stream_is_info(m) ? STREAM_HEAD : STREAM_BODY, "head sent");
    STREAM_DO(st, send_head, m);
}
static inline void stream_send_body(struct stream *st, struct span data, uint64_t chunk_bytes)
{
    STREAM_DO(st, send_body, data, chunk_bytes);
}
static inline void stream_send_end(struct stream *st, const struct msg *trailers)
{
    stream_move_out(st, STREAM_END, "end sent");
    STREAM_DO(st, send_end, trailers);
}
void stream_reset(struct stream *st, enum stream_why why);
static inline void stream_pause(struct stream *st)
{
    STREAM_DO(st, pause);
}
static inline void stream_resume(struct stream *st)
{
    STREAM_DO(st, resume);
}
/* No message follows this one. */
static inline void stream_close_after(struct stream *st)
{
    STREAM_DO(st, close_after);
}
static inline void stream_listen(struct stream *st, enum stream_listen how)
{
    STREAM_DO(st, listen, how);
}
static inline void stream_flush(struct stream *st)
{
    STREAM_DO(st, flush);
}
/* By a 101, and the peer's message has ended: what comes behind it is heard as a body. */
void stream_tunnel(struct stream *st);
/* The tunnel ends this way: FIN when all is sent. */
void stream_shut(struct stream *st);

/* ---- told by the connection's owner ---- */

/* BODY pieces and trailers are no news of the state: their head was. */
static inline void stream_note_heard(struct stream *st, const struct event *ev)
{
    if (ev->type == EVENT_HEAD && ev->is_whole)
        stream_move_in(st, STREAM_END, "whole head");
    else if (ev->type == EVENT_HEAD)
        stream_move_in(st, STREAM_BODY, "head");
    else if (ev->type == EVENT_END)
        stream_move_in(st, st->in == STREAM_TUNNEL ? STREAM_SHUT : STREAM_END, "end");
    else if (ev->type == EVENT_INFO)
        stream_move_in(st, STREAM_HEAD, "1xx");
    else if (ev->type == EVENT_RESET)
        stream_move_in(st, STREAM_RESET, "reset");
}
static inline void stream_hear(struct stream *st, struct event *ev)
{
    MUST(st->user != NULL);
    stream_note_heard(st, ev);
    st->user->up->event(st->user, ev);
}
/* Where conn_ops.splice_target leads. */
struct conn *stream_splice_target(const struct stream *st);
static inline void stream_hear_congested(struct stream *st)
{
    st->is_congested = true;
    if (st->user != NULL)
        st->user->up->congested(st->user);
}
/* True: somebody has heard of it. */
static inline bool stream_hear_drained(struct stream *st)
{
    st->is_congested = false;
    if (st->user != NULL)
        st->user->up->drained(st->user);
    return st->user != NULL;
}

#endif
