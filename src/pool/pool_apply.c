#include "pool/pool_apply.h"

#include <stdlib.h>

#include "pool/pool_int.h"

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct pool *p = change->pool;
    const struct pool_server *there = pool_find_url(p, span_from_str(c->server.url));
    if (there != NULL) {
        change->server_id = there->id;
        return 0;
    }
    if (p->server_n >= POOL_SERVERS_MAX)
        return WERR_TOO_BIG;
    struct pool_server *server = pool_server_new(&c->server);
    if (server == NULL)
        return WERR_NOMEM;
    server->id = id;
    int rc = pool_hash_server(server, &server->digest);
    if (rc == 0)
        rc = pool_insert(p, server);
    if (rc != 0) {
        pool_server_free(server);
        return rc;
    }
    s->digest += server->digest;
    change->type = POOL_CHANGE_SERVER_ADDED;
    change->server_id = id;
    return 0;
}

/* Fresh copies of what the command replaces; what it leaves alone stays borrowed from now.
 * WERR_NOMEM leaves nothing to free. */
static int make_changed(const struct pool_server *now, const struct pool_command *c,
                        struct pool_server *next)
{
    *next = *now;
    if ((c->set & POOL_SET_WEIGHT) != 0)
        next->weight = c->server.weight;
    if ((c->set & POOL_SET_MAP_HOST) != 0)
        next->map_host = c->server.map_host;
    if ((c->set & POOL_SET_PROXY_PROTOCOL) != 0)
        next->proxy_protocol = c->server.proxy_protocol;
    int rc = pool_meta_copy(next, (c->set & POOL_SET_META) != 0 ? &c->server : now);
    if (rc != 0)
        return rc;
    rc = pool_health_copy(&next->health, &now->health);
    if (rc == 0 && (c->set & POOL_SET_HEALTH) != 0)
        rc = pool_health_merge(&next->health, &c->server.health, c->health_unset);
    if (rc == 0)
        rc = pool_hash_server(next, &next->digest);
    if (rc != 0) {
        pool_meta_fini(next);
        pool_health_fini(&next->health);
    }
    return rc;
}

static int apply_change(struct pool_state *s, const struct pool_command *c, uint64_t id,
                        struct pool_change *change)
{
    (void)id;
    struct pool_server *server = pool_find_server(change->pool, c->server_id);
    if (server == NULL)
        return WERR_NOT_FOUND;
    struct pool_server next;
    int rc = make_changed(server, c, &next);
    if (rc != 0)
        return rc;
    change->server_id = server->id;
    if (next.digest != server->digest)
        change->type = POOL_CHANGE_SERVER_CHANGED;
    s->digest += next.digest - server->digest;
    pool_meta_fini(server);
    pool_health_fini(&server->health);
    *server = next;
    return 0;
}

static int apply_remove(struct pool_state *s, const struct pool_command *c, uint64_t id,
                        struct pool_change *change)
{
    (void)id;
    struct pool_server *server = pool_find_server(change->pool, c->server_id);
    if (server == NULL)
        return WERR_NOT_FOUND;
    pool_take_out(change->pool, server);
    s->digest -= server->digest;
    change->type = POOL_CHANGE_SERVER_REMOVED;
    change->server_id = server->id;
    change->removed = server;
    return 0;
}

/* An enabled server has nothing to finish: its drain_ms is 0, whatever the command says, so
 * that draining and resuming leads back to the same digest. */
static int apply_admin(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change)
{
    (void)id;
    struct pool_server *server = pool_find_server(change->pool, c->server_id);
    if (server == NULL)
        return WERR_NOT_FOUND;
    struct pool_server next = *server;
    next.admin = c->server.admin;
    next.drain_ms = next.admin != POOL_ADMIN_ENABLED ? c->server.drain_ms : 0;
    int rc = pool_hash_server(&next, &next.digest);
    if (rc != 0)
        return rc;
    change->server_id = server->id;
    if (next.digest != server->digest)
        change->type = POOL_CHANGE_SERVER_CHANGED;
    s->digest += next.digest - server->digest;
    *server = next;
    return 0;
}

static int apply_set_pool(struct pool_state *s, const struct pool_command *c, uint64_t id,
                          struct pool_change *change)
{
    (void)id;
    struct pool *p = change->pool;
    struct pool next = *p;
    pool_settings_merge(&next.settings, &c->settings, c->given);
    if ((c->set & POOL_SET_POLICY) != 0)
        next.policy = c->policy;
    int rc = pool_health_copy(&next.health, &p->health);
    if (rc != 0)
        return rc;
    if ((c->set & POOL_SET_HEALTH) != 0)
        rc = pool_health_merge(&next.health, &c->server.health, 0);
    if (rc == 0)
        rc = pool_hash_pool(&next, &next.digest);
    if (rc != 0) {
        pool_health_fini(&next.health);
        return rc;
    }
    if (next.digest != p->digest)
        change->type = POOL_CHANGE_POOL_SET;
    s->digest += next.digest - p->digest;
    pool_health_fini(&p->health);
    *p = next;
    return 0;
}

typedef int (*apply_fn)(struct pool_state *s, const struct pool_command *c, uint64_t id,
                        struct pool_change *change);

static const apply_fn appliers[] = {
    [POOL_ADD_SERVER] = apply_add,         [POOL_CHANGE_SERVER] = apply_change,
    [POOL_REMOVE_SERVER] = apply_remove,   [POOL_SET_POOL] = apply_set_pool,
    [POOL_SET_SERVER_ADMIN] = apply_admin,
};

int pool_apply_command(struct pool_state *s, const struct pool_command *c, uint64_t id,
                       struct pool_change *change)
{
    MUST((unsigned)c->type < sizeof(appliers) / sizeof(appliers[0]) &&
         appliers[c->type] != NULL);
    *change = (struct pool_change){.type = POOL_CHANGE_NONE};
    change->pool = pool_find(s, span_from_str(c->pool));
    if (change->pool == NULL)
        return WERR_NOT_FOUND;
    return appliers[c->type](s, c, id, change);
}

int pool_apply(struct pool_state *s, const struct pool_command *c, uint64_t index,
               struct pool_change *change)
{
    MUST(index > s->index);
    int rc = pool_apply_command(s, c, index, change);
    if (rc != WERR_NOMEM)
        s->index = index;
    return rc;
}
