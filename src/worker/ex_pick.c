#include <stddef.h>

#include "worker/ex_int.h"
#include "worker/hash_key.h"
#include "worker/origin_table.h"
#include "worker/place.h"
#include "worker/pool_turn.h"

/* Which server the next attempt goes to, and the wait for a place at one. */

/* The server comes with a place. */
static void attach(struct exchange *ex, struct origin *o)
{
    MUST(ex->origin == NULL && ex->lane == NULL);
    ex->origin = o;
    ex->attempts++;
    ex->flags &= (uint8_t)~EX_CONTINUED;
    ex->lane_status = 0;
    ex->origin_id = o->server_id;
    ex->picked_us = loop_now_us(ex->worker->loop);
    ex->connected_us = ex->sent_us = ex->first_us = 0;
    ex->tries = (struct addr_tries){0};
    if (ex->connect_from_us == 0)
        ex->connect_from_us = ex->picked_us;
    if (ex->pool->fail_open)
        ex->flags |= EX_FAIL_OPEN;
    worker_note(ex->worker, FLIGHT_ATTEMPT, ex->attempts, o->server_id);
}

/* Apart, so that round robin, which asks for nothing, pays for nothing. */
static __attribute__((noinline)) void fill_ask(const struct exchange *ex,
                                               struct balance_ask *ask)
{
    const struct pool_runtime *pool = ex->pool;

    *ask = (struct balance_ask){.rand = &ex->worker->rand,
                                .now_us = loop_now_us(ex->worker->loop)};
    if (pool->policy == POOL_POLICY_HASH)
        ask->hash = hash_key_of(&pool->hash_key, &ex->request, &ex->caller->peer);
}

/* NULL: the policy goes by nothing of the request. */
static const struct balance_ask *ask_of(const struct exchange *ex, struct balance_ask *ask)
{
    if (ex->pool->policy == POOL_POLICY_ROUND_ROBIN)
        return NULL;
    fill_ask(ex, ask);
    return ask;
}

/* ---- waiting ---- */

static void on_turn(struct waiter *w)
{
    struct exchange *ex =
        (struct exchange *)(void *)((char *)w - offsetof(struct exchange, waiter));

    MUST(ex->magic == EX_MAGIC && ex->step == EX_QUEUE);
    ex_run(ex);
}

/* What comes of the request meanwhile stays unread, as while a server is connected to. */
static void await_place(struct exchange *ex)
{
    const uint32_t wait_ms = ex->pool->settings.queue.wait_ms;

    if (!stream_is_read(ex->client))
        stream_listen(ex->client, STREAM_WAIT);
    ex_watch_client(ex);
    ex_timer_set(ex, EX_FOR_QUEUE, loop_now_ms(ex->worker->loop) + wait_ms);
}

static enum ex_verdict enter_queue(struct exchange *ex)
{
    struct pool_runtime *pool = ex->pool;

    if (!pool_turn_has_room(pool)) {
        stats_line_add(pool->stats, STATS_POOL_queue_full, 1);
        ex_fail(ex, END_QUEUE_FULL);
        return EX_VERDICT_NEXT;
    }
    ex_move(ex, EX_QUEUE, "all servers are at max_requests");
    ex->waiter.on_turn = on_turn;
    ex->waiter.may_be_passed = ex->row.failed_id != 0;
    pool_turn_wait(pool, &ex->waiter);
    worker_note(ex->worker, FLIGHT_QUEUED, (uint16_t)pool->queue.n, pool->id);
    await_place(ex);
    return EX_VERDICT_WAIT;
}

/* ---- the first attempt ---- */

static enum ex_verdict go_first(struct exchange *ex, struct origin *o)
{
    attach(ex, o);
    ex_move(ex, EX_LANE, "server picked");
    return EX_VERDICT_NEXT;
}

