#include "manager/servers.h"

#include <inttypes.h>
#include <stdio.h>

#include "log/log.h"
#include "manager/applied.h"
#include "manager/change.h"
#include "manager/events.h"
#include "manager/follow.h"
#include "manager/hints.h"
#include "manager/manager.h"
#include "manager/restore.h"
#include "manager/states.h"
#include "manager/usable.h"
#include "manager/views.h"
#include "pool/pool_code.h"

/* ---- entries ---- */

/* No server and no pool is without facts, so they are made first: an id is the index of the
 * entry that adds the object. They go again when none was added. */
static int apply_add_server(struct manager *m, const struct pool_command *c, uint64_t index,
                            struct pool_change *change)
{
    struct server_facts *f =
        facts_add(&m->facts, index, &c->server.addr, loop_wall_us(m->loop));

    if (f == NULL)
        return WERR_NOMEM;
    int rc = pool_apply(m->pool, c, index, change);
    if (rc < 0 || change->type != POOL_CHANGE_ADDED)
        facts_drop(&m->facts, f);
    return rc;
}

static void drop_list(struct manager *m, uint64_t index, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        facts_drop(&m->facts, facts_find(&m->facts, pool_list_id(index, k)));
}

/* Those that the list adds, in its order. */
static int apply_set_servers(struct manager *m, const struct pool_command *c, uint64_t index,
                             struct pool_change *change)
{
    const struct pool *p = pool_find(m->pool, span_from_str(c->pool));
    const uint64_t now_us = loop_wall_us(m->loop);
    uint32_t new_n = 0;
    int rc = 0;

    for (uint32_t i = 0; p != NULL && rc == 0 && i < c->list_n; i++) {
        const struct pool_server *wanted = &c->list[i];

        if (pool_find_url(p, span_from_str(wanted->url)) != NULL)
            continue;
        if (facts_add(&m->facts, pool_list_id(index, new_n), &wanted->addr, now_us) == NULL)
            rc = WERR_NOMEM;
        else
            new_n++;
    }
    if (rc == 0)
        rc = pool_apply(m->pool, c, index, change);
    if (rc < 0)
        drop_list(m, index, new_n);
    return rc;
}

static int apply_add_pool(struct manager *m, const struct pool_command *c, uint64_t index,
                          struct pool_change *change)
{
    struct pool_facts *f = facts_add_pool(&m->facts, index);

    if (f == NULL)
        return WERR_NOMEM;
    int rc = pool_apply(m->pool, c, index, change);
    if (rc < 0 || change->type != POOL_CHANGE_ADDED)
        facts_drop_pool(&m->facts, f);
    return rc;
}

static int apply(struct manager *m, const struct pool_command *c, uint64_t index,
                 struct pool_change *change)
{
    int rc;

    if (c->type == POOL_ADD_SERVER)
        rc = apply_add_server(m, c, index, change);
    else if (c->type == POOL_SET_SERVERS)
        rc = apply_set_servers(m, c, index, change);
    else if (c->type == POOL_ADD_POOL)
        rc = apply_add_pool(m, c, index, change);
    else
        rc = pool_apply(m->pool, c, index, change);
    if (rc < 0)
        change->type = POOL_CHANGE_NONE;
    return rc;
}

static void note(struct manager *m, const struct pool_command *c, int result,
                 const struct pool_change *change)
{
    const struct pool_outcome outcome = {
        .result = result, .change = change->type, .kind = change->kind, .id = change->id};

    pool_requests_note(m->requests, c->request_id, &outcome);
    changes_note(m, c->request_id, &outcome);
}

static int become(struct manager *m, const struct pool_command *c,
                  struct pool_history_back *back)
{
    char to[24];

    (void)snprintf(to, sizeof(to), "%" PRIu64, c->restore);
    events_set_by(m, changes_by(m, c->request_id));
    log_gather(true);
    const int rc = servers_become(m, back->state);
    if (rc == 0)
        events_tell(m, &(struct event_note){.kind = EVENT_DESCRIPTION_RESTORED, .to = to});
    log_gather(false);
    events_set_by(m, NULL);
    if (rc < 0)
        pool_history_back_fini(back);
    return rc;
}

