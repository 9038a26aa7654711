#include "worker/reconcile.h"

#include "worker/acceptor.h"
#include "worker/certificates.h"
#include "worker/client.h"
#include "worker/listener_runtime.h"
#include "worker/origin_follow.h"
#include "worker/pool_runtime.h"
#include "worker/worker.h"

/* ---- one change ---- */

static int follow_server(struct worker *w, const struct pool_change *change)
{
    if (change->type != POOL_CHANGE_REMOVED)
        return origin_follow(pool_runtime_find(w, change->pool->id),
                             pool_find_server(change->pool, change->id));
    origin_leave(w, change->id);
    return 0;
}

int reconcile_list(struct worker *w, const struct pool_change *change, uint32_t from,
                   uint32_t n)
{
    struct pool_runtime *pool = pool_runtime_find(w, change->pool->id);
    int rc = 0;

    MUST(from + n <= change->list_n);
    for (uint32_t i = from; rc == 0 && i < from + n; i++) {
        const struct pool_change_item *item = &change->list[i];

        if (item->type == POOL_CHANGE_REMOVED)
            origin_leave(w, item->id);
        else
            rc = origin_follow(pool, pool_find_server(change->pool, item->id));
    }
    return rc;
}

static struct pool_runtime *follow_one_pool(struct worker *w, const struct pool *p)
{
    struct pool_runtime *pool = pool_runtime_follow(w, p);

    return pool != NULL && origin_follow_tls(pool, p) == 0 ? pool : NULL;
}

static int follow_pool(struct worker *w, const struct pool_change *change)
{
    const struct pool *removed = change->removed_pool;

    if (change->type != POOL_CHANGE_REMOVED)
        return follow_one_pool(w, change->pool) != NULL ? 0 : WERR_NOMEM;
    for (uint32_t i = 0; i < removed->server_n; i++)
        origin_leave(w, removed->servers[i]->id);
    pool_runtime_forget(w, change->id);
    return 0;
}

static void drain_clients(const struct listener_runtime *l)
{
    struct client *c, *next;

    for (c = LIST_FIRST(&l->worker->clients); c != NULL; c = next) {
        next = LIST_NEXT(c, entry);
        if (c->caller.listener == l)
            client_drain(c);
    }
}

/* It has left the description. */
static void leave_listener(struct listener_runtime *l)
{
    MUST(l->is_described);
    l->is_described = false;
    l->acceptor_n++; /* stays till the walk is over */
    acceptor_leave_all(l->worker, l);
    drain_clients(l);
    listener_runtime_part(l);
}

/* Its sockets may have been here before it. */
static int follow_described(struct worker *w, const struct listener *described)
{
    int rc = listener_runtime_follow(w, described);

    if (rc == 0 && w->is_listening)
        acceptor_start_all(w);
    return rc;
}

static int follow_listener(struct worker *w, const struct pool_change *change)
{
    if (change->type != POOL_CHANGE_REMOVED)
        return follow_described(w, change->listener);
    struct listener_runtime *l = listener_runtime_find(w, change->id);
    if (l != NULL && l->is_described)
        leave_listener(l);
    return 0;
}

static int follow_certificate(struct worker *w, const struct pool_change *change)
{
    int rc = 0;

    if (change->type != POOL_CHANGE_REMOVED)
        rc = certificates_follow(w, change->certificate);
    else
        certificates_forget(w, change->id);
    return rc == 0 ? origin_follow_tls_all(w) : rc; /* those that show it to servers */
}

int reconcile_change(struct worker *w, struct pool_change *change)
{
    if (change->type == POOL_CHANGE_NONE)
        return 0;
    if (change->type == POOL_CHANGE_LIST)
        return reconcile_list(w, change, 0, change->list_n);
    switch (change->kind) {
    case KIND_SERVER:
        return follow_server(w, change);
    case KIND_POOL:
        return follow_pool(w, change);
    case KIND_LISTENER:
        return follow_listener(w, change);
    case KIND_CERTIFICATE:
        return follow_certificate(w, change);
    case KIND_RULE:
        return follow_described(w, change->listener);
    case KIND_VIP: /* the manager's alone */
    case KIND_NONE:
    case KIND_N:
        break;
    }
    return 0;
}

/* ---- all at once ---- */

static int follow_whole_pool(struct worker *w, const struct pool *p)
{
    struct pool_runtime *pool = follow_one_pool(w, p);
    int rc = pool != NULL ? 0 : WERR_NOMEM;

    for (uint32_t i = 0; rc == 0 && i < p->server_n; i++)
        rc = origin_follow(pool, p->servers[i]);
    return rc;
}

/* Certificates and pools first, which listeners name; who is in none any more goes before. */
int reconcile_all(struct worker *w)
{
    const struct pool_state *state = w->pool_state;
    int rc = 0;

    origin_leave_absent(w);
    for (uint32_t i = 0; rc == 0 && i < state->certificate_n; i++)
        rc = certificates_follow(w, state->certificates[i]);
    for (uint32_t i = 0; rc == 0 && i < state->pool_n; i++)
        rc = follow_whole_pool(w, state->pools[i]);
    for (uint32_t i = 0; rc == 0 && i < state->listener_n; i++)
        rc = follow_described(w, state->listeners[i]);
    if (rc < 0)
        return rc;
    listener_runtime_each_absent(w, leave_listener);
    certificates_forget_absent(w);
    pool_runtime_forget_absent(w);
    origin_forget_absent(w);
    return 0;
}