static enum ex_verdict have_no_server(struct exchange *ex)
{
    stats_line_add(ex->pool->stats, STATS_POOL_no_server, 1);
    ex_fail(ex, END_NO_SERVER);
    return EX_VERDICT_NEXT;
}

/* Where others wait already the turn is theirs. */
static __attribute__((noinline)) bool is_others_turn(const struct pool_runtime *pool)
{
    return pool_turn_is_contended(pool) && pool_turn_has_room(pool);
}

enum ex_verdict ex_step_pick(struct exchange *ex)
{
    struct pool_runtime *pool = ex->pool;
    struct balance_ask ask;

    if ((pool->limited_n | pool->queue.n) > 0 && is_others_turn(pool))
        return enter_queue(ex);
    struct origin *o = pick_server(pool, ask_of(ex, &ask));
    if (o != NULL)
        return go_first(ex, o);
    return pick_is_full(pool) ? enter_queue(ex) : have_no_server(ex);
}

/* ---- further attempts ---- */

/* All servers were tried. One that could be reached may do better on a new connection: the row
 * begins anew, at another one if there is one. */
static struct origin *pick_again(struct exchange *ex, const struct balance_ask *ask,
                                 bool *is_full)
{
    struct origin *last = origin_find(ex->worker, ex->origin_id);

    if (ex->end != END_ORIGIN_RESET || !ex_may_send_more(ex))
        return NULL;
    ex->row = (struct pick_row){.failed_id = ex->origin_id};
    struct origin *o = pick_other(ex->pool, ask, &ex->row);
    *is_full = o == NULL && pick_other_is_full(ex->pool, ask, &ex->row);
    if (o != NULL || *is_full || last == NULL || last->place != ORIGIN_LISTED)
        return o;
    *is_full = !place_take(last);
    return *is_full ? NULL : last;
}

static struct origin *pick_next(struct exchange *ex, bool *is_full)
{
    struct balance_ask space;
    const struct balance_ask *ask = ask_of(ex, &space);
    struct origin *o = pick_other(ex->pool, ask, &ex->row);

    *is_full = o == NULL && pick_other_is_full(ex->pool, ask, &ex->row);
    return o != NULL || *is_full ? o : pick_again(ex, ask, is_full);
}

static enum ex_verdict go_on(struct exchange *ex, struct origin *o)
{
    if (o == NULL) {
        ex_move(ex, EX_REPLY, "no other server");
        return EX_VERDICT_NEXT;
    }
    stats_add(ex->worker->stats, STATS_retries, 1);
    stats_line_add(ex->pool->stats, STATS_POOL_retries, 1);
    ex_retry_begin(ex);
    ex->end = END_OK;
    ex->status = 0;
    ex->rate_from_us = 0;
    attach(ex, o);
    ex_move(ex, EX_LANE, "another attempt");
    return EX_VERDICT_NEXT;
}

enum ex_verdict ex_step_retry(struct exchange *ex)
{
    bool is_full = false;
    struct origin *o = pick_next(ex, &is_full);

    return is_full ? enter_queue(ex) : go_on(ex, o);
}

/* ---- its turn has come ---- */

/* Without memory for the list nothing is known of the servers. */
static bool waits_on(const struct exchange *ex, const struct origin *o, bool is_full)
{
    return is_full || (o == NULL && ex->pool->balance.is_stale);
}

enum ex_verdict ex_step_queue(struct exchange *ex)
{
    const bool is_first = ex->row.failed_id == 0;
    bool is_full = false;
    struct balance_ask ask;
    struct origin *o =
        is_first ? pick_server(ex->pool, ask_of(ex, &ask)) : pick_next(ex, &is_full);

    if (is_first && o == NULL)
        is_full = pick_is_full(ex->pool);
    if (waits_on(ex, o, is_full))
        return EX_VERDICT_WAIT;
    if (is_first && o == NULL)
        return have_no_server(ex);
    ex_leave_queue(ex);
    return is_first ? go_first(ex, o) : go_on(ex, o);
}
