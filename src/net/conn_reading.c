/* The reading state of a conn: its one setter, and who moves it. */
#include "base/fsm.h"
#include "net/conn_int.h"

static const struct fsm_state reading_states[READING_STATES] = {
    [READING_ON] = {"ON",
                    FSM_TO(READING_PAUSED) | FSM_TO(READING_WAIT) | FSM_TO(READING_QUIET)},
    [READING_PAUSED] = {"PAUSED",
                        FSM_TO(READING_ON) | FSM_TO(READING_WAIT) | FSM_TO(READING_QUIET)},
    [READING_WAIT] = {"WAIT", FSM_TO(READING_ON) | FSM_TO(READING_PAUSED) |
                                  FSM_TO(READING_QUIET) | FSM_TO(READING_FIN_WATCH)},
    [READING_QUIET] = {"QUIET",
                       FSM_TO(READING_ON) | FSM_TO(READING_WATCH) | FSM_TO(READING_FIN_WATCH)},
    [READING_WATCH] = {"WATCH", FSM_TO(READING_ON) | FSM_TO(READING_FIN_WATCH)},
    [READING_FIN_WATCH] = {"FIN_WATCH", FSM_TO(READING_ON)},
};
static const struct fsm reading_fsm = {"conn reading", reading_states, READING_STATES};

/* Makes the socket do as the state says. */
static inline void apply(struct conn *c, enum conn_reading reading)
{
    struct sock *s = &c->sock;

    if (reading == READING_ON) {
        if (!(c->flags & CONN_PEER_EOF))
            sock_recv_start(s);
        return;
    }
    if (reading == READING_PAUSED) {
        sock_recv_hold(s);
        return;
    }
    sock_recv_stop(s);
    if (reading == READING_FIN_WATCH)
        sock_watch_fin(s);
    else if (reading != READING_QUIET)
        sock_watch(s);
}

/* The codec is stopped along with the socket: it may have more at hand than it was asked for.
 * Inline, since each caller names the state. */
static inline __attribute__((always_inline)) void
set_reading(struct conn *c, enum conn_reading next, const char *why)
{
    bool was_stopped = conn_is_stopped(c);

    MUST(c->state == CONN_OPEN);
    fsm_move(&reading_fsm, &c->reading, next, (uint64_t)(uintptr_t)c, why);
    if (conn_is_stopped(c) != was_stopped)
        codec_pause(c->codec, NULL, !was_stopped);
    apply(c, next);
}

const char *conn_reading_name(const struct conn *c)
{
    return fsm_name(&reading_fsm, c->reading);
}

/* What the codec left, and the end that it was not told, may go on. */
static void feed_soon(struct conn *c)
{
    if (c->feeding >= FEEDING_NOW)
        c->feeding = FEEDING_AGAIN;
    else if (bufq_len(&c->in) > 0 || (c->flags & CONN_PEER_EOF))
        conn_set_pending(c);
}

void conn_pause(struct conn *c)
{
    if (c->state == CONN_OPEN && c->reading < READING_QUIET && c->reading != READING_PAUSED)
        set_reading(c, READING_PAUSED, "can't hand on");
}

void conn_wait(struct conn *c)
{
    if (conn_is_quiet(c))
        conn_watch(c);
    else if (c->state == CONN_OPEN && c->reading != READING_WAIT)
        set_reading(c, READING_WAIT, "waits for the other side");
}

void conn_resume(struct conn *c)
{
    if (c->state != CONN_OPEN || !conn_is_stopped(c))
        return;
    feed_soon(c);
    set_reading(c, READING_ON, "goes on");
}

void conn_quiet(struct conn *c)
{
    if (c->state != CONN_OPEN)
        return;
    if (!conn_is_quiet(c))
        set_reading(c, READING_QUIET, "read whole");
    if (conn_is_broken(c))
        conn_set_pending(c); /* nobody waits for its end any more */
}

void conn_watch(struct conn *c)
{
    if (c->state == CONN_OPEN && c->reading == READING_QUIET)
        set_reading(c, READING_WATCH, "watched");
    else
        sock_watch(&c->sock);
}

void conn_watch_fin(struct conn *c)
{
    if (c->state == CONN_OPEN && c->reading != READING_FIN_WATCH)
        set_reading(c, READING_FIN_WATCH, "watched for its end");
}

static void hear_again(struct conn *c, const char *why)
{
    conn_send_held(c); /* which is of the message before */
    c->flags &= (uint8_t) ~(CONN_SENT | CONN_SPLICED);
    feed_soon(c);
    if (c->reading != READING_ON)
        set_reading(c, READING_ON, why);
}

void conn_next(struct conn *c)
{
    if (c->state != CONN_OPEN)
        return;
    codec_done(c->codec, NULL);
    hear_again(c, "next message");
}

void conn_tunnel(struct conn *c)
{
    if (c->state == CONN_OPEN)
        hear_again(c, "tunnel");
}
