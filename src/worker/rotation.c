#include "worker/rotation.h"

#include <stdlib.h>

#include "base/fault.h"
#include "log/log.h"
#include "worker/origin.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

/* For its first passed check, before which it gets nothing even if all are down. */
static bool waits_for_check(const struct origin *o)
{
    return o->is_untried && !o->up;
}

bool rotation_is_wanted(const struct origin *o)
{
    return origin_is_in_pool(o) && o->admin == POOL_ADMIN_ENABLED && o->weight > 0 &&
           o->addrs != NULL && !waits_for_check(o);
}

bool rotation_keeps_lanes(const struct origin *o)
{
    return origin_is_in_pool(o) && o->admin == POOL_ADMIN_ENABLED &&
           (o->up || o->pool->fail_open);
}

static uint8_t place_of(bool is_wanted, bool is_listed)
{
    if (is_listed)
        return ORIGIN_LISTED;
    return is_wanted ? ORIGIN_WANTED : ORIGIN_UNWANTED;
}

/* ---- one by one ---- */

static bool is_usable(const struct origin *o)
{
    return rotation_is_wanted(o) && o->up && o->state == ORIGIN_SERVING;
}

static struct balance_entry entry_of(struct origin *o)
{
    return (struct balance_entry){
        .target = o, .key = o->server_id, .seat = &o->seat, .weight = o->weight};
}

/* False: it takes a rebuild. */
static bool move(struct origin *o, bool is_usable_now)
{
    struct pool_runtime *pool = o->pool;
    const struct balance_entry entry = entry_of(o);

    if ((o->place == ORIGIN_LISTED) == is_usable_now)
        return !is_usable_now || o->listed_weight == o->weight;
    if (is_usable_now ? !balance_add(&pool->balance, &entry)
                      : !balance_remove(&pool->balance, o->server_id))
        return false;
    pool->usable_n += is_usable_now ? 1U : -1U;
    o->listed_weight = o->weight;
    return true;
}

/* In a stale list nothing is noted: the rebuild finds the server as it is, or not at all. With
 * nobody usable it looks further than at this one. */
void rotation_note(struct origin *o)
{
    struct pool_runtime *pool = o->pool;
    const bool is_usable_now = is_usable(o);
    const bool is_wanted = is_usable_now || rotation_is_wanted(o);

    if (pool == NULL)
        return; /* facts that came before the pool */
    pool_queue_wake(&pool->queue);
    if (pool->balance.is_stale || pool->usable_n == 0 || !move(o, is_usable_now)) {
        balance_spoil(&pool->balance);
        o->place = ORIGIN_UNWANTED;
        return;
    }
    pool->wanted_n += (uint32_t)is_wanted - (uint32_t)(o->place != ORIGIN_UNWANTED);
    o->place = place_of(is_wanted, is_usable_now);
}

void rotation_eject(struct origin *o)
{
    struct worker *w = o->worker;

    MUST(o->pool != NULL);
    origin_move(o, ORIGIN_EJECTED, "ejected");
    o->pool->ejected_n++;
    rotation_note(o);
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_ejected, 1);
}

void rotation_readmit(struct origin *o)
{
    struct worker *w = o->worker;

    MUST(o->state == ORIGIN_EJECTED && o->pool->ejected_n > 0);
    timer_stop(loop_timers(w->loop), &o->eject_timer);
    origin_move(o, ORIGIN_SERVING, "readmitted");
    o->errors = 0;
    o->readmitted_ms = loop_now_ms(w->loop);
    o->pool->ejected_n--;
    rotation_note(o);
    stats_server_add(w->stats, o->stats_slot, STATS_SERVER_ejected, -1);
}

/* ---- all at once ---- */

/* False when none was ejected. */
static bool readmit_all(struct pool_runtime *pool)
{
    struct origin *o;

    if (pool->ejected_n == 0)
        return false;
    LIST_FOREACH (o, &pool->origins, in_pool_entry)
        if (o->state == ORIGIN_EJECTED)
            rotation_readmit(o);
    return true;
}

/* Returns how many took a place. */
static uint32_t fill(struct pool_runtime *pool, struct balance_entry *entries, bool even_down)
{
    struct origin *o;
    uint32_t n = 0;

    pool->wanted_n = 0;
    LIST_FOREACH (o, &pool->origins, in_pool_entry) {
        const bool is_wanted = rotation_is_wanted(o);

        o->place = place_of(is_wanted, is_usable(o) || (even_down && is_wanted));
        o->listed_weight = o->weight;
        pool->wanted_n += is_wanted;
        if (o->place == ORIGIN_LISTED)
            entries[n++] = entry_of(o);
    }
    return n;
}

static void set_fail_open(struct pool_runtime *pool, bool is_open)
{
    if (pool->fail_open == is_open)
        return;
    pool->fail_open = is_open;
    log_debug(is_open ? "all servers are down: requests go to all of them"
                      : "requests go to servers that are up again",
              LOG_S("pool", pool->name), LOG_U("servers", pool->wanted_n));
}

void rotation_refresh(struct pool_runtime *pool)
{
    bool is_open = false;

    if (!pool->balance.is_stale)
        return;
    struct balance_entry *entries =
        fault_malloc((pool->origin_n ? pool->origin_n : 1) * sizeof(*entries));
    if (entries == NULL)
        return; /* tried again at the next pick */
    uint32_t n = fill(pool, entries, false);
    if (n == 0 && readmit_all(pool))
        n = fill(pool, entries, false);
    pool->usable_n = n;
    if (n == 0 && pool->settings.fail_open) {
        n = fill(pool, entries, true);
        is_open = n > 0;
    }
    if (balance_set(&pool->balance, entries, n) == 0)
        set_fail_open(pool, is_open);
    free(entries);
}
