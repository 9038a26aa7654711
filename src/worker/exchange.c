#include "worker/exchange.h"

#include "base/fsm.h"
#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"

static const struct fsm_state ex_states[EX_STEPS] = {
#define STEP(name, function, next) [EX_##name] = {#name, next},
#include "worker/ex_steps.def"
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

struct exchange *exchange_new(struct worker *w, struct client *c)
{
    struct exchange *ex = slab_get(&w->exchanges_slab);

    if (!ex)
        return NULL;
    ex->magic = EX_MAGIC;
    ex->step = EX_CHECK;
    ex->worker = w;
    ex->client = c;
    ex->begin_us = loop_now_us(w->loop);
    timer_init(&ex->timer, ex_on_timer);
    arena_init(&ex->arena, w->arenas, LIMIT_ARENA_BYTES);
    c->exchange = ex;
    stats_add(w->stats, STATS_in_flight, 1);
    return ex;
}

void exchange_begin(struct exchange *ex, const struct msg *head)
{
    stats_add(ex->worker->stats, STATS_requests, 1);
    stats_line_add(ex->client->listener->stats, STATS_LISTENER_requests, 1);
    worker_note(ex->worker, FLIGHT_REQUEST, ex->client->peer.port,
                ex->worker->stats->value[STATS_requests]);
    if (msg_copy(&ex->request, head, &ex->arena) < 0) {
        ex->flags |= EX_NO_REQUEST;
        ex_fail(ex, END_NO_MEMORY);
    }
    exchange_run(ex);
}

void exchange_refuse(struct exchange *ex, const struct event *ev)
{
    ex->flags |= EX_NO_REQUEST;
    ex->status = ev->status ? ev->status : 400;
    ex->why = ev->why;
    ex_fail(ex, END_BAD_REQUEST);
    exchange_run(ex);
}

void exchange_reject(struct exchange *ex, enum end end)
{
    ex->flags |= EX_NO_REQUEST;
    ex_fail(ex, end);
    exchange_run(ex);
}

void exchange_run(struct exchange *ex)
{
    enum ex_verdict verdict;

    MUST(ex->magic == EX_MAGIC);
    do {
        verdict = ex_step_run[ex->step](ex);
    } while (verdict == EX_VERDICT_NEXT);
}
