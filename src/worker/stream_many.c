#include "worker/stream_many.h"

#include "worker/limits.h"

/* Its peer's credit is the real bound. */
enum { IN_MAX_BYTES = 1024 * 1024 };

/* ---- what is to be done in a callback of its own ---- */

static void set_ready(struct stream_many *sm)
{
    if (sm->is_ready)
        return;
    sm->is_ready = true;
    TAILQ_INSERT_TAIL(&sm->hub->ready, sm, ready);
    loop_defer(sm->hub->shared->loop, &sm->hub->work);
}

static void drop_ready(struct stream_many *sm)
{
    if (!sm->is_ready)
        return;
    sm->is_ready = false;
    TAILQ_REMOVE(&sm->hub->ready, sm, ready);
}

/* Whoever was handed something of the queue may still have to send it. */
static void send_referenced(const struct stream_hub *hub)
{
    if (hub->shared->outv_owner != NULL)
        conn_flush(hub->shared->outv_owner);
}

static void drop_queue(struct stream_many *sm)
{
    if (bufq_len(&sm->in) > 0)
        send_referenced(sm->hub);
    bufq_fini(&sm->in, sm->hub->shared->store);
}

/* ---- life ---- */

static void on_timer(struct timer *t);

struct stream_many *stream_many_new(struct stream_hub *hub, struct streams *of, struct conn *c,
                                    struct codec_stream *codec,
                                    void (*on_freed)(struct streams *of))
{
    struct stream_many *sm = slab_get(&hub->slab);

    if (sm == NULL)
        return NULL;
    MUST(codec->user == NULL);
    stream_init(&sm->stream, STREAM_MANY);
    sm->stream.is_congested = conn_is_congested(c);
    sm->hub = hub;
    sm->of = of;
    sm->conn = c;
    sm->codec = codec;
    sm->on_freed = on_freed;
    sm->taken_n = of->taken_n;
    sm->why = CODEC_CANCELLED;
    bufq_init(&sm->in);
    timer_init(&sm->timer, on_timer);
    LIST_INSERT_HEAD(&of->all, sm, entry);
    of->n++;
    codec->user = sm;
    return sm;
}

/* Is nothing due any more, either way? What was said to a broken conn the codec has not seen.
 */
static bool is_done(const struct stream_many *sm)
{
    const struct stream *st = &sm->stream;

    if (conn_is_broken(sm->conn))
        return false;
    return st->in == STREAM_RESET ||
           (stream_is_read(st) && stream_is_ended(st) && !sm->is_full);
}

static void free_stream(struct stream_many *sm)
{
    struct stream_hub *hub = sm->hub;
    struct streams *of = sm->of;
    void (*on_freed)(struct streams * of) = sm->on_freed;

    MUST(sm->stream.user == NULL && of->n > 0);
    LIST_REMOVE(sm, entry); /* the codec may find much to say of the others now */
    of->n--;
    drop_ready(sm);
    drop_queue(sm);
    timer_stop(loop_timers(hub->shared->loop), &sm->timer);
    if (hub->at_it == sm)
        hub->at_it = NULL;
    if (is_done(sm))
        conn_stream_done(sm->conn, sm->codec);
    else
        conn_stream_reset(sm->conn, sm->codec, sm->why);
    sm->stream.magic = 0;
    slab_put(&hub->slab, sm);
    on_freed(of);
}

static void time_rest(struct stream_many *sm)
{
    loop_timer_in(sm->hub->shared->loop, &sm->timer, sm->limit_ms);
}

/* An END that it was not told of is one all the same. */
void stream_many_end(struct stream_many *sm, uint32_t limit_ms)
{
    MUST(sm->stream.user == NULL);
    if (sm->has_end && sm->stream.in == STREAM_BODY)
        stream_move_in(&sm->stream, STREAM_END, "end, not waited for");
    if (!sm->is_full || sm->is_cut) {
        free_stream(sm);
        return;
    }
    drop_queue(sm);
    stream_look(&sm->stream);
    sm->limit_ms = limit_ms;
    time_rest(sm);
}

static void on_timer(struct timer *t)
{
    struct stream_many *sm =
        (struct stream_many *)((char *)t - offsetof(struct stream_many, timer));

    MUST(sm->stream.magic == STREAM_MAGIC && sm->stream.user == NULL);
    if (stream_has_taken(&sm->stream))
        time_rest(sm);
    else
        free_stream(sm);
}

static void lose(struct stream_many *sm)
{
    if (sm->stream.user != NULL)
        sm->stream.user->up->gone(sm->stream.user);
    else
        free_stream(sm);
}

