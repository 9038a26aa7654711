#include "pool/rule_code.h"

#include <jansson.h>

#include "base/num.h"
#include "pool/pool_int.h"
#include "pool/rule_read.h"

/* ---- a member's entries: one value, or a list of them ---- */

static size_t entry_n(json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : 1;
}

static json_t *entry_at(json_t *value, size_t i)
{
    return json_is_array(value) ? json_array_get(value, i) : value;
}

/* Counts the entries of a member against what a rule may have. */
static int take_entries(struct rule_reading *r, json_t *value, size_t *n)
{
    *n = entry_n(value);
    if (*n == 0)
        return rule_refuse(r, "must not be an empty list");
    if (*n > r->left)
        return rule_refuse(r, "a rule has at most 64 conditions");
    r->left -= (uint32_t)*n;
    return 0;
}

static size_t enter_at(struct rule_reading *r, json_t *value, size_t i)
{
    return json_is_array(value) ? rule_enter_entry(r, i) : r->path_len;
}

/* ---- texts ---- */

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

static bool is_one_of(const char *text, const char *more)
{
    for (; *text != '\0'; text++) {
        bool is_alnum = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                        (*text >= '0' && *text <= '9');
        if (!is_alnum && strchr(more, *text) == NULL)
            return false;
    }
    return true;
}

/* A colon only within the brackets of an IPv6 address. */
static bool is_host(char *text)
{
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    size_t n = strlen(text);

    lower(text);
    if (name[0] == '[')
        return name == text && text[n - 1] == ']' && is_one_of(text + 1, ":.]");
    if (n > 1 && text[n - 1] == '.')
        text[n - 1] = '\0';
    return name[0] != '\0' && name[0] != '.' && is_one_of(name, "-._");
}

/* Stored as it is compared; that is never longer. */
static bool is_path(char *text)
{
    char buf[RULE_TEXT_MAX];
    struct span path = rule_path_normal(span_from_str(text), buf);

    if (text[0] != '/' || strpbrk(text, "?# ") != NULL)
        return false;
    memmove(text, path.ptr, path.len);
    text[path.len] = '\0';
    return true;
}

static bool is_field_name(char *text)
{
    lower(text);
    return is_one_of(text, "!#$%&'*+-.^_`|~");
}

/* Methods are told apart by case (RFC 9110 section 9.1): one in small letters is a slip. */
static bool is_method(char *text)
{
    return is_one_of(text, "!#$%&'*+-.^_`|~") &&
           strpbrk(text, "abcdefghijklmnopqrstuvwxyz") == NULL;
}

struct texts_kind {
    size_t max;
    bool (*is_valid)(char *text); /* may bring it into its canonical form */
    const char *wish;
};

static const struct texts_kind host_kind = {
    POOL_HOST_MAX, is_host, "must be a host name, or \"*.\" and one, without a port"};
static const struct texts_kind path_kind = {RULE_TEXT_MAX, is_path,
                                            "must begin with \"/\" and have no \"?\""};
static const struct texts_kind method_kind = {32, is_method,
                                              "must be a method in capitals, such as GET"};

static int read_text_entry(struct rule_reading *r, json_t *value, const struct texts_kind *kind,
                           char **out)
{
    int rc = rule_read_text(r, value, kind->max, out);

    if (rc == 0 && !kind->is_valid(*out))
        rc = rule_refuse(r, kind->wish);
    return rc;
}

static int read_texts(struct rule_reading *r, json_t *value, const struct texts_kind *kind,
                      struct rule_texts *out)
{
    size_t n = 0;
    int rc = take_entries(r, value, &n);

    if (rc != 0)
        return rc;
    out->at = pool_calloc(n, sizeof(*out->at));
    if (out->at == NULL)
        return WERR_NOMEM;
    out->n = (uint32_t)n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t was = enter_at(r, value, i);
        rc = read_text_entry(r, entry_at(value, i), kind, &out->at[i]);
        rule_leave(r, was);
    }
    return rc;
}

static int read_hosts(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_texts(r, value, &host_kind, &out->hosts);
}

static int read_paths(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_texts(r, value, &path_kind, &out->paths);
}

static int read_prefixes(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_texts(r, value, &path_kind, &out->path_prefixes);
}

static int read_methods(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_texts(r, value, &method_kind, &out->methods);
}

