#include <stdio.h>
#include <stdlib.h>

#include "pool/pool_code_int.h"

int code_refuse_value(struct reading *r, const char *field, const char *wish)
{
    pool_error_set(r->error, "invalid_value", field, "%s", wish);
    return WERR_INVALID;
}

int code_refuse_key(struct reading *r, const char *prefix, const char *key)
{
    char field[sizeof(r->error->field)];
    snprintf(field, sizeof(field), "%s%s", prefix, key);
    pool_error_set(r->error, "unknown_key", field, "the key \"%s\" is not known here", key);
    return WERR_INVALID;
}

int code_refuse_missing(struct reading *r, const char *field)
{
    pool_error_set(r->error, "missing_field", field, "%s is missing", field);
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
        return code_refuse_key(r, "", key);
    r->seen |= m->bit;
    return m->read(r, value);
}

int code_read_members(struct reading *r, json_t *object, const struct member *members)
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

struct span code_text(json_t *value)
{
    return span_from(json_string_value(value), json_string_length(value));
}

bool code_number(json_t *value, uint64_t min, uint64_t max, uint64_t *n)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    uint64_t wide = (uint64_t)json_integer_value(value);
    if (wide < min || wide > max)
        return false;
    *n = wide;
    return true;
}

/* ---- settings ---- */

static bool setting_of(const struct setting *f, json_t *value, uint64_t *n)
{
    switch (f->type) {
    case SETTING_BOOL:
        *n = json_is_true(value);
        return json_is_boolean(value);
    case SETTING_LEVEL:
        return json_is_string(value) && setting_level_from_word(json_string_value(value), n);
    default:
        return code_number(value, f->min, f->max, n);
    }
}

/* null is the default (RFC 7396: what is taken away is as if it had never been given). */
static int read_setting(struct reading *r, const struct setting *f, json_t *value)
{
    uint64_t n = f->initial;
    if (!json_is_null(value) && !setting_of(f, value, &n)) {
        char wish[200];
        setting_print_wish(f, wish, sizeof(wish));
        return code_refuse_value(r, f->path, wish);
    }
    setting_set(r->settings, f, n);
    *r->given |= setting_bit(r->table, f);
    return 0;
}

static int refuse_setting(struct reading *r, enum settings_group group, const char *key)
{
    const struct settings_table *other = settings_find_other(r->table, group, key);
    if (other == NULL) {
        char prefix[32];
        snprintf(prefix, sizeof(prefix), "%s.", settings_group_word(group));
        return code_refuse_key(r, group != SETTINGS_TOP ? prefix : "", key);
    }
    const char *path = settings_find(other, group, key)->path;
    pool_error_set(r->error, "moved", path, "%s is a setting of %s: PATCH %s", path,
                   other->owner, other->route);
    return WERR_INVALID;
}

static void reset_group(struct reading *r, enum settings_group group)
{
    for (unsigned i = 0; i < r->table->n; i++) {
        const struct setting *f = &r->table->fields[i];
        if (f->group != group)
            continue;
        setting_set(r->settings, f, f->initial);
        *r->given |= setting_bit(r->table, f);
    }
}

/* What the group holds beside settings; never NULL. */
static const struct member *others_of(const struct reading *r, enum settings_group group)
{
    static const struct member none[] = {{NULL, NULL, 0}};
    return group == SETTINGS_TLS && r->tls != NULL ? r->tls : none;
}

static int reset_others(struct reading *r, enum settings_group group, json_t *null)
{
    int rc = 0;
    for (const struct member *m = others_of(r, group); rc == 0 && m->key != NULL; m++)
        rc = m->read(r, null);
    return rc;
}

static int read_group_member(struct reading *r, enum settings_group group, const char *key,
                             json_t *value)
{
    const struct setting *f = settings_find(r->table, group, key);
    const struct member *m = find_member(others_of(r, group), key);
    if (m != NULL)
        return m->read(r, value);
    return f != NULL ? read_setting(r, f, value) : refuse_setting(r, group, key);
}

static int read_group(struct reading *r, enum settings_group group, json_t *value)
{
    const char *word = settings_group_word(group);
    if (json_is_null(value)) {
        reset_group(r, group);
        return reset_others(r, group, value);
    }
    if (!json_is_object(value)) {
        char text[64];
        snprintf(text, sizeof(text), "%s must be an object", word);
        return code_refuse_value(r, word, text);
    }
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(value, key, member)
    {
        int rc = read_group_member(r, group, key, member);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool has_group(const struct settings_table *t, enum settings_group group)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (t->fields[i].group == group)
            return true;
    }
    return false;
}

