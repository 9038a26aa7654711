#include "worker/exchange.h"

#include <stddef.h>
#include <string.h>

#include "base/fsm.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"

static const struct fsm_state ex_states[EX_STEPS] = {
#define STEP(name, function, next) [EX_##name] = {#name, next},
#include "worker/exchange_steps.def"
#undef STEP
};
static const struct fsm ex_fsm = {"exchange", ex_states, EX_STEPS};

void ex_move(struct exchange *ex, enum ex_step next, const char *why)
{
    fsm_move(&ex_fsm, &ex->step, next, (uint64_t)(uintptr_t)ex, why);
}

const char *exchange_step_name(const struct exchange *ex)
{
    return fsm_name(&ex_fsm, ex->step);
}

struct exchange *exchange_new(struct worker *w, struct stream *client,
                              const struct caller *caller, const struct exchange_owner *owner)
{
    struct exchange *ex = slab_get_raw(&w->exchanges_slab);

    if (!ex)
        return NULL;
    memset(ex, 0, offsetof(struct exchange, timer));
    ex->magic = EX_MAGIC;
    ex->step = EX_CHECK;
    ex->worker = w;
    ex->owner = owner;
    ex->caller = caller;
    ex->client = client;
    ex->of_client.up = &ex_of_client;
    ex->of_lane.up = &ex_of_lane;
    ex->begin_us = loop_now_us(w->loop);
    arena_init(&ex->arena, w->arenas, LIMIT_ARENA_BYTES);
    ex_pace_begin(ex);
    stream_take(client, &ex->of_client);
    stats_add(w->stats, STATS_in_flight, 1);
    return ex;
}

void ex_have_no_request(struct exchange *ex)
{
    memset(&ex->request, 0, sizeof(ex->request));
    ex->flags |= EX_NO_REQUEST;
}

void ex_free(struct exchange *ex)
{
    struct worker *w = ex->worker;

    MUST(ex->step == EX_DONE && ex->client->user == &ex->of_client);
    stream_leave(ex->client);
    ex_pace_end(ex);
    ex_retry_done(ex);
    ex_forget_body(ex);
    arena_reset(&ex->arena);
    ex->magic = 0;
    slab_put(&w->exchanges_slab, ex);
}

void exchange_reject(struct exchange *ex, enum end end)
{
    MUST(ex->step == EX_CHECK && ex->client->in == STREAM_IDLE);
    ex_have_no_request(ex);
    ex_fail(ex, end);
    ex_run(ex);
}

void exchange_stop(struct exchange *ex)
{
    MUST(ex->magic == EX_MAGIC);
    ex_client_gone(ex);
}

void ex_run(struct exchange *ex)
{
    enum ex_verdict verdict;

    MUST(ex->magic == EX_MAGIC);
    do {
        verdict = ex_step_run[ex->step](ex);
    } while (verdict == EX_VERDICT_NEXT);
}
