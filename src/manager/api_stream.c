#include "manager/api_stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/strb.h"
#include "log/log.h"
#include "manager/api_int.h"
#include "manager/events.h"
#include "manager/manager.h"

enum { WORD_BYTES = 512 };

struct api_stream {
    TAILQ_ENTRY(api_stream) entry;
    struct api_conn *ac;
    struct event_filter filter;
    uint64_t next;     /* number of the event that it wants */
    uint64_t taken_ms; /* when its client was last seen to take something */
};

static void forget(struct api_stream *st);

static struct event_ring *ring_of(const struct api_stream *st)
{
    return &st->ac->m->events->ring;
}

static uint64_t now_ms(const struct api_stream *st)
{
    return loop_now_ms(st->ac->m->loop);
}

/* ---- what is said beside the events ---- */

static void say(struct api_stream *st, const struct strb *b)
{
    MUST(!strb_is_full(b));
    conn_send_body(&st->ac->conn, strb_span(b), 0);
    conn_flush(&st->ac->conn);
}

/* An id alone: the client has it from the start, whatever comes of the stream. */
static void say_place(struct api_stream *st)
{
    char buf[WORD_BYTES], id[EVENT_ID_MAX];
    struct strb b;

    event_ring_print_id(ring_of(st), st->next - 1, id);
    strb_init(&b, buf, sizeof(buf));
    strb_addf(&b, "id: %s\n\n", id);
    say(st, &b);
}

static void say_gap(struct api_stream *st, const char *why, uint64_t lost)
{
    char buf[WORD_BYTES], id[EVENT_ID_MAX];
    struct strb b;

    event_ring_print_id(ring_of(st), st->next - 1, id);
    strb_init(&b, buf, sizeof(buf));
    strb_addf(&b, "id: %s\nevent: gap\ndata: {\"reason\":\"%s\",\"lost\":", id, why);
    if (lost > 0)
        strb_addf(&b, "%" PRIu64, lost);
    else
        strb_add_str(&b, "null");
    strb_add_str(&b, "}\n\n");
    say(st, &b);
}

/* The last word; the connection ends when it is taken, or not. */
static void finish(struct api_stream *st, const char *event, const char *why)
{
    struct api_conn *ac = st->ac;
    char buf[WORD_BYTES], id[EVENT_ID_MAX];
    struct strb b;

    event_ring_print_id(ring_of(st), st->next - 1, id);
    strb_init(&b, buf, sizeof(buf));
    strb_addf(&b, "event: %s\ndata: {\"reason\":\"%s\",\"since\":\"%s\"}\n\n", event, why, id);
    say(st, &b);
    forget(st);
    conn_send_end(&ac->conn, NULL);
    conn_close(&ac->conn, CONN_CLOSE_FLUSH);
}

static void cut_off(struct api_stream *st, const char *why)
{
    char peer[ADDR_TEXT_MAX];

    (void)addr_print(&st->ac->peer, peer);
    log_info("reader of events is cut off", LOG_S("client", peer), LOG_S("reason", why),
             LOG_U("behind", ring_of(st)->next - st->next));
    finish(st, "overrun", why);
}

/* ---- events ---- */

/* More came in one turn than the ring holds. */
static void skip_lost(struct api_stream *st)
{
    const uint64_t lost = ring_of(st)->first - st->next;

    st->next = ring_of(st)->first;
    say_gap(st, "overrun", lost);
}

/* As much as the client takes, and no more than its share of a turn. */
static void send_events(struct api_stream *st)
{
    struct conn *c = &st->ac->conn;

    if (st->next < ring_of(st)->first)
        skip_lost(st);
    for (unsigned i = 0; i < STREAM_PIECES_MAX && !conn_is_congested(c); i++) {
        const struct span run =
            event_ring_run(ring_of(st), &st->filter, &st->next, STREAM_PIECE_BYTES);

        if (run.len == 0)
            return;
        conn_send_body(c, run, 0);
        conn_flush(c);
    }
    if (!conn_is_congested(c))
        events_go_on(st->ac->m->events);
}

