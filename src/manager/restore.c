#include "manager/restore.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "manager/applied.h"
#include "manager/change.h"
#include "manager/follow.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/names.h"
#include "manager/usable.h"
#include "manager/vip_view.h"

/* A restore under way. */
struct restore {
    struct manager *m;
    struct pool_state *before;
    const struct pool_state *next;
    /* In reserve for the servers that begin anew under an id that is known, in the order of the
     * state. */
    struct facts_addrs addrs;
};

typedef int (*each_fn)(struct restore *r, const struct pool *p,
                       const struct pool_server *server, struct server_facts *f);

static const struct pool_server *find(const struct pool_state *s, uint64_t id)
{
    return pool_find_any_server(s, id, NULL);
}

/* All servers of the new state, with their facts, while run returns 0. */
static int for_each(struct restore *r, each_fn run)
{
    int rc = 0;

    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        const struct pool *p = r->next->pools[i];

        for (uint32_t k = 0; k < p->server_n && rc == 0; k++)
            rc = run(r, p, p->servers[k], facts_find(&r->m->facts, p->servers[k]->id));
    }
    return rc;
}

/* It was there before under this name, as far as can be told. */
static bool is_same_pool(const struct pool_state *before, const struct pool *p)
{
    const struct pool *was = pool_find_id(before, p->id);

    return was != NULL && strcmp(was->name, p->name) == 0;
}

static bool is_same_listener(const struct pool_state *before, const struct listener *l)
{
    const struct listener *was = listener_find_id(before, l->id);

    return was != NULL && strcmp(was->name, l->name) == 0;
}

/* It was in the same pool before and goes on, as far as can be told. */
static bool is_same(const struct restore *r, const struct pool *p, const struct server_facts *f,
                    const struct pool_server *server)
{
    struct pool *pool = NULL;
    const struct pool_server *was =
        f->removed == NULL ? pool_find_any_server(r->before, f->id, &pool) : NULL;

    return was != NULL && strcmp(was->url, server->url) == 0 && pool->id == p->id &&
           strcmp(pool->name, p->name) == 0;
}

/* Facts of no server of before: made by reserve. */
static bool is_new(const struct restore *r, const struct server_facts *f)
{
    return f->removed == NULL && find(r->before, f->id) == NULL;
}

/* In a pool before, and in none any more. */
static bool is_gone(const struct restore *r, const struct server_facts *f)
{
    return f->removed == NULL && find(r->next, f->id) == NULL;
}

/* ---- memory first ---- */

static int reserve(struct restore *r, const struct pool *p, const struct pool_server *server,
                   struct server_facts *f)
{
    const uint64_t now_us = loop_wall_us(r->m->loop);

    if (f == NULL) {
        f = facts_add(&r->m->facts, server->id, &server->addr, now_us);
        return f != NULL ? 0 : WERR_NOMEM;
    }
    if (is_same(r, p, f, server) || server->addr.family == 0)
        return 0;
    struct facts_addr *a = facts_make_addr(&server->addr, now_us);
    if (a == NULL)
        return WERR_NOMEM;
    TAILQ_INSERT_TAIL(&r->addrs, a, entry);
    return 0;
}

static int reserve_pools(struct restore *r)
{
    struct facts *facts = &r->m->facts;

    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        const uint64_t id = r->next->pools[i]->id;

        if (facts_find_pool(facts, id) == NULL && facts_add_pool(facts, id) == NULL)
            return WERR_NOMEM;
    }
    return 0;
}

static void give_back(struct restore *r)
{
    struct facts *facts = &r->m->facts;
    struct server_facts *f, *next;
    struct facts_addr *a;

    for (f = facts_next(facts, NULL); f != NULL; f = next) {
        next = facts_next(facts, f);
        if (is_new(r, f))
            facts_drop(facts, f);
    }
    while ((a = TAILQ_FIRST(&r->addrs)) != NULL) {
        TAILQ_REMOVE(&r->addrs, a, entry);
        facts_free_addr(a);
    }
    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        struct pool_facts *pf = facts_find_pool(facts, r->next->pools[i]->id);

        if (pf != NULL && pool_find_id(r->before, pf->id) == NULL)
            facts_drop_pool(facts, pf);
    }
}

/* ---- before the workers hear of it ---- */

static void forget(struct manager *m, struct server_facts *f)
{
    checks_remove(&m->checks, f);
    if (f->removed == NULL)
        names_remove(m, f);
}

static void forget_gone(struct restore *r)
{
    struct server_facts *f = NULL;

    while ((f = facts_next(&r->m->facts, f)) != NULL)
        if (is_gone(r, f))
            forget(r->m, f);
}

/* The id was another server's. */
static int renew(struct restore *r, const struct pool *p, const struct pool_server *server,
                 struct server_facts *f)
{
    struct facts_addr *first = NULL;

    if (is_new(r, f) || is_same(r, p, f, server))
        return 0;
    forget(r->m, f);
    if (server->addr.family != 0) {
        first = TAILQ_FIRST(&r->addrs);
        MUST(first != NULL && addr_is_equal(&first->addr, &server->addr));
        TAILQ_REMOVE(&r->addrs, first, entry);
    }
    facts_renew(&r->m->facts, f, first);
    return 0;
}

static int begin(struct restore *r, const struct pool *p, const struct pool_server *server,
                 struct server_facts *f)
{
    if (!is_same(r, p, f, server))
        follow_server_new(r->m, p, server);
    return 0;
}

/* An id that was another pool's has counters of its own. */
static void begin_pools(struct restore *r)
{
    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        const struct pool *p = r->next->pools[i];

        if (is_same_pool(r->before, p))
            continue;
        if (pool_find_id(r->before, p->id) != NULL)
            stats_slot_give(r->m->stats, STATS_OF_POOL, p->id);
        follow_pool_new(r->m, p);
    }
}

