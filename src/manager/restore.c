#include "manager/restore.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "manager/follow.h"
#include "manager/listeners.h"
#include "manager/manager.h"
#include "manager/names.h"
#include "manager/usable.h"

/* A restore under way. */
struct restore {
    struct manager *m;
    struct pool_replica before;
    const struct pool_state *next;
    /* In reserve for the servers that begin anew under an id that is known, in the order of the
     * state. */
    struct facts_addrs addrs;
};

typedef int (*each_fn)(struct restore *r, const struct pool_server *server,
                       struct server_facts *f);

static const struct pool *pool_of(const struct restore *r, const struct pool_server *server)
{
    struct pool *p = NULL;

    MUST(pool_find_any_server(r->next, server->id, &p) == server);
    return p;
}

/* NULL: it is none of the state's. */
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
            rc = run(r, p->servers[k], facts_find(&r->m->facts, p->servers[k]->id));
    }
    return rc;
}

/* It was in the pool before and goes on, as far as can be told. */
static bool is_same(const struct restore *r, const struct server_facts *f,
                    const struct pool_server *server)
{
    const struct pool_server *was = f->removed == NULL ? find(r->before.state, f->id) : NULL;

    return was != NULL && strcmp(was->url, server->url) == 0;
}

/* Facts of no server of before: made by reserve. */
static bool is_new(const struct restore *r, const struct server_facts *f)
{
    return f->removed == NULL && find(r->before.state, f->id) == NULL;
}

/* In the pool before, and no more. */
static bool is_gone(const struct restore *r, const struct server_facts *f)
{
    return f->removed == NULL && find(r->next, f->id) == NULL;
}

/* ---- memory first ---- */

static int reserve(struct restore *r, const struct pool_server *server, struct server_facts *f)
{
    const uint64_t now_us = loop_wall_us(r->m->loop);
    struct facts_addr *a;

    if (f == NULL) {
        f = facts_add(&r->m->facts, server->id, &server->addr, now_us);
        return f != NULL ? 0 : WERR_NOMEM;
    }
    if (is_same(r, f, server) || server->addr.family == 0)
        return 0;
    a = facts_make_addr(&server->addr, now_us);
    if (a == NULL)
        return WERR_NOMEM;
    TAILQ_INSERT_TAIL(&r->addrs, a, entry);
    return 0;
}

static int reserve_pools(struct restore *r)
{
    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        const uint64_t id = r->next->pools[i]->id;

        if (facts_find_pool(&r->m->facts, id) == NULL &&
            facts_add_pool(&r->m->facts, id) == NULL)
            return WERR_NOMEM;
    }
    return 0;
}

/* Facts of pools that the state does not have. */
static void drop_pools(struct facts *facts, const struct pool_state *s)
{
    struct pool_facts *p, *next;

    for (p = facts->pools; p != NULL; p = next) {
        next = p->hh.next;
        if (pool_find_id(s, p->id) == NULL)
            facts_drop_pool(facts, p);
    }
}