static int read_key(struct reading *r, const char *key, json_t *value,
                    const struct member *members)
{
    for (enum settings_group group = 0; group < SETTINGS_TOP; group++) {
        if (strcmp(settings_group_word(group), key) != 0)
            continue;
        /* Whose settings have moved hears where to. */
        if (has_group(r->table, group) || json_object_size(value) > 0)
            return read_group(r, group, value);
    }
    const struct setting *f = settings_find(r->table, SETTINGS_TOP, key);
    if (f != NULL)
        return read_setting(r, f, value);
    return find_member(members, key) != NULL ? read_member(r, key, value, members)
                                             : refuse_setting(r, SETTINGS_TOP, key);
}

int code_read_settings(struct reading *r, json_t *object, const struct member *members)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        int rc = read_key(r, key, value, members);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- check ---- */

/* null in a check: a server's override goes away, a pool's setting goes back to the built-in
 * one. */
static int unset_check_member(struct reading *r, const struct pool_health_field *f)
{
    if (pool_command_kind(r->c->type) != KIND_POOL) {
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
    uint64_t n = 0;
    if (f->kind != POOL_KIND_U16 && f->kind != POOL_KIND_U32)
        return json_is_string(value) ? pool_health_set_text(h, f, code_text(value))
                                     : WERR_INVALID;
    if (!code_number(value, f->min, f->max, &n))
        return WERR_INVALID;
    pool_health_set_number(h, f, (uint32_t)n);
    return 0;
}

static int read_check_member(struct reading *r, const char *key, json_t *value)
{
    const struct pool_health_field *f = pool_health_fields;
    const struct pool_health_field *end = f + POOL_HEALTH_FIELD_N;
    while (f < end && strcmp(f->key, key) != 0)
        f++;
    if (f == end)
        return code_refuse_key(r, "check.", key);
    if (json_is_null(value))
        return unset_check_member(r, f);
    int rc = set_check_member(r, f, value);
    if (rc == WERR_INVALID) {
        char field[64];
        char wish[200];
        snprintf(field, sizeof(field), "check.%s", f->key);
        pool_health_print_wish(f, wish, sizeof(wish));
        return code_refuse_value(r, field, wish);
    }
    return rc;
}

static int reset_check(struct reading *r)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < POOL_HEALTH_FIELD_N; i++)
        rc = unset_check_member(r, &pool_health_fields[i]);
    r->c->set |= POOL_SET_HEALTH;
    return rc;
}

int code_read_check(struct reading *r, json_t *value)
{
    if (json_is_null(value))
        return reset_check(r);
    if (!json_is_object(value))
        return code_refuse_value(r, "check", "check must be an object");
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

/* ---- names ---- */

static int refuse_name(struct reading *r)
{
    char wish[120];
    snprintf(wish, sizeof(wish), POOL_NAME_WISH, POOL_NAME_MAX);
    return code_refuse_value(r, "name", wish);
}

int code_take_name(struct reading *r, char *name)
{
    if (r->name.len == 0)
        return 0;
    if (!pool_name_is_valid(r->name)) {
        pool_command_fini(r->c);
        return refuse_name(r);
    }
    MUST(span_to_str(r->name, name, POOL_NAME_MAX + 1) == 0);
    return 0;
}

int code_read_name(struct reading *r, json_t *value, char *name)
{
    if (!json_is_string(value) || !pool_name_is_valid(code_text(value)))
        return refuse_name(r);
    if (r->name.len > 0 && !span_is_equal(r->name, code_text(value)))
        return code_refuse_value(r, "name", "name is not the one in the path");
    MUST(span_to_str(code_text(value), name, POOL_NAME_MAX + 1) == 0);
    return 0;
}

/* ---- documents ---- */

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

/* JSON_DECODE_ANY, so that a body that is JSON but no object gets the better response. */
int code_parse(struct span body, json_t **object, struct pool_error *error)
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

int code_cut_object(struct span *text, json_t **object)
{
    json_error_t parse_error;
    *object = json_loadb(text->len > 0 ? text->ptr : "", text->len,
                         JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &parse_error);
    if (*object == NULL)
        return json_error_code(&parse_error) == json_error_out_of_memory ? WERR_NOMEM
                                                                         : WERR_CORRUPT;
    MUST(parse_error.position > 0 && (size_t)parse_error.position <= text->len);
    *text = span_skip(*text, (size_t)parse_error.position);
    return 0;
}

int code_read_document(struct span body, struct reading *r, read_fn read)
{
    json_t *object = NULL;
    int rc = code_parse(body, &object, r->error);
    if (rc == 0) {
        rc = read(r, object);
        json_decref(object);
    }
    if (rc != 0)
        pool_command_fini(r->c);
    return rc;
}

void pool_code_seed(uint64_t seed)
{
    json_object_seed((size_t)seed | 1); /* 0 would mean: by chance */
}
