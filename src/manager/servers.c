#include "manager/servers.h"

#include <string.h>

#include "log/log.h"
#include "manager/manager.h"
#include "manager/names.h"
#include "manager/usable.h"
#include "pool/pool_code.h"

enum { REPAIR_MS = 200 };

/* ---- what follows from a change ---- */

static void repair_later(struct manager *m)
{
    if (!timer_is_set(&m->servers.repair))
        loop_timer_in(m->loop, &m->servers.repair, REPAIR_MS);
}

static void look_up(struct manager *m, const struct pool_server *server, struct server_facts *f)
{
    f->lacks_name = names_add(m, server, f) < 0;
    if (!f->lacks_name)
        return;
    log_warn("server's name is not looked up yet", LOG_S("server", server->url),
             LOG_S("error", werr_text(WERR_NOMEM)));
    repair_later(m);
}

/* What there was no memory for when the server was added. */
static void on_repair(struct timer *t)
{
    struct servers *s = (struct servers *)((char *)t - offsetof(struct servers, repair));
    struct manager *m = (struct manager *)((char *)s - offsetof(struct manager, servers));
    const struct pool *p = &m->pool->pools[0];

    for (uint32_t i = 0; i < p->server_n && !timer_is_set(t); i++) {
        struct server_facts *f = facts_find(&m->facts, p->servers[i]->id);

        if (f->lacks_name)
            look_up(m, p->servers[i], f);
    }
}

void servers_follow_new(struct manager *m, const struct pool_server *server,
                        struct server_facts *f)
{
    if (f->stats_slot != STATS_NO_SLOT)
        stats_server_clear(m->stats, f->stats_slot);
    look_up(m, server, f);
    checks_add(&m->checks, server, f);
}

static void follow_add(struct manager *m, const struct pool_change *change)
{
    const struct pool_server *server = pool_find_server(change->pool, change->server_id);
    struct server_facts *f = facts_find(&m->facts, change->server_id);

    servers_follow_new(m, server, f);
    publish_facts(&m->publish, f);
    log_info("server added", LOG_S("server", server->url));
}

void servers_follow_admin(struct manager *m, const struct pool_server *server,
                          struct server_facts *f)
{
    const uint8_t was = f->admin;

    if (was == server->admin && f->drain_ms == server->drain_ms)
        return;
    f->admin = server->admin;
    f->drain_ms = server->drain_ms;
    log_info("server stands", LOG_S("server", server->url), LOG_S("state", facts_state(f)));
    if (f->admin == POOL_ADMIN_ENABLED)
        leaving_end(m, f);
    else
        leaving_begin(m, f, f->drain_ms);
    /* In maintenance it is left alone. */
    if (f->admin == POOL_ADMIN_MAINTENANCE) {
        checks_remove(&m->checks, f);
    } else if (was == POOL_ADMIN_MAINTENANCE) {
        checks_add(&m->checks, server, f);
        publish_facts(&m->publish, f);
    }
}

static void follow_change(struct manager *m, const struct pool_change *change)
{
    const struct pool_server *server = pool_find_server(change->pool, change->server_id);
    struct server_facts *f = facts_find(&m->facts, change->server_id);

    servers_follow_admin(m, server, f);
    checks_update(&m->checks, server, f);
    log_info("server changed", LOG_S("server", server->url));
}

static void follow_set_pool(struct manager *m, const struct pool_change *change)
{
    for (uint32_t i = 0; i < change->pool->server_n; i++) {
        const struct pool_server *server = change->pool->servers[i];

        checks_update(&m->checks, server, facts_find(&m->facts, server->id));
    }
    log_info("pool set", LOG_S("pool", change->pool->name));
}

/* After the entry went out: its publish sequence is the one to wait for. */
static void follow_remove(struct manager *m, const struct pool_change *change)
{
    struct server_facts *f = facts_find(&m->facts, change->server_id);

    log_info("server removed", LOG_S("server", change->removed->url));
    names_remove(m, f);
    facts_drain(&m->facts, f, change->removed);
    leaving_begin(m, f, change->pool->drain_ms);
}