static void give_back(struct restore *r)
{
    struct facts *facts = &r->m->facts;
    struct server_facts *f, *next;
    struct facts_addr *a;

    drop_pools(facts, r->before.state);
    for (f = facts_next(facts, NULL); f != NULL; f = next) {
        next = facts_next(facts, f);
        if (is_new(r, f))
            facts_drop(facts, f);
    }
    while ((a = TAILQ_FIRST(&r->addrs)) != NULL) {
        TAILQ_REMOVE(&r->addrs, a, entry);
        free(a);
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
static int renew(struct restore *r, const struct pool_server *server, struct server_facts *f)
{
    struct facts_addr *first = NULL;

    if (is_new(r, f) || is_same(r, f, server))
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

static int begin(struct restore *r, const struct pool_server *server, struct server_facts *f)
{
    if (!is_same(r, f, server))
        follow_new_server(r->m, pool_of(r, server), server, f);
    return 0;
}

/* ---- after ---- */

/* Its description out of the state of before; pool: that it was in. */
static struct pool_server *take_out(struct restore *r, uint64_t id, const struct pool **pool)
{
    struct pool_state *before = r->before.state;
    struct pool_change change = {.type = POOL_CHANGE_NONE};
    struct pool_server *removed;
    struct pool_command c;
    struct pool *p = NULL;

    MUST(pool_find_any_server(before, id, &p) != NULL);
    pool_command_init(&c, POOL_REMOVE_SERVER);
    MUST(span_to_str(span_from_str(p->name), c.pool, sizeof(c.pool)) == 0);
    c.server_id = id;
    MUST(pool_apply(before, &c, before->index + 1, &change) == 0 && change.removed != NULL);
    pool_command_fini(&c);
    removed = change.removed;
    change.removed = NULL;
    pool_change_fini(&change);
    *pool = p;
    return removed;
}

static void take_leave(struct restore *r)
{
    struct manager *m = r->m;
    struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL) {
        const struct pool *was, *now = pool_find_id(m->pool, f->pool_id);

        if (!is_gone(r, f))
            continue;
        facts_drain(&m->facts, f, take_out(r, f->id, &was));
        log_info("server removed", LOG_S("server", f->removed->url), LOG_S("pool", was->name));
        leaving_begin(m, f, now != NULL ? now->drain_ms : was->drain_ms);
    }
}

/* ---- pools and listeners ---- */

/* Counters of what is new, before the workers look for them. */
static void count_new(struct restore *r)
{
    const struct pool_state *s = r->next;

    for (uint32_t i = 0; i < s->pool_n; i++)
        (void)stats_slot_take(r->m->stats, STATS_OF_POOL, s->pools[i]->id);
    for (uint32_t i = 0; i < s->listener_n; i++)
        (void)stats_slot_take(r->m->stats, STATS_OF_LISTENER, s->listeners[i]->id);
}

static void forget_objects(struct restore *r)
{
    struct manager *m = r->m;
    const struct pool_state *before = r->before.state;

    for (uint32_t i = 0; i < before->pool_n; i++)
        if (pool_find_id(m->pool, before->pools[i]->id) == NULL)
            stats_slot_give(m->stats, STATS_OF_POOL, before->pools[i]->id);
    for (uint32_t i = 0; i < before->listener_n; i++) {
        const struct listener *l = before->listeners[i];

        if (listener_find_id(m->pool, l->id) == NULL)
            stats_slot_give(m->stats, STATS_OF_LISTENER, l->id);
        if (listener_find(m->pool, span_from_str(l->name)) == NULL)
            listeners_follow(m, l->name, NULL);
    }
    drop_pools(&m->facts, m->pool);
}

static void follow_objects(struct restore *r)
{
    struct manager *m = r->m;

    for (uint32_t i = 0; i < m->pool->listener_n; i++)
        listeners_follow(m, m->pool->listeners[i]->name, m->pool->listeners[i]);
    for (uint32_t i = 0; i < m->pool->pool_n; i++)
        usable_note(m, m->pool->pools[i]->id);
}

static int follow_server(struct restore *r, const struct pool_server *server,
                         struct server_facts *f)
{
    follow_admin(r->m, server, f);
    checks_update(&r->m->checks, server, f);
    return 0;
}

static void swap(struct restore *r, struct pool_replica *next)
{
    struct manager *m = r->m;

    m->pool = next->state;
    m->requests = next->requests;
    *next = (struct pool_replica){NULL, NULL};
    checks_set_state(&m->checks, m->pool);
    m->servers.revision = m->pool->index;
    m->servers.has_stopped = false;
}

int servers_restore(struct manager *m, struct pool_replica *next)
{
    struct restore r = {.m = m, .before = {m->pool, m->requests}, .next = next->state};

    TAILQ_INIT(&r.addrs);
    if (reserve_pools(&r) < 0 || for_each(&r, reserve) < 0) {
        give_back(&r);
        return WERR_NOMEM;
    }
    forget_gone(&r);
    (void)for_each(&r, renew);
    MUST(TAILQ_EMPTY(&r.addrs));
    swap(&r, next);
    count_new(&r);
    (void)for_each(&r, begin);
    publish_state(&m->publish, m->pool);
    take_leave(&r);
    (void)for_each(&r, follow_server);
    forget_objects(&r);
    follow_objects(&r);
    pool_replica_fini(&r.before);
    changes_look_up(m);
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
    const struct pool_replica now = {m->pool, m->requests};

    return pool_replica_encode(&now, bytes, len);
}
