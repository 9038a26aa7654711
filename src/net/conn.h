/* conn.h - an HTTP connection: socket + codec + what could not be handed on yet. The one
 * connection stack of the program.
 *
 * Used for clients and origins (worker), for the management API and for health probes
 * (manager). The owner embeds a struct conn as the first member of its own object, gives a
 * conn_ops, and hears events; it never sees bytes or the socket.
 *
 * Sending: conn_send_head/body/end append to the one outv of the process; at the end of the
 * callback (loop's after hook) it goes out in one sendmsg, or, if it is little, with that of
 * other conns at the end of the turn (conn_hold.c). What the peer does not take is copied to
 * the out queue: the conn is congested, on_congested is called, and whoever feeds it must stop
 * (conn_pause on the other side) until on_drained. Sending on a closing conn is ignored.
 *
 * A peer that is gone is told (on_gone) behind what it sent before: not while there is any of
 * that to be received, paused or not, even if sending to it has failed already. Output is
 * dropped then as if the peer took it. Only of a conn that is quiet, whose message was read
 * whole, it is told at once.
 *
 * Receiving: bytes go from the loop's scratch buffer through the codec in place; only a tail
 * that the codec did not take (half a head, a pipelined request) is copied to the in queue. An
 * idle conn owns no buffer.
 *
 * The queues of all conns of a process share a budget (conn_set_queue_budget): what they hold
 * is counted block by block, and from a quarter of the budget on each read brings less, so that
 * a peer that takes nothing costs little. Reads get small before anything is refused; whoever
 * takes newcomers in asks conn_queues_are_full first. What is there goes on in any case: over
 * the budget each conn may add one small read, so that the whole never exceeds the budget by
 * more than that and what a head needs for each.
 *
 * States: NEW (connecting) → TLS (a handshake; nothing enters it yet) → OPEN → FLUSHING
 * (closing when all is sent) → LINGER (FIN sent, reading to the peer's end so that a reset does
 * not destroy the last response), or SETTLING (a reset follows, which must not destroy what was
 * sent before: not before the peer's kernel has it) → CLOSED; NEW → OPEN without a handshake;
 * any → CLOSED. on_closed comes last and once; the owner may free itself then. conn_close may
 * be called in any callback, any number of times.
 *
 * While OPEN three more states say what the conn does: reading (enum conn_reading), sending
 * (enum conn_sending) and feeding (enum conn_feeding). Flags are facts.
 *
 * One stream or many: conn_send_head and those below it are for a connection with one stream at
 * a time (HTTP/1). conn_stream_* are for any: the stream is the one that events carry, or that
 * conn_stream_open has given.
 */
#ifndef WELDR_NET_CONN_H
#define WELDR_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/bufq.h"
#include "base/outv.h"
#include "codec/codec.h"
#include "http/event.h"
#include "net/loop.h"

struct conn;
struct conn_hold;
struct conn_tls;
struct tlsio;
struct tlsio_context;
struct tlsio_peer_name;

enum conn_state {
    CONN_NEW,
    CONN_TLS,
    CONN_OPEN,
    CONN_FLUSHING,
    CONN_LINGER,
    CONN_SETTLING,
    CONN_CLOSED,
    CONN_STATES
};

/* What becomes of what the peer sends. */
enum conn_reading {
    READING_ON,
    READING_PAUSED, /* what comes can't be handed on: a reset is told behind what came before */
    READING_WAIT,   /* the same, watched: a reset is told at once */
    READING_QUIET,  /* the message was read whole: not received, not watched */
    READING_WATCH,  /* … watched: a reset is told */
    READING_FIN_WATCH, /* … and an orderly end too */
    READING_STATES
};

enum conn_sending {
    SENDING_ON,
    SENDING_LAST,   /* FIN follows when all is sent; receiving goes on */
    SENDING_ENDED,  /* FIN was sent */
    SENDING_BROKEN, /* sending failed: output is dropped until on_gone comes */
    SENDING_STATES
};

