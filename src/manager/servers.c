#include "manager/servers.h"

#include <stdlib.h>
#include <sys/random.h>

#include "log/log.h"
#include "manager/follow.h"
#include "manager/manager.h"
#include "manager/usable.h"
#include "pool/pool_code.h"

static void on_repair(struct timer *t)
{
    struct servers *s = (struct servers *)((char *)t - offsetof(struct servers, repair));

    follow_repair((struct manager *)((char *)s - offsetof(struct manager, servers)));
}

/* ---- entries ---- */

static void stop_applying(struct manager *m, uint64_t index, int error)
{
    m->servers.has_stopped = true;
    log_error("entry can't be applied: the pool changes no more", LOG_U("index", index),
              LOG_S("error", werr_text(error)));
}

static void note_outcome(struct manager *m, const struct pool_command *c, int result,
                         const struct pool_change *change)
{
    struct proposal *p;

    TAILQ_FOREACH (p, &m->servers.proposals, entry) {
        if (memcmp(p->request_id, c->request_id, sizeof(p->request_id)) == 0) {
            p->result = result;
            p->change = change->type;
            p->id = change->id;
            return;
        }
    }
}

/* No server and no pool is without facts, so they are made first: an id is the index of the
 * entry that adds the object. They go again when none was added. */
static int apply_add_server(struct manager *m, const struct pool_command *c, uint64_t index,
                            struct pool_change *change)
{
    struct server_facts *f =
        facts_add(&m->facts, index, &c->server.addr, loop_wall_us(m->loop));
    int error;

    if (f == NULL)
        return WERR_NOMEM;
    error = pool_apply(m->pool, c, index, change);
    if (error < 0 || change->type != POOL_CHANGE_ADDED)
        facts_drop(&m->facts, f);
    return error;
}

static int apply_add_pool(struct manager *m, const struct pool_command *c, uint64_t index,
                          struct pool_change *change)
{
    struct pool_facts *f = facts_add_pool(&m->facts, index);
    int error;

    if (f == NULL)
        return WERR_NOMEM;
    error = pool_apply(m->pool, c, index, change);
    if (error < 0 || change->type != POOL_CHANGE_ADDED)
        facts_drop_pool(&m->facts, f);
    return error;
}

static int apply(struct manager *m, const struct pool_command *c, uint64_t index,
                 struct pool_change *change)
{
    int error;

    if (c->type == POOL_ADD_SERVER)
        error = apply_add_server(m, c, index, change);
    else if (c->type == POOL_ADD_POOL)
        error = apply_add_pool(m, c, index, change);
    else
        error = pool_apply(m->pool, c, index, change);
    if (error < 0)
        change->type = POOL_CHANGE_NONE;
    return error;
}

/* A change that there is no memory for is refused as if it had never come: nothing of it was
 * applied here, the workers do not hear of it (indexes may have gaps), and in a cluster of one
 * nobody else has it. */
void servers_on_commit(void *arg, uint64_t index, struct span entry)
{
    struct manager *m = arg;
    struct pool_command c;
    struct pool_change change;
    int error;

    if (m->servers.has_stopped)
        return;
    error = pool_code_decode(entry, &c);
    if (error == WERR_NOMEM)
        log_warn("out of memory for a change", LOG_U("index", index));
    else if (error < 0)
        stop_applying(m, index, error);
    if (error < 0)
        return;
    memset(&change, 0, sizeof(change));
    error = apply(m, &c, index, &change);
    if (change.type != POOL_CHANGE_NONE)
        m->servers.revision = index;
    if (error == WERR_NOMEM)
        log_warn("out of memory for a change", LOG_U("index", index));
    else
        follow(m, &change, entry);
    note_outcome(m, &c, error, &change);
    pool_change_fini(&change);
    pool_command_fini(&c);
}

static void unlist(struct proposal *p)
{
    TAILQ_REMOVE(&p->manager->servers.proposals, p, entry);
}

static void on_done(void *arg, int error, uint64_t index)
{
    struct proposal *p = arg;

    (void)index;
    unlist(p);
    p->done(p, error);
}

int servers_propose(struct manager *m, struct pool_command *c, struct proposal *p)
{
    char *entry;
    size_t len;
    int error;

    if (m->servers.has_stopped)
        return WERR_CORRUPT;
    if (getrandom(c->request_id, sizeof(c->request_id), 0) != sizeof(c->request_id))
        return WERR_IO;
    error = pool_code_encode(c, &entry, &len);
    if (error < 0)
        return error;
    memcpy(p->request_id, c->request_id, sizeof(p->request_id));
    p->manager = m;
    p->result = WERR_NOMEM; /* unless it is applied */
    TAILQ_INSERT_TAIL(&m->servers.proposals, p, entry);
    error = m->cluster->ops->propose(m->cluster, span_from(entry, len), on_done, p);
    free(entry);
    if (error < 0)
        unlist(p);
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
    usable_note(m, facts->pool_id);
}

void servers_init(struct manager *m)
{
    TAILQ_INIT(&m->servers.proposals);
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
