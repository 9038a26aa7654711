#include "worker/exchange.h"

#include <stddef.h>
#include <string.h>

#include "worker/ex_int.h"
#include "worker/limits.h"
#include "worker/listener_runtime.h"

struct exchange *exchange_new(struct worker *w, struct stream *client,
                              const struct caller *caller, const struct exchange_owner *owner)
{
    struct exchange *ex = slab_get_raw(&w->exchanges_slab);

    if (ex == NULL)
        return NULL;
    memset(ex, 0, offsetof(struct exchange, worker));
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
    ex->unwritten.used_bytes = 0;
    ex_pace_begin(ex);
    stream_take(client, &ex->of_client);
    stats_add(w->stats, STATS_in_flight, 1);
    return ex;
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
