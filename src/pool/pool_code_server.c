#include <stdio.h>
#include <stdlib.h>

#include "pool/pool_code_int.h"
#include "pool/pool_meta.h"
#include "pool/server_settings.h"

/* ---- reading ---- */

static int read_url(struct reading *r, json_t *value)
{
    if (!json_is_string(value)) {
        pool_error_set(r->error, "invalid_url", "url", "url must be a string");
        return WERR_INVALID;
    }
    return pool_check_url(code_text(value), &r->c->server, r->error);
}

static int refuse_url(struct reading *r, json_t *value)
{
    (void)value;
    return code_refuse_value(r, "url",
                             "url can't be changed: remove the server and add another");
}

/* null is the default. */
static int read_setting(struct reading *r, const struct server_setting *f, json_t *value)
{
    uint64_t n = f->initial;
    bool is_good = true;
    if (f->type == SERVER_SETTING_BOOL && !json_is_null(value)) {
        is_good = json_is_boolean(value);
        n = json_is_true(value);
    } else if (!json_is_null(value)) {
        is_good = code_number(value, f->min, f->max, &n) && server_setting_takes(f, n);
    }
    if (!is_good) {
        char wish[80];
        server_setting_print_wish(f, wish, sizeof(wish));
        return code_refuse_value(r, f->key, wish);
    }
    server_setting_set(&r->c->server, f, (uint32_t)n);
    r->c->set |= f->bit;
    return 0;
}