/* ---- pairs ---- */

static int set_pair_value(struct rule_reading *r, json_t *value, enum rule_pair_test test,
                          struct rule_pair *pair)
{
    if (pair->value != NULL || pair->test == RULE_PAIR_PRESENT)
        return rule_refuse(r, "only one of value, value_prefix and present may be given");
    pair->test = (uint8_t)test;
    if (test == RULE_PAIR_PRESENT)
        return json_is_true(value) ? 0 : rule_refuse(r, "present must be true");
    /* An empty value is one that a field or a parameter may have. */
    if (test == RULE_PAIR_VALUE && json_is_string(value) && json_string_length(value) == 0) {
        pair->value = pool_strdup("");
        return pair->value != NULL ? 0 : WERR_NOMEM;
    }
    return rule_read_text(r, value, RULE_TEXT_MAX, &pair->value);
}

static bool is_trimmed(json_t *value)
{
    struct span text = span_from(json_string_value(value), json_string_length(value));

    return span_trim(text).len == text.len;
}

static int read_header_member(struct rule_reading *r, const char *key, json_t *value,
                              struct rule_pair *pair)
{
    if (strcmp(key, "name") == 0) {
        int rc = rule_read_text(r, value, RULE_NAME_MAX, &pair->name);
        if (rc == 0 && !is_field_name(pair->name))
            rc = rule_refuse(r, "must be the name of a field");
        return rc;
    }
    if (json_is_string(value) && !is_trimmed(value))
        return rule_refuse(r, "must not begin or end with a blank, no value of a field does");
    if (strcmp(key, "value") == 0)
        return set_pair_value(r, value, RULE_PAIR_VALUE, pair);
    if (strcmp(key, "value_prefix") == 0)
        return set_pair_value(r, value, RULE_PAIR_PREFIX, pair);
    if (strcmp(key, "present") == 0)
        return set_pair_value(r, value, RULE_PAIR_PRESENT, pair);
    return WERR_NOT_FOUND;
}

static int read_query_member(struct rule_reading *r, const char *key, json_t *value,
                             struct rule_pair *pair)
{
    if (strcmp(key, "key") == 0)
        return rule_read_text(r, value, RULE_TEXT_MAX, &pair->name);
    if (strcmp(key, "value") == 0)
        return set_pair_value(r, value, RULE_PAIR_VALUE, pair);
    if (strcmp(key, "present") == 0)
        return set_pair_value(r, value, RULE_PAIR_PRESENT, pair);
    return WERR_NOT_FOUND;
}

typedef int (*pair_member_fn)(struct rule_reading *r, const char *key, json_t *value,
                              struct rule_pair *pair);

static int refuse_missing(struct rule_reading *r, const char *key)
{
    size_t was = rule_enter(r, key);

    pool_error_set(r->error, "missing_field", r->path, "%s is missing", key);
    rule_leave(r, was);
    return WERR_INVALID;
}

static int read_pair(struct rule_reading *r, json_t *value, pair_member_fn read,
                     struct rule_pair *pair)
{
    const char *key = NULL;
    json_t *member = NULL;

    if (!json_is_object(value))
        return rule_refuse(r, "must be an object");
    pair->test = RULE_PAIR_VALUE;
    json_object_foreach(value, key, member)
    {
        size_t was = rule_enter(r, key);
        int rc = read(r, key, member, pair);
        rule_leave(r, was);
        if (rc == WERR_NOT_FOUND)
            return rule_refuse_key(r, key);
        if (rc != 0)
            return rc;
    }
    if (pair->name == NULL)
        return refuse_missing(r, read == read_header_member ? "name" : "key");
    if (pair->value == NULL && pair->test != RULE_PAIR_PRESENT)
        return rule_refuse(r, "needs a value, or present");
    return 0;
}

static int read_pairs(struct rule_reading *r, json_t *value, pair_member_fn read,
                      struct rule_pairs *out)
{
    size_t n = 0;
    int rc = take_entries(r, value, &n);

    if (rc != 0)
        return rc;
    out->at = pool_calloc(n, sizeof(*out->at));
    if (out->at == NULL)
        return WERR_NOMEM;
    out->n = (uint32_t)n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t was = enter_at(r, value, i);
        rc = read_pair(r, entry_at(value, i), read, &out->at[i]);
        rule_leave(r, was);
    }
    return rc;
}

