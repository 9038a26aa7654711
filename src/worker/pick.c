#include "worker/pick.h"

#include "worker/origin.h"
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
    return !is_on_trial(target);
}

/* A turn that its server can't take goes to the others, each in turn. */
static struct origin *pick_for(struct pool_runtime *pool, const struct balance_ask *ask,
                               struct origin *on_trial)
{
    struct origin *o = balance_pick_other(&pool->balance, ask, may_be_picked, NULL);

    return o != NULL ? o : on_trial;
}

struct origin *pick_server(struct pool_runtime *pool, const struct balance_ask *ask)
{
    struct origin *o = has_list(pool) ? balance_pick(&pool->balance, ask) : NULL;

    return pool->untried_n > 0 && o != NULL && is_on_trial(o) ? pick_for(pool, ask, o) : o;
}

/* ---- further attempts ---- */

static bool may_be_next(const void *target, const void *arg)
{
    const struct origin *o = target;
    const struct pick_row *row = arg;

    return o->server_id != row->failed_id;
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

struct origin *pick_other(struct pool_runtime *pool, const struct balance_ask *ask,
                          struct pick_row *row)
{
    struct origin *o = NULL;

    if (!has_list(pool))
        return NULL;
    if (pool->untried_n > 0)
        o = find_next(pool, ask, row, may_be_next_now);
    if (o == NULL)
        o = find_next(pool, ask, row, may_be_next);
    if (o == NULL)
        return NULL;
    row->last_id = o->server_id;
    if (row->first_id == 0)
        row->first_id = o->server_id;
    return o;
}
