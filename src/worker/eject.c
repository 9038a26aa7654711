#include "worker/eject.h"

#include <stddef.h>

#include "log/log.h"
#include "worker/origin.h"
#include "worker/pool_runtime.h"
#include "worker/rotation.h"
#include "worker/worker.h"

/* What the errors of a row were. A reset is neither: a process that dies resets what it has,
 * and then refuses. */
enum { KIND_CONNECT = 1U << 0, KIND_ANSWER = 1U << 1 };

static const struct pool_eject *rule_of(const struct origin *o)
{
    return &o->pool->settings.eject;
}

/* ---- in and out ---- */

void eject_end(struct origin *o)
{
    if (o->state == ORIGIN_EJECTED)
        rotation_readmit(o);
}

static void on_time(struct timer *t)
{
    struct origin *o = (struct origin *)((char *)t - offsetof(struct origin, eject_timer));

    MUST(o->magic == ORIGIN_MAGIC);
    rotation_readmit(o);
    log_info("server is tried again", LOG_S("server", o->authority));
}

void eject_init(struct origin *o)
{
    timer_init(&o->eject_timer, on_time);
}

void eject_note_passed(struct origin *o)
{
    if (o->state != ORIGIN_EJECTED || o->error_kinds != KIND_CONNECT)
        return;
    eject_end(o);
    log_info("server has passed a check: it is tried again", LOG_S("server", o->authority));
}

/* ---- the row of errors ---- */

static uint64_t time_out_ms(const struct origin *o, const struct pool_eject *rule)
{
    uint64_t ms = (uint64_t)rule->base_ms * o->ejections;

    return ms < rule->max_ms ? ms : rule->max_ms;
}

static void eject(struct origin *o, const struct pool_eject *rule)
{
    struct worker *w = o->worker;
    uint64_t now_ms = loop_now_ms(w->loop);

    if (o->ejections > 0 && now_ms - o->readmitted_ms > rule->max_ms)
        o->ejections = 0;
    if (o->ejections < UINT16_MAX)
        o->ejections++;
    rotation_eject(o);
    loop_timer_in(w->loop, &o->eject_timer, time_out_ms(o, rule));
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_ejections, 1);
    log_warn("server is ejected", LOG_S("server", o->authority), LOG_U("errors", o->errors),
             LOG_U("ms", time_out_ms(o, rule)));
}

static bool may_eject(struct origin *o, const struct pool_eject *rule)
{
    struct pool_runtime *pool = o->pool;

    if (o->state == ORIGIN_EJECTED || !o->up || !rotation_is_wanted(o))
        return false;
    rotation_refresh(pool);
    return !pool->balance.is_stale && pool->usable_n > 1 &&
           (pool->ejected_n + 1) * 100ULL <= (uint64_t)rule->max_percent * pool->wanted_n;
}

static uint8_t kind_of(const struct eject_attempt *a)
{
    if (a->is_reset)
        return 0;
    return a->is_connecting ? KIND_CONNECT : KIND_ANSWER;
}

static void note_error(struct origin *o, uint8_t kind)
{
    const struct pool_eject *rule = rule_of(o);

    if (o->errors == 0)
        o->error_kinds = 0;
    if (o->state != ORIGIN_EJECTED)
        o->error_kinds |= kind;
    if (o->errors < UINT16_MAX)
        o->errors++;
    if (rule->errors > 0 && o->errors >= rule->errors && may_eject(o, rule))
        eject(o, rule);
}

void eject_note_attempt(struct origin *o, const struct eject_attempt *a)
{
    bool is_gateway_error = a->well && a->status >= 502 && a->status <= 504;
    bool is_error = !a->well && a->is_blamed && !a->is_stale_lane;

    if (is_gateway_error || is_error)
        note_error(o, kind_of(a));
    else if (a->well)
        o->errors = 0;
}
