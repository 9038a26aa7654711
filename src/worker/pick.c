#include "worker/pick.h"

#include "worker/limits.h"
#include "worker/origin.h"
#include "worker/place.h"
#include "worker/pool_runtime.h"
#include "worker/rotation.h"

/* False: its list may name origins that are gone. */
static bool has_list(struct pool_runtime *pool)
{
    rotation_refresh(pool);
    return !pool->balance.is_stale;
}

static bool is_on_trial(const struct origin *o)
{
    return o->is_untried && o->in_flight > 0;
}

static bool may_be_picked(const void *target, const void *arg)
{
    (void)arg;
    return !is_on_trial(target) && place_is_free(target);
}

static bool has_place(const void *target, const void *arg)
{
    (void)arg;
    return place_is_free(target);
}

/* A turn that its server can't take goes to the others, each in turn. */
static struct origin *pick_for(struct pool_runtime *pool, const struct balance_ask *ask,
                               struct origin *turn)
{
    if (may_be_picked(turn, NULL))
        return turn;
    struct origin *o = balance_pick_other(&pool->balance, ask, may_be_picked, NULL);
    if (o == NULL && place_is_free(turn))
        return turn;
    return o == NULL && pool->limited_n > 0
               ? balance_pick_other(&pool->balance, ask, has_place, NULL)
               : o;
}

/* Another worker may take the last place just when this one does. */
static struct origin *take_for(struct pool_runtime *pool, const struct balance_ask *ask,
                               struct origin *turn)
{
    for (unsigned i = 0; i < LIMIT_PLACE_TRIES_N; i++) {
        struct origin *o = pick_for(pool, ask, turn);

        if (o == NULL)
            return NULL;
        if (place_take(o))
            return o;
    }
    return NULL;
}

struct origin *pick_server(struct pool_runtime *pool, const struct balance_ask *ask)
{
    struct origin *o = has_list(pool) ? balance_pick(&pool->balance, ask) : NULL;

    if (o == NULL)
        return NULL;
    if ((pool->untried_n | pool->limited_n) > 0)
        return take_for(pool, ask, o);
    place_count(o);
    return o;
}

bool pick_is_full(const struct pool_runtime *pool)
{
    return pool->limited_n > 0 && !pool->balance.is_stale && pool->balance.n > 0;
}

/* ---- further attempts ---- */

static bool may_be_next_at_all(const void *target, const void *arg)
{
    const struct origin *o = target;
    const struct pick_row *row = arg;

    return o->server_id != row->failed_id;
}

static bool may_be_next(const void *target, const void *arg)
{
    return may_be_next_at_all(target, arg) && place_is_free(target);
}

static bool may_be_next_now(const void *target, const void *arg)
{
    return may_be_next(target, arg) && !is_on_trial(target);
}

static struct origin *find_next(struct pool_runtime *pool, const struct balance_ask *ask,
                                const struct pick_row *row, balance_may_fn *may)
{
    if (row->first_id == 0)
        return balance_pick_other(&pool->balance, ask, may, row);
    return balance_pick_between(&pool->balance, row->last_id, row->first_id, may, row);
}

static struct origin *take_next(struct pool_runtime *pool, const struct balance_ask *ask,
                                const struct pick_row *row)
{
    for (unsigned i = 0; i < LIMIT_PLACE_TRIES_N; i++) {
        struct origin *o = NULL;

        if (pool->untried_n > 0)
            o = find_next(pool, ask, row, may_be_next_now);
        if (o == NULL)
            o = find_next(pool, ask, row, may_be_next);
        if (o == NULL || place_take(o))
            return o;
    }
    return NULL;
}

struct origin *pick_other(struct pool_runtime *pool, const struct balance_ask *ask,
                          struct pick_row *row)
{
    struct origin *o = has_list(pool) ? take_next(pool, ask, row) : NULL;

    if (o == NULL)
        return NULL;
    row->last_id = o->server_id;
    if (row->first_id == 0)
        row->first_id = o->server_id;
    return o;
}

bool pick_other_is_full(struct pool_runtime *pool, const struct balance_ask *ask,
                        const struct pick_row *row)
{
    return pick_is_full(pool) && find_next(pool, ask, row, may_be_next_at_all) != NULL;
}