void streams_lose(struct streams *all)
{
    while (!LIST_EMPTY(&all->all)) {
        const uint32_t n = all->n;

        lose(LIST_FIRST(&all->all));
        MUST(all->n < n);
    }
}

/* ---- hearing ---- */

static bool is_held(const struct stream_many *sm)
{
    return sm->is_paused || sm->is_ready || bufq_len(&sm->in) > 0;
}

/* Trailers that come then are left out, as RFC 9110 section 6.5 allows. */
static void hold(struct stream_many *sm, const struct event *ev)
{
    if (ev->type == EVENT_END)
        sm->has_end = true;
    else if (ev->type == EVENT_BODY &&
             bufq_push(&sm->in, sm->hub->shared->store, ev->data, IN_MAX_BYTES) < 0)
        lose(sm);
}

/* Nobody listens any more. */
static void note_rest(struct stream_many *sm, const struct event *ev)
{
    stream_note_heard(&sm->stream, ev);
    if (ev->type == EVENT_RESET)
        free_stream(sm);
}

void stream_many_hear(struct stream_many *sm, struct event *ev)
{
    if (ev->type == EVENT_RESET) {
        drop_ready(sm);
        drop_queue(sm);
    }
    if (sm->stream.user == NULL)
        note_rest(sm, ev);
    else if (ev->type != EVENT_RESET && is_held(sm))
        hold(sm, ev);
    else
        stream_hear(&sm->stream, ev);
}

/* Its user may end it in any of the events: then it is not at_it any more. */
static void hand_on(struct stream_hub *hub, struct stream_many *sm)
{
    struct event body = {.type = EVENT_BODY, .stream = sm->codec, .data = bufq_peek(&sm->in)};
    struct event end = {.type = EVENT_END, .stream = sm->codec};

    hub->at_it = sm;
    if (body.data.len > 0) {
        stream_hear(&sm->stream, &body);
        if (hub->at_it != sm)
            return;
        send_referenced(hub);
        bufq_drop(&sm->in, hub->shared->store, body.data.len);
    }
    hub->at_it = NULL;
    if (sm->is_paused)
        return;
    if (sm->has_end) {
        sm->has_end = false;
        stream_hear(&sm->stream, &end);
    } else {
        conn_stream_resume(sm->conn, sm->codec);
    }
}

static void run_ready(struct loop_work *work)
{
    struct stream_hub *hub =
        (struct stream_hub *)(void *)((char *)work - offsetof(struct stream_hub, work));
    struct stream_many *sm;

    while ((sm = TAILQ_FIRST(&hub->ready)) != NULL) {
        drop_ready(sm);
        if (sm->stream.user == NULL)
            free_stream(sm); /* what was kept has gone out */
        else if (!sm->is_paused)
            hand_on(hub, sm);
    }
}

void stream_hub_init(struct stream_hub *hub, struct conn_shared *shared)
{
    hub->shared = shared;
    hub->work.run = run_ready;
    hub->at_it = NULL;
    TAILQ_INIT(&hub->ready);
    slab_init(&hub->slab, "stream", sizeof(struct stream_many), LIMIT_CLIENTS);
}

void stream_hub_fini(struct stream_hub *hub)
{
    MUST(TAILQ_EMPTY(&hub->ready));
    loop_undefer(hub->shared->loop, &hub->work);
    slab_fini(&hub->slab);
}

/* ---- congestion ---- */

static uint64_t gone_out_bytes(const struct stream_many *sm)
{
    return sm->said_bytes - conn_stream_kept(sm->conn, sm->codec);
}

static void note_taken(struct stream_many *sm)
{
    sm->taken_bytes = gone_out_bytes(sm);
    sm->taken_n = sm->of->taken_n;
}

static void set_congested(struct stream_many *sm, bool is_congested)
{
    if (sm->stream.is_congested == is_congested)
        return;
    if (is_congested) {
        note_taken(sm);
        stream_hear_congested(&sm->stream);
    } else {
        (void)stream_hear_drained(&sm->stream);
    }
}

void stream_many_hear_flow(struct stream_many *sm, bool is_full)
{
    sm->is_full = is_full;
    set_congested(sm, is_full || conn_is_congested(sm->conn));
    if (!is_full && sm->stream.user == NULL)
        set_ready(sm); /* the codec is still at it */
}

void streams_hear_congested(struct streams *all)
{
    struct stream_many *sm;

    LIST_FOREACH (sm, &all->all, entry)
        set_congested(sm, true);
}

void streams_hear_drained(struct streams *all)
{
    struct stream_many *sm;

    LIST_FOREACH (sm, &all->all, entry)
        set_congested(sm, sm->is_full);
}

