#include "manager/usable.h"

#include "log/log.h"
#include "manager/manager.h"

static const struct pool *the_pool(const struct manager *m)
{
    return pool_default(m->pool);
}

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

uint32_t usable_count(const struct manager *m)
{
    const struct pool *p = the_pool(m);
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->server_n; i++)
        n += usable_is(m, p->servers[i]);
    return n;
}

/* Mostly the first server looked at is usable. */
bool usable_is_fail_open(const struct manager *m)
{
    const struct pool *p = the_pool(m);
    bool is_any_wanted = false;

    for (uint32_t i = 0; i < p->server_n; i++) {
        if (usable_is(m, p->servers[i]))
            return false;
        is_any_wanted = is_any_wanted || find_wanted(m, p->servers[i]) != NULL;
    }
    return is_any_wanted && p->fail_open;
}

void usable_note(struct manager *m)
{
    const bool is_open = usable_is_fail_open(m);

    if (is_open == m->is_fail_open)
        return;
    m->is_fail_open = is_open;
    if (is_open)
        log_warn("all servers are down: requests go to all of them (fail open)",
                 LOG_S("pool", the_pool(m)->name), LOG_U("servers", the_pool(m)->server_n));
    else
        log_info("fail open has ended", LOG_S("pool", the_pool(m)->name),
                 LOG_U("usable", usable_count(m)));
}
