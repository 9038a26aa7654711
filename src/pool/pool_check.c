#include <stdio.h>

#include "pool/pool_command.h"
#include "pool/pool_int.h"

static int check_weight(const struct pool_server *server, struct pool_error *error)
{
    if (server->weight <= POOL_WEIGHT_MAX)
        return 0;
    pool_error_set(error, "invalid_value", "weight",
                   "weight must be a whole number from 0 to 256");
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

static int check_health(const struct pool_health *h, struct pool_error *error)
{
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if (pool_health_is_valid(h, f))
            continue;
        char field[64];
        char wish[200];
        snprintf(field, sizeof(field), "check.%s", f->key);
        pool_health_print_wish(f, wish, sizeof(wish));
        pool_error_set(error, "invalid_value", field, "%s", wish);
        return WERR_INVALID;
    }
    return 0;
}

static int check_settings(const struct pool_command *c, struct pool_error *error)
{
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        if ((c->given & pool_settings_bit(f)) == 0 ||
            pool_settings_is_valid(f, pool_settings_get(&c->settings, f)))
            continue;
        char wish[200];
        pool_settings_print_wish(f, wish, sizeof(wish));
        pool_error_set(error, "invalid_value", f->path, "%s", wish);
        return WERR_INVALID;
    }
    return 0;
}

static int check_proxy_protocol(const struct pool_server *server, struct pool_error *error)
{
    if (server->proxy_protocol == 0 || server->proxy_protocol == 2)
        return 0;
    pool_error_set(error, "invalid_value", "proxy_protocol", "proxy_protocol must be 0 or 2");
    return WERR_INVALID;
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
    pool_error_set(error, "invalid_value", "delay_ms",
                   "delay_ms must be a whole number from 0 to %d", POOL_DRAIN_MS_MAX);
    return WERR_INVALID;
}

static int check_exists(const struct pool *p, const struct pool_command *c,
                        struct pool_error *error)
{
    if (pool_find_server(p, c->server_id) != NULL)
        return 0;
    pool_error_set(error, "not_found", "", "there is no such server");
    return WERR_NOT_FOUND;
}

static int check_add(const struct pool *p, const struct pool_command *c,
                     struct pool_error *error)
{
    const struct pool_server *server = &c->server;
    if (server->url == NULL || server->host == NULL || server->authority == NULL) {
        pool_error_set(error, "missing_field", "url", "url is missing");
        return WERR_INVALID;
    }
    if (p->server_n >= POOL_SERVERS_MAX &&
        pool_find_url(p, span_from_str(server->url)) == NULL) {
        pool_error_set(error, "too_many", "", "the pool has 16384 servers: no more fit");
        return WERR_INVALID;
    }
    int rc = check_weight(server, error);
    if (rc == 0)
        rc = check_proxy_protocol(server, error);
    if (rc == 0)
        rc = check_admin(server, error);
    if (rc == 0)
        rc = check_meta(server, error);
    return rc != 0 ? rc : check_health(&server->health, error);
}

static int check_change(const struct pool *p, const struct pool_command *c,
                        struct pool_error *error)
{
    int rc = check_exists(p, c, error);
    if (rc == 0 && (c->set & POOL_SET_WEIGHT) != 0)
        rc = check_weight(&c->server, error);
    if (rc == 0 && (c->set & POOL_SET_PROXY_PROTOCOL) != 0)
        rc = check_proxy_protocol(&c->server, error);
    if (rc == 0 && (c->set & POOL_SET_META) != 0)
        rc = check_meta(&c->server, error);
    if (rc == 0 && (c->set & POOL_SET_HEALTH) != 0)
        rc = check_health(&c->server.health, error);
    return rc;
}

static int check_set_pool(const struct pool *p, const struct pool_command *c,
                          struct pool_error *error)
{
    (void)p;
    if ((c->set & POOL_SET_POLICY) != 0 && c->policy != POOL_POLICY_ROUND_ROBIN) {
        pool_error_set(error, "invalid_value", "policy", "policy must be \"round_robin\"");
        return WERR_INVALID;
    }
    int rc = check_settings(c, error);
    if (rc == 0 && (c->set & POOL_SET_HEALTH) != 0)
        rc = check_health(&c->server.health, error);
    return rc;
}

static int check_set_admin(const struct pool *p, const struct pool_command *c,
                           struct pool_error *error)
{
    int rc = check_exists(p, c, error);
    return rc != 0 ? rc : check_admin(&c->server, error);
}

typedef int (*check_fn)(const struct pool *p, const struct pool_command *c,
                        struct pool_error *error);

static const check_fn checks[] = {
    [POOL_ADD_SERVER] = check_add,
    [POOL_CHANGE_SERVER] = check_change,
    [POOL_REMOVE_SERVER] = check_exists,
    [POOL_SET_POOL] = check_set_pool,
    [POOL_SET_SERVER_ADMIN] = check_set_admin,
};

int pool_check(const struct pool_state *s, const struct pool_command *c,
               struct pool_error *error)
{
    MUST((unsigned)c->type < sizeof(checks) / sizeof(checks[0]) && checks[c->type] != NULL);
    const struct pool *p = pool_find(s, span_from_str(c->pool));
    if (p == NULL) {
        pool_error_set(error, "not_found", "pool", "there is no such pool");
        return WERR_NOT_FOUND;
    }
    return checks[c->type](p, c, error);
}