#define SERVER_SETTING(bit, member, key, type, initial, min, max, says)        \
    static int read_##member(struct reading *r, json_t *value)                 \
    {                                                                          \
        return read_setting(r, &server_settings[SERVER_SETTING_##bit], value); \
    }
#define SERVER_PART(bit, member, key, says)
#include "pool/server_settings.def"
#undef SERVER_SETTING
#undef SERVER_PART

static int read_admin(struct reading *r, json_t *value)
{
    for (unsigned i = 0; json_is_string(value) && i <= POOL_ADMIN_MAINTENANCE; i++) {
        if (strcmp(json_string_value(value), pool_admin_word((enum pool_admin)i)) == 0) {
            r->c->server.admin = (uint8_t)i;
            return 0;
        }
    }
    return code_refuse_value(r, "admin",
                             "admin must be \"enabled\", \"draining\" or \"maintenance\"");
}

static int read_drain(struct reading *r, json_t *value)
{
    uint64_t n = 0;
    char wish[80];
    if (json_is_null(value))
        return 0; /* what it is without */
    if (code_number(value, 0, POOL_DRAIN_MS_MAX, &n)) {
        r->c->server.drain_ms = (uint32_t)n;
        return 0;
    }
    snprintf(wish, sizeof(wish), "drain_ms must be a whole number from 0 to %d",
             POOL_DRAIN_MS_MAX);
    return code_refuse_value(r, "drain_ms", wish);
}

static int refuse_meta(struct reading *r, const char *key, const char *wish)
{
    char field[sizeof(r->error->field)];
    snprintf(field, sizeof(field), "meta.%s", key);
    return code_refuse_value(r, field, wish);
}

static int set_meta(struct reading *r, const char *key, json_t *value)
{
    if (!pool_meta_is_valid_key(span_from_str(key)))
        return refuse_meta(r, key,
                           "a key of meta must have 1 to 64 bytes, none of them a control "
                           "character");
    if (!json_is_string(value) || !pool_meta_is_valid_value(code_text(value)))
        return refuse_meta(r, key,
                           "a value of meta must be a string of at most 256 bytes, none of "
                           "them a control character");
    int rc = pool_meta_set(&r->c->server, key, json_string_value(value));
    if (rc == WERR_TOO_BIG) {
        pool_error_set(r->error, "too_many", "meta", "meta must have at most 32 entries");
        return WERR_INVALID;
    }
    return rc;
}

/* A merge patch takes entries away before it adds, so that the order of the keys plays no part.
 */
static int merge_meta(struct reading *r, json_t *value)
{
    const char *key = NULL;
    json_t *entry = NULL;
    int rc = pool_meta_copy(&r->c->server, r->current);
    if (rc != 0)
        return rc;
    json_object_foreach(value, key, entry)
    {
        if (json_is_null(entry))
            pool_meta_remove(&r->c->server, key);
    }
    json_object_foreach(value, key, entry)
    {
        rc = json_is_null(entry) ? 0 : set_meta(r, key, entry);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_meta(struct reading *r, json_t *value)
{
    if (json_is_null(value)) {
        r->c->set |= POOL_SET_META;
        return 0;
    }
    if (!json_is_object(value))
        return code_refuse_value(r, "meta", "meta must be an object of strings");
    r->c->set |= POOL_SET_META;
    if (r->current != NULL)
        return merge_meta(r, value);
    const char *key = NULL;
    json_t *entry = NULL;
    json_object_foreach(value, key, entry)
    {
        int rc = json_is_null(entry) ? 0 : set_meta(r, key, entry);
        if (rc != 0)
            return rc;
    }
    return 0;
}

enum { SEEN_URL = 1U << 0, SEEN_ADMIN = 1U << 1, SEEN_DRAIN = 1U << 2 };

/* What GET shows beside what people decide. */
static int pass_over(struct reading *r, json_t *value)
{
    (void)r;
    (void)value;
    return 0;
}

/* Of one alone they are changed by requests of their own. */
static int read_listed_admin(struct reading *r, json_t *value)
{
    return r->is_listed ? read_admin(r, value) : 0;
}

static int read_listed_drain(struct reading *r, json_t *value)
{
    return r->is_listed ? read_drain(r, value) : 0;
}

#define read_health code_read_check
#define REPORTED(key)     \
    {                     \
        key, pass_over, 0 \
    }
#define SERVER_SETTING(bit, member, key, type, initial, min, max, says) {key, read_##member, 0},
#define SERVER_PART(bit, member, key, says)                             {key, read_##member, 0},
static const struct member add_members[] = {
    {"url", read_url, SEEN_URL},
    REPORTED("id"),
    REPORTED("pool"),
    REPORTED("state"),
    REPORTED("reason"),
    REPORTED("since"),
    REPORTED("transitions"),
    REPORTED("addresses"),
    {"admin", read_listed_admin, 0},
    {"drain_ms", read_listed_drain, 0},
    REPORTED("in_flight"),
    REPORTED("success"),
    REPORTED("failed"),
    REPORTED("ejected"),
    REPORTED("ejections"),
    REPORTED("drain_left_ms"),
    REPORTED("last_check"),
    REPORTED("links"),
#include "pool/server_settings.def"
    {NULL, NULL, 0},
};
static const struct member change_members[] = {
    {"url", refuse_url, 0},
#include "pool/server_settings.def"
    {NULL, NULL, 0},
};
static const struct member stored_members[] = {
    {"url", read_url, SEEN_URL},
    {"admin", read_admin, 0},
    {"drain_ms", read_drain, 0},
#include "pool/server_settings.def"
    {NULL, NULL, 0},
};
#undef SERVER_SETTING
#undef SERVER_PART
static const struct member admin_members[] = {
    {"admin", read_admin, SEEN_ADMIN}, {"drain_ms", read_drain, SEEN_DRAIN}, {NULL, NULL, 0}};
static const struct member drain_members[] = {{"drain_ms", read_drain, 0}, {NULL, NULL, 0}};
static const struct member no_members[] = {{NULL, NULL, 0}};

/* An ADD gives everything; nothing is left to merge. */
int code_read_whole_server(struct reading *r, json_t *object)
{
    int rc = code_read_members(r, object, r->is_stored ? stored_members : add_members);
    if (rc == 0 && (r->seen & SEEN_URL) == 0)
        rc = code_refuse_missing(r, "url");
    r->c->set = 0;
    r->c->health_unset = 0;
    return rc;
}

/* Of a log entry: both must be there. */
static int read_stand(struct reading *r, json_t *object)
{
    int rc = code_read_members(r, object, admin_members);
    return rc == 0 && r->seen != (SEEN_ADMIN | SEEN_DRAIN) ? WERR_INVALID : rc;
}

static int read_server(struct reading *r, json_t *object)
{
    switch (pool_command_verb(r->c->type)) {
    case POOL_VERB_ADD:
        return code_read_whole_server(r, object);
    case POOL_VERB_SET_ADMIN:
        return read_stand(r, object);
    case POOL_VERB_SET_LIST:
        return code_read_list(r, object);
    default:
        return code_read_members(r, object, change_members);
    }
}

int pool_code_add_from_json(struct span body, struct pool_command *c, struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_ADD_SERVER);
    return code_read_document(body, &r, read_server);
}

int pool_code_put_server_from_json(struct span body, struct pool_command *c,
                                   struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_ADD_SERVER);
    c->is_put = true;
    return code_read_document(body, &r, read_server);
}

int pool_code_change_from_json(struct span body, const struct pool_server *server,
                               struct pool_command *c, struct pool_error *error)
{
    struct reading r = {.c = c, .current = server, .error = error};
    pool_command_init(c, POOL_CHANGE_SERVER);
    c->server_id = server->id;
    return code_read_document(body, &r, read_server);
}

static int read_admin_body(struct reading *r, json_t *object)
{
    bool has_time = r->c->server.admin != POOL_ADMIN_ENABLED;
    return code_read_members(r, object, has_time ? drain_members : no_members);
}

int pool_code_admin_from_json(struct span body, enum pool_admin admin, const struct pool *p,
                              uint64_t server_id, struct pool_command *c,
                              struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_SERVER_ADMIN);
    MUST(span_to_str(span_from_str(p->name), c->pool, sizeof(c->pool)) == 0);
    c->server_id = server_id;
    c->server.admin = (uint8_t)admin;
    c->server.drain_ms = admin != POOL_ADMIN_ENABLED ? p->drain_ms : 0;
    return body.len == 0 ? 0 : code_read_document(body, &r, read_admin_body);
}

/* ---- writing ---- */

static void write_meta(struct jtext *t, const struct pool_server *server)
{
    jtext_open(t, "meta", '{');
    for (unsigned i = 0; i < server->meta_n; i++)
        jtext_str(t, server->meta[i].key, server->meta[i].value);
    jtext_close(t, '}');
}

static void write_setting(struct jtext *t, const struct pool_server *server,
                          const struct server_setting *f)
{
    const uint32_t n = server_setting_get(server, f);
    if (f->type == SERVER_SETTING_BOOL)
        jtext_bool(t, f->key, n != 0);
    else
        jtext_number(t, f->key, n);
}

void code_write_whole_server(struct jtext *t, const char *key, const struct pool_server *server)
{
    jtext_open(t, key, '{');
    jtext_str(t, "url", server->url);
    for (unsigned i = 0; i < SERVER_SETTINGS_N; i++)
        write_setting(t, server, &server_settings[i]);
    jtext_str(t, "admin", pool_admin_word(server->admin));
    jtext_number(t, "drain_ms", server->drain_ms);
    code_write_health(t, "check", &server->health, 0);
    write_meta(t, server);
    jtext_close(t, '}');
}

/* Of 10,000 servers most say little beside the defaults. */
void code_write_short_server(struct jtext *t, const struct pool_server *server)
{
    jtext_open(t, NULL, '{');
    jtext_str(t, "url", server->url);
    for (unsigned i = 0; i < SERVER_SETTINGS_N; i++)
        if (server_setting_get(server, &server_settings[i]) != server_settings[i].initial)
            write_setting(t, server, &server_settings[i]);
    if (server->admin != POOL_ADMIN_ENABLED) {
        jtext_str(t, "admin", pool_admin_word(server->admin));
        jtext_number(t, "drain_ms", server->drain_ms);
    }
    if (server->health.set != 0)
        code_write_health(t, "check", &server->health, 0);
    if (server->meta_n != 0)
        write_meta(t, server);
    jtext_close(t, '}');
}

static void write_change(struct jtext *t, const char *key, const struct pool_command *c)
{
    jtext_open(t, key, '{');
    for (unsigned i = 0; i < SERVER_SETTINGS_N; i++)
        if ((c->set & server_settings[i].bit) != 0)
            write_setting(t, &c->server, &server_settings[i]);
    if ((c->set & POOL_SET_HEALTH) != 0)
        code_write_health(t, "check", &c->server.health, c->health_unset);
    if ((c->set & POOL_SET_META) != 0)
        write_meta(t, &c->server);
    jtext_close(t, '}');
}

static void write_server(struct jtext *t, const char *key, const struct pool_command *c)
{
    switch (pool_command_verb(c->type)) {
    case POOL_VERB_ADD:
        code_write_whole_server(t, key, &c->server);
        break;
    case POOL_VERB_SET:
        write_change(t, key, c);
        break;
    case POOL_VERB_SET_LIST:
        code_write_list(t, key, c);
        break;
    default:
        jtext_open(t, key, '{');
        jtext_str(t, "admin", pool_admin_word(c->server.admin));
        jtext_number(t, "drain_ms", c->server.drain_ms);
        jtext_close(t, '}');
        break;
    }
}

char *pool_code_server_json(const struct pool_server *server)
{
    struct jtext t;
    jtext_init_compact(&t);
    code_write_whole_server(&t, NULL, server);
    return jtext_take(&t);
}

const struct code_kind code_server = {read_server, write_server};
