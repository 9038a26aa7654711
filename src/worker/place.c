#include "worker/place.h"

#include "stats/places.h"
#include "worker/origin_table.h"

/* Without a slot in the segment the worker knows of no others. */
static bool is_shared(const struct origin *o)
{
    return o->worker->segment != NULL && o->stats_slot < STATS_SERVERS_MAX;
}

bool place_is_free(const struct origin *o)
{
    if (o->max_requests == 0)
        return true;
    if (is_shared(o))
        return stats_place_is_free(o->worker->segment, o->stats_slot, o->max_requests);
    return o->in_flight < o->max_requests;
}

/* Counted in the segment. */
static bool take_limited(const struct origin *o)
{
    const struct worker *w = o->worker;

    if (is_shared(o))
        return stats_place_take(w->segment, w->stats, o->stats_slot, o->max_requests);
    if (!place_is_free(o))
        return false;
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_in_flight, 1);
    return true;
}

bool place_take(struct origin *o)
{
    if (o->max_requests == 0) {
        place_count(o);
        return true;
    }
    MUST(o->magic == ORIGIN_MAGIC && o->pool != NULL);
    if (!take_limited(o))
        return false;
    o->in_flight++;
    balance_taken(&o->pool->balance, &o->seat);
    return true;
}

void place_give(struct origin *o)
{
    MUST(o->magic == ORIGIN_MAGIC && o->in_flight > 0);
    stats_server_add(o->worker->stats, o->stats_slot, STATS_SERVER_in_flight, -1);
    o->in_flight--;
    balance_given_back(&o->pool->balance, &o->seat);
    pool_queue_wake(&o->pool->queue);
    origin_check_done(o);
}

void place_set_max(struct origin *o, uint32_t max_requests)
{
    MUST(o->pool != NULL);
    o->pool->limited_n += (uint32_t)(max_requests > 0) - (uint32_t)(o->max_requests > 0);
    o->max_requests = max_requests;
}
