#include <jansson.h>

#include "base/jtext.h"
#include "pool/pool_code.h"
#include "pool/pool_int.h"

static const char *const policy_words[] = {[POOL_POLICY_ROUND_ROBIN] = "round_robin"};

static const char *const admin_words[] = {
    [POOL_ADMIN_ENABLED] = "enabled",
    [POOL_ADMIN_DRAINING] = "draining",
    [POOL_ADMIN_MAINTENANCE] = "maintenance",
};

const char *pool_policy_word(enum pool_policy policy)
{
    return policy_words[policy];
}

const char *pool_admin_word(enum pool_admin admin)
{
    return (unsigned)admin <= POOL_ADMIN_MAINTENANCE ? admin_words[admin] : "enabled";
}

/* Takes the value over, as jansson does; NULL counts as failure. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0 ? 0 : WERR_NOMEM;
}

/* For the ends of the build functions. */
static json_t *keep_or_drop(json_t *object, int rc)
{
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *build_health_member(const struct pool_health *h,
                                   const struct pool_health_field *f)
{
    char buf[POOL_EXPECT_TEXT_MAX];
    if (f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32)
        return json_integer(pool_health_number(h, f));
    return json_string(pool_health_text(h, f, buf));
}

/* Members in set as values, those in unset as null. */
static json_t *build_health(const struct pool_health *h, uint32_t unset)
{
    json_t *object = json_object();
    int rc = 0;
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N && rc == 0; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if ((h->set & f->bit) != 0)
            rc = put(object, f->key, build_health_member(h, f));
        else if ((unset & f->bit) != 0)
            rc = put(object, f->key, json_null());
    }
    return keep_or_drop(object, rc);
}

static json_t *build_meta(const struct pool_server *server)
{
    json_t *object = json_object();
    int rc = 0;
    for (unsigned i = 0; i < server->meta_n && rc == 0; i++)
        rc = put(object, server->meta[i].key, json_string(server->meta[i].value));
    return keep_or_drop(object, rc);
}

/* ---- a server: made for each change, and for all servers in a snapshot ---- */

static void write_health(struct jtext *t, const char *key, const struct pool_health *h)
{
    char buf[POOL_EXPECT_TEXT_MAX];
    jtext_open(t, key, '{');
    for (unsigned i = 0; i < POOL_HEALTH_FIELD_N; i++) {
        const struct pool_health_field *f = &pool_health_fields[i];
        if ((h->set & f->bit) == 0)
            continue;
        if (f->kind == POOL_KIND_U16 || f->kind == POOL_KIND_U32)
            jtext_number(t, f->key, pool_health_number(h, f));
        else
            jtext_str(t, f->key, pool_health_text(h, f, buf));
    }
    jtext_close(t, '}');
}

static void write_server(struct jtext *t, const char *key, const struct pool_server *server)
{
    jtext_open(t, key, '{');
    jtext_str(t, "url", server->url);
    jtext_bool(t, "map_host", server->map_host);
    jtext_number(t, "weight", server->weight);
    jtext_number(t, "proxy_protocol", server->proxy_protocol);
    jtext_str(t, "admin", pool_admin_word(server->admin));
    jtext_number(t, "drain_ms", server->drain_ms);
    write_health(t, "check", &server->health);
    jtext_open(t, "meta", '{');
    for (unsigned i = 0; i < server->meta_n; i++)
        jtext_str(t, server->meta[i].key, server->meta[i].value);
    jtext_close(t, '}');
    jtext_close(t, '}');
}

char *pool_code_server_json(const struct pool_server *server)
{
    struct jtext t;
    jtext_init_compact(&t);
    write_server(&t, NULL, server);
    return jtext_take(&t);
}

static char *print_add(const struct pool_command *c)
{
    struct jtext t;
    jtext_init_compact(&t);
    jtext_open(&t, NULL, '{');
    jtext_str(&t, "pool", c->pool);
    write_server(&t, "server", &c->server);
    jtext_close(&t, '}');
    return jtext_take(&t);
}

/* ---- all else ---- */

/* The given settings of one group, into object. */
static int put_settings(json_t *object, enum pool_settings_group group,
                        const struct pool_settings *s, uint64_t given)
{
    int rc = 0;
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        const struct pool_setting *f = &pool_settings_table[i];
        if (f->group != group || (given & pool_settings_bit(f)) == 0)
            continue;
        uint64_t n = pool_settings_get(s, f);
        rc |= put(object, f->key,
                  f->type == POOL_SETTING_BOOL ? json_boolean(n != 0)
                                               : json_integer((json_int_t)n));
    }
    return rc;
}

