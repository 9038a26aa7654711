#include "pool/listener.h"
#include "worker/worker.h"

/* Of pools and listeners without a slot: nobody reads it. */
static struct stats_line nowhere;
static struct stats_served_pool served_nowhere;
static struct stats_classes classes_nowhere;

static uint32_t find_slot(const struct worker *w, enum stats_kind kind, uint64_t id)
{
    return w->segment != NULL ? stats_slot_find(w->segment, kind, id) : STATS_NO_SLOT;
}

uint32_t worker_pool_slot(const struct worker *w, uint64_t pool_id)
{
    return find_slot(w, STATS_OF_POOL, pool_id);
}

struct stats_line *worker_pool_stats(struct worker *w, uint64_t pool_id)
{
    const uint32_t slot = worker_pool_slot(w, pool_id);

    return slot != STATS_NO_SLOT ? &w->stats->pool[slot] : &nowhere;
}

struct stats_line *worker_listener_stats(struct worker *w, uint64_t listener_id)
{
    const uint32_t slot = find_slot(w, STATS_OF_LISTENER, listener_id);

    return slot != STATS_NO_SLOT ? &w->stats->listener[slot] : &nowhere;
}

struct stats_served_pool *worker_pool_served(struct worker *w, uint64_t pool_id)
{
    const uint32_t slot = find_slot(w, STATS_OF_POOL, pool_id);

    return slot != STATS_NO_SLOT ? &w->stats->pool_served[slot] : &served_nowhere;
}

struct stats_classes *worker_listener_classes(struct worker *w, uint64_t listener_id)
{
    const uint32_t slot = find_slot(w, STATS_OF_LISTENER, listener_id);

    return slot != STATS_NO_SLOT ? &w->stats->listener_classes[slot] : &classes_nowhere;
}

static bool is_rule_gone(const void *worker, uint64_t id)
{
    const struct worker *w = worker;
    return listener_find_any_rule(w->pool_state, id, NULL) == NULL;
}

void worker_count_rule(struct worker *w, uint64_t rule_id)
{
    rule_hits_add(&w->stats->rule_hits, rule_id, is_rule_gone, w);
}
