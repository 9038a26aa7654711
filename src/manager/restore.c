#include "manager/restore.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
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

/* NULL: it is none of the state's. */
static const struct pool_server *find(const struct pool_state *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->pool_n; i++) {
        const struct pool_server *server = pool_find_server(&s->pools[i], id);

        if (server != NULL)
            return server;
    }
    return NULL;
}

/* All servers of the new state, with their facts, while run returns 0. */
static int for_each(struct restore *r, each_fn run)
{
    int rc = 0;

    for (uint32_t i = 0; i < r->next->pool_n; i++) {
        const struct pool *p = &r->next->pools[i];

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
    if (is_same(r, f, server))
        return 0;
    servers_follow_new(r->m, server, f);
    log_info("server added", LOG_S("server", server->url));
    return 0;
}

/* ---- after ---- */

/* Its description out of the state of before. */
static struct pool_server *take_out(struct restore *r, uint64_t id)
{
    struct pool_state *before = r->before.state;
    struct pool_change change = {.type = POOL_CHANGE_NONE};
    struct pool_command c;

    pool_command_init(&c, POOL_REMOVE_SERVER);
    c.server_id = id;
    MUST(pool_apply(before, &c, before->index + 1, &change) == 0 && change.removed != NULL);
    pool_command_fini(&c);
    return change.removed;
}

static void take_leave(struct restore *r)
{
    struct manager *m = r->m;
    struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL) {
        if (!is_gone(r, f))
            continue;
        facts_drain(&m->facts, f, take_out(r, f->id));
        log_info("server removed", LOG_S("server", f->removed->url));
        leaving_begin(m, f, m->pool->pools[0].drain_ms);
    }
}

static int follow(struct restore *r, const struct pool_server *server, struct server_facts *f)
{
    servers_follow_admin(r->m, server, f);
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
    if (for_each(&r, reserve) < 0) {
        give_back(&r);
        return WERR_NOMEM;
    }
    forget_gone(&r);
    (void)for_each(&r, renew);
    MUST(TAILQ_EMPTY(&r.addrs));
    swap(&r, next);
    (void)for_each(&r, begin);
    publish_state(&m->publish, m->pool);
    take_leave(&r);
    (void)for_each(&r, follow);
    pool_replica_fini(&r.before);
    usable_note(m);
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
        log_info("pool restored", LOG_U("index", index),
                 LOG_U("servers", m->pool->pools[0].server_n));
    return rc;
}

int servers_on_snapshot(void *arg, char **bytes, size_t *len)
{
    const struct manager *m = arg;
    const struct pool_replica now = {m->pool, m->requests};

    return pool_replica_encode(&now, bytes, len);
}
