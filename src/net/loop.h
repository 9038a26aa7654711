/* loop.h - the event loop: sockets, timers and deferred work of one process, single-threaded.
 *
 * Two back ends behind one table: loop_epoll (edge-triggered; a socket is registered once, for
 * all directions, and only when it would otherwise block) and loop_sim (a deterministic
 * in-memory network with its own clock, for tests). No descriptor and no epoll word leaves
 * net/.
 *
 * A struct sock is embedded in its owner (conn, listener, channel).
 *
 * Receiving is a mode: after sock_recv_start, data is read into the loop's one scratch buffer
 * and handed to on_recv, again and again until sock_recv_stop or the end of the stream. The
 * first read is tried in the same wake-up (read at once after accept). A read that fills less
 * than asked ends the reading until the next edge. The bytes are valid until on_recv returns.
 * Each socket gets one read a turn, so that none starves the others.
 *
 * Instead of a read, bytes may go to another socket within the kernel: when the owner names one
 * by splice_target. What that one does not take is handed to on_spliced.
 *
 * sock_send is tried at once and takes what the kernel takes; if that is not all, on_send tells
 * once when there is room again; the caller keeps the rest. sock_connect and accepting complete
 * in the call or by callback. sock_close is two-phase: the socket is dead at once (no callback
 * but on_closed follows), on_closed comes later in the same turn; only then may the owner be
 * freed.
 *
 * Callbacks never nest: functions of this header call none. After every callback of a socket or
 * of deferred work, and after the timers of a turn, the loop calls the after hook, by which
 * conn sends out what was written.
 *
 * Time is read once a wake-up: loop_now_ms/us (monotonic), loop_wall_us (if it is asked for).
 */
#ifndef WELDR_NET_LOOP_H
#define WELDR_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "base/addr.h"
#include "base/span.h"
#include "base/timers.h"
#include "base/werr.h"

struct loop;
struct sock;
struct accepted; /* a connection that on_accept may take */

struct sock_ops {
    /* Before each read: the socket that what comes shall go to unseen, at most *max bytes
     * (<= LOOP_SCRATCH_BYTES) of it; NULL: none, it is read. May be NULL. */
    struct sock *(*splice_target)(struct sock *s, size_t *max);
    /* n > 0 bytes were taken from s, of which `to` took all but left (in order, valid until
     * this returns; on_send follows as after sock_send). error < 0: sending to it has failed,
     * left is lost. */
    void (*on_spliced)(struct sock *s, struct sock *to, size_t n, struct span left, int error);
    /* bytes.len 0 and error 0: the peer has closed its side (comes once). error < 0: receiving
     * has failed (WERR_RESET …), comes once. */
    void (*on_recv)(struct sock *s, struct span bytes, int error);
    /* After sock_take_rights: a descriptor has come with bytes of the on_recv that follows; the
     * owner's, or -1: this process had none to spare for it. */
    void (*on_right)(struct sock *s, int fd);
    void (*on_send)(struct sock *s, int error);    /* room again, or < 0: sending has failed */
    void (*on_connect)(struct sock *s, int error); /* 0: connected */
    void (*on_accept)(struct sock *s, struct accepted *a);
    /* The connection is dead in both directions (reset) while nothing was to be received any
     * more (sock_recv_stop). May be NULL. */
    void (*on_hangup)(struct sock *s, int error);
    void (*on_fin)(struct sock *s); /* after sock_watch_fin */
    void (*on_closed)(struct sock *s);
};

enum sock_flag {
    SOCK_OPEN = 1U << 0,
    SOCK_REGISTERED = 1U << 1, /* known to the kernel's poller */
    SOCK_CAN_RECV = 1U << 2,   /* an edge was seen and not used up */
    SOCK_RECV = 1U << 3,       /* receiving */
    SOCK_SEND_ARMED = 1U << 4,
    SOCK_CONNECTING = 1U << 5,
    SOCK_LAST = 1U << 6, /* listener: accepts what waits, then closes */
    SOCK_LISTENS = 1U << 7,
    SOCK_EOF = 1U << 8,     /* end of stream was delivered */
    SOCK_HUP = 1U << 9,     /* peer's FIN or reset was signalled: the next read must be tried */
    SOCK_QUEUED = 1U << 10, /* on the loop's ready list */
    SOCK_CLOSING = 1U << 11,  /* on_closed is still to come */
    SOCK_CAN_SEND = 1U << 12, /* room was signalled since the last send that did not take all */
    SOCK_DEAD =
        1U << 13, /* an error was signalled (reset); the next read or send tells which */
    SOCK_FAILED = 1U << 14, /* an error was delivered to the owner */
    SOCK_RESET =
        1U << 15, /* a send has consumed the error: an end read later is no orderly one */
    SOCK_PARKED = 1U << 16,   /* not registered yet, to be so before the loop sleeps */
    SOCK_PAUSED = 1U << 17,   /* listener that can't accept: tries again in a moment */
    SOCK_FOREIGN = 1U << 18,  /* a loop_watch: the descriptor belongs to a library */
    SOCK_BOUNDED = 1U << 19,  /* its reads keep to loop_set_read_max */
    SOCK_INBOX = 1U << 20,    /* listens for connections that other processes have accepted */
    SOCK_FIN_NEXT = 1U << 21, /* see sock_fin_follows */
    SOCK_LEVEL = 1U << 22,    /* listener: signalled in each turn as long as connections wait */
    SOCK_URGENT = 1U << 23,   /* its peer sends urgent data: a read stops short before that byte
                                 and goes on behind it, a splice does not */
    SOCK_HOLDS = 1U << 24,    /* receiving goes on later: see sock_recv_hold */
    SOCK_TELLS_FIN = 1U << 25, /* see sock_watch_fin */
    SOCK_RIGHTS = 1U << 26 /* see sock_take_rights: a read stops short behind a descriptor */
};