/* Who takes the bytes that are received, and is it doing so? */
enum conn_feeding {
    FEEDING_IDLE,     /* the codec, which has nothing at hand */
    FEEDING_PROLOGUE, /* the owner, by on_prologue: what comes first is not for the codec */
    FEEDING_NOW,      /* the codec is at it */
    FEEDING_AGAIN,    /* … and is to be offered the rest once more */
};

/* What all conns of a process share; one per loop. */
struct conn_shared {
    struct loop *loop;
    struct bufq_store *store;
    struct outv outv;
    struct conn *outv_owner; /* whose output the outv holds */
    struct conn *pending;    /* to be looked at after the present callback */
    struct conn_hold *hold;  /* what goes out at the end of the turn */
    struct codec_shared *codecs;
    struct conn_tls *tls;      /* NULL: nobody speaks TLS yet (conn_use_tls) */
    size_t queue_budget_bytes; /* 0: none */
    size_t queued_bytes;       /* held by queues, as of the last callback */
    uint64_t *queued_gauge;    /* tells others so (statistics); may be NULL */
};

struct conn_ops {
    /* Messages may come and go from now on. Of one that was accepted: 0, within conn_accept
     * unless a handshake comes first. After conn_connect: error < 0: on_closed follows. May be
     * NULL for accepted ones. */
    void (*on_open)(struct conn *c, int error);
    void (*on_event)(struct conn *c, struct event *ev);
    /* A handshake begins: with which certificates and settings? NULL: no memory. Only of conns
     * with TLS. */
    struct tlsio_context *(*tls_context)(struct conn *c);
    /* Whom the conn that asks wants to find there (net/tlsio.h). Only with conn_connect_tls. */
    void (*tls_peer)(struct conn *c, struct tlsio_peer_name *peer);
    /* After conn_expect_prologue: all bytes received so far. Returns how many were the prologue
     * (the codec gets the rest, and this is not called again), 0 when more must come, or < 0
     * after having closed. May be NULL. */
    int64_t (*on_prologue)(struct conn *c, struct span in);
    /* Bytes have come that make no event yet (half a head, or what follows a message). May be
     * NULL. */
    void (*on_unread)(struct conn *c);
    /* A large body is coming: where does it go as it is? It then goes there within the kernel,
     * past codec and owner, who hears of BODY events without bytes. NULL: it must be seen. May
     * be NULL. */
    struct conn *(*splice_target)(struct conn *c);
    /* The peer ended or the connection failed outside of a message (no RESET was given for it):
     * error WERR_EOF, WERR_RESET …. The owner closes. */
    void (*on_gone)(struct conn *c, int error);
    /* After conn_watch_fin: the peer has ended its side. May be NULL if that is never called.
     */
    void (*on_fin)(struct conn *c);
    /* The peer takes less than it is sent. May come inside conn_send_*; do nothing but pause
     * the source. May be NULL. */
    void (*on_congested)(struct conn *c);
    void (*on_drained)(struct conn *c); /* may be NULL */
    /* Congested still, but some of what waits was taken: who times the peer starts anew. May be
     * NULL. */
    void (*on_progress)(struct conn *c);
    /* Connections with many streams: what is sent on this one is kept, since the peer gives no
     * credit for it, or has all gone out. It may come inside conn_stream_send_*; do nothing but
     * pause the source. May be NULL. on_congested is of the connection: of all its streams. */
    void (*on_flow)(struct conn *c, struct codec_stream *st, bool is_full);
    void (*on_timer)(struct conn *c); /* conn_timer_set's time has come; may be NULL */
    /* How long, while FLUSHING or SETTLING, the peer may take nothing before what is left is
     * lost. NULL: CONN_FLUSH_LIMIT_MS. */
    uint32_t (*flush_limit_ms)(const struct conn *c);
    void (*on_closed)(struct conn *c);
};

