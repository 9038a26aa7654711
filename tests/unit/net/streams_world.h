/* streams_world.h - two conns with the toy codec, one that asks and one that serves, and up to
 * 110 streams on them, in one simulated network.
 *
 * Each half of a stream (struct end) sends its body in pieces as long as neither the stream nor
 * the conn is full, as one that relays would, and checks each byte that it receives. The server
 * answers when a request has ended.
 */
#ifndef WELDR_TESTS_STREAMS_WORLD_H
#define WELDR_TESTS_STREAMS_WORLD_H

#include "../base/cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/reply.h"
#include "net/conn.h"
#include "net/loop_sim.h"
#include "toy_codec.h"

enum { ENDS_MAX = 110, PIECE_BYTES = 5000 };

struct side;

struct end {
    struct side *side;
    struct codec_stream *st; /* NULL: not begun, or over */
    unsigned number;
    size_t got, left, total; /* bytes received, still to be sent, to be sent in all */
    bool has_head, has_ended, sends, has_sent, is_full, was_full;
    int error;
};

struct streams;

struct side {
    struct conn conn; /* first */
    struct streams *w;
    struct loop_work pump;
    struct end ends[ENDS_MAX];
    unsigned n, drained_n, congested_n;
    int open_n, gone_n, broken_n;
    bool is_closed;
};

struct streams {
    struct loop *loop;
    struct conn_shared shared;
    struct sock listener;
    struct addr at;
    struct side asks, serves;
    size_t answer_bytes; /* of each */
    struct end *(*on_head)(
        struct end *e); /* NULL, or a hook: returns e, or NULL if it is gone */
};

static struct streams *streams_now; /* for on_accept */

static inline char byte_of(unsigned number, size_t at)
{
    return (char)('a' + (number + at % 251 + at / 5003) % 26);
}

/* ---- sending ---- */

/* Is it over in both directions? */
static inline void end_finish(struct end *e)
{
    if (!e->st || !e->has_ended || !e->has_sent || e->is_full)
        return;
    conn_stream_done(&e->side->conn, e->st);
    e->st = NULL;
}

static inline void end_send_piece(struct end *e)
{
    char piece[PIECE_BYTES];
    size_t at = e->total - e->left;
    size_t n = e->left < sizeof(piece) ? e->left : sizeof(piece);

    for (size_t i = 0; i < n; i++)
        piece[i] = byte_of(e->number, at + i);
    conn_stream_send_body(&e->side->conn, e->st, span_from(piece, n), 0);
    conn_flush(&e->side->conn); /* the piece does not outlive this function */
    e->left -= n;
}

static inline void end_pump(struct end *e)
{
    if (!e->st || !e->sends || e->has_sent)
        return;
    while (e->left > 0 && !e->is_full && !conn_is_congested(&e->side->conn))
        end_send_piece(e);
    if (e->left > 0)
        return;
    conn_stream_send_end(&e->side->conn, e->st, NULL);
    e->has_sent = true;
    end_finish(e);
}

static inline void side_pump(struct loop_work *work)
{
    struct side *s = (struct side *)((char *)work - offsetof(struct side, pump));

    for (unsigned i = 0; i < s->n; i++) {
        end_pump(&s->ends[i]);
        end_finish(&s->ends[i]);
    }
}

static inline void side_pump_soon(struct side *s)
{
    loop_defer(s->w->loop, &s->pump);
}

static inline void end_begin_body(struct end *e, size_t bytes)
{
    e->left = e->total = bytes;
    e->sends = true;
    side_pump_soon(e->side);
}

static inline void end_answer(struct end *e)
{
    struct msg m;

    reply_init(&m, 200, e->side->w->answer_bytes);
    conn_stream_send_head(&e->side->conn, e->st, &m);
    end_begin_body(e, e->side->w->answer_bytes);
}

/* ---- hearing ---- */

static inline struct end *side_take(struct side *s, struct codec_stream *st)
{
    struct end *e = &s->ends[s->n++];

    assert_true(s->n <= ENDS_MAX);
    *e = (struct end){.side = s, .st = st};
    if (conn_has_many(&s->conn))
        st->user = e;
    return e;
}

