/* loop_int.h - what the two back ends of the loop share; only for loop*.c and sock*.c.
 *
 * loop.c holds the common part: time, timers, deferred work, the lists of sockets, the flags of
 * a sock, the turn; sock.c what an owner may do with a socket. A back end gives the table below
 * and embeds struct loop as its first member.
 *
 * A sock is on one list at most, and its flags say on which: ready (QUEUED: a callback is due),
 * parked (PARKED: waits for registration before the loop sleeps), paused (PAUSED: a listener
 * that found no descriptor, or that can't be watched), closing (CLOSING). The ready list of a
 * turn ends at `mark`: what is queued behind it waits for the next turn.
 */
#ifndef WELDR_NET_LOOP_INT_H
#define WELDR_NET_LOOP_INT_H

#include "net/loop.h"

TAILQ_HEAD(sock_list, sock);
TAILQ_HEAD(work_list, loop_work);

struct loop_ops {
    const char *name;
    /* Waits at most max_wait_ms (-1: no limit) and marks sockets by loop_mark; updates time. */
    void (*wait)(struct loop *l, int64_t max_wait_ms);
    uint64_t (*wall_us)(const struct loop *l);
    /* Bytes, 0 at the end, WERR_AGAIN or another WERR_*. */
    int64_t (*recv)(struct loop *l, struct sock *s, char *buf, size_t len);
    /* Would recv give anything but WERR_AGAIN? */
    bool (*has_input)(struct loop *l, struct sock *s);
    /* Bytes taken, WERR_AGAIN or another WERR_*; sets SOCK_RESET when it consumed an error. */
    int64_t (*send)(struct loop *l, struct sock *s, const struct iovec *iov, unsigned n);
    /* The same with a descriptor (net/rights.h), given or got: *fd -1: none was to spare;
     * *has_fd tells that one came. NULL where there are no descriptors. */
    int64_t (*send_right)(struct loop *l, struct sock *s, const struct iovec *iov, unsigned n,
                          int fd);
    int64_t (*recv_right)(struct loop *l, struct sock *s, size_t len, int *fd, bool *has_fd);
    /* Moves up to max bytes. Returns how many were taken from `from`, or as recv. left: those
     * of them that `to` did not take, in scratch; error: as send, set when sending has failed.
     */
    int64_t (*splice)(struct loop *l, struct sock *from, struct sock *to, size_t max,
                      struct span *left, int *error);
    /* Bytes that were sent and not acknowledged by the peer yet. */
    uint32_t (*unacked)(struct loop *l, const struct sock *s);
    /* See sock_lose_after; NULL: peers can't be lost. */
    void (*lose_after)(struct loop *l, struct sock *s, uint32_t ms);
    int (*connect)(struct loop *l, struct sock *s, const struct addr *to);
    int (*connect_result)(struct loop *l, struct sock *s); /* WERR_AGAIN: not decided yet */
    /* 0; WERR_AGAIN: none waits; WERR_RESET: that one has gone, try the next; else: out of
     * means. */
    int (*accept)(struct loop *l, struct sock *listener, int *fd, struct addr *peer);
    /* An inbox (net/inbox.h); NULL where there are no descriptors. receive: as accept, or
     * WERR_CLOSED: none will come any more. */
    int (*receive)(struct loop *l, struct sock *inbox, int *fd, uint32_t *tag,
                   struct addr *peer);
    int (*pass)(struct loop *l, int outbox, int fd, uint32_t tag, const struct addr *peer);
    void (*shut_inbox)(struct loop *l, struct sock *inbox);
    void (*adopt)(struct loop *l, int fd);
    /* Signals begin, the present state included. If they can't, a listener loses REGISTERED,
     * and a connection is marked as failed. */
    void (*register_sock)(struct loop *l, struct sock *s);
    /* Level-triggered, for a loop_watch; NULL where there are no descriptors. */
    void (*watch)(struct loop *l, struct sock *s, bool read, bool write);
    /* The end of that, or of register_sock for what is SOCK_LEVEL. */
    void (*unwatch)(struct loop *l, struct sock *s);
    void (*shutdown)(struct loop *l, struct sock *s);
    void (*close)(struct loop *l, struct sock *s, bool abort);
    void (*close_handle)(struct loop *l, int fd); /* an accepted connection that nobody took */
    int (*local_addr)(const struct loop *l, const struct sock *s, struct addr *out);
    void (*free)(struct loop *l);
};

struct loop {
    const struct loop_ops *ops;
    uint64_t now_us, now_ms; /* loop_set_now */
    uint64_t wall_us;        /* 0: nobody has asked in this turn */
    bool stopped;
    bool in_accept; /* sockets queued now are read in this turn still */
    struct timers timers;
    struct timer pause_timer; /* ends the pause of the paused listeners */
    struct sock_list ready, parked, paused, closing;
    struct sock mark;
    struct work_list work;
    struct loop_work work_mark;
    void (*after)(void *arg);
    void *after_arg;
    unsigned open_n;   /* open sockets */
    char *scratch;     /* LOOP_SCRATCH_BYTES */
    uint32_t read_max; /* of bounded sockets */
    /* Turns in which the poller has told of all that was ready; in one that is too busy for
     * that, what it leaves out comes with a later one. */
    uint16_t round_n;
};

/* WERR_NOMEM */
int loop_init(struct loop *l, const struct loop_ops *ops, uint64_t now_us) MUST_USE;
void loop_fini(struct loop *l);
/* For a whole turn: who asks for the ms would else divide each time. */
static inline void loop_set_now(struct loop *l, uint64_t now_us)
{
    l->now_us = now_us;
    l->now_ms = now_us / 1000;
    l->wall_us = 0;
}
/* Adds CAN_RECV, CAN_SEND, HUP, DEAD to the flags of s and queues it when that calls for a
 * callback. */
void loop_mark(struct sock *s, uint32_t seen);
/* Nothing is ready, deferred or closing: the loop may sleep. */
bool loop_is_idle(const struct loop *l);

/* ---- loop.c and sock.c, for each other and loop_accept.c ---- */
void loop_open(struct loop *l, struct sock *s, const struct sock_ops *ops, uint32_t flags);
void loop_register(struct loop *l, struct sock *s);
/* From whichever list it is on. */
void loop_unlink(struct loop *l, struct sock *s);
/* What signals again and again (SOCK_LEVEL) is not to do so while nobody would act on it, nor
 * to be the one that is woken for a connection. No-op for others. */
void loop_unregister(struct sock *s);
void loop_run_after(struct loop *l);
/* Not all was taken: on_send is to come. */
void loop_arm_send(struct sock *s);
/* Its callback comes in this turn or the next, if one is due. */
void loop_queue_if_due(struct sock *s);
/* Unless it is known to the poller: it will be before the loop sleeps. */
void loop_park(struct loop *l, struct sock *s);

/* ---- loop_rights.c for loop.c: bytes, as recv, of a socket that takes rights; on_right ----
 */
int64_t loop_recv_right(struct loop *l, struct sock *s, size_t ask);

/* ---- loop_accept.c for loop.c ---- */
void loop_serve_accept(struct loop *l, struct sock *s);

#endif