enum conn_flag {
    CONN_CONGESTED = 1U << 0,
    CONN_PEER_EOF = 1U << 1, /* the peer's end was seen, the codec does not know yet */
    CONN_LINGERS = 1U << 2,  /* FLUSHING ends in LINGER */
    CONN_SENT = 1U << 3,     /* the kernel has taken a byte of the present message */
    CONN_SPLICED = 1U << 4,  /* of the present message something was */
    CONN_ASKS = 1U << 5,     /* made by conn_connect: sends requests */
    CONN_RESETS = 1U << 6,   /* FLUSHING ends in SETTLING */
    CONN_CUT = 1U << 7       /* TLS: the peer's end came without its close_notify */
};

struct conn {
    uint16_t magic;
    uint8_t state;   /* enum conn_state */
    uint8_t reading; /* enum conn_reading */
    uint8_t sending; /* enum conn_sending */
    uint8_t feeding; /* enum conn_feeding */
    uint8_t held;    /* its place among those whose output is held, counted from 1; 0: none */
    uint8_t flags;   /* enum conn_flag */
    struct sock sock;
    struct conn_shared *shared;
    const struct conn_ops *ops;
    struct codec *codec;
    struct tlsio *tls; /* NULL: bytes are plain, or the ClientHello is not whole yet */
    struct bufq in, out;
    struct timer timer; /* the owner's while it is open (conn_timer_set), then for what leads to
                           CLOSED */
    union {
        struct conn *pending_next; /* on the shared list of what is to be done after the present
                                      callback; itself: the last there; NULL: not on it */
        uint64_t
            taken_ms; /* SETTLING, never on it: when the peer took something the last time */
    };
};

/* Sets the loop's after hook. WERR_NOMEM: nothing is left to give back, and s->loop is NULL. */
int conn_shared_init(struct conn_shared *s, struct loop *loop) MUST_USE;
void conn_shared_fini(struct conn_shared *s);
/* Memory that the queues of all conns shall hold at the most; 0: no bound. Holds at once. */
void conn_set_queue_budget(struct conn_shared *s, size_t bytes);
/* The budget is used up: no newcomers. */
bool conn_queues_are_full(const struct conn_shared *s);

/* In on_accept. WERR_NOMEM: the connection is left to be closed, no on_closed comes. Receiving
 * starts at once. */
int conn_accept(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                struct accepted *a, enum codec_protocol protocol,
                const struct codec_limits *limits) MUST_USE;
/* 0: on_open comes later, or the conn is open already (state OPEN; no on_open then). < 0:
 * failed, nothing to close. */
int conn_connect(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                 const struct addr *to, enum codec_protocol protocol,
                 const struct codec_limits *limits) MUST_USE;

/* The same of a client that speaks TLS: on_open comes after its handshake, which takes as long
 * as the owner's timer lets it; on_gone before that: the handshake has failed. After
 * conn_use_tls. */
int conn_accept_tls(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                    struct accepted *a, enum codec_protocol protocol,
                    const struct codec_limits *limits) MUST_USE;
/* Before the first TLS of the process, and again if need be: memory that all its conns share.
 * WERR_NOMEM. */
int conn_use_tls(struct conn_shared *s) MUST_USE;
/* Nothing of what was received last stays, be it of TLS or not: it was secret. */
void conn_wipe_scratch(struct conn_shared *s);
/* A handshake with a client is not over yet. */
static inline bool conn_is_in_handshake(const struct conn *c)
{
    return c->state == CONN_TLS;
}
/* In on_gone with WERR_SYNTAX before a ClientHello: the peer does not speak TLS, and is to hear
 * so in clear. It is as one of conn_accept from now on; what came is forgotten. */
void conn_speak_plain(struct conn *c);
/* In on_gone: TLS has told the peer by an alert what was wrong. Only CONN_CLOSE_LINGER makes
 * sure that no reset overtakes it. */
bool conn_has_alerted(const struct conn *c);
/* What came before the handshake began; valid until more comes. */
struct span conn_first_bytes(const struct conn *c);

/* As conn_connect; on_open comes after the handshake, and never before this returns. */
int conn_connect_tls(struct conn *c, struct conn_shared *shared, const struct conn_ops *ops,
                     const struct addr *to, enum codec_protocol protocol,
                     const struct codec_limits *limits) MUST_USE;