/* The only stream of HTTP/1 knows no owner: it is the last one's that was begun. */
static inline struct end *side_known(struct side *s, const struct codec_stream *st)
{
    struct end *last = s->n > 0 ? &s->ends[s->n - 1] : NULL;

    if (conn_has_many(&s->conn))
        return st->user;
    return last != NULL && last->st != NULL ? last : NULL;
}

static inline struct end *end_of(struct side *s, const struct event *ev)
{
    struct span target;
    struct end *e = side_known(s, ev->stream);

    if (e)
        return e;
    assert_ptr_equal(s, &s->w->serves);
    assert_int_equal(ev->type, EVENT_HEAD);
    e = side_take(s, ev->stream);
    target = msg_target(ev->msg);
    for (size_t i = 1; i < target.len; i++)
        e->number = e->number * 10 + (unsigned)(target.ptr[i] - '0');
    return e;
}

static inline void end_take_body(struct end *e, struct span data)
{
    for (size_t i = 0; i < data.len; i++)
        assert_int_equal(data.ptr[i], byte_of(e->number, e->got + i));
    e->got += data.len;
}

static inline void end_take_end(struct end *e)
{
    assert_false(e->has_ended);
    e->has_ended = true;
    if (e->side == &e->side->w->serves)
        end_answer(e);
    end_finish(e);
}

static inline void side_on_event(struct conn *c, struct event *ev)
{
    struct side *s = (struct side *)c;
    struct end *e;

    if (!ev->stream) {
        assert_int_equal(ev->type, EVENT_RESET);
        s->broken_n++;
        conn_close(c, CONN_CLOSE_FLUSH);
        return;
    }
    e = end_of(s, ev);
    assert_ptr_equal(e->st, ev->stream);
    switch (ev->type) {
    case EVENT_HEAD:
        e->has_head = true;
        if (s->w->on_head)
            e = s->w->on_head(e);
        if (e && ev->is_whole)
            end_take_end(e);
        break;
    case EVENT_BODY:
        end_take_body(e, ev->data);
        break;
    case EVENT_END:
        end_take_end(e);
        break;
    case EVENT_RESET:
        e->error = ev->error;
        conn_stream_done(c, e->st);
        e->st = NULL;
        break;
    case EVENT_INFO:
    case EVENT_TRAILERS:
        fail();
    }
}

static inline void side_on_flow(struct conn *c, struct codec_stream *st, bool is_full)
{
    struct end *e = st->user;

    assert_true(e->is_full != is_full);
    e->is_full = is_full;
    e->was_full |= is_full;
    if (!is_full)
        side_pump_soon((struct side *)c);
}

static inline void side_on_open(struct conn *c, int error)
{
    assert_int_equal(error, 0);
    ((struct side *)c)->open_n++;
}

static inline void side_on_gone(struct conn *c, int error)
{
    (void)error;
    ((struct side *)c)->gone_n++;
    conn_close(c, CONN_CLOSE_NOW);
}

static inline void side_on_congested(struct conn *c)
{
    ((struct side *)c)->congested_n++;
}

static inline void side_on_drained(struct conn *c)
{
    ((struct side *)c)->drained_n++;
    side_pump_soon((struct side *)c);
}

static inline void side_on_closed(struct conn *c)
{
    struct side *s = (struct side *)c;

    s->is_closed = true;
    for (unsigned i = 0; i < s->n; i++)
        s->ends[i].st = NULL;
    loop_undefer(s->w->loop, &s->pump);
}

static const struct conn_ops streams_conn_ops = {
    .on_open = side_on_open,
    .on_event = side_on_event,
    .on_gone = side_on_gone,
    .on_flow = side_on_flow,
    .on_congested = side_on_congested,
    .on_drained = side_on_drained,
    .on_closed = side_on_closed,
};

/* ---- the world ---- */

static inline void streams_on_accept(struct sock *s, struct accepted *a)
{
    struct streams *w = streams_now;

    (void)s;
    assert_int_equal(conn_accept(&w->serves.conn, &w->shared, &streams_conn_ops, a, CODEC_H1,
                                 &codec_limits_request),
                     0);
}

