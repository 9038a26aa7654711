#include "worker/access_log.h"
#include "worker/ex_int.h"
#include "worker/listener_runtime.h"
#include "worker/pool_runtime.h"

void ex_measure_attempt(const struct exchange *ex, bool well)
{
    const uint32_t slot = ex->origin->stats_slot;
    uint64_t ended_us = loop_now_us(ex->worker->loop);
    struct stats_served *s;

    if (slot >= STATS_SERVERS_MAX)
        return;
    s = &ex->worker->stats->server_served[slot];
    stats_classes_add(&s->classes, well ? ex->lane_status : 0);
    if (ex->first_us != 0) {
        times_add(&s->head, &times_long, ex->first_us - ex->sent_us);
        if (ex->lane_status == 101) /* a tunnel has answered when it began */
            ended_us = ex->first_us;
    }
    times_add(&s->total, &times_long, ended_us - ex->picked_us);
}

/* Apart, as it is rare. */
static __attribute__((noinline)) void measure_added(const struct exchange *ex)
{
    times_add(&ex->pool->served->added, &times_short, access_log_added_us(ex));
}

void ex_measure_response(const struct exchange *ex, unsigned status, uint64_t took_us)
{
    struct stats_served *s;

    stats_classes_add(ex->caller->listener->classes, status);
    if (ex->pool == NULL)
        return;
    s = &ex->pool->served->served;
    stats_classes_add(&s->classes, status);
    if (ex->first_us != 0)
        times_add(&s->head, &times_long, ex->first_us - ex->begin_us);
    times_add(&s->total, &times_long, took_us);
    if (ex_is_timed(ex))
        measure_added(ex);
}