/* Why its TLS failed, as tlsio_fault has it, or "closed": the peer went within the handshake.
 * NULL: it did not fail. */
const char *conn_tls_word(const struct conn *c);

/* Right after conn_accept: something stands before the first message (a PROXY header). */
void conn_expect_prologue(struct conn *c);
/* … and has not been taken yet. */
static inline bool conn_is_in_prologue(const struct conn *c)
{
    return c->feeding == FEEDING_PROLOGUE;
}
/* Sends bytes before the first message. n <= OUTV_COPY_MAX. With TLS: in clear before the
 * handshake, for whoever calls it in tls_context. */
void conn_send_prologue(struct conn *c, struct span bytes);

/* ---- streams ---- */

/* Sends requests: a new one; NULL: not now (see codec_open). */
struct codec_stream *conn_stream_open(struct conn *c, void *user);
void conn_stream_send_head(struct conn *c, struct codec_stream *st, const struct msg *m);
void conn_stream_send_body(struct conn *c, struct codec_stream *st, struct span data,
                           uint64_t chunk_bytes);
void conn_stream_send_end(struct conn *c, struct codec_stream *st, const struct msg *trailers);
/* What the codec keeps of it for want of credit. */
static inline size_t conn_stream_kept(const struct conn *c, const struct codec_stream *st)
{
    return codec_kept(c->codec, st);
}
/* Is it one with many streams at once? */
static inline bool conn_has_many(const struct conn *c)
{
    return codec_has_many(c->codec);
}
/* The source's other side is full: no more of this stream is asked for, and on again. */
void conn_stream_pause(struct conn *c, struct codec_stream *st);
void conn_stream_resume(struct conn *c, struct codec_stream *st);
/* Both directions have ended and nothing is kept, or RESET was told: the stream is no more. On
 * HTTP/1 the next message begins (conn_next). */
void conn_stream_done(struct conn *c, struct codec_stream *st);
/* Gives it up now; no event comes of it any more, and it is no more. HTTP/1 can't but reset the
 * connection. */
void conn_stream_reset(struct conn *c, struct codec_stream *st, enum codec_why why);

/* ---- the one stream ---- */

static inline void conn_send_head(struct conn *c, const struct msg *m)
{
    conn_stream_send_head(c, NULL, m);
}
static inline void conn_send_body(struct conn *c, struct span data, uint64_t chunk_bytes)
{
    conn_stream_send_body(c, NULL, data, chunk_bytes);
}
static inline void conn_send_end(struct conn *c, const struct msg *trailers)
{
    conn_stream_send_end(c, NULL, trailers);
}
/* Pushes out what was written now instead of at the end of the callback. */
void conn_flush(struct conn *c);

/* What may be read from c at once now: less the more of the budget for queues is used. Whoever
 * moves bytes past the codec keeps to it too. */
size_t conn_read_max(const struct conn *c);
/* Stops and resumes reading (back-pressure). */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* Stops reading until conn_resume, watched: what a peer that resets has said is of no use any
 * more, so that its reset is told at once. */
void conn_wait(struct conn *c);
/* The message was read whole and its response is under way: stop receiving without registering
 * (a one-shot connection is never added to the poller). */
void conn_quiet(struct conn *c);
/* Both directions of the message are done and the connection lives on: the codec goes on to the
 * next message, reading resumes (bytes already received are fed after the present callback). */
void conn_next(struct conn *c);
/* After a 101 was sent: what has come behind the request, and all that comes, is the body of
 * the tunnel. */
