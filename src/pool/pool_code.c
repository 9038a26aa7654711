#include "pool/pool_code.h"

#include <endian.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool/pool_int.h"

/* A document being read into a command. */
struct reading {
    struct pool_command *c;
    const struct pool_server *current; /* PATCH of a server: its meta is merged into; or NULL */
    struct pool_error *error;          /* or NULL */
    uint32_t seen;                     /* bits of struct member */
};

typedef int (*read_fn)(struct reading *r, json_t *value);

struct member {
    const char *key; /* NULL: end of the table */
    read_fn read;
    uint32_t bit; /* remembered in seen */
};

static int refuse_value(struct reading *r, const char *field, const char *wish)
{
    pool_error_set(r->error, "invalid_value", field, "%s", wish);
    return WERR_INVALID;
}

static int refuse_key(struct reading *r, const char *prefix, const char *key)
{
    char field[sizeof(r->error->field)];
    snprintf(field, sizeof(field), "%s%s", prefix, key);
    pool_error_set(r->error, "unknown_key", field, "the key \"%s\" is not known here", key);
    return WERR_INVALID;
}

static const struct member *find_member(const struct member *members, const char *key)
{
    while (members->key != NULL && strcmp(members->key, key) != 0)
        members++;
    return members->key != NULL ? members : NULL;
}

static int read_member(struct reading *r, const char *key, json_t *value,
                       const struct member *members)
{
    const struct member *m = find_member(members, key);
    if (m == NULL)
        return refuse_key(r, "", key);
    r->seen |= m->bit;
    return m->read(r, value);
}

static int read_members(struct reading *r, json_t *object, const struct member *members)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        int rc = read_member(r, key, value, members);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static struct span text_of(json_t *value)
{
    return span_from(json_string_value(value), json_string_length(value));
}

/* False when the value is no integer (1.0 is none) or out of range. */
static bool wide_number_of(json_t *value, uint64_t min, uint64_t max, uint64_t *n)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    uint64_t wide = (uint64_t)json_integer_value(value);
    if (wide < min || wide > max)
        return false;
    *n = wide;
    return true;
}

static bool number_of(json_t *value, uint32_t min, uint32_t max, uint32_t *n)
{
    uint64_t wide = 0;
    if (!wide_number_of(value, min, max, &wide))
        return false;
    *n = (uint32_t)wide;
    return true;
}

static int read_url(struct reading *r, json_t *value)
{
    if (!json_is_string(value)) {
        pool_error_set(r->error, "invalid_url", "url", "url must be a string");
        return WERR_INVALID;
    }
    return pool_check_url(text_of(value), &r->c->server, r->error);
}

static int refuse_url(struct reading *r, json_t *value)
{
    (void)value;
    return refuse_value(r, "url", "url can't be changed: remove the server and add another");
}

static int read_map_host(struct reading *r, json_t *value)
{
    if (!json_is_boolean(value))
        return refuse_value(r, "map_host", "map_host must be true or false");
    r->c->server.map_host = json_is_true(value);
    r->c->set |= POOL_SET_MAP_HOST;
    return 0;
}

static int read_weight(struct reading *r, json_t *value)
{
    uint32_t weight = 0;
    if (!number_of(value, 0, POOL_WEIGHT_MAX, &weight))
        return refuse_value(r, "weight", "weight must be a whole number from 0 to 256");
    r->c->server.weight = (uint16_t)weight;
    r->c->set |= POOL_SET_WEIGHT;
    return 0;
}

static int read_proxy_protocol(struct reading *r, json_t *value)
{
    uint32_t version = 0;
    if (!number_of(value, 0, 2, &version) || version == 1)
        return refuse_value(r, "proxy_protocol", "proxy_protocol must be 0 or 2");
    r->c->server.proxy_protocol = (uint8_t)version;
    r->c->set |= POOL_SET_PROXY_PROTOCOL;
    return 0;
}

static int read_admin(struct reading *r, json_t *value)
{
    for (unsigned i = 0; json_is_string(value) && i <= POOL_ADMIN_MAINTENANCE; i++) {
        if (strcmp(json_string_value(value), pool_admin_word((enum pool_admin)i)) == 0) {
            r->c->server.admin = (uint8_t)i;
            return 0;
        }
    }
    return refuse_value(r, "admin",
                        "admin must be \"enabled\", \"draining\" or \"maintenance\"");
}

