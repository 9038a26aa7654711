#include "pool/kind_ops.h"
#include "pool/pool_apply_int.h"
#include "pool/pool_code.h"
#include "pool/pool_health.h"
#include "pool/pool_mem.h"
#include "pool/pool_meta.h"
#include "pool/server.h"
#include "pool/server_settings.h"
#include "pool/table.h"

struct pool_server *pool_target_server(const struct pool_state *s, const struct pool_command *c,
                                       struct pool **pool)
{
    struct pool *p = pool_find(s, span_from_str(c->pool));
    if (pool != NULL)
        *pool = p;
    if (p == NULL)
        return NULL;
    return c->type == POOL_ADD_SERVER ? pool_find_url(p, span_from_str(c->server.url))
                                      : pool_find_server(p, c->server_id);
}

/* ---- the vector ---- */

static int hash_server(const struct pool *p, const struct pool_server *server, uint64_t *hash)
{
    return kind_hash(KIND_SERVER, server->id, p->id, pool_code_server_json(server), hash);
}

/* Into the pool and the tables. WERR_NOMEM leaves all as it was. */
static int insert(struct pool_state *s, struct pool *p, struct pool_server *server)
{
    const struct id_entry entry = {KIND_SERVER, server, p};
    struct pool_server **servers = pool_reserve(p->servers, p->server_n, &p->server_cap);
    if (servers == NULL)
        return WERR_NOMEM;
    p->servers = servers;
    int rc = text_table_add(&p->by_url, server->url, server);
    if (rc != 0)
        return rc;
    rc = id_table_add(&s->ids, server->id, &entry);
    if (rc != 0) {
        text_table_remove(&p->by_url, server->url);
        return rc;
    }
    uint32_t place = pool_server_place(p, server->id);
    memmove(&servers[place + 1], &servers[place],
            (p->server_n - place) * sizeof(struct pool_server *));
    servers[place] = server;
    p->server_n++;
    s->server_n++;
    s->digest += server->digest;
    return 0;
}

static void take_out(struct pool_state *s, struct pool *p, struct pool_server *server)
{
    uint32_t place = pool_server_place(p, server->id);
    MUST(place < p->server_n && p->servers[place] == server);
    text_table_remove(&p->by_url, server->url);
    id_table_remove(&s->ids, server->id);
    p->server_n--;
    s->server_n--;
    memmove(&p->servers[place], &p->servers[place + 1],
            (p->server_n - place) * sizeof(struct pool_server *));
    s->digest -= server->digest;
}

/* ---- applying ---- */

static int apply_add(struct pool_state *s, const struct pool_command *c, uint64_t id,
                     struct pool_change *change)
{
    struct pool_server *server = server_copy(&c->server);
    if (server == NULL)
        return WERR_NOMEM;
    server->id = id;
    int rc = hash_server(change->pool, server, &server->digest);
    if (rc == 0)
        rc = insert(s, change->pool, server);
    if (rc != 0) {
        pool_server_free(server);
        return rc;
    }
    change->type = POOL_CHANGE_ADDED;
    change->id = id;
    return 0;
}

/* Fresh copies of meta and health of next, whose other members are now's. WERR_NOMEM leaves
 * nothing to free. */
static int make_parts(const struct pool_server *now, const struct pool_command *c,
                      struct pool_server *next)
{
    bool is_put = c->type == POOL_ADD_SERVER;
    bool has_meta = is_put || (c->set & POOL_SET_META) != 0;
    int rc = pool_meta_copy(next, has_meta ? &c->server : now);
    if (rc != 0)
        return rc;
    rc = pool_health_copy(&next->health, is_put ? &c->server.health : &now->health);
    if (rc == 0 && !is_put && (c->set & POOL_SET_HEALTH) != 0)
        rc = pool_health_merge(&next->health, &c->server.health, c->health_unset);
    if (rc != 0) {
        pool_meta_fini(next);
        pool_health_fini(&next->health);
    }
    return rc;
}