struct sock {
    const struct sock_ops *ops;
    struct loop *loop;
    TAILQ_ENTRY(sock) ready; /* the loop's ready, parked, paused or closing list */
    int fd;                  /* loop_epoll: descriptor; loop_sim: index */
    uint32_t flags;          /* enum sock_flag */
    uint32_t recv_max; /* bytes a read asks for at the most; 0: the whole scratch buffer */
    union {
        uint32_t unacked;          /* of a connection, as of the last sock_look */
        struct {                   /* of a level-triggered listener: */
            uint8_t accept_max;    /* … at once */
            uint8_t accept_run;    /* how often without a gap that has been too few, or just
                                      enough */
            uint16_t accept_round; /* … and when it was the last time */
        };
    };
};

/* ---- the loop ---- */

enum { LOOP_SCRATCH_BYTES = 256 * 1024 + 8 * 1024 };

struct loop *loop_epoll_new(void); /* NULL: no memory or descriptor (errno tells) */
void loop_free(struct loop *l);    /* all sockets must be closed */
/* Runs until loop_stop. */
void loop_run(struct loop *l);
/* One wake-up: waits at most max_wait_ms (-1: until something happens). Returns false when
 * loop_stop was called. */
bool loop_turn(struct loop *l, int64_t max_wait_ms);
void loop_stop(struct loop *l);

uint64_t loop_now_ms(const struct loop *l);
uint64_t loop_now_us(const struct loop *l);
uint64_t loop_wall_us(struct loop *l);
struct timers *loop_timers(struct loop *l);
static inline void loop_timer_in(struct loop *l, struct timer *t, uint64_t delay_ms)
{
    timer_set(loop_timers(l), t, loop_now_ms(l) + delay_ms);
}

/* Work for later in this turn, after the socket callbacks; embedded, at most once queued. */
struct loop_work {
    TAILQ_ENTRY(loop_work) entry;
    void (*run)(struct loop_work *w);
    bool queued;
};
void loop_defer(struct loop *l, struct loop_work *w);
void loop_undefer(struct loop *l, struct loop_work *w);
void loop_set_after(struct loop *l, void (*after)(void *arg), void *arg);
/* In a callback of a socket: is another one to be served in the same turn? */
bool loop_has_ready(const struct loop *l);
/* Nothing of what was received last stays: it was secret. */
void loop_wipe_scratch(struct loop *l);
/* What one read of a bounded socket (sock_bound) may bring from now on: 1 …
 * LOOP_SCRATCH_BYTES, which it is at first. */
void loop_set_read_max(struct loop *l, uint32_t bytes);

/* ---- sockets ---- */

/* A listening socket made by listen_open() (net/listen.h) or inherited; accepts in batches. */
void sock_accept_start(struct loop *l, struct sock *s, const struct sock_ops *ops, int fd);
/* In the coming turn all that wait in the kernel's queue are accepted, and then it closes:
 * closing alone resets them. Out of descriptors it is paused, and goes on until all are
 * accepted. */
void sock_accept_last(struct sock *s);
/* In on_accept: moves the new connection into s (non-blocking, TCP_NODELAY inherited). Not
 * taken: closed when on_accept returns. */
void accepted_take(struct accepted *a, struct sock *s, const struct sock_ops *ops);
const struct addr *accepted_peer(const struct accepted *a);
/* The inbox of net/inbox.h as a listener: on_accept gets what other processes pass on. Only on
 * loop_epoll. */
void sock_inbox_start(struct loop *l, struct sock *s, const struct sock_ops *ops, int fd);
/* In on_accept, instead of taking it: passes the connection to the process that reads the inbox
 * behind this outbox. WERR_AGAIN, WERR_CLOSED …: it is still here. */
int accepted_pass(struct accepted *a, int outbox, uint32_t tag) MUST_USE;
/* What accepted_pass was told; 0 for what this process has accepted. */
uint32_t accepted_tag(const struct accepted *a);
/* No process can pass anything into it any more; what is there still comes by on_accept, until
 * sock_inbox_is_empty. */