static int read_drain(struct reading *r, json_t *value)
{
    return number_of(value, 0, POOL_DRAIN_MS_MAX, &r->c->server.drain_ms)
               ? 0
               : refuse_value(r, "drain_ms", "drain_ms must be a whole number");
}

static int read_delay(struct reading *r, json_t *value)
{
    return number_of(value, 0, POOL_DRAIN_MS_MAX, &r->c->server.drain_ms)
               ? 0
               : refuse_value(r, "delay_ms",
                              "delay_ms must be a whole number from 0 to 86400000");
}

/* null in a check: a server's override goes away, a pool's setting goes back to the built-in
 * one. */
static int unset_check_member(struct reading *r, const struct pool_health_field *f)
{
    if (r->c->type != POOL_SET_POOL) {
        r->c->health_unset |= f->bit;
        return 0;
    }
    struct pool_health defaults;
    int rc = pool_health_init_defaults(&defaults);
    if (rc != 0)
        return rc;
    defaults.set = f->bit;
    rc = pool_health_merge(&r->c->server.health, &defaults, 0);
    pool_health_fini(&defaults);
    return rc;
}

static int set_check_member(struct reading *r, const struct pool_health_field *f, json_t *value)
{
    struct pool_health *h = &r->c->server.health;
    uint32_t n = 0;
    if (f->kind != POOL_KIND_U16 && f->kind != POOL_KIND_U32)
        return json_is_string(value) ? pool_health_set_text(h, f, text_of(value))
                                     : WERR_INVALID;
    if (!number_of(value, f->min, f->max, &n))
        return WERR_INVALID;
    pool_health_set_number(h, f, n);
    return 0;
}

static int read_check_member(struct reading *r, const char *key, json_t *value)
{
    const struct pool_health_field *f = pool_health_fields;
    const struct pool_health_field *end = f + POOL_HEALTH_FIELD_N;
    while (f < end && strcmp(f->key, key) != 0)
        f++;
    if (f == end)
        return refuse_key(r, "check.", key);
    if (json_is_null(value))
        return unset_check_member(r, f);
    int rc = set_check_member(r, f, value);
    if (rc == WERR_INVALID) {
        char field[64];
        char wish[200];
        snprintf(field, sizeof(field), "check.%s", f->key);
        pool_health_print_wish(f, wish, sizeof(wish));
        return refuse_value(r, field, wish);
    }
    return rc;
}

static int read_check(struct reading *r, json_t *value)
{
    if (!json_is_object(value))
        return refuse_value(r, "check", "check must be an object");
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(value, key, member)
    {
        int rc = read_check_member(r, key, member);
        if (rc != 0)
            return rc;
    }
    r->c->set |= POOL_SET_HEALTH;
    return 0;
}

static int refuse_meta(struct reading *r, const char *key, const char *wish)
{
    char field[sizeof(r->error->field)];
    snprintf(field, sizeof(field), "meta.%s", key);
    return refuse_value(r, field, wish);
}