static inline void streams_ignore(struct sock *s)
{
    (void)s;
}

static const struct sock_ops streams_listener_ops = {.on_accept = streams_on_accept,
                                                     .on_closed = streams_ignore};

static inline void streams_run(struct streams *w)
{
    for (unsigned turn = 0; turn < 3000; turn++)
        loop_turn(w->loop, turn % 8 == 0);
}

/* buffer_bytes: what the network takes of each direction; 0: as usual. */
static inline struct streams *streams_new(const struct codec_kind *kind, uint32_t buffer_bytes)
{
    struct streams *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    streams_now = w;
    w->asks.w = w->serves.w = w;
    w->asks.pump.run = w->serves.pump.run = side_pump;
    w->at = (struct addr){.family = AF_INET, .port = 80, .ip = {10, 0, 0, 1}};
    w->loop = loop_sim_new(1, &(struct loop_sim_faults){.buffer_bytes = buffer_bytes});
    assert_non_null(w->loop);
    assert_int_equal(conn_shared_init(&w->shared, w->loop), 0);
    for (unsigned role = 0; role < CODEC_ROLES; role++)
        assert_int_equal(codec_shared_put(w->shared.codecs, CODEC_H1, role, kind), 0);
    sock_accept_start(w->loop, &w->listener, &streams_listener_ops,
                      loop_sim_listen(w->loop, &w->at));
    assert_int_equal(conn_connect(&w->asks.conn, &w->shared, &streams_conn_ops, &w->at,
                                  CODEC_H1, &codec_limits_response),
                     0);
    streams_run(w);
    assert_int_equal(w->asks.open_n, 1);
    assert_int_equal(w->serves.open_n, 1);
    return w;
}

/* Nothing is left. */
static inline void streams_end(struct streams *w)
{
    conn_close(&w->asks.conn, CONN_CLOSE_NOW);
    conn_close(&w->serves.conn, CONN_CLOSE_NOW);
    sock_close(&w->listener, false);
    streams_run(w);
    assert_true(w->asks.is_closed && w->serves.is_closed);
    assert_int_equal(w->shared.queued_bytes, 0);
    assert_int_equal(codec_shared_live_n(w->shared.codecs), 0);
    assert_int_equal(loop_sim_open_n(w->loop), 0);
    conn_shared_fini(&w->shared);
    loop_free(w->loop);
    free(w);
}

/* A new stream that asks for "/number"; NULL: none can begin. upload: with a body as long as an
 * response. */
static inline struct end *streams_ask(struct streams *w, unsigned number, bool upload)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "PUT/%u", number);
    struct msg m = {.base = text,
                    .base_len = (uint32_t)n,
                    .version = 11,
                    .method_len = 3,
                    .target_off = 3,
                    .target_len = (uint32_t)n - 3};
    struct msg_field host = {0};
    struct codec_stream *st = conn_stream_open(&w->asks.conn, NULL);
    struct end *e;

    if (!st)
        return NULL;
    e = side_take(&w->asks, st);
    e->number = number;
    m.fields = &host;
    m.body = upload ? MSG_BODY_LENGTH : MSG_BODY_NONE;
    m.content_length = upload ? w->answer_bytes : 0;
    m.flags = upload ? MSG_HAS_LENGTH : 0;
    assert_int_equal(msg_add(&m, SPAN("Host"), SPAN("h")), 0);
    conn_stream_send_head(&w->asks.conn, st, &m);
    e->has_sent = !upload;
    if (upload)
        end_begin_body(e, w->answer_bytes);
    else
        conn_stream_send_end(&w->asks.conn, st, NULL);
    conn_flush(&w->asks.conn); /* tests ask outside of callbacks */
    return e;
}

static inline void end_resume(struct end *e)
{
    conn_stream_resume(&e->side->conn, e->st);
    side_pump_soon(e->side); /* as if it were in a callback */
}

/* Of all that the asking side has begun: how many have got the whole response? */
static inline unsigned streams_whole_n(const struct streams *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->asks.n; i++)
        n += w->asks.ends[i].has_ended && w->asks.ends[i].got == w->answer_bytes;
    return n;
}

#endif
