#include "manager/names.h"

#include <stdio.h>

#include "log/log.h"
#include "manager/manager.h"
#include "manager/resolve.h"
#include "manager/states.h"
#include "manager/usable.h"
#include "manager/views.h"

_Static_assert((int)RESOLVE_ADDRS_MAX <= (int)FRAME_ADDRS_N, "a frame holds a whole response");

static const char *url_of(const struct manager *m, uint64_t server_id)
{
    const struct pool_server *server = pool_find_any_server(m->pool, server_id, NULL);

    return server != NULL ? server->url : "";
}

static int on_addrs(void *arg, uint64_t server_id, const struct addr *addrs, unsigned n)
{
    struct manager *m = arg;
    struct server_facts *f = facts_find(&m->facts, server_id);
    char first[ADDR_TEXT_MAX];

    if (f == NULL)
        return 0;
    int rc = checks_set_addrs(&m->checks, f, addrs, n);
    if (rc < 0)
        return rc;
    f->name_error[0] = '\0';
    (void)addr_print(&addrs[0], first);
    log_info("name resolved", LOG_S("server", url_of(m, server_id)), LOG_U("addresses", n),
             LOG_S("first", first));
    (void)views_refresh(m, f);
    states_note(m, f, NULL);
    usable_note(m, f->pool_id);
    return 0;
}

static void on_failure(void *arg, uint64_t server_id, const char *why, bool has_old)
{
    struct manager *m = arg;
    struct server_facts *f = facts_find(&m->facts, server_id);

    if (f == NULL)
        return;
    if (f->name_error[0] == '\0')
        log_warn("name can't be resolved", LOG_S("server", url_of(m, server_id)),
                 LOG_S("reason", why), LOG_U("keeps_last_response", has_old));
    snprintf(f->name_error, sizeof(f->name_error), "%s", why);
    (void)views_refresh(m, f);
    states_note(m, f, NULL);
}

static void on_recovery(void *arg, uint64_t server_id)
{
    struct manager *m = arg;
    struct server_facts *f = facts_find(&m->facts, server_id);

    if (f == NULL)
        return;
    f->name_error[0] = '\0';
    log_info("name is resolved again", LOG_S("server", url_of(m, server_id)));
}

/* What no server can have. 0.0.0.0 would be this machine; blockers answer with it. */
static const char *refuse(void *arg, const struct addr *a)
{
    const struct manager *m = arg;

    if (addr_is_wildcard(a))
        return "wildcard address";
    if (addr_is_multicast(a))
        return "multicast address";
    if (addr_is_broadcast(a))
        return "broadcast address";
    return own_address_is(&m->own, a) ? "Weldr's own address" : NULL;
}

static void on_refused(void *arg, uint64_t server_id, const struct addr *a, const char *why)
{
    char text[ADDR_TEXT_MAX];

    (void)addr_print(a, text);
    log_warn("address of a name is not used", LOG_S("server", url_of(arg, server_id)),
             LOG_S("address", text), LOG_S("reason", why));
}

int names_start(struct manager *m)
{
    const struct resolve_hooks hooks = {
        .on_addrs = on_addrs,
        .on_failure = on_failure,
        .on_recovery = on_recovery,
        .refuse = refuse,
        .on_refused = on_refused,
        .arg = m,
    };

    return resolve_new(&m->resolve, m->loop, m->config->resolver, &hooks);
}

void names_stop(struct manager *m)
{
    resolve_free(m->resolve);
    m->resolve = NULL;
}

int names_add(struct manager *m, const struct pool_server *server,
              const struct server_facts *facts)
{
    if (!facts->is_named)
        return 0;
    return resolve_add(m->resolve, server->id, server->host, server->addr.port);
}

void names_remove(struct manager *m, const struct server_facts *facts)
{
    if (facts->is_named)
        resolve_remove(m->resolve, facts->id);
}