void sock_inbox_shut(struct sock *s);
static inline bool sock_inbox_is_empty(const struct sock *s)
{
    return (s->flags & SOCK_CAN_RECV) == 0;
}
/* Local address of a connected or listening socket. */
int sock_local_addr(const struct sock *s, struct addr *out) MUST_USE;

/* An inherited or socketpair() end (stream socket); becomes the loop's. */
void sock_adopt(struct loop *l, struct sock *s, const struct sock_ops *ops, int fd);
/* 0: connected already; WERR_AGAIN: on_connect comes (after a failing one s is still to be
 * closed); else failed (REFUSED, UNREACHABLE, NO_FD …): s is not open then. TCP_NODELAY is set.
 */
int sock_connect(struct loop *l, struct sock *s, const struct sock_ops *ops,
                 const struct addr *to) MUST_USE;
void sock_recv_start(struct sock *s);
/* What may still come is of no interest: a reset is told at once (on_hangup). */
void sock_recv_stop(struct sock *s);
/* For a while, because what comes can't be handed on. A reset that happens meanwhile is told by
 * the read behind the last byte that was received before it, when receiving goes on. */
void sock_recv_hold(struct sock *s);
/* A send has failed, since the peer is gone: what it sent before, and then its end, can still
 * be received, and is tried for even if the poller has not told of it yet. */
void sock_expect_end(struct sock *s);
/* From now on its reads keep to the loop's read max too. */
static inline void sock_bound(struct sock *s)
{
    s->flags |= SOCK_BOUNDED;
}
/* What its next read may bring at the most. */
size_t sock_read_max(const struct sock *s);
/* Is there anything that was not received yet: bytes, the end, an error? Asks the kernel only
 * where the last read (or splice) did not tell. An error may be told but once: to close is all
 * that is left then. */
bool sock_has_more(struct sock *s);
/* While receiving is stopped: registers with the poller after all, so that a reset is heard of
 * (on_hangup). */
void sock_watch(struct sock *s);
/* The same, and on_fin tells, once, that the peer has ended its side, though what it sent
 * before may not have been received. */
void sock_watch_fin(struct sock *s);
static inline bool sock_is_watched(const struct sock *s)
{
    return (s->flags & SOCK_REGISTERED) != 0;
}
/* Bytes taken (0 … all); < 0: WERR_RESET, WERR_CLOSED …. After less than all, on_send follows.
 * n <= OUTV_PIECES. */
int64_t sock_send(struct sock *s, const struct iovec *iov, unsigned n) MUST_USE;
/* As sock_send, between processes: fd, which stays the caller's, goes with the first of the
 * bytes (net/rights.h). WERR_NO_FD: more descriptors are on their way than the process may
 * have, nothing was taken and no on_send follows. Only on loop_epoll. */
int64_t sock_send_right(struct sock *s, const struct iovec *iov, unsigned n, int fd) MUST_USE;
/* From now on descriptors are received: on_right. No-op where there are none (loop_sim). */
void sock_take_rights(struct sock *s);
/* Room in the kernel's buffer is told of in large steps: a peer that takes little by little is
 * not heard of for long. Before it is judged: sock_look asks how much of what was sent it has
 * not acknowledged, … */
void sock_look(struct sock *s);
/* … and sock_has_taken whether that is less by now; looks again. For use between two sends. */
bool sock_has_taken(struct sock *s) MUST_USE;
/* From now on a peer that for so long acknowledges nothing of what was sent, takes nothing of
 * it, or does not respond to the kernel's probes of an idle connection, counts as gone
 * (WERR_TIMEOUT): a host that has lost its power says nothing. No-op on loop_sim. */
void sock_lose_after(struct sock *s, uint32_t ms);
/* What is sent from now on is the last, and sock_shutdown comes as soon as all of it is taken:
 * both may go in one packet. */
static inline void sock_fin_follows(struct sock *s)
{
    s->flags |= SOCK_FIN_NEXT;
}
/* Sends FIN; receiving goes on. */
void sock_shutdown(struct sock *s);
/* abort: a reset instead of an orderly close. */
void sock_close(struct sock *s, bool abort);
static inline bool sock_is_open(const struct sock *s)
{
    return (s->flags & SOCK_OPEN) != 0;
}

/* ---- descriptors that a library owns ---- */

/* A descriptor that is not the loop's: watched level-triggered, never read, written or closed
 * here. For libraries that do their own I/O (c-ares, libuv). Embedded in its owner;
 * loop_watch_stop may be called anywhere, and the owner freed then. Only on loop_epoll. */
struct loop_watch {
    struct sock sock; /* first */
    void (*on_ready)(struct loop_watch *w, bool can_read, bool can_write);
};
void loop_watch_start(struct loop *l, struct loop_watch *w, int fd);
/* What is waited for; nothing at first. */
void loop_watch_set(struct loop_watch *w, bool read, bool write);
void loop_watch_stop(struct loop_watch *w);

#endif
