#include "worker/pick.h"

#include "worker/origin.h"
#include "worker/rotation.h"
#include "worker/worker.h"

/* False: its list may name origins that are gone. */
static bool has_list(struct worker *w)
{
    rotation_refresh(w);
    return !w->balance_is_stale;
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
static struct origin *pick_for(struct worker *w, struct origin *on_trial)
{
    struct origin *o = balance_pick_other(&w->balance, NULL, may_be_picked, NULL);

    return o ? o : on_trial;
}

struct origin *pick_server(struct worker *w)
{
    struct origin *o = has_list(w) ? balance_pick(&w->balance, NULL) : NULL;

    return w->untried_n > 0 && o && is_on_trial(o) ? pick_for(w, o) : o;
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

static struct origin *find_next(struct worker *w, const struct pick_row *row,
                                balance_may_fn *may)
{
    if (row->first_id == 0)
        return balance_pick_other(&w->balance, NULL, may, row);
    return balance_pick_between(&w->balance, row->last_id, row->first_id, may, row);
}

struct origin *pick_other(struct worker *w, struct pick_row *row)
{
    struct origin *o = NULL;

    if (!has_list(w))
        return NULL;
    if (w->untried_n > 0)
        o = find_next(w, row, may_be_next_now);
    if (!o)
        o = find_next(w, row, may_be_next);
    if (!o)
        return NULL;
    row->last_id = o->server_id;
    if (row->first_id == 0)
        row->first_id = o->server_id;
    return o;
}