void streams_hear_progress(struct streams *all)
{
    struct stream_many *sm;

    all->taken_n++;
    LIST_FOREACH (sm, &all->all, entry)
        if (sm->stream.user != NULL && sm->stream.is_congested && !sm->is_full)
            sm->stream.user->up->progress(sm->stream.user);
}

static struct stream_many *of(struct stream *st)
{
    return stream_many_from(st);
}

static const struct stream_many *const_of(const struct stream *st)
{
    MUST(st->kind == STREAM_MANY);
    return (const struct stream_many *)(const void *)st;
}

/* Credit is of one stream; what the kernel takes is of them all. So it counts only for those
 * that wait for that. */
static bool many_has_taken(struct stream *st)
{
    struct stream_many *sm = of(st);
    const bool waits_for_all = conn_is_congested(sm->conn);

    if (waits_for_all && conn_has_taken(sm->conn))
        sm->of->taken_n++;
    bool has_taken = gone_out_bytes(sm) > sm->taken_bytes ||
                     (waits_for_all && sm->taken_n != sm->of->taken_n);
    note_taken(sm);
    return has_taken;
}

static void many_look(struct stream *st)
{
    (void)many_has_taken(st);
}

/* ---- from the exchange ---- */

static void many_send_head(struct stream *st, const struct msg *m)
{
    conn_stream_send_head(of(st)->conn, of(st)->codec, m);
}

static void many_send_body(struct stream *st, struct span data, uint64_t chunk_bytes)
{
    struct stream_many *sm = of(st);

    sm->said_bytes += data.len;
    conn_stream_send_body(sm->conn, sm->codec, data, chunk_bytes);
}

static void many_send_end(struct stream *st, const struct msg *trailers)
{
    conn_stream_send_end(of(st)->conn, of(st)->codec, trailers);
}

/* Its end follows, when its user has left it. */
static void many_reset(struct stream *st, enum stream_why why)
{
    struct stream_many *sm = of(st);

    sm->why = why == STREAM_PEER_LEFT ? CODEC_CANCELLED : CODEC_FAILED;
    sm->is_cut = why != STREAM_CUT_OFF;
}

static void many_pause(struct stream *st)
{
    struct stream_many *sm = of(st);

    if (sm->is_paused)
        return;
    sm->is_paused = true;
    conn_stream_pause(sm->conn, sm->codec);
}

static void many_resume(struct stream *st)
{
    struct stream_many *sm = of(st);

    if (!sm->is_paused)
        return;
    sm->is_paused = false;
    if (bufq_len(&sm->in) > 0 || sm->has_end)
        set_ready(sm);
    else
        conn_stream_resume(sm->conn, sm->codec);
}

/* A stream carries one message each way in any case, and its connection goes on. */
static void many_close_after(struct stream *st)
{
    (void)st;
}

static struct conn *many_splice(struct stream *st)
{
    (void)st;
    return NULL; /* bodies have frames, here and there */
}

/* The connection is read all the time. */
static void many_listen(struct stream *st, enum stream_listen how)
{
    if (how == STREAM_WAIT)
        many_pause(st);
}

static void many_flush(struct stream *st)
{
    conn_flush(of(st)->conn);
}

/* client_many.c lets no request wish for one: RFC 9113 section 8.6. */
static void many_no_tunnel(struct stream *st)
{
    (void)st;
    MUST(false);
}

static bool many_is_open(const struct stream *st)
{
    return conn_is_open(const_of(st)->conn) && st->in != STREAM_RESET;
}

static bool many_is_broken(const struct stream *st)
{
    return conn_is_broken(const_of(st)->conn) || st->in == STREAM_RESET;
}

static bool many_is_watched(const struct stream *st)
{
    (void)st;
    return true;
}

/* Nobody can tell for one of them. */
static bool many_has_sent(const struct stream *st)
{
    (void)st;
    return true;
}

static int many_local_addr(const struct stream *st, struct addr *out)
{
    return sock_local_addr(&const_of(st)->conn->sock, out);
}

static const struct tlsio *many_tls(const struct stream *st)
{
    return const_of(st)->conn->tls;
}

const struct stream_ops stream_ops_many = {
    .send_head = many_send_head,
    .send_body = many_send_body,
    .send_end = many_send_end,
    .reset = many_reset,
    .pause = many_pause,
    .resume = many_resume,
    .close_after = many_close_after,
    .splice = many_splice,
    .listen = many_listen,
    .flush = many_flush,
    .tunnel = many_no_tunnel,
    .shut = many_no_tunnel,
    .is_open = many_is_open,
    .is_broken = many_is_broken,
    .is_watched = many_is_watched,
    .has_sent = many_has_sent,
    .has_taken = many_has_taken,
    .look = many_look,
    .local_addr = many_local_addr,
    .tls = many_tls,
};