/* What the command replaces; what people made of its state (admin) a PUT leaves alone. */
static uint32_t set_of(const struct pool_command *c)
{
    return c->type == POOL_ADD_SERVER ? UINT32_MAX : c->set;
}

static void note_changed(struct pool_state *s, struct pool_server *server,
                         const struct pool_server *next, struct pool_change *change)
{
    if (next->digest != server->digest)
        change->type = POOL_CHANGE_CHANGED;
    s->digest += next->digest - server->digest;
    *server = *next;
}

static int apply_change(struct pool_state *s, const struct pool_command *c,
                        struct pool_server *server, struct pool_change *change)
{
    struct pool_server next = *server;
    server_settings_copy(&next, &c->server, set_of(c));
    int rc = make_parts(server, c, &next);
    if (rc != 0)
        return rc;
    rc = hash_server(change->pool, &next, &next.digest);
    if (rc != 0) {
        pool_meta_fini(&next);
        pool_health_fini(&next.health);
        return rc;
    }
    pool_meta_fini(server);
    pool_health_fini(&server->health);
    note_changed(s, server, &next, change);
    return 0;
}

/* An enabled server has nothing to finish: its drain_ms is 0, whatever the command says, so
 * that draining and resuming leads back to the same digest. */
static int apply_admin(struct pool_state *s, const struct pool_command *c,
                       struct pool_server *server, struct pool_change *change)
{
    struct pool_server next = *server;
    next.admin = c->server.admin;
    next.drain_ms = next.admin != POOL_ADMIN_ENABLED ? c->server.drain_ms : 0;
    int rc = hash_server(change->pool, &next, &next.digest);
    if (rc == 0)
        note_changed(s, server, &next, change);
    return rc;
}

static int apply_server(struct pool_state *s, const struct pool_command *c, uint64_t id,
                        struct pool_change *change)
{
    if (c->type == POOL_SET_SERVERS)
        return pool_apply_list(s, c, id, change);
    struct pool_server *server = pool_target_server(s, c, &change->pool);
    if (server == NULL)
        return apply_add(s, c, id, change);
    change->id = server->id;
    switch (pool_command_verb(c->type)) {
    case POOL_VERB_ADD:
        return c->is_put ? apply_change(s, c, server, change) : 0;
    case POOL_VERB_SET:
        return apply_change(s, c, server, change);
    case POOL_VERB_SET_ADMIN:
        return apply_admin(s, c, server, change);
    default:
        break;
    }
    take_out(s, change->pool, server);
    change->type = POOL_CHANGE_REMOVED;
    change->removed = server;
    return 0;
}

static int judge_server(const struct pool_state *s, const struct pool_command *c)
{
    struct pool *p = NULL;
    const struct pool_server *server = pool_target_server(s, c, &p);
    if (c->type == POOL_SET_SERVERS)
        return pool_judge_list(s, c);
    if (p == NULL)
        return WERR_NOT_FOUND;
    if (c->type != POOL_ADD_SERVER)
        return server != NULL ? 0 : WERR_NOT_FOUND;
    if (server != NULL && !c->is_put && server_differs(server, &c->server) != 0)
        return WERR_EXISTS;
    return server != NULL || s->server_n < POOL_SERVERS_MAX ? 0 : WERR_TOO_BIG;
}

static int target_server(const struct pool_state *s, const struct pool_command *c,
                         uint64_t *digest)
{
    const struct pool_server *server = pool_target_server(s, c, NULL);
    *digest = server != NULL ? server->digest : 0;
    return 0;
}

static int visit_servers(const struct pool_state *s, kind_visit_fn fn, void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; i < s->pool_n; i++) {
        const struct pool *p = s->pools[i];
        for (uint32_t k = 0; rc == 0 && k < p->server_n; k++) {
            const struct kind_object o = {KIND_SERVER, p->servers[k]->id, p->id, p->servers[k]};
            rc = fn(arg, &o);
        }
    }
    return rc;
}

