#include "pool/rule_code.h"

#include <jansson.h>

#include "base/ascii.h"
#include "pool/pool_health.h"
#include "pool/pool_mem.h"
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

/* As many as were asked for, zeroed; the caller's, also when reading failed half-way. */
struct entries {
    void *at;
    uint32_t n;
    size_t bytes; /* of one */
};

typedef int (*entry_fn)(struct rule_reading *r, json_t *value, const void *arg, void *out);

/* No deeper than RULE_DEPTH_MAX. NOLINTNEXTLINE(misc-no-recursion) */
static int read_entries(struct rule_reading *r, json_t *value, entry_fn read, const void *arg,
                        struct entries *out)
{
    size_t n = 0;
    int rc = take_entries(r, value, &n);

    if (rc != 0)
        return rc;
    out->at = pool_calloc(n, out->bytes);
    if (out->at == NULL)
        return WERR_NOMEM;
    out->n = (uint32_t)n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t was = enter_at(r, value, i);
        rc = read(r, entry_at(value, i), arg, (char *)out->at + i * out->bytes);
        rule_leave(r, was);
    }
    return rc;
}

/* ---- texts ---- */

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        *text = ascii_lower(*text);
}

static bool is_one_of(const char *text, const char *more)
{
    for (; *text != '\0'; text++) {
        if (!ascii_is_alnum(*text) && strchr(more, *text) == NULL)
            return false;
    }
    return true;
}

/* A colon only within the brackets of an IPv6 address; no label of a name is empty (RFC 1035
 * section 2.3.1), but for the root's at the end, which is not kept. */
static bool is_host(char *text)
{
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    size_t n = strlen(text);

    lower(text);
    if (name[0] == '[')
        return name == text && text[n - 1] == ']' && is_one_of(text + 1, ":.]");
    if (n > 1 && text[n - 1] == '.' && text[n - 2] != '.')
        text[n - 1] = '\0';
    return name[0] != '\0' && name[0] != '.' && strstr(name, "..") == NULL &&
           is_one_of(name, "-._");
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

static int read_text_entry(struct rule_reading *r, json_t *value, const void *arg, void *out)
{
    const struct texts_kind *kind = arg;
    char **text = out;
    int rc = rule_read_text(r, value, kind->max, text);

    if (rc == 0 && !kind->is_valid(*text))
        rc = rule_refuse(r, kind->wish);
    return rc;
}

static int read_texts(struct rule_reading *r, json_t *value, const struct texts_kind *kind,
                      struct rule_texts *out)
{
    struct entries entries = {.bytes = sizeof(*out->at)};
    int rc = read_entries(r, value, read_text_entry, kind, &entries);

    out->at = entries.at;
    out->n = entries.n;
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

static int read_header_member(struct rule_reading *r, const char *key, json_t *value, void *out)
{
    struct rule_pair *pair = out;

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

static int read_query_member(struct rule_reading *r, const char *key, json_t *value, void *out)
{
    struct rule_pair *pair = out;

    if (strcmp(key, "key") == 0)
        return rule_read_text(r, value, RULE_TEXT_MAX, &pair->name);
    if (strcmp(key, "value") == 0)
        return set_pair_value(r, value, RULE_PAIR_VALUE, pair);
    if (strcmp(key, "present") == 0)
        return set_pair_value(r, value, RULE_PAIR_PRESENT, pair);
    return WERR_NOT_FOUND;
}

struct pairs_kind {
    const char *name_key;
    rule_member_fn read;
};

static const struct pairs_kind header_kind = {"name", read_header_member};
static const struct pairs_kind query_kind = {"key", read_query_member};

static int refuse_missing(struct rule_reading *r, const char *key)
{
    size_t was = rule_enter(r, key);

    pool_error_set(r->error, "missing_field", r->path, "%s is missing", key);
    rule_leave(r, was);
    return WERR_INVALID;
}

static int read_pair(struct rule_reading *r, json_t *value, const void *arg, void *out)
{
    const struct pairs_kind *kind = arg;
    struct rule_pair *pair = out;

    pair->test = RULE_PAIR_VALUE;
    int rc = rule_read_members(r, value, kind->read, pair);
    if (rc != 0)
        return rc;
    if (pair->name == NULL)
        return refuse_missing(r, kind->name_key);
    if (pair->value == NULL && pair->test != RULE_PAIR_PRESENT)
        return rule_refuse(r, "needs a value, or present");
    return 0;
}

static int read_pairs(struct rule_reading *r, json_t *value, const struct pairs_kind *kind,
                      struct rule_pairs *out)
{
    struct entries entries = {.bytes = sizeof(*out->at)};
    int rc = read_entries(r, value, read_pair, kind, &entries);

    out->at = entries.at;
    out->n = entries.n;
    return rc;
}

static int read_headers(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_pairs(r, value, &header_kind, &out->headers);
}

static int read_queries(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    return read_pairs(r, value, &query_kind, &out->queries);
}

/* ---- sources ---- */

static int read_range(struct rule_reading *r, json_t *value, const void *arg, void *out)
{
    struct span text = span_from(json_string_value(value), json_string_length(value));

    (void)arg;
    if (!json_is_string(value) || cidr_from_text(text, out) != 0)
        return rule_refuse(r, "must be an address or a range, such as 10.0.0.0/8");
    return 0;
}

static int read_sources(struct rule_reading *r, json_t *value, struct rule_conditions *out)
{
    struct entries entries = {.bytes = sizeof(*out->sources.at)};
    int rc = read_entries(r, value, read_range, NULL, &entries);

    out->sources.at = entries.at;
    out->sources.n = entries.n;
    return rc;
}

/* ---- objects, and those within ---- */

static int read_object(struct rule_reading *r, json_t *value, const void *arg, void *out);

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int read_nested(struct rule_reading *r, json_t *value, struct rule_conditions **at,
                       uint32_t *n)
{
    struct entries entries = {.bytes = sizeof(**at)};

    if (!json_is_array(value))
        return rule_refuse(r, "must be a list of conditions");
    int rc = read_entries(r, value, read_object, NULL, &entries);
    *at = entries.at;
    *n = entries.n;
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
static int read_member(struct rule_reading *r, const char *key, json_t *value, void *out)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (strcmp(members[i].key, key) == 0)
            return members[i].read(r, value, out);
    return WERR_NOT_FOUND;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
static int read_object(struct rule_reading *r, json_t *value, const void *arg, void *out)
{
    (void)arg;
    if (r->depth >= RULE_DEPTH_MAX)
        return rule_refuse(r, "conditions nest at most 4 deep");
    r->depth++;
    int rc = rule_read_members(r, value, read_member, out);
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
    int rc = read_object(&r, value, NULL, &read);
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