static void follow(struct manager *m, const struct pool_change *change, struct span entry)
{
    if (change->type == POOL_CHANGE_SERVER_ADDED)
        follow_add(m, change);
    if (change->type == POOL_CHANGE_SERVER_REMOVED)
        checks_remove(&m->checks, facts_find(&m->facts, change->server_id));
    publish_entry(&m->publish, m->pool, entry);
    if (change->type == POOL_CHANGE_SERVER_CHANGED)
        follow_change(m, change);
    else if (change->type == POOL_CHANGE_POOL_SET)
        follow_set_pool(m, change);
    else if (change->type == POOL_CHANGE_SERVER_REMOVED)
        follow_remove(m, change);
}

/* ---- entries ---- */

static void stop_applying(struct manager *m, uint64_t index, int error)
{
    m->servers.has_stopped = true;
    log_error("entry can't be applied: the pool changes no more", LOG_U("index", index),
              LOG_S("error", werr_text(error)));
}

/* No server is without facts, so they are made first: a server's id is the index of the entry
 * that adds it. They go again when none was added. */
static int apply(struct manager *m, const struct pool_command *c, uint64_t index,
                 struct pool_change *change)
{
    struct server_facts *f = NULL;
    int error;

    if (c->type == POOL_ADD_SERVER) {
        f = facts_add(&m->facts, index, &c->server.addr, loop_wall_us(m->loop));
        if (f == NULL)
            return WERR_NOMEM;
    }
    error = pool_apply(m->pool, c, index, change);
    if (error < 0)
        change->type = POOL_CHANGE_NONE;
    if (f != NULL && change->type != POOL_CHANGE_SERVER_ADDED)
        facts_drop(&m->facts, f);
    return error;
}

/* What an entry does here. WERR_NOMEM: nothing, whatever that means for the entry is the
 * engine's business: solo refuses the change as if it had never come (nothing was applied here,
 * the workers do not hear of it), any other hands the entry over again. */
static int take(struct manager *m, const struct pool_command *c, uint64_t index,
                struct span entry)
{
    const struct pool_outcome *known = pool_requests_find(m->requests, c->request_id);
    struct pool_change change = {.type = POOL_CHANGE_NONE};
    struct pool_outcome outcome;

    if (known != NULL) {
        changes_note(m, c->request_id, known);
        return 0;
    }
    outcome.result = apply(m, c, index, &change);
    if (outcome.result == WERR_NOMEM)
        return WERR_NOMEM;
    outcome.change = change.type;
    outcome.id = change.server_id;
    pool_requests_note(m->requests, c->request_id, &outcome);
    if (change.type != POOL_CHANGE_NONE)
        m->servers.revision = index;
    follow(m, &change, entry);
    usable_note(m);
    changes_note(m, c->request_id, &outcome);
    return 0;
}

int servers_on_commit(void *arg, uint64_t index, struct span entry)
{
    struct manager *m = arg;
    struct pool_command c;
    int error;

    if (m->servers.has_stopped)
        return 0;
    error = pool_code_decode(entry, &c);
    if (error == 0) {
        error = take(m, &c, index, entry);
        pool_command_fini(&c);
    } else if (error != WERR_NOMEM) {
        stop_applying(m, index, error);
        error = 0;
    }
    if (error == WERR_NOMEM)
        log_warn("out of memory for a change", LOG_U("index", index));
    return error;
}

static void on_addrs(void *arg, struct server_facts *facts)
{
    struct manager *m = arg;

    publish_addrs(&m->publish, facts);
}

/* In peace nothing is sent. */
static void on_pass(void *arg, struct server_facts *facts)
{
    struct manager *m = arg;

    if (facts->stats_slot != STATS_NO_SLOT &&
        stats_sum_server(m->stats, facts->stats_slot, STATS_SERVER_ejected) > 0)
        publish_pass(&m->publish, facts);
}

static void on_health(void *arg, struct server_facts *facts)
{
    struct manager *m = arg;

    publish_facts(&m->publish, facts);
    usable_note(m);
}

void servers_init(struct manager *m)
{
    timer_init(&m->servers.repair, on_repair);
}

void servers_watch_health(struct manager *m)
{
    const struct checks_hooks hooks = {
        .on_addrs = on_addrs, .on_pass = on_pass, .on_change = on_health, .arg = m};

    checks_on_change(&m->checks, &hooks);
}

void servers_fini(struct manager *m)
{
    struct server_facts *f = NULL;

    timer_stop(loop_timers(m->loop), &m->servers.repair);
    while ((f = facts_next(&m->facts, f)) != NULL)
        checks_remove(&m->checks, f);
}
