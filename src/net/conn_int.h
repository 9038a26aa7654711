/* conn_int.h - what conn.c, conn_in.c, conn_out.c and conn_splice.c share. */
#ifndef WELDR_NET_CONN_INT_H
#define WELDR_NET_CONN_INT_H

#include "net/conn.h"

enum {
    CONN_MAGIC = 0x636f6e6e,
    CONN_IN_MAX_BYTES = 1024 * 1024, /* one scratch buffer and the largest head fit in well */
    CONN_OUT_MAX_BYTES = 4 * 1024 * 1024,
    CONN_FLUSH_LIMIT_MS = 60000, /* without progress, if its owner says nothing */
    CONN_LINGER_LIMIT_MS = 2000
};

void conn_move(struct conn *c, enum conn_state next, const char *why);
/* Something is to be done for c after the present callback. */
void conn_set_pending(struct conn *c);
/* Sending has failed: output is dropped; on_gone comes after the present callback or, while
 * receiving, at the end of the turn: a peer that answers early and closes makes the sending
 * fail when its answer is already there to be read. */
void conn_break(struct conn *c);

/* FLUSHING: the time without progress begins (anew). */
void conn_time_flush(struct conn *c);

/* conn_in.c */
void conn_on_recv(struct sock *s, struct span bytes, int error);
void conn_on_event(struct codec *codec, struct event *ev);
/* Feeds what waits in the in queue, tells the end when it is due. */
void conn_feed_queue(struct conn *c);

/* conn_budget.c: what all queues hold may have changed. */
void conn_note_queued(struct conn_shared *s);
/* conn_splice.c */
struct sock *conn_splice_target(struct sock *s, size_t *max);
void conn_on_spliced(struct sock *s, struct sock *to, size_t n, struct span left, int error);

/* conn_out.c */
/* Copies what the peer did not take: congested. Fails only for lack of room. */
int conn_queue(struct conn *c, struct span s) MUST_USE;
void conn_set_congested(struct conn *c);
void conn_on_send(struct sock *s, int error);
/* FLUSHING and nothing left to send: FIN or close. */
void conn_finish_flush(struct conn *c);

static inline struct conn *conn_from_sock(struct sock *s)
{
    struct conn *c = (struct conn *)((char *)s - offsetof(struct conn, sock));

    MUST(c->magic == CONN_MAGIC);
    return c;
}

#endif