/* Back to a revision of the history: the workers get a snapshot. */
static int go_back(struct manager *m, const struct pool_command *c, uint64_t index)
{
    struct pool_change change = {.type = POOL_CHANGE_NONE, .kind = KIND_POOL};
    struct pool_history_back back;
    const int rc = pool_history_restore(m->history, m->pool, c, index, &back, NULL);

    if (rc == WERR_NOMEM)
        return rc;
    if (back.state == NULL) {
        pool_pass(m->pool, index);
    } else if (become(m, c, &back) < 0) {
        return WERR_NOMEM;
    } else {
        MUST(back.record != NULL && m->pool->index == index); /* restored means recorded */
        pool_history_take(m->history, back.record);
        change.type = POOL_CHANGE_CHANGED;
        change.id = index;
    }
    note(m, c, rc, &change);
    return 0;
}

/* Of a command that was applied, or refused. */
static void follow_it(struct manager *m, const struct pool_command *c,
                      struct pool_change *change, uint64_t index, struct span entry)
{
    if (change->type != POOL_CHANGE_NONE)
        m->revision = index;
    events_set_by(m, changes_by(m, c->request_id));
    log_gather(true);
    follow(m, change, entry);
    log_gather(false);
    events_set_by(m, NULL);
}

/* What an entry does here. WERR_NOMEM: nothing, whatever that means for the entry is the
 * engine's business: solo refuses the change as if it had never come (nothing was applied here,
 * the workers do not hear of it), any other hands the entry over again. */
static int take_new(struct manager *m, const struct pool_command *c, uint64_t index,
                    struct span entry)
{
    struct pool_change change = {.type = POOL_CHANGE_NONE};
    struct pool_history_record *record = NULL;
    int rc = pool_history_look(m->pool, c, index, &record);

    if (rc == 0)
        rc = apply(m, c, index, &change);
    if (change.type != POOL_CHANGE_NONE)
        pool_history_take(m->history, record);
    else
        pool_history_record_free(record);
    if (rc != WERR_NOMEM) {
        follow_it(m, c, &change, index, entry);
        note(m, c, rc, &change);
    }
    pool_change_fini(&change);
    return rc == WERR_NOMEM ? rc : 0;
}

static int take(struct manager *m, const struct pool_command *c, uint64_t index,
                struct span entry)
{
    const struct pool_outcome *known = pool_requests_find(m->requests, c->request_id);

    if (known != NULL) {
        changes_note(m, c->request_id, known);
        return 0;
    }
    return c->type == POOL_RESTORE ? go_back(m, c, index) : take_new(m, c, index, entry);
}

static int take_decoded(struct manager *m, uint64_t index, struct span entry)
{
    struct pool_command c;
    int rc = pool_code_decode(entry, &c);

    if (rc == 0) {
        rc = take(m, &c, index, entry);
        pool_command_fini(&c);
    }
    return rc;
}

int servers_on_commit(void *arg, uint64_t index, struct span entry)
{
    struct manager *m = arg;

    const struct pool_command *known = changes_command(m, entry);
    const int rc = known != NULL ? take(m, known, index, entry) : take_decoded(m, index, entry);
    if (rc == WERR_NOMEM)
        log_warn("out of memory for a change", LOG_U("index", index));
    applied_note(m);
    return rc;
}

static void on_addrs(void *arg, struct server_facts *facts)
{
    struct manager *m = arg;

    publish_addrs(&m->publish, facts);
}

static void on_addr(void *arg, const struct facts_addr *a)
{
    states_tell_addr(arg, a);
    hints_note(arg);
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

    (void)views_judge(m, facts);
    publish_facts(&m->publish, facts);
    states_note(m, facts, NULL);
    usable_note(m, facts->pool_id);
    hints_note(m);
}

void servers_watch_health(struct manager *m)
{
    const struct checks_hooks hooks = {.on_addrs = on_addrs,
                                       .on_addr = on_addr,
                                       .on_pass = on_pass,
                                       .on_change = on_health,
                                       .arg = m};

    checks_on_change(&m->checks, &hooks);
}

void servers_end_checks(struct manager *m)
{
    struct server_facts *f = NULL;

    while ((f = facts_next(&m->facts, f)) != NULL)
        checks_remove(&m->checks, f);
}
