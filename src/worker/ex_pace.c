#include <stddef.h>

#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"

/* Who is waited for, how long, and what it is called when that was too long.
 *
 * Nearly all exchanges are over before anybody could be late. So one that is young, and that
 * waits for nothing that may be late so soon, has no timer: what moves it stores the time, and
 * the worker's pace timer comes to each in the order of their births when it is
 * LIMIT_UNWATCHED_MS old, to set a timer of its own for what it waits for then. */

/* With Expect: 100-continue the server may take its time to say so, and the client its own
 * until it has had enough of waiting. The end of both is the client's: it is not to wait for
 * ever (RFC 9110 section 10.1.1), and else its silence would get a server ejected that never
 * asks for a body. */
static bool awaits_continue(const struct exchange *ex)
{
    return (ex->request.flags & MSG_EXPECT_100) && ex->bytes_in == 0 &&
           !(ex->flags & EX_CONTINUED);
}

enum { ASKS_NOBODY = 0, ASKS_CLIENT = 1, ASKS_LANE = 2, ASKS_BOTH = ASKS_CLIENT | ASKS_LANE };

struct wait {
    const char *word;
    bool is_of_pool; /* the limit; else of the listener */
    size_t limit_ms; /* where in struct pool_settings or listener_settings */
    enum end end;
    unsigned asks;
};

enum { OF_listener = false, OF_pool = true };

