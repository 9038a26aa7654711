#include "net/conn_int.h"

static void on_event(struct codec *codec, struct event *ev)
{
    struct conn *c = codec->owner;

    MUST(c->magic == CONN_MAGIC);
    if (c->state != CONN_OPEN)
        return; /* closed by an earlier event of the same bytes */
    c->ops->on_event(c, ev);
}

static void on_flow(struct codec *codec, struct codec_stream *st, bool is_full)
{
    struct conn *c = codec->owner;

    MUST(c->magic == CONN_MAGIC && c->codec == codec);
    conn_set_pending(c); /* the codec may have more to say */
    if (c->state == CONN_OPEN && c->ops->on_flow != NULL)
        c->ops->on_flow(c, st, is_full);
}

const struct codec_owner_ops conn_codec_ops = {.event = on_event, .flow = on_flow};

void conn_expect_prologue(struct conn *c)
{
    MUST(c->feeding == FEEDING_IDLE && bufq_len(&c->in) == 0 && c->ops->on_prologue != NULL);
    c->feeding = FEEDING_PROLOGUE;
}

size_t conn_take_prologue(struct conn *c, struct span in)
{
    int64_t n = c->ops->on_prologue(c, in);

    if (n <= 0 || !conn_is_open(c))
        return 0;
    MUST((size_t)n <= in.len);
    c->feeding = FEEDING_IDLE;
    return (size_t)n;
}

/* Offers bytes to the codec until it wants no more of them; conn_next() inside makes it want
 * more. */
static size_t feed(struct conn *c, struct span in)
{
    size_t used = 0;

    if (c->feeding == FEEDING_PROLOGUE) {
        used = conn_take_prologue(c, in);
        if (used == 0 || used == in.len)
            return used;
    }
    MUST(c->feeding == FEEDING_IDLE);
    do {
        c->feeding = FEEDING_NOW;
        used += codec_feed(c->codec, span_skip(in, used));
    } while (c->feeding == FEEDING_AGAIN && used < in.len && c->state == CONN_OPEN);
    c->feeding = FEEDING_IDLE;
    conn_ask_output(c);
    return used;
}

static void tell_eof(struct conn *c)
{
    c->flags &= (uint8_t)~CONN_PEER_EOF;
    if (!codec_eof(c->codec, c->flags & CONN_CUT ? CODEC_CUT : CODEC_ENDED) &&
        c->state == CONN_OPEN)
        c->ops->on_gone(c, WERR_EOF);
}

static void tell_unread(struct conn *c)
{
    if (bufq_len(&c->in) > 0 && c->state == CONN_OPEN && c->ops->on_unread != NULL)
        c->ops->on_unread(c);
}

void conn_feed_queue(struct conn *c)
{
    size_t waiting = bufq_len(&c->in);

    if (waiting > 0) {
        size_t used = feed(c, bufq_peek(&c->in));

        if (c->state != CONN_OPEN)
            return;
        /* What was handed on still lies in the queue. */
        if (used > 0 && c->shared->outv_owner != NULL)
            conn_end_output(c->shared->outv_owner);
        bufq_drop(&c->in, c->shared->store, used);
    }
    /* With the end seen, no more will come: what the codec left is all there is. */
    if ((c->flags & CONN_PEER_EOF) && !conn_is_stopped(c) && !conn_is_quiet(c))
        tell_eof(c);
    else
        tell_unread(c);
}

/* Bytes that find no room are a hole: nothing more may be read behind it. */
bool conn_keep(struct conn *c, struct span rest)
{
    if (rest.len == 0 || !conn_is_open(c))
        return true;
    int rc = bufq_push(&c->in, c->shared->store, rest, CONN_IN_MAX_BYTES);
    if (rc == 0)
        return true;
    conn_send_held(c);
    conn_break(c, rc);
    return false;
}

static void keep_rest(struct conn *c, struct span rest)
{
    if (rest.len > 0 && conn_keep(c, rest))
        tell_unread(c);
}

static inline void receive(struct conn *c, struct span bytes)
{
    if (bufq_len(&c->in) == 0)
        keep_rest(c, span_skip(bytes, feed(c, bytes)));
    else if (conn_keep(c, bytes))
        conn_feed_queue(c);
}

void conn_receive(struct conn *c, struct span bytes)
{
    receive(c, bytes);
}

void conn_on_recv(struct sock *s, struct span bytes, int error)
{
    struct conn *c = conn_from_sock(s);

    conn_note_moved(c->shared, bytes.len);
    if (c->state != CONN_OPEN) {
        if (bytes.len == 0) /* lingering: the peer is done */
            conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    if (error < 0) {
        conn_drop_held(c);
        c->ops->on_gone(c, error);
        return;
    }
    if (bytes.len > 0) {
        receive(c, bytes);
        return;
    }
    c->flags |= CONN_PEER_EOF;
    if (!conn_is_stopped(c))
        conn_feed_queue(c);
}

size_t conn_unread_bytes(const struct conn *c)
{
    return bufq_len(&c->in);
}

/* While they are being read, bytes of the queue lie there still though the codec may have taken
 * them; what it leaves is offered to it again by feed(). */
bool conn_has_unread(const struct conn *c)
{
    return bufq_len(&c->in) > 0 && c->feeding < FEEDING_NOW;
}