static uint64_t group_bits(enum pool_settings_group group)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < POOL_SETTING_N; i++) {
        if (pool_settings_table[i].group == group)
            bits |= pool_settings_bit(&pool_settings_table[i]);
    }
    return bits;
}

/* Groups as objects in object, then the settings that have no group. */
static int put_all_settings(json_t *object, const struct pool_settings *s, uint64_t given)
{
    int rc = 0;
    for (enum pool_settings_group group = 0; group < POOL_GROUP_TOP; group++) {
        if ((given & group_bits(group)) == 0)
            continue;
        json_t *members = json_object();
        int members_rc = put_settings(members, group, s, given);
        rc |= put(object, pool_settings_group_word(group), keep_or_drop(members, members_rc));
    }
    return rc | put_settings(object, POOL_GROUP_TOP, s, given);
}

static json_t *build_pool(const struct pool *p)
{
    json_t *object = json_object();
    int rc = put(object, "name", json_string(p->name));
    rc |= put(object, "policy", json_string(policy_words[p->policy]));
    rc |= put_all_settings(object, &p->settings, UINT64_MAX);
    rc |= put(object, "check", build_health(&p->health, 0));
    return keep_or_drop(object, rc);
}

/* What a CHANGE_SERVER or SET_POOL gives, and nothing else. */
static json_t *build_wish(const struct pool_command *c)
{
    json_t *object = json_object();
    int rc = object != NULL ? 0 : WERR_NOMEM;
    if ((c->set & POOL_SET_POLICY) != 0)
        rc |= put(object, "policy", json_string(policy_words[c->policy]));
    rc |= put_all_settings(object, &c->settings, c->given);
    if ((c->set & POOL_SET_MAP_HOST) != 0)
        rc |= put(object, "map_host", json_boolean(c->server.map_host));
    if ((c->set & POOL_SET_WEIGHT) != 0)
        rc |= put(object, "weight", json_integer(c->server.weight));
    if ((c->set & POOL_SET_PROXY_PROTOCOL) != 0)
        rc |= put(object, "proxy_protocol", json_integer(c->server.proxy_protocol));
    if ((c->set & POOL_SET_HEALTH) != 0)
        rc |= put(object, "check", build_health(&c->server.health, c->health_unset));
    if ((c->set & POOL_SET_META) != 0)
        rc |= put(object, "meta", build_meta(&c->server));
    return keep_or_drop(object, rc);
}

static int put_id(json_t *object, const struct pool_command *c)
{
    char id[24];
    pool_id_print(c->server_id, id);
    return put(object, "id", json_string(id));
}

static int put_wish(json_t *object, const struct pool_command *c)
{
    return put(object, "set", build_wish(c));
}

static int put_id_and_wish(json_t *object, const struct pool_command *c)
{
    return put_id(object, c) | put_wish(object, c);
}

static int put_admin(json_t *object, const struct pool_command *c)
{
    int rc = put_id(object, c);
    rc |= put(object, "admin", json_string(pool_admin_word(c->server.admin)));
    return rc | put(object, "drain_ms", json_integer(c->server.drain_ms));
}

typedef int (*put_fn)(json_t *object, const struct pool_command *c);

static const put_fn payload_putters[] = {
    [POOL_CHANGE_SERVER] = put_id_and_wish,
    [POOL_REMOVE_SERVER] = put_id,
    [POOL_SET_POOL] = put_wish,
    [POOL_SET_SERVER_ADMIN] = put_admin,
};

static json_t *build_payload(const struct pool_command *c)
{
    json_t *object = json_object();
    int rc = put(object, "pool", json_string(c->pool));
    rc |= payload_putters[c->type](object, c);
    return keep_or_drop(object, rc);
}

/* Takes object over; NULL: no memory. */
static char *print_json(json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

char *pool_code_pool_json(const struct pool *p)
{
    return print_json(build_pool(p));
}

char *pool_code_health_json(const struct pool_health *h)
{
    struct jtext t;
    jtext_init_compact(&t);
    write_health(&t, NULL, h);
    return jtext_take(&t);
}

char *pool_code_payload_json(const struct pool_command *c)
{
    return c->type == POOL_ADD_SERVER ? print_add(c) : print_json(build_payload(c));
}