static void wake(struct api_stream *st)
{
    struct conn *c = &st->ac->conn;

    if (!conn_is_open(c))
        return;
    if (!conn_is_congested(c)) {
        send_events(st);
        st->taken_ms = now_ms(st);
    } else if (event_ring_behind(ring_of(st), st->next) > EVENTS_BYTES / 2 ||
               ring_of(st)->next - st->next > EVENTS_N / 2) {
        cut_off(st, "half of all events that are kept wait for this reader");
    }
}

static void wake_all(void *arg)
{
    const struct api *a = arg;
    struct api_stream *st, *next;

    for (st = TAILQ_FIRST(&a->streams); st != NULL; st = next) {
        next = TAILQ_NEXT(st, entry);
        wake(st);
    }
}

/* ---- what happens to the connection ---- */

/* Not all that waits, but some: it is slow, not stuck. */
static void on_progress(struct api_stream *st)
{
    st->taken_ms = now_ms(st);
}

static void on_drained(struct api_stream *st)
{
    wake(st);
}

static void on_timer(struct api_stream *st)
{
    struct conn *c = &st->ac->conn;

    conn_timer_set(c, STREAM_BEAT_MS);
    if (!conn_is_congested(c)) {
        conn_send_body(c, SPAN(": the stream lives\n\n"), 0);
        conn_flush(c);
    } else if (conn_has_taken(c)) {
        st->taken_ms = now_ms(st);
    } else if (now_ms(st) - st->taken_ms >= STREAM_STUCK_MS) {
        cut_off(st, "this reader has taken nothing for a minute");
    }
}

/* It may read on, or have left; what is sent to one that has left brings a reset. */
static void on_fin(struct api_stream *st)
{
    if (conn_is_congested(&st->ac->conn))
        return;
    conn_send_body(&st->ac->conn, SPAN(": the stream lives\n\n"), 0);
    conn_flush(&st->ac->conn);
}

static const struct api_stream_ops ops = {.on_progress = on_progress,
                                          .on_drained = on_drained,
                                          .on_timer = on_timer,
                                          .on_fin = on_fin,
                                          .on_closed = forget};

/* ---- life ---- */

bool api_stream_begin(struct api_conn *ac, const struct api_stream_start *start)
{
    struct api *a = ac->api;
    struct api_stream *st = a->stream_n < STREAMS_MAX ? fault_malloc(sizeof(*st)) : NULL;

    if (st == NULL)
        return false;
    *st = (struct api_stream){.ac = ac, .filter = start->filter, .next = start->next};
    st->taken_ms = now_ms(st);
    TAILQ_INSERT_TAIL(&a->streams, st, entry);
    a->stream_n++;
    events_on_more(ac->m->events, wake_all, a);
    ac->stream = st;
    ac->stream_ops = &ops;
    api_begin_stream(ac);
    conn_timer_set(&ac->conn, STREAM_BEAT_MS);
    if (start->gap != NULL)
        say_gap(st, start->gap, start->lost);
    else
        say_place(st);
    send_events(st);
    return true;
}

static void forget(struct api_stream *st)
{
    struct api *a = st->ac->api;

    MUST(a->stream_n > 0 && st->ac->stream == st);
    st->ac->stream = NULL;
    TAILQ_REMOVE(&a->streams, st, entry);
    if (--a->stream_n == 0)
        events_on_more(a->m->events, NULL, NULL);
    free(st);
}

void api_streams_end(struct api *a, const char *why)
{
    struct api_stream *st, *next;

    for (st = TAILQ_FIRST(&a->streams); st != NULL; st = next) {
        next = TAILQ_NEXT(st, entry);
        if (conn_is_open(&st->ac->conn))
            finish(st, "end", why);
    }
}