void conn_tunnel(struct conn *c);
/* FIN when all is sent; receiving goes on. */
void conn_shut(struct conn *c);
static inline bool conn_is_quiet(const struct conn *c)
{
    return c->reading >= READING_QUIET;
}
/* While quiet: lets a reset by the peer be heard of (on_gone). Who reads hears of it anyhow. */
void conn_watch(struct conn *c);
/* The message was read whole: the same, and of an orderly end too (on_fin, once). */
void conn_watch_fin(struct conn *c);
static inline bool conn_is_watched(const struct conn *c)
{
    return sock_is_watched(&c->sock);
}
/* Has the peer of a congested conn taken anything since it was congested, last made progress or
 * was asked? (The kernel tells of room in steps that may be far apart.) Of one that is not
 * congested: since conn_look. */
static inline bool conn_has_taken(struct conn *c)
{
    return sock_has_taken(&c->sock);
}
static inline void conn_look(struct conn *c)
{
    sock_look(&c->sock);
}
bool conn_can_reuse(
    const struct conn *c); /* open, nothing unsent in the way, the codec agrees */
static inline bool conn_is_congested(const struct conn *c)
{
    return (c->flags & CONN_CONGESTED) != 0;
}
/* Sending has failed: nothing reaches the peer any more. */
static inline bool conn_is_broken(const struct conn *c)
{
    return c->sending == SENDING_BROKEN;
}
/* Has the kernel taken anything of the message that is being sent, or will it be offered some
 * in any case? If not, the peer has certainly seen nothing of it. */
static inline bool conn_has_sent(const struct conn *c)
{
    return (c->flags & CONN_SENT) != 0;
}
static inline bool conn_is_open(const struct conn *c)
{
    return c->state <= CONN_OPEN;
}
/* Bytes received that no message has claimed yet (an origin that talks out of turn). */
bool conn_has_unread(const struct conn *c);
size_t conn_unread_bytes(const struct conn *c);
/* … or bytes, or the peer's end, that were not even received yet. */
static inline bool conn_has_more(struct conn *c)
{
    return conn_has_unread(c) || sock_has_more(&c->sock);
}

/* With TLS: has the peer begun a record of which nothing has been read yet? */
bool conn_tls_has_more(const struct conn *c);
/* Its message is over: has the peer gone on, out of turn, or has it ended? With TLS, what the
 * kernel holds, and a record that has not been read whole, may be a ticket, which means nothing
 * here. Either counts once it has been read, and the conn is signalled until then. */
static inline bool conn_is_talking(struct conn *c)
{
    if (c->tls == NULL)
        return conn_has_more(c);
    return conn_has_unread(c) ||
           ((c->sock.flags & (SOCK_HUP | SOCK_DEAD)) != 0 && sock_has_more(&c->sock));
}

/* Has the poller told of it what nobody has looked at yet? Of an idle connection that is its
 * end, or bytes out of turn; with TLS also a ticket, of which a part may have come. */
static inline bool conn_is_signalled(const struct conn *c)
{
    return (c->sock.flags & (SOCK_CAN_RECV | SOCK_HUP | SOCK_DEAD)) != 0 ||
           (c->tls != NULL && conn_tls_has_more(c));
}

enum conn_close_how {
    CONN_CLOSE_NOW,    /* at once; if that loses unsent bytes, with a reset */
    CONN_CLOSE_FLUSH,  /* when all is sent; reset if the peer does not take it in time */
    CONN_CLOSE_LINGER, /* when all is sent: FIN, then reading until the peer closes or 2 s have
                          passed; for a peer that may still be sending. What streams keep for
                          want of credit is lost with each of these */
    CONN_CLOSE_RESET,  /* at once with a reset: a response broken off half-way must not look
                        * whole
                        */
    CONN_CLOSE_FLUSH_RESET /* the same when the peer has got all that was sent before, or takes
                              nothing of it for too long */
};
void conn_close(struct conn *c, enum conn_close_how how);
/* No more messages: see codec_close_after. conn_can_reuse will be false (server role). */
void conn_close_after(struct conn *c);
/* The owner's one timer, moved freely; stopped by closing. */
void conn_timer_set(struct conn *c, uint64_t delay_ms);
void conn_timer_stop(struct conn *c);
const char *conn_state_name(const struct conn *c);
const char *conn_reading_name(const struct conn *c);

#endif