static int set_meta(struct reading *r, const char *key, json_t *value)
{
    if (!pool_meta_is_valid_key(span_from_str(key)))
        return refuse_meta(r, key,
                           "a key of meta must have 1 to 64 bytes, none of them a control "
                           "character");
    if (!json_is_string(value) || !pool_meta_is_valid_value(text_of(value)))
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
    if (!json_is_object(value))
        return refuse_value(r, "meta", "meta must be an object of strings");
    r->c->set |= POOL_SET_META;
    if (r->current != NULL)
        return merge_meta(r, value);
    const char *key = NULL;
    json_t *entry = NULL;
    json_object_foreach(value, key, entry)
    {
        int rc = set_meta(r, key, entry);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_setting(struct reading *r, const struct pool_setting *f, json_t *value)
{
    uint64_t n = json_is_true(value);
    bool is_good = f->type == POOL_SETTING_BOOL ? json_is_boolean(value)
                                                : wide_number_of(value, f->min, f->max, &n);
    if (!is_good) {
        char wish[200];
        pool_settings_print_wish(f, wish, sizeof(wish));
        return refuse_value(r, f->path, wish);
    }
    pool_settings_set(&r->c->settings, f, n);
    r->c->given |= pool_settings_bit(f);
    return 0;
}

static int read_group(struct reading *r, enum pool_settings_group group, json_t *value)
{
    const char *word = pool_settings_group_word(group);
    char text[64];
    if (!json_is_object(value)) {
        snprintf(text, sizeof(text), "%s must be an object", word);
        return refuse_value(r, word, text);
    }
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(value, key, member)
    {
        const struct pool_setting *f = pool_settings_find(group, key);
        snprintf(text, sizeof(text), "%s.", word);
        int rc = f != NULL ? read_setting(r, f, member) : refuse_key(r, text, key);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_policy(struct reading *r, json_t *value)
{
    const char *word = json_string_value(value);
    if (word == NULL || strcmp(word, pool_policy_word(POOL_POLICY_ROUND_ROBIN)) != 0)
        return refuse_value(r, "policy", "policy must be \"round_robin\"");
    r->c->policy = POOL_POLICY_ROUND_ROBIN;
    r->c->set |= POOL_SET_POLICY;
    return 0;
}

static int read_pool_name(struct reading *r, json_t *value)
{
    if (!json_is_string(value) || json_string_length(value) == 0 ||
        span_to_str(text_of(value), r->c->pool, sizeof(r->c->pool)) != 0)
        return refuse_value(r, "name", "a pool's name must have 1 to 64 bytes");
    return 0;
}

static int read_id(struct reading *r, json_t *value)
{
    if (!json_is_string(value) || pool_id_from_text(text_of(value), &r->c->server_id) != 0)
        return refuse_value(r, "id", "id must be a string such as \"s-1f\"");
    return 0;
}

enum {
    SEEN_URL = 1U << 0,
    SEEN_POOL = 1U << 1,
    SEEN_ID = 1U << 2,
    SEEN_BODY = 1U << 3,
    SEEN_DRAIN = 1U << 4
};

static const struct member add_members[] = {
    {"url", read_url, SEEN_URL},
    {"map_host", read_map_host, 0},
    {"weight", read_weight, 0},
    {"proxy_protocol", read_proxy_protocol, 0},
    {"check", read_check, 0},
    {"meta", read_meta, 0},
    {NULL, NULL, 0},
};

static const struct member change_members[] = {
    {"url", refuse_url, 0},
    {"map_host", read_map_host, 0},
    {"weight", read_weight, 0},
    {"proxy_protocol", read_proxy_protocol, 0},
    {"check", read_check, 0},
    {"meta", read_meta, 0},
    {NULL, NULL, 0},
};

/* As the API writes a server; people set admin by requests of their own. */
static const struct member stored_members[] = {
    {"url", read_url, SEEN_URL},
    {"map_host", read_map_host, 0},
    {"weight", read_weight, 0},
    {"proxy_protocol", read_proxy_protocol, 0},
    {"admin", read_admin, 0},
    {"drain_ms", read_drain, 0},
    {"check", read_check, 0},
    {"meta", read_meta, 0},
    {NULL, NULL, 0},
};

/* Beside the settings. */
static const struct member pool_members[] = {
    {"check", read_check, 0},
    {"policy", read_policy, 0},
    {NULL, NULL, 0},
};

static const struct member named_pool_members[] = {
    {"name", read_pool_name, SEEN_POOL},
    {"policy", read_policy, 0},
    {"check", read_check, 0},
    {NULL, NULL, 0},
};

static int read_pool_key(struct reading *r, const char *key, json_t *value,
                         const struct member *members)
{
    for (enum pool_settings_group group = 0; group < POOL_GROUP_TOP; group++) {
        if (strcmp(pool_settings_group_word(group), key) == 0)
            return read_group(r, group, value);
    }
    const struct pool_setting *f = pool_settings_find(POOL_GROUP_TOP, key);
    if (f != NULL)
        return read_setting(r, f, value);
    return read_member(r, key, value, members);
}

static int read_pool_members(struct reading *r, json_t *object, const struct member *members)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        int rc = read_pool_key(r, key, value, members);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- API bodies ---- */

/* The parser may quote what it could not read; only plain ASCII of it goes on. */
static int refuse_json(struct pool_error *error, json_error_t *parse_error)
{
    if (json_error_code(parse_error) == json_error_out_of_memory)
        return WERR_NOMEM;
    for (char *c = parse_error->text; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    pool_error_set(error, "invalid_json", "", "invalid JSON: %s (line %d, column %d)",
                   parse_error->text, parse_error->line, parse_error->column);
    return WERR_SYNTAX;
}

/* JSON_DECODE_ANY, so that a body that is JSON but no object gets the better answer. */
static int parse_object(struct span body, json_t **object, struct pool_error *error)
{
    json_error_t parse_error;
    *object = json_loadb(body.len > 0 ? body.ptr : "", body.len,
                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &parse_error);
    if (*object == NULL)
        return refuse_json(error, &parse_error);
    if (json_is_object(*object))
        return 0;
    json_decref(*object);
    pool_error_set(error, "invalid_value", "", "the body must be a JSON object");
    return WERR_INVALID;
}

static int read_whole_server(struct reading *r, json_t *object, const struct member *members)
{
    int rc = read_members(r, object, members);
    if (rc == 0 && (r->seen & SEEN_URL) == 0) {
        pool_error_set(r->error, "missing_field", "url", "url is missing");
        rc = WERR_INVALID;
    }
    /* An ADD gives everything; nothing is left to merge. */
    r->c->set = 0;
    r->c->health_unset = 0;
    return rc;
}

static int read_add(struct reading *r, json_t *object)
{
    return read_whole_server(r, object, add_members);
}

static int read_stored_server(struct reading *r, json_t *object)
{
    return read_whole_server(r, object, stored_members);
}

static int read_change(struct reading *r, json_t *object)
{
    return read_members(r, object, change_members);
}

static int read_set_pool(struct reading *r, json_t *object)
{
    return read_pool_members(r, object, pool_members);
}

static int read_named_pool(struct reading *r, json_t *object)
{
    int rc = read_pool_members(r, object, named_pool_members);
    return rc == 0 && (r->seen & SEEN_POOL) == 0 ? WERR_INVALID : rc;
}

/* Reads a whole document into the initialised command, which is freed again on failure. */
static int read_document(struct span body, struct reading *r, read_fn read)
{
    json_t *object = NULL;
    int rc = parse_object(body, &object, r->error);
    if (rc == 0) {
        rc = read(r, object);
        json_decref(object);
    }
    if (rc != 0)
        pool_command_fini(r->c);
    return rc;
}

int pool_code_add_from_json(struct span body, struct pool_command *c, struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_ADD_SERVER);
    return read_document(body, &r, read_add);
}

int pool_code_change_from_json(struct span body, const struct pool_server *server,
                               struct pool_command *c, struct pool_error *error)
{
    struct reading r = {.c = c, .current = server, .error = error};
    pool_command_init(c, POOL_CHANGE_SERVER);
    c->server_id = server->id;
    return read_document(body, &r, read_change);
}

int pool_code_set_pool_from_json(struct span body, struct pool_command *c,
                                 struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_POOL);
    return read_document(body, &r, read_set_pool);
}

int pool_code_read_pool(struct span json, struct pool_command *c)
{
    struct reading r = {.c = c};
    pool_command_init(c, POOL_SET_POOL);
    return read_document(json, &r, read_named_pool);
}

int pool_code_read_server(struct span json, struct pool_command *c)
{
    struct reading r = {.c = c};
    pool_command_init(c, POOL_ADD_SERVER);
    return read_document(json, &r, read_stored_server);
}

static const struct member admin_members[] = {{"delay_ms", read_delay, 0}, {NULL, NULL, 0}};
static const struct member no_members[] = {{NULL, NULL, 0}};

static int read_admin_body(struct reading *r, json_t *object)
{
    bool has_delay = r->c->server.admin != POOL_ADMIN_ENABLED;
    return read_members(r, object, has_delay ? admin_members : no_members);
}

int pool_code_admin_from_json(struct span body, enum pool_admin admin, const struct pool *p,
                              uint64_t server_id, struct pool_command *c,
                              struct pool_error *error)
{
    struct reading r = {.c = c, .error = error};
    pool_command_init(c, POOL_SET_SERVER_ADMIN);
    c->server_id = server_id;
    c->server.admin = (uint8_t)admin;
    c->server.drain_ms = admin != POOL_ADMIN_ENABLED ? p->drain_ms : 0;
    return body.len == 0 ? 0 : read_document(body, &r, read_admin_body);
}

/* ---- log entries ---- */

static int read_server_object(struct reading *r, json_t *value)
{
    return json_is_object(value) ? read_stored_server(r, value) : WERR_INVALID;
}

static int read_wish_object(struct reading *r, json_t *value)
{
    if (!json_is_object(value))
        return WERR_INVALID;
    return r->c->type == POOL_SET_POOL ? read_set_pool(r, value) : read_change(r, value);
}

static const struct member add_payload[] = {
    {"pool", read_pool_name, SEEN_POOL},
    {"server", read_server_object, SEEN_BODY},
    {NULL, NULL, 0},
};

static const struct member change_payload[] = {
    {"pool", read_pool_name, SEEN_POOL},
    {"id", read_id, SEEN_ID},
    {"set", read_wish_object, SEEN_BODY},
    {NULL, NULL, 0},
};

static const struct member remove_payload[] = {
    {"pool", read_pool_name, SEEN_POOL},
    {"id", read_id, SEEN_ID},
    {NULL, NULL, 0},
};

static const struct member set_pool_payload[] = {
    {"pool", read_pool_name, SEEN_POOL},
    {"set", read_wish_object, SEEN_BODY},
    {NULL, NULL, 0},
};

static const struct member admin_payload[] = {
    {"pool", read_pool_name, SEEN_POOL},
    {"id", read_id, SEEN_ID},
    {"admin", read_admin, SEEN_BODY},
    {"drain_ms", read_drain, SEEN_DRAIN},
    {NULL, NULL, 0},
};

static const struct member *const payloads[] = {
    [POOL_ADD_SERVER] = add_payload,         [POOL_CHANGE_SERVER] = change_payload,
    [POOL_REMOVE_SERVER] = remove_payload,   [POOL_SET_POOL] = set_pool_payload,
    [POOL_SET_SERVER_ADMIN] = admin_payload,
};
enum { PAYLOAD_N = sizeof(payloads) / sizeof(payloads[0]) };

/* All members of a payload must be there. */
static int read_payload(struct reading *r, json_t *object)
{
    const struct member *members = payloads[r->c->type];
    int rc = read_members(r, object, members);
    for (; rc == 0 && members->key != NULL; members++) {
        if ((r->seen & members->bit) == 0)
            rc = WERR_INVALID;
    }
    return rc;
}

struct entry_head {
    uint8_t format, type;
    uint16_t flags;
    uint32_t length;
    uint8_t request_id[16];
};
_Static_assert(sizeof(struct entry_head) == POOL_ENTRY_HEADER_BYTES, "no padding");

enum { ENTRY_FORMAT = 1 };

int pool_code_encode(const struct pool_command *c, char **out, size_t *len)
{
    char *json = pool_code_payload_json(c);
    if (json == NULL)
        return WERR_NOMEM;
    size_t json_len = strlen(json);
    int rc = WERR_TOO_BIG;
    if (json_len <= POOL_ENTRY_MAX_BYTES - POOL_ENTRY_HEADER_BYTES) {
        *len = POOL_ENTRY_HEADER_BYTES + json_len;
        *out = fault_malloc(*len);
        rc = *out != NULL ? 0 : WERR_NOMEM;
    }
    if (rc == 0) {
        struct entry_head head = {.format = ENTRY_FORMAT,
                                  .type = (uint8_t)c->type,
                                  .length = htole32((uint32_t)json_len)};
        memcpy(head.request_id, c->request_id, sizeof(head.request_id));
        memcpy(*out, &head, sizeof(head));
        memcpy(*out + sizeof(head), json, json_len);
    }
    free(json);
    return rc;
}

int pool_code_decode(struct span entry, struct pool_command *c)
{
    struct entry_head head;
    if (entry.len < sizeof(head) || entry.len > POOL_ENTRY_MAX_BYTES)
        return WERR_CORRUPT;
    memcpy(&head, entry.ptr, sizeof(head));
    struct span payload = span_skip(entry, sizeof(head));
    if (le32toh(head.length) != payload.len)
        return WERR_CORRUPT;
    if (head.format != ENTRY_FORMAT || head.flags != 0 || head.type >= PAYLOAD_N ||
        payloads[head.type] == NULL)
        return WERR_UNSUPPORTED;
    struct reading r = {.c = c};
    pool_command_init(c, (enum pool_command_type)head.type);
    memcpy(c->request_id, head.request_id, sizeof(c->request_id));
    int rc = read_document(payload, &r, read_payload);
    return rc == 0 || rc == WERR_NOMEM ? rc : WERR_CORRUPT;
}
