#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/pool_runtime.h"

/* As long as no connection comes about nothing was sent, and the next server is tried, until
 * all were or the time for that is over: that is no repetition, whatever the settings say of
 * those.
 *
 * A request is sent again only where that can do no harm. Nothing of a response may have come.
 * Then it is certain that the server has done nothing when no connection came about, or when
 * the kernel refused the very first byte that we sent on an idle lane: the server had closed
 * it. As soon as one byte was taken by the kernel nothing is certain any more: the server may
 * have acted on it even if all that we hear is a reset. From then on only what is idempotent
 * (RFC 9110 section 9.2.2) is sent again. */

bool ex_is_idempotent(const struct exchange *ex)
{
    static const struct span methods[] = {{"GET", 3},    {"HEAD", 4},    {"PUT", 3},
                                          {"DELETE", 6}, {"OPTIONS", 7}, {"TRACE", 5}};
    struct span method = msg_method(&ex->request);

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (span_is_equal(method, methods[i]))
            return true;
    return false;
}

static bool can_do_no_harm(const struct exchange *ex)
{
    return (ex->lane != NULL && !stream_has_sent(ex_server(ex))) || ex_is_idempotent(ex);
}

/* When many servers fail at once, trying everything twice would double the load of the rest. */
static bool is_within_budget(const struct exchange *ex)
{
    const struct pool_runtime *pool = ex->pool;
    uint64_t running = pool->exchange_n;

    return (ex->flags & EX_RETRIED) || pool->retrying_n < LIMIT_RETRY_FREE_N ||
           pool->retrying_n * UINT64_C(100) < running * pool->settings.retry.budget_percent;
}

/* What we lack for one server (local ports) we may have for another, but finding that out can
 * be long work for the kernel. */
static bool may_pick_more(const struct exchange *ex, enum end end)
{
    bool is_ours = end_facts(end)->blame == END_BLAME_WELDR;

    return ex->attempts < (is_ours ? LIMIT_SHORT_PICKS_N : LIMIT_PICKS_N);
}

bool ex_may_send_more(const struct exchange *ex)
{
    return ex->sent_n < ex->pool->settings.retry.attempts;
}

bool ex_may_retry(const struct exchange *ex, enum end end)
{
    if (!end_facts(end)->retry || (ex->flags & (EX_CLIENT_GONE | EX_NO_REPLAY)) ||
        stream_is_begun(ex->client) || ex_lane_spoke(ex) || !may_pick_more(ex, end))
        return false;
    if (ex->step == EX_LANE)
        return ex_connect_left_ms(ex) > 0;
    return ex_may_send_more(ex) && can_do_no_harm(ex) && is_within_budget(ex);
}

uint32_t ex_connect_left_ms(const struct exchange *ex)
{
    const struct pool_settings *p = &ex->pool->settings;
    uint64_t all_us = UINT64_C(1000) * p->timeouts.connect_ms * p->retry.attempts;
    uint64_t spent_us = loop_now_us(ex->worker->loop) - ex->connect_from_us;

    return spent_us < all_us ? (uint32_t)((all_us - spent_us) / 1000) : 0;
}

void ex_retry_begin(struct exchange *ex)
{
    if (ex->sent_n == 0 || (ex->flags & EX_RETRIED))
        return;
    ex->flags |= EX_RETRIED;
    ex->pool->retrying_n++;
}

void ex_retry_done(struct exchange *ex)
{
    if (!(ex->flags & EX_RETRIED))
        return;
    MUST(ex->pool->retrying_n > 0);
    ex->pool->retrying_n--;
}

/* ---- the body ---- */

static void keep_no_body(struct exchange *ex)
{
    ex->flags |= EX_NO_REPLAY;
    ex_forget_body(ex);
}

/* Who is about to send it again needs it. */
bool exchange_make_room(struct worker *w)
{
    struct exchange *ex, *next;

    for (ex = TAILQ_FIRST(&w->keepers); ex != NULL && worker_queues_are_full(w); ex = next) {
        next = TAILQ_NEXT(ex, keeper);
        if (ex->step == EX_RELAY)
            keep_no_body(ex);
    }
    return !worker_queues_are_full(w);
}

static bool may_be_needed(const struct exchange *ex, struct span data)
{
    uint32_t max_bytes = ex->pool->settings.retry.replay_bytes;

    if (data.ptr == NULL || ex->request.content_length > max_bytes ||
        bufq_len(&ex->replay) + data.len > max_bytes)
        return false;
    return !stream_has_sent(ex_server(ex)) || ex_is_idempotent(ex);
}

/* Older bodies give way, and this one too, if it is the oldest. */
static bool has_room(struct exchange *ex)
{
    if (!worker_queues_are_full(ex->worker))
        return true;
    return exchange_make_room(ex->worker) && !(ex->flags & EX_NO_REPLAY);
}

static int keep(struct exchange *ex, struct span data)
{
    MUST(ex->step == EX_RELAY || ex->step == EX_TUNNEL);
    const bool is_first = bufq_len(&ex->replay) == 0;
    int rc = bufq_push(&ex->replay, ex->worker->shared.store, data, UINT32_MAX);

    if (is_first && bufq_len(&ex->replay) > 0)
        TAILQ_INSERT_TAIL(&ex->worker->keepers, ex, keeper);
    return rc;
}

void ex_keep_body(struct exchange *ex, struct span data)
{
    if ((ex->flags & EX_NO_REPLAY) || stream_is_begun(ex->client))
        return;
    if (!may_be_needed(ex, data) || !has_room(ex) || keep(ex, data) < 0)
        keep_no_body(ex);
}

/* At once, for the queue may move when more is kept. Chunks are cut anew: their borders mean
 * nothing (RFC 9112 section 7.1). */
void ex_replay_body(struct exchange *ex)
{
    if (bufq_len(&ex->replay) == 0)
        return;
    stream_send_body(ex_server(ex), bufq_peek(&ex->replay), 0);
    stream_flush(ex_server(ex));
}

void ex_forget_body(struct exchange *ex)
{
    if (bufq_len(&ex->replay) > 0)
        TAILQ_REMOVE(&ex->worker->keepers, ex, keeper);
    bufq_fini(&ex->replay, ex->worker->shared.store);
}
