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

struct origin *pick_server(struct worker *w)
{
    return has_list(w) ? balance_pick(&w->balance) : NULL;
}

static bool may_be_next(const void *target, const void *arg)
{
    const struct origin *o = target;
    const struct pick_row *row = arg;

    return o->server_id != row->failed_id;
}

struct origin *pick_other(struct worker *w, struct pick_row *row)
{
    struct origin *o;

    if (!has_list(w))
        return NULL;
    if (row->first_id == 0)
        o = balance_pick_other(&w->balance, may_be_next, row);
    else
        o = balance_pick_between(&w->balance, row->last_id, row->first_id, may_be_next, row);
    if (!o)
        return NULL;
    row->last_id = o->server_id;
    if (row->first_id == 0)
        row->first_id = o->server_id;
    return o;
}
