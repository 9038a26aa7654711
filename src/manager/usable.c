#include "manager/usable.h"

#include "log/log.h"
#include "manager/events.h"
#include "manager/manager.h"

/* Its facts when people want it to serve, it has an address and need not wait for its first
 * passed check; else NULL. */
static const struct server_facts *find_wanted(const struct manager *m,
                                              const struct pool_server *server)
{
    const struct server_facts *f = facts_find(&m->facts, server->id);

    if (server->admin != POOL_ADMIN_ENABLED || server->weight == 0)
        return NULL;
    return f == NULL || facts_has_no_addr(f) || facts_is_waiting(f) ? NULL : f;
}

bool usable_is(const struct manager *m, const struct pool_server *server)
{
    const struct server_facts *f = find_wanted(m, server);

    return f != NULL && f->is_up;
}

uint32_t usable_count(const struct manager *m, const struct pool *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->server_n; i++)
        n += usable_is(m, p->servers[i]);
    return n;
}

/* Mostly the first server looked at is usable. */
bool usable_is_fail_open(const struct manager *m, const struct pool *p)
{
    bool is_any_wanted = false;

    for (uint32_t i = 0; i < p->server_n; i++) {
        if (usable_is(m, p->servers[i]))
            return false;
        is_any_wanted = is_any_wanted || find_wanted(m, p->servers[i]) != NULL;
    }
    return is_any_wanted && p->fail_open;
}

bool usable_is_any_fail_open(const struct manager *m)
{
    return m->facts.fail_open_n > 0;
}

void usable_note(struct manager *m, uint64_t pool_id)
{
    struct pool_facts *f = facts_find_pool(&m->facts, pool_id);
    const struct pool *p = pool_find_id(m->pool, pool_id);

    if (f == NULL || p == NULL || f->is_fail_open == usable_is_fail_open(m, p))
        return;
    facts_set_fail_open(&m->facts, f, !f->is_fail_open);
    events_tell(m, &(struct event_note){.kind = f->is_fail_open ? EVENT_POOL_FAIL_OPEN
                                                                : EVENT_POOL_FAIL_OPEN_ENDED,
                                        .pool = p->name});
    if (f->is_fail_open)
        log_each(LOG_WARN, "all servers are down: requests go to all of them (fail open)",
                 LOG_S("pool", p->name), LOG_U("servers", p->server_n));
    else
        log_each(LOG_INFO, "fail open has ended", LOG_S("pool", p->name),
                 LOG_U("usable", usable_count(m, p)));
}
