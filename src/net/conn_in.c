#include "net/conn_int.h"

static void on_event(struct codec *codec, struct event *ev)
{
    struct conn *c = codec->owner;

    MUST(c->magic == CONN_MAGIC);
    if (c->state != CONN_OPEN)
        return; /* closed by an earlier event of the same bytes */
    c->ops->on_event(c, ev);
    if (ev->is_whole && !c->ops->hears_whole && c->state == CONN_OPEN)
        c->ops->on_event(c, &(struct event){.type = EVENT_END});
}

const struct codec_owner_ops conn_codec_ops = {.event = on_event};

void conn_expect_prologue(struct conn *c)
{
    c->flags |= CONN_PROLOGUE;
}

static size_t take_prologue(struct conn *c, struct span in)
{
    int64_t n = c->ops->on_prologue(c, in);

    if (n <= 0 || c->state != CONN_OPEN)
        return 0;
    c->flags &= (uint16_t)~CONN_PROLOGUE;
    return (size_t)n;
}

/* Offers bytes to the codec until it wants no more of them; conn_next() inside makes it want
 * more. */
static size_t feed(struct conn *c, struct span in)
{
    size_t used = 0;

    MUST(!(c->flags & CONN_FEEDING));
    if (c->flags & CONN_PROLOGUE) {
        used = take_prologue(c, in);
        if (used == 0 || used == in.len)
            return used;
    }
    c->flags |= CONN_FEEDING;
    do {
        c->flags &= (uint16_t)~CONN_FEED_AGAIN;
        used += codec_feed(c->codec, span_skip(in, used));
    } while ((c->flags & CONN_FEED_AGAIN) && used < in.len && c->state == CONN_OPEN);
    c->flags &= (uint16_t) ~(CONN_FEEDING | CONN_FEED_AGAIN);
    return used;
}

static void tell_eof(struct conn *c)
{
    c->flags &= (uint16_t)~CONN_PEER_EOF;
    if (!codec_eof(c->codec) && c->state == CONN_OPEN)
        c->ops->on_gone(c, WERR_EOF);
}

static void tell_unread(struct conn *c)
{
    if (bufq_len(&c->in) > 0 && c->state == CONN_OPEN && c->ops->on_unread)
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
        if (used > 0 && c->shared->outv_owner)
            conn_end_output(c->shared->outv_owner);
        bufq_drop(&c->in, c->shared->store, used);
    }
    /* With the end seen, no more will come: what the codec left is all there is. */
    if ((c->flags & CONN_PEER_EOF) && !(c->flags & (CONN_PAUSED | CONN_QUIET)))
        tell_eof(c);
    else
        tell_unread(c);
}

/* Bytes that find no room are a hole: nothing more may be read behind it. */
static bool keep(struct conn *c, struct span rest)
{
    int rc;

    if (rest.len == 0 || c->state != CONN_OPEN)
        return true;
    rc = bufq_push(&c->in, c->shared->store, rest, CONN_IN_MAX_BYTES);
    if (rc == 0)
        return true;
    conn_send_held(c);
    conn_break(c, rc);
    return false;
}

static void keep_rest(struct conn *c, struct span rest)
{
    if (rest.len > 0 && keep(c, rest))
        tell_unread(c);
}

static void receive(struct conn *c, struct span bytes)
{
    if (bufq_len(&c->in) == 0)
        keep_rest(c, span_skip(bytes, feed(c, bytes)));
    else if (keep(c, bytes))
        conn_feed_queue(c);
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
    if (!(c->flags & CONN_PAUSED))
        conn_feed_queue(c);
}

void conn_pause(struct conn *c)
{
    if (c->state != CONN_OPEN)
        return;
    if (!(c->flags & CONN_PAUSED))
        codec_pause(c->codec, NULL, true);
    c->flags |= CONN_PAUSED;
    if (!(c->flags & CONN_QUIET))
        sock_recv_hold(&c->sock);
}

void conn_wait(struct conn *c)
{
    conn_pause(c);
    if (c->state != CONN_OPEN)
        return;
    sock_recv_stop(&c->sock);
    sock_watch(&c->sock);
}

void conn_resume(struct conn *c)
{
    if (!(c->flags & CONN_PAUSED) || c->state != CONN_OPEN)
        return;
    c->flags &= (uint16_t)~CONN_PAUSED;
    codec_pause(c->codec, NULL, false);
    if (c->flags & CONN_FEEDING)
        c->flags |= CONN_FEED_AGAIN;
    else if (bufq_len(&c->in) > 0 || (c->flags & CONN_PEER_EOF))
        conn_set_pending(c);
    if (!(c->flags & (CONN_QUIET | CONN_PEER_EOF)))
        sock_recv_start(&c->sock);
}

void conn_quiet(struct conn *c)
{
    c->flags |= CONN_QUIET;
    if (c->state != CONN_OPEN)
        return;
    sock_recv_stop(&c->sock);
    if (c->flags & CONN_BROKEN)
        conn_set_pending(c); /* nobody waits for its end any more */
}

static void hear_again(struct conn *c)
{
    conn_send_held(c); /* which is of the message before */
    c->flags &= (uint16_t) ~(CONN_QUIET | CONN_SENT | CONN_SPLICED);
    if (c->flags & CONN_PAUSED)
        conn_resume(c);
    if (c->flags & CONN_FEEDING)
        c->flags |= CONN_FEED_AGAIN;
    else if (bufq_len(&c->in) > 0 || (c->flags & CONN_PEER_EOF))
        conn_set_pending(c);
    if (!(c->flags & CONN_PEER_EOF))
        sock_recv_start(&c->sock);
}

void conn_next(struct conn *c)
{
    if (c->state != CONN_OPEN)
        return;
    codec_done(c->codec, NULL);
    hear_again(c);
}

void conn_tunnel(struct conn *c)
{
    if (c->state == CONN_OPEN)
        hear_again(c);
}

size_t conn_unread_bytes(const struct conn *c)
{
    return bufq_len(&c->in);
}

/* While they are being read, bytes of the queue lie there still though the codec may have taken
 * them; what it leaves is offered to it again by feed(). */
bool conn_has_unread(const struct conn *c)
{
    return bufq_len(&c->in) > 0 && !(c->flags & CONN_FEEDING);
}