static const struct wait waits[EX_FOR_N] = {
    [EX_FOR_NOTHING] = {"nothing", false, 0, END_OK, ASKS_NOBODY},
    [EX_FOR_PACE] = {"pace", false, 0, END_OK, ASKS_NOBODY},
#define EX_TIMER(name, word, owner, setting, end, asks)                                \
    [EX_FOR_##name] = {(word), OF_##owner, offsetof(struct owner##_settings, setting), \
                       END_##end, ASKS_##asks},
#include "worker/ex_timers.def"
#undef EX_TIMER
};

const char *exchange_timer_name(const struct exchange *ex)
{
    return waits[ex->timer_for].word;
}

static const void *settings_of(const struct exchange *ex, bool is_of_pool)
{
    return is_of_pool ? (const void *)&ex->pool->settings
                      : (const void *)&ex->caller->listener->settings;
}

static uint32_t limit_ms(const struct exchange *ex, enum ex_timer_for what)
{
    const struct wait *wait = &waits[what];
    const char *all = settings_of(ex, wait->is_of_pool);
    uint32_t ms = *(const uint32_t *)(const void *)(all + wait->limit_ms);

    if (what == EX_FOR_CONTINUE && ms < ex->pool->settings.timeouts.response_head_ms)
        return ex->pool->settings.timeouts.response_head_ms;
    return ms;
}

void ex_timer_set(struct exchange *ex, enum ex_timer_for what, uint64_t due_ms)
{
    MUST(what > EX_FOR_PACE); /* those have none */
    ex->timer_for = (uint8_t)what;
    timer_set(loop_timers(ex->worker->loop), &ex->timer, due_ms);
}

/* For good. */
static void stop(struct exchange *ex)
{
    ex->timer_for = EX_FOR_NOTHING;
    if (timer_is_set(&ex->timer))
        timer_stop(loop_timers(ex->worker->loop), &ex->timer);
}

/* A response that has begun is not sent on to a client that takes nothing: while it is
 * congested, nobody else is late. */
static enum ex_timer_for waits_for(const struct exchange *ex)
{
    if (ex->step == EX_TUNNEL)
        return EX_FOR_TUNNEL;
    if (stream_is_begun(ex->client))
        return stream_is_congested(ex->client) ? EX_FOR_WRITE : EX_FOR_IDLE;
    if (stream_is_said(ex_server(ex)))
        return EX_FOR_RESPONSE;
    if (awaits_continue(ex))
        return EX_FOR_CONTINUE;
    return stream_is_congested(ex_server(ex)) ? EX_FOR_UPLOAD : EX_FOR_BODY;
}

/* Most responses come before it would pay to register the client's socket for the sake of a
 * reset that it may send (who is read from, or was before, is registered already), or to ask
 * how much of a body its server has yet. */
static bool is_unwatched(const struct exchange *ex, enum ex_timer_for what)
{
    if (what != EX_FOR_RESPONSE && what != EX_FOR_IDLE)
        return false;
    return !stream_is_watched(ex->client) ||
           (what == EX_FOR_RESPONSE && (ex->bytes_in > 0 || ex_fin_aborts(ex)));
}

/* from_ms: when something moved last. The response of a server that is still silent may find a
 * client that has not taken the one before: who is late first, is late. */
static void wait_on(struct exchange *ex, uint64_t from_ms, bool watches)
{
    MUST(ex->step == EX_RELAY || ex->step == EX_TUNNEL);
    enum ex_timer_for what = waits_for(ex);
    uint64_t due_ms = ex->response_due_ms;

    if (what != EX_FOR_RESPONSE) {
        due_ms = from_ms + limit_ms(ex, what);
    } else if (stream_is_congested(ex->client) &&
               from_ms + limit_ms(ex, EX_FOR_WRITE) < due_ms) {
        what = EX_FOR_WRITE;
        due_ms = from_ms + limit_ms(ex, EX_FOR_WRITE);
    }
    if (watches && is_unwatched(ex, what) && due_ms > from_ms + LIMIT_UNWATCHED_MS) {
        what = EX_FOR_WATCH;
        due_ms = from_ms + LIMIT_UNWATCHED_MS;
    }
    ex_timer_set(ex, what, due_ms);
}

/* May it be left to the pace timer? Not if anybody could be late before that comes. */
static bool may_be_paced(const struct exchange *ex)
{
    const struct pool_timeouts *t = &ex->pool->settings.timeouts;
    const struct listener_timeouts *of_client = &ex->caller->listener->settings.timeouts;

    return t->response_head_ms > LIMIT_UNWATCHED_MS && t->idle_ms > LIMIT_UNWATCHED_MS &&
           t->tunnel_ms > LIMIT_UNWATCHED_MS &&
           of_client->client_write_ms > LIMIT_UNWATCHED_MS &&
           of_client->client_body_ms > LIMIT_UNWATCHED_MS;
}

void ex_touch_slow(struct exchange *ex)
{
    wait_on(ex, loop_now_ms(ex->worker->loop), true);
}

void ex_await_lane(struct exchange *ex, uint32_t ms)
{
    ex_timer_set(ex, EX_FOR_CONNECT, loop_now_ms(ex->worker->loop) + ms);
}

void ex_await_response(struct exchange *ex)
{
    ex->response_due_ms = loop_now_ms(ex->worker->loop) + limit_ms(ex, EX_FOR_RESPONSE);
    ex_touch(ex);
}

/* ---- from birth to death ---- */

static uint64_t grown_up_ms(const struct exchange *ex)
{
    return ex->begin_us / 1000 + LIMIT_UNWATCHED_MS;
}

void ex_pace_begin(struct exchange *ex)
{
    struct worker *w = ex->worker;

    ex->timer_for = EX_FOR_NOTHING;
    timer_init(&ex->timer, ex_on_timer);
    TAILQ_INSERT_TAIL(&w->exchanges, ex, entry);
    if (w->young == NULL)
        w->young = ex;
    if (!timer_is_set(&w->pace_timer))
        timer_set(loop_timers(w->loop), &w->pace_timer, grown_up_ms(ex));
}

void ex_pace_pool(struct exchange *ex)
{
    MUST(ex->pool != NULL && ex->timer_for == EX_FOR_NOTHING);
    if (may_be_paced(ex))
        ex->timer_for = EX_FOR_PACE;
}

void ex_pace_end(struct exchange *ex)
{
    struct worker *w = ex->worker;

    stop(ex);
    if (w->young == ex)
        w->young = TAILQ_NEXT(ex, entry);
    TAILQ_REMOVE(&w->exchanges, ex, entry);
}

static void on_pace(struct timer *t)
{
    struct worker *w = (struct worker *)((char *)t - offsetof(struct worker, pace_timer));
    const uint64_t now_ms = loop_now_ms(w->loop);
    struct exchange *ex;

    while ((ex = w->young) != NULL && grown_up_ms(ex) <= now_ms) {
        MUST(ex->magic == EX_MAGIC);
        w->young = TAILQ_NEXT(ex, entry);
        if (ex->timer_for == EX_FOR_PACE)
            wait_on(ex, ex->moved_us / 1000, true);
    }
    if (ex != NULL)
        timer_set(loop_timers(w->loop), t, grown_up_ms(ex));
}

void exchange_pace_init(struct worker *w)
{
    TAILQ_INIT(&w->exchanges);
    w->young = NULL;
    timer_init(&w->pace_timer, on_pace);
}

/* ---- */

bool ex_fin_aborts(const struct exchange *ex)
{
    return ex->caller->listener->settings.client_abort_on_fin && !stream_is_begun(ex->client) &&
           stream_is_read(ex->client);
}

void ex_watch_client(struct exchange *ex)
{
    if (ex_fin_aborts(ex))
        stream_listen(ex->client, STREAM_WATCH_FIN);
    else
        stream_listen(ex->client, STREAM_WATCH);
}

static void watch(struct exchange *ex)
{
    ex_watch_client(ex);
    if (ex->bytes_in > 0)
        stream_look(ex_server(ex));
    wait_on(ex, ex->timer.due_ms - LIMIT_UNWATCHED_MS, false);
}

static bool client_takes(const struct exchange *ex)
{
    return stream_is_congested(ex->client) && stream_has_taken(ex->client);
}

static bool lane_takes(const struct exchange *ex)
{
    const bool is_uploading = ex->timer_for == EX_FOR_RESPONSE && ex->bytes_in > 0;

    return (is_uploading || stream_is_congested(ex_server(ex))) &&
           stream_has_taken(ex_server(ex));
}

/* A client that has not taken the end of the response before is congested from the start, which
 * it was told when this exchange had no lane, or none that was open. */
void ex_response_begun(struct exchange *ex)
{
    if (stream_is_congested(ex->client))
        stream_pause(ex_server(ex));
    ex_touch(ex);
}

void ex_client_progress(struct exchange *ex)
{
    if (ex_is_relaying(ex))
        ex_touch(ex);
}

/* As long as it takes the request, it can't answer. */
void ex_lane_progress(struct exchange *ex)
{
    if (stream_is_said(ex_server(ex)) && !stream_is_begun(ex->client))
        ex_await_response(ex);
    else
        ex_touch(ex);
}

/* What the kernel has taken for somebody may be on its way for long: nobody is late who takes
 * something of it. */
static bool is_taken(struct exchange *ex)
{
    const unsigned asks = waits[ex->timer_for].asks;

    if ((asks & ASKS_LANE) && lane_takes(ex))
        ex_lane_progress(ex);
    else if ((asks & ASKS_CLIENT) && client_takes(ex))
        ex_client_progress(ex);
    else
        return false;
    return true;
}

void ex_on_timer(struct timer *t)
{
    struct exchange *ex = (struct exchange *)((char *)t - offsetof(struct exchange, timer));

    MUST(ex->magic == EX_MAGIC && ex->timer_for != EX_FOR_NOTHING);
    if (ex->timer_for == EX_FOR_WATCH) {
        watch(ex);
        return;
    }
    if (is_taken(ex))
        return;
    enum end end = waits[ex->timer_for].end;
    if (end == END_CLIENT_WRITE && !stream_is_begun(ex->client))
        ex->flags |= EX_CLIENT_GONE; /* a response of our own would find no reader either */
    ex_fail(ex, end);
    ex_run(ex);
}

bool exchange_is_too_slow(const struct listener_runtime *l, uint64_t bytes, uint64_t elapsed_ms)
{
    uint64_t rate = l->settings.bounds.min_rate_bytes;

    return elapsed_ms > LIMIT_RATE_GRACE_MS &&
           bytes * 1000 < rate * (elapsed_ms - LIMIT_RATE_GRACE_MS);
}

enum end ex_check_body(struct exchange *ex, size_t bytes)
{
    uint64_t max = ex->caller->listener->settings.bounds.body_bytes;
    uint64_t now_us = loop_now_us(ex->worker->loop);

    if (max > 0 && ex->bytes_in > max)
        return END_BODY_TOO_BIG;
    if (ex->rate_from_us == 0) {
        ex->rate_from_us = now_us;
        ex->rate_bytes = 0;
    }
    ex->rate_bytes += bytes;
    return exchange_is_too_slow(ex->caller->listener, ex->rate_bytes,
                                (now_us - ex->rate_from_us) / 1000)
               ? END_CLIENT_SLOW
               : END_OK;
}