static void begin_listeners(struct restore *r)
{
    for (uint32_t i = 0; i < r->next->listener_n; i++) {
        const struct listener *l = r->next->listeners[i];

        if (is_same_listener(r->before, l))
            continue;
        if (listener_find_id(r->before, l->id) != NULL)
            follow_listener_gone(r->m, l->id);
        follow_listener_new(r->m, l);
    }
}

/* A worker that gets a snapshot gets the sockets before it: those that are open must be of
 * listeners that are in it. */
static void close_listeners(struct restore *r)
{
    const struct pool_state *before = r->before;

    for (uint32_t i = 0; i < before->listener_n; i++) {
        const struct listener *was = before->listeners[i];
        const struct listener *l = listener_find(r->next, span_from_str(was->name));

        if (l == NULL)
            listeners_follow(r->m, was->name, NULL);
        else if (l->id != was->id)
            listeners_renumber(r->m, l);
    }
}

/* ---- after ---- */

/* Its description out of the state of before; *pool: of the pool that it was in, which may have
 * other settings by now. */
static struct pool_server *take_out(struct restore *r, uint64_t id, const struct pool **pool)
{
    struct pool_state *before = r->before;
    struct pool_change change = {.type = POOL_CHANGE_NONE};
    struct pool_command c;
    struct pool *was;

    MUST(pool_find_any_server(before, id, &was) != NULL);
    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    MUST(span_to_str(span_from_str(was->name), c.pool, sizeof(c.pool)) == 0);
    MUST(pool_apply(before, &c, before->index + 1, &change) == 0 && change.removed != NULL);
    pool_command_fini(&c);
    *pool = is_same_pool(r->next, was) ? pool_find_id(r->next, was->id) : was;
    return change.removed;
}

static void take_leave(struct restore *r)
{
    struct manager *m = r->m;
    struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL) {
        const struct pool *p;

        if (!is_gone(r, f))
            continue;
        struct pool_server *server = take_out(r, f->id, &p);
        follow_server_gone(m, server, p);
    }
}

static int follow_one(struct restore *r, const struct pool *p, const struct pool_server *server,
                      struct server_facts *f)
{
    (void)p;
    (void)f;
    follow_server(r->m, server);
    return 0;
}

static void follow_objects(struct restore *r)
{
    const struct pool_state *before = r->before;

    for (uint32_t i = 0; i < before->pool_n; i++)
        if (pool_find_id(r->next, before->pools[i]->id) == NULL)
            follow_pool_gone(r->m, before->pools[i]);
    for (uint32_t i = 0; i < before->listener_n; i++)
        if (listener_find_id(r->next, before->listeners[i]->id) == NULL)
            follow_listener_gone(r->m, before->listeners[i]->id);
    vip_view_described(r->m);
    for (uint32_t i = 0; i < r->next->listener_n; i++)
        listeners_follow(r->m, r->next->listeners[i]->name, r->next->listeners[i]);
    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        follow_verify(r->m, r->next->pools[i]);
        usable_note(r->m, r->next->pools[i]->id);
    }
}

static void swap(struct restore *r, struct pool_state *next)
{
    struct manager *m = r->m;

    m->pool = next;
    checks_set_state(&m->checks, m->pool);
    m->revision = m->pool->index;
}

static bool is_https_there(const struct pool_state *s)
{
    for (uint32_t i = 0; i < s->pool_n; i++)
        if (ca_bundle_is_needed(s->pools[i]))
            return true;
    return false;
}

int servers_become(struct manager *m, struct pool_state *next)
{
    struct restore r = {.m = m, .before = m->pool, .next = next};

    MUST(next != NULL && next != m->pool);
    TAILQ_INIT(&r.addrs);
    if (reserve_pools(&r) < 0 || for_each(&r, reserve) < 0) {
        give_back(&r);
        return WERR_NOMEM;
    }
    forget_gone(&r);
    (void)for_each(&r, renew);
    MUST(TAILQ_EMPTY(&r.addrs));
    swap(&r, next);
    follow_authorities(m, is_https_there(m->pool)); /* before the first check */
    begin_pools(&r);
    begin_listeners(&r);
    (void)for_each(&r, begin);
    close_listeners(&r);
    publish_state(&m->publish, m->pool);
    take_leave(&r);
    (void)for_each(&r, follow_one);
    follow_objects(&r);
    pool_state_free(r.before);
    return 0;
}

int servers_restore(struct manager *m, struct pool_replica *next)
{
    MUST(next->requests != NULL && next->history != NULL);
    const int rc = servers_become(m, next->state);

    if (rc < 0)
        return rc;
    pool_requests_free(m->requests);
    pool_history_free(m->history);
    m->requests = next->requests;
    m->history = next->history;
    *next = (struct pool_replica){NULL, NULL, NULL};
    changes_look_up(m);
    applied_note(m);
    return 0;
}

int servers_on_restore(void *arg, uint64_t index, struct span bytes)
{
    struct manager *m = arg;
    struct pool_replica next;
    int rc = pool_replica_decode(bytes, &next);

    if (rc < 0)
        return rc;
    rc = servers_restore(m, &next);
    if (rc < 0)
        pool_replica_fini(&next);
    else
        log_info("pool restored", LOG_U("index", index), LOG_U("servers", m->pool->server_n));
    return rc;
}

int servers_on_snapshot(void *arg, char **bytes, size_t *len)
{
    const struct manager *m = arg;
    const struct pool_replica now = {m->pool, m->requests, m->history};

    return pool_replica_encode(&now, bytes, len);
}