/* ---- checking ---- */

static int check_setting(const struct pool_server *server, const struct server_setting *f,
                         struct pool_error *error)
{
    char wish[80];
    if (server_setting_takes(f, server_setting_get(server, f)))
        return 0;
    server_setting_print_wish(f, wish, sizeof(wish));
    pool_error_set(error, "invalid_value", f->key, "%s", wish);
    return WERR_INVALID;
}

static int check_meta(const struct pool_server *server, struct pool_error *error)
{
    if (server->meta_n > POOL_META_N) {
        pool_error_set(error, "too_many", "meta", "meta must have at most 32 entries");
        return WERR_INVALID;
    }
    for (unsigned i = 0; i < server->meta_n; i++) {
        const struct pool_meta *entry = &server->meta[i];
        if (!pool_meta_is_valid_key(span_from_str(entry->key)) ||
            !pool_meta_is_valid_value(span_from_str(entry->value))) {
            pool_error_set(error, "invalid_value", "meta",
                           "a meta entry has an empty or too long key, a too long value or "
                           "control characters");
            return WERR_INVALID;
        }
    }
    return 0;
}

static int check_admin(const struct pool_server *server, struct pool_error *error)
{
    if (server->admin > POOL_ADMIN_MAINTENANCE) {
        pool_error_set(error, "invalid_value", "admin",
                       "admin must be \"enabled\", \"draining\" or \"maintenance\"");
        return WERR_INVALID;
    }
    if (server->drain_ms <= POOL_DRAIN_MS_MAX)
        return 0;
    pool_error_set(error, "invalid_value", "drain_ms",
                   "drain_ms must be a whole number from 0 to %d", POOL_DRAIN_MS_MAX);
    return WERR_INVALID;
}

static int check_members(const struct pool_command *c, uint32_t set, struct pool_error *error)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < SERVER_SETTINGS_N; i++)
        if ((set & server_settings[i].bit) != 0)
            rc = check_setting(&c->server, &server_settings[i], error);
    if (rc == 0 && (set & POOL_SET_META) != 0)
        rc = check_meta(&c->server, error);
    if (rc == 0 && (set & POOL_SET_HEALTH) != 0)
        rc = pool_health_check(&c->server.health, error);
    return rc;
}

static int check_add(const struct pool_command *c, struct pool_error *error)
{
    const struct pool_server *server = &c->server;
    if (server->url == NULL || server->host == NULL || server->authority == NULL) {
        pool_error_set(error, "missing_field", "url", "url is missing");
        return WERR_INVALID;
    }
    int rc = check_admin(server, error);
    return rc != 0 ? rc : check_members(c, UINT32_MAX, error);
}

static int check_list(const struct pool_command *c, struct pool_error *error)
{
    struct pool_command one;
    int rc = 0;
    pool_command_init(&one, POOL_ADD_SERVER);
    for (uint32_t i = 0; rc == 0 && i < c->list_n; i++) {
        one.server = c->list[i]; /* borrowed */
        rc = check_add(&one, error);
    }
    return rc;
}

static int check_server(const struct pool_command *c, struct pool_error *error)
{
    switch (pool_command_verb(c->type)) {
    case POOL_VERB_ADD:
        return check_add(c, error);
    case POOL_VERB_SET:
        return check_members(c, c->set, error);
    case POOL_VERB_SET_ADMIN:
        return check_admin(&c->server, error);
    case POOL_VERB_SET_LIST:
        return check_list(c, error);
    default:
        return 0;
    }
}

static char *server_json(const void *object)
{
    return pool_code_server_json(object);
}

const struct kind_ops kind_ops_server = {
    .check = check_server,
    .judge = judge_server,
    .apply = apply_server,
    .target = target_server,
    .visit = visit_servers,
    .json = server_json,
};