static int read_headers(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_pairs(r, value, read_header_member, &out->headers);
}

static int read_queries(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_pairs(r, value, read_query_member, &out->queries);
}

/* ---- sources ---- */

static int read_range(struct rule_reading *r, json_t *value, struct cidr *out)
{
    struct span text = span_from(json_string_value(value), json_string_length(value));

    if (!json_is_string(value) || cidr_from_text(text, out) != 0)
        return rule_refuse(r, "must be an address or a range, such as 10.0.0.0/8");
    return 0;
}

static int read_sources(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    size_t n = 0;
    int rc = take_entries(r, value, &n);

    if (rc != 0)
        return rc;
    out->sources.at = pool_calloc(n, sizeof(*out->sources.at));
    if (out->sources.at == NULL)
        return WERR_NOMEM;
    out->sources.n = (uint32_t)n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t was = enter_at(r, value, i);
        rc = read_range(r, entry_at(value, i), &out->sources.at[i]);
        rule_leave(r, was);
    }
    return rc;
}

/* ---- objects, and those within ---- */

static int read_object(struct rule_reading *r, json_t *value, struct rule_conditions *out);

/* No deeper than RULE_DEPTH_MAX. NOLINTNEXTLINE(misc-no-recursion) */
static int read_nested(struct rule_reading *r, json_t *value, struct rule_conditions **at,
                       uint32_t *at_n)
{
    size_t n = 0;
    int rc = 0;

    if (!json_is_array(value))
        return rule_refuse(r, "must be a list of conditions");
    rc = take_entries(r, value, &n);
    if (rc != 0)
        return rc;
    *at = pool_calloc(n, sizeof(**at));
    if (*at == NULL)
        return WERR_NOMEM;
    *at_n = (uint32_t)n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t was = rule_enter_entry(r, i);
        rc = read_object(r, json_array_get(value, i), &(*at)[i]);
        rule_leave(r, was);
    }
    return rc;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int read_all(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_nested(r, value, &out->all, &out->all_n);
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int read_any(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_nested(r, value, &out->any, &out->any_n);
}

static const struct {
    const char *key;
    int (*read)(struct rule_reading *r, json_t *value, struct rule_conditions *out);
} members[] = {
    {"host", read_hosts},     {"path", read_paths},     {"path_prefix", read_prefixes},
    {"method", read_methods}, {"header", read_headers}, {"query", read_queries},
    {"source", read_sources}, {"all", read_all},        {"any", read_any},
};

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int read_member(struct rule_reading *r, const char *key, json_t *value,
                       struct rule_conditions *out)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strcmp(members[i].key, key) != 0)
            continue;
        size_t was = rule_enter(r, key);
        int rc = members[i].read(r, value, out);
        rule_leave(r, was);
        return rc;
    }
    return rule_refuse_key(r, key);
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int read_object(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    const char *key = NULL;
    json_t *member = NULL;
    int rc = 0;

    if (!json_is_object(value))
        return rule_refuse(r, "must be an object");
    if (r->depth >= RULE_DEPTH_MAX)
        return rule_refuse(r, "conditions nest at most 4 deep");
    r->depth++;
    json_object_foreach(value, key, member)
    {
        rc = read_member(r, key, member, out);
        if (rc != 0)
            break;
    }
    r->depth--;
    return rc;
}

int rule_conditions_from_json(struct json_t *value, const char *field,
                              struct rule_conditions *out, struct pool_error *error)
{
    struct rule_reading r;
    struct rule_conditions read = {0};

    rule_reading_init(&r, field, error);
    r.left = RULE_CONDITIONS_MAX;
    int rc = read_object(&r, value, &read);
    if (rc != 0) {
        rule_conditions_fini(&read);
        return rc;
    }
    *out = read;
    return 0;
}

int rule_priority_from_json(struct json_t *value, const char *field, uint32_t *out,
                            struct pool_error *error)
{
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 1 || n > RULE_PRIORITY_MAX) {
        pool_error_set(error, "invalid_value", field,
                       "%s must be a whole number from 1 to %d, the lowest comes first", field,
                       RULE_PRIORITY_MAX);
        return WERR_INVALID;
    }
    *out = (uint32_t)n;
    return 0;
}
