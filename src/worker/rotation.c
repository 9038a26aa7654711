#include "worker/rotation.h"

#include <stdlib.h>

#include "base/fault.h"
#include "log/log.h"
#include "worker/eject.h"
#include "worker/origin.h"
#include "worker/worker.h"

bool rotation_is_wanted(const struct origin *o)
{
    return o->in_pool && o->admin == POOL_ADMIN_ENABLED && o->weight > 0 && o->addr_n > 0;
}

bool rotation_keeps_lanes(const struct origin *o)
{
    return o->in_pool && o->admin == POOL_ADMIN_ENABLED && (o->up || o->worker->fail_open);
}

/* Returns how many took a place. */
static uint32_t fill(struct worker *w, struct balance_entry *entries, bool even_down)
{
    const struct pool *p = worker_pool(w);
    uint32_t n = 0;

    w->wanted_n = 0;
    for (uint32_t i = 0; i < p->server_n; i++) {
        struct origin *o = origin_find(w, p->servers[i]->id);

        if (!o || !rotation_is_wanted(o))
            continue;
        w->wanted_n++;
        if (even_down || (o->up && !o->is_ejected))
            entries[n++] =
                (struct balance_entry){.target = o, .key = o->server_id, .weight = o->weight};
    }
    return n;
}

static void set_fail_open(struct worker *w, bool is_open)
{
    if (w->fail_open == is_open)
        return;
    w->fail_open = is_open;
    log_debug(is_open ? "all servers are down: requests go to all of them"
                      : "requests go to servers that are up again",
              LOG_U("servers", w->wanted_n));
}

void rotation_refresh(struct worker *w)
{
    const struct pool *p = worker_pool(w);
    struct balance_entry *entries;
    bool is_open = false;
    uint32_t n;

    if (!w->balance_is_stale)
        return;
    entries = fault_malloc((p->server_n ? p->server_n : 1) * sizeof(*entries));
    if (!entries)
        return; /* tried again at the next pick */
    n = fill(w, entries, false);
    if (n == 0 && eject_end_all(w))
        n = fill(w, entries, false);
    w->usable_n = n;
    if (n == 0 && p->fail_open) {
        n = fill(w, entries, true);
        is_open = n > 0;
    }
    if (balance_set(&w->balance, entries, n) == 0) {
        w->balance_is_stale = false;
        set_fail_open(w, is_open);
    }
    free(entries);
}
