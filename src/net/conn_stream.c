/* Streams of a conn: what is theirs alone. Where there is one only, it is the conn's. */
#include "net/conn_int.h"

struct codec_stream *conn_stream_open(struct conn *c, void *user)
{
    MUST(c->flags & CONN_ASKS);
    return conn_can_send(c) ? codec_open(c->codec, user) : NULL;
}

void conn_stream_pause(struct conn *c, struct codec_stream *st)
{
    if (!codec_has_many(c->codec))
        conn_pause(c);
    else if (c->state == CONN_OPEN)
        codec_pause(c->codec, st, true);
}

void conn_stream_resume(struct conn *c, struct codec_stream *st)
{
    if (!codec_has_many(c->codec)) {
        conn_resume(c);
    } else if (c->state == CONN_OPEN) {
        codec_pause(c->codec, st, false);
        conn_ask_output(c);
    }
}

void conn_stream_done(struct conn *c, struct codec_stream *st)
{
    if (!codec_has_many(c->codec)) {
        conn_next(c);
        return;
    }
    codec_done(c->codec, st);
    conn_ask_output(c);
}

void conn_stream_reset(struct conn *c, struct codec_stream *st, enum codec_why why)
{
    if (!codec_can_reset(c->codec)) {
        conn_close(c, CONN_CLOSE_RESET);
        return;
    }
    codec_reset(c->codec, st, why);
    conn_ask_output(c);
}

void conn_give_output(struct conn *c)
{
    bool has_more = true;

    while (has_more && conn_can_send(c) && !conn_is_congested(c))
        has_more =
            codec_output(c->codec, conn_claim(c, CODEC_BODY_OWN_BYTES, CODEC_BODY_PIECES));
}
