/* conn_int.h - what the files of the conn share. */
#ifndef WELDR_NET_CONN_INT_H
#define WELDR_NET_CONN_INT_H

#include "net/conn.h"

enum {
    CONN_MAGIC = 0x636f,             /* two bytes, for the sake of idle connections */
    CONN_IN_MAX_BYTES = 1024 * 1024, /* one scratch buffer and the largest head fit in well */
    CONN_OUT_MAX_BYTES = 4 * 1024 * 1024,
    CONN_FLUSH_LIMIT_MS = 60000, /* without progress, if its owner says nothing */
    CONN_LINGER_LIMIT_MS = 2000
};

void conn_move(struct conn *c, enum conn_state next, const char *why);
void conn_set_sending(struct conn *c, enum conn_sending next, const char *why);
/* Something is to be done for c after the present callback. */
void conn_set_pending(struct conn *c);
void conn_drop_pending(struct conn *c);
/* Sending has failed with this error: output is dropped from now on. When the peer has gone,
 * what it sent before is still received (its response may be there), and its end tells on_gone;
 * at once, after the present callback, only when nothing is to be received, or when what fails
 * is ours. */
void conn_break(struct conn *c, int error);

uint32_t conn_flush_limit_ms(const struct conn *c);
/* FLUSHING: the time without progress begins (anew). */
void conn_time_flush(struct conn *c);

/* conn_settle.c */
/* FLUSHING, all is sent, and a reset is to end it. */
void conn_begin_settling(struct conn *c);
/* SETTLING: has the peer got everything by now? */
void conn_settle(struct conn *c);

/* conn_in.c */
void conn_on_recv(struct sock *s, struct span bytes, int error);
extern const struct codec_owner_ops conn_codec_ops;
/* The owner looks at what comes first; bytes that were its. 0: more must come, or c is closed.
 */
size_t conn_take_prologue(struct conn *c, struct span in);
/* Into the in queue. false: no room, and c is broken. */
bool conn_keep(struct conn *c, struct span rest);
/* Plain bytes have come. */
void conn_receive(struct conn *c, struct span bytes);
/* Feeds what waits in the in queue, tells the end when it is due. */
void conn_feed_queue(struct conn *c);

/* conn_reading.c */
/* Paused or waiting: not read, though more is due. */
static inline bool conn_is_stopped(const struct conn *c)
{
    return c->reading == READING_PAUSED || c->reading == READING_WAIT;
}

/* conn_budget.c: what all queues hold may have changed. */
void conn_note_queued(struct conn_shared *s);
/* conn_hold.c */
struct conn_hold *conn_hold_new(struct loop *l); /* NULL: no memory */
void conn_hold_free(struct conn_hold *h);
/* Takes c's output from the outv, to send it at the end of the turn; false: it is to go now. */
bool conn_hold(struct conn *c);
/* Bytes were received, or spliced: whoever is held waits no longer than for so many. */
void conn_note_moved(struct conn_shared *s, size_t bytes);
/* Sends now what is held of c. */
void conn_send_held_now(struct conn *c);
static inline void conn_send_held(struct conn *c)
{
    if (c->held)
        conn_send_held_now(c);
}
/* Nothing can be sent to c any more. */
void conn_drop_held(struct conn *c);

/* conn_tls.c */
void conn_tls_free(struct conn_tls *k); /* NULL allowed */
void conn_tls_accept(struct conn *c);
/* The socket is connected. */
void conn_tls_begin_client(struct conn *c);
void conn_tls_on_recv(struct sock *s, struct span bytes, int error);
void conn_tls_on_fin(struct conn *c);
/* Before the handshake. */
void conn_tls_send_clear(struct conn *c, struct span bytes);
/* As records, with close_notify behind them if they are the last. < 0: to be broken with. */
int conn_tls_send(struct conn *c, const struct iovec *iov, unsigned n, bool is_last) MUST_USE;
/* close_notify, unless it was said. false: it has not all gone out yet. */
bool conn_tls_end(struct conn *c);
/* The same of a conn that closes now, as far as the peer takes it. */
void conn_tls_say_bye(struct conn *c);
/* Of one that waits for its handshake, or is in it. */
void conn_tls_leave(struct conn *c);
/* The same, and nothing of TLS is needed any more: what it has said is sent or queued. */
void conn_tls_give_up(struct conn *c);
/* Whoever connected hears that it could not; whoever was accepted is gone. */
void conn_tls_gone(struct conn *c, int error);
/* What the handshakes in progress hold, as far as it counts for the budget. */
size_t conn_tls_counted_bytes(const struct conn_tls *k); /* NULL: 0 */

/* conn_splice.c */
struct sock *conn_splice_target(struct sock *s, size_t *max);
void conn_on_spliced(struct sock *s, struct sock *to, size_t n, struct span left, int error);

/* conn_stream.c: what the codec itself has to say goes out, unless the conn is congested: then
 * it is asked when that is over. */
void conn_give_output(struct conn *c);
static inline void conn_ask_output(struct conn *c)
{
    if (c->codec->ops->output != NULL)
        conn_give_output(c);
}

/* conn_out.c */
static inline bool conn_can_send(const struct conn *c)
{
    return c->state == CONN_OPEN && c->sending == SENDING_ON;
}
/* Makes the shared outv this conn's, with room for one more group of pieces. */
struct outv *conn_claim(struct conn *c, size_t own_bytes, unsigned pieces);
/* Sends, or queues behind what waits, bytes that are for the socket. */
int conn_push_out(struct conn *c, const struct iovec *iov, unsigned n, size_t bytes) MUST_USE;
/* Sends these bytes, queues what is not taken, and does what is due when all is sent. */
void conn_send_out(struct conn *c, const struct iovec *iov, unsigned n, size_t bytes);
/* The outv is to be free for another: c's output goes out, now or at the end of the turn. */
void conn_end_output(struct conn *c);
/* Copies what the peer did not take: congested. Fails only for lack of room. */
int conn_queue(struct conn *c, struct span s) MUST_USE;
void conn_set_congested(struct conn *c);
void conn_on_send(struct sock *s, int error);
/* FLUSHING and nothing left to send: FIN, close or SETTLING. */
void conn_finish_flush(struct conn *c);

/* Is anything waiting to be sent? */
static inline bool conn_has_output(const struct conn *c)
{
    return c->held != 0 || c->shared->outv_owner == c || bufq_len(&c->out) > 0;
}

static inline struct conn *conn_from_sock(struct sock *s)
{
    struct conn *c = (struct conn *)((char *)s - offsetof(struct conn, sock));

    MUST(c->magic == CONN_MAGIC);
    return c;
}

#endif
