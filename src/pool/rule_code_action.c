#include <jansson.h>

#include "pool/pool.h"
#include "pool/pool_mem.h"
#include "pool/rule_code.h"
#include "pool/rule_read.h"

/* ---- forward ---- */

static int read_target_member(struct rule_reading *r, const char *key, json_t *value, void *out)
{
    struct rule_target *target = out;
    json_int_t n = json_integer_value(value);

    if (strcmp(key, "pool") == 0) {
        if (!json_is_string(value) ||
            !pool_name_is_valid(span_from_str(json_string_value(value))))
            return rule_refuse(r, "must be the name of a pool");
        return rule_read_text(r, value, POOL_NAME_MAX, &target->pool);
    }
    if (strcmp(key, "weight") != 0)
        return WERR_NOT_FOUND;
    if (!json_is_integer(value) || n < 0 || n > RULE_WEIGHT_MAX)
        return rule_refuse(r, "must be a whole number from 0 to 1000");
    target->weight = (uint32_t)n;
    return 0;
}

static int read_target(struct rule_reading *r, json_t *value, struct rule_target *target)
{
    target->weight = 1;
    int rc = rule_read_members(r, value, read_target_member, target);
    if (rc == 0 && target->pool == NULL)
        rc = rule_refuse(r, "needs the name of a pool");
    return rc;
}

static bool is_same_pool(const struct rule_target *a, const struct rule_target *b)
{
    MUST(a->pool != NULL && b->pool != NULL);
    return strcmp(a->pool, b->pool) == 0;
}

static bool has_pool_twice(const struct rule_action *action)
{
    for (uint32_t i = 1; i < action->target_n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (is_same_pool(&action->targets[i], &action->targets[k]))
                return true;
    return false;
}

static uint32_t weight_sum(const struct rule_action *action)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < action->target_n; i++)
        sum += action->targets[i].weight;
    return sum;
}

static int read_forward(struct rule_reading *r, json_t *value, struct rule_action *out)
{
    size_t n = json_array_size(value);
    int rc = 0;

    if (!json_is_array(value) || n < 1 || n > RULE_FORWARD_MAX)
        return rule_refuse(r, "must be a list of 1 to 8 pools with their weights");
    out->targets = pool_calloc(n, sizeof(*out->targets));
    if (out->targets == NULL)
        return WERR_NOMEM;
    out->target_n = (uint32_t)n;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t was = rule_enter_entry(r, i);
        rc = read_target(r, json_array_get(value, i), &out->targets[i]);
        rule_leave(r, was);
    }
    if (rc == 0 && has_pool_twice(out))
        rc = rule_refuse(r, "names a pool twice");
    if (rc == 0 && weight_sum(out) == 0)
        rc = rule_refuse(r, "needs a pool whose weight is not 0");
    return rc;
}

/* ---- redirect ---- */

enum part { PART_SCHEME, PART_HOST, PART_PORT, PART_PATH, PART_QUERY };

static const char *const placeholders[] = {"{host}", "{port}", "{path}", "{query}"};

/* Length of the placeholder that the text begins with; 0: none. */
static size_t placeholder_len(const char *text)
{
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
        if (strncmp(text, placeholders[i], strlen(placeholders[i])) == 0)
            return strlen(placeholders[i]);
    return 0;
}

/* Bytes of a URI and placeholders, and none of `not`. */
static bool is_uri_part(const char *text, const char * not )
{
    while (*text != '\0') {
        size_t n = placeholder_len(text);
        if (n == 0 && (*text <= 0x20 || *text > 0x7e || strchr("\"<>\\^`{|}", *text) != NULL ||
                       strchr(not, *text) != NULL))
            return false;
        text += n > 0 ? n : 1;
    }
    return true;
}

static bool is_port_part(const char *text)
{
    unsigned n = 0;

    if (strcmp(text, "{port}") == 0)
        return true;
    for (; *text >= '0' && *text <= '9' && n <= 65535; text++)
        n = n * 10 + (unsigned)(*text - '0');
    return *text == '\0' && n >= 1 && n <= 65535;
}

/* Of placeholders only {host}: nobody's path or query names another host. A colon is of an IPv6
 * address, for there is a part for the port. */
static bool is_host_part(const char *text)
{
    if (strstr(text, "{port}") != NULL || strstr(text, "{path}") != NULL ||
        strstr(text, "{query}") != NULL)
        return false;
    return is_uri_part(text, text[0] == '[' ? "/?#@" : "/?#@:");
}

static bool is_part(enum part part, const char *text)
{
    switch (part) {
    case PART_SCHEME:
        return strcmp(text, "http") == 0 || strcmp(text, "https") == 0;
    case PART_HOST:
        return is_host_part(text);
    case PART_PORT:
        return is_port_part(text);
    case PART_PATH:
        return text[0] == '/' && is_uri_part(text, "?#");
    case PART_QUERY:
        return is_uri_part(text, "#");
    }
    return false;
}

static const struct {
    const char *key;
    enum part part;
    size_t offset;
    const char *wish;
} parts[] = {
    {"scheme", PART_SCHEME, offsetof(struct rule_redirect, scheme), "must be http or https"},
    {"host", PART_HOST, offsetof(struct rule_redirect, host), "must be a host, or {host}"},
    {"port", PART_PORT, offsetof(struct rule_redirect, port),
     "must be a port as a text (\"8443\"), or \"{port}\""},
    {"path", PART_PATH, offsetof(struct rule_redirect, path),
     "must be a path that begins with \"/\"; {host}, {port}, {path}, {query} are the "
     "request's"},
    {"query", PART_QUERY, offsetof(struct rule_redirect, query),
     "must be a query without \"?\"; {host}, {port}, {path}, {query} are the request's"},
};

static int read_part(struct rule_reading *r, size_t i, json_t *value, struct rule_redirect *out)
{
    char **text = (char **)((char *)out + parts[i].offset);

    /* An empty query takes the request's away. */
    if (parts[i].part == PART_QUERY && json_is_string(value) &&
        json_string_length(value) == 0) {
        *text = pool_strdup("");
        return *text != NULL ? 0 : WERR_NOMEM;
    }
    int rc = rule_read_text(r, value, RULE_TEXT_MAX, text);
    if (rc == 0 && !is_part(parts[i].part, *text))
        rc = rule_refuse(r, parts[i].wish);
    return rc;
}

static int read_redirect_status(struct rule_reading *r, json_t *value,
                                struct rule_redirect *out)
{
    json_int_t n = json_integer_value(value);

    if (n != 301 && n != 302 && n != 307 && n != 308)
        return rule_refuse(r, "must be 301, 302, 307 or 308");
    out->status = (uint16_t)n;
    return 0;
}

static int read_redirect_member(struct rule_reading *r, const char *key, json_t *value,
                                void *out)
{
    if (strcmp(key, "status") == 0)
        return read_redirect_status(r, value, out);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strcmp(parts[i].key, key) == 0)
            return read_part(r, i, value, out);
    return WERR_NOT_FOUND;
}

static int read_redirect(struct rule_reading *r, json_t *value, struct rule_action *out)
{
    struct rule_redirect *to = &out->redirect;

    to->status = 302;
    int rc = rule_read_members(r, value, read_redirect_member, to);
    if (rc == 0 && to->scheme == NULL && to->host == NULL && to->port == NULL &&
        to->path == NULL && to->query == NULL)
        rc = rule_refuse(
            r, "would lead to the same place: give scheme, host, port, path or query");
    return rc;
}

/* ---- fixed ---- */

static int read_fixed_status(struct rule_reading *r, json_t *value, struct rule_fixed *out)
{
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 200 || n > 599)
        return rule_refuse(r, "must be a status from 200 to 599");
    out->status = (uint16_t)n;
    return 0;
}

static int read_fixed_body(struct rule_reading *r, json_t *value, struct rule_fixed *out)
{
    size_t n = json_string_length(value);

    if (!json_is_string(value) || n > RULE_BODY_MAX || strlen(json_string_value(value)) != n)
        return rule_refuse(r, "must be a text of at most 4096 bytes");
    if (n == 0)
        return 0;
    out->body = pool_strdup(json_string_value(value));
    return out->body != NULL ? 0 : WERR_NOMEM;
}

static int read_fixed_member(struct rule_reading *r, const char *key, json_t *value, void *out)
{
    struct rule_fixed *fixed = out;

    if (strcmp(key, "status") == 0)
        return read_fixed_status(r, value, fixed);
    if (strcmp(key, "type") == 0)
        return rule_read_text(r, value, 128, &fixed->type);
    if (strcmp(key, "body") == 0)
        return read_fixed_body(r, value, fixed);
    return WERR_NOT_FOUND;
}

static bool may_have_body(unsigned status)
{
    return status != 204 && status != 205 && status != 304;
}

static int read_fixed(struct rule_reading *r, json_t *value, struct rule_action *out)
{
    const struct rule_fixed *fixed = &out->fixed;
    int rc = rule_read_members(r, value, read_fixed_member, &out->fixed);

    if (rc == 0 && fixed->status == 0)
        rc = rule_refuse(r, "needs a status");
    if (rc == 0 && fixed->body != NULL && !may_have_body(fixed->status))
        rc = rule_refuse(r, "has a body, which this status does not allow");
    return rc;
}

/* ---- which of the three ---- */

static const struct {
    const char *key;
    enum rule_action_type type;
    int (*read)(struct rule_reading *r, json_t *value, struct rule_action *out);
} actions[] = {
    {"forward", RULE_FORWARD, read_forward},
    {"redirect", RULE_REDIRECT, read_redirect},
    {"fixed", RULE_FIXED, read_fixed},
};

static int read_action(struct rule_reading *r, json_t *value, struct rule_action *out)
{
    void *member = json_object_iter(value);
    const char *key = json_object_iter_key(member);

    if (!json_is_object(value) || json_object_size(value) != 1)
        return rule_refuse(r, "must be an object with one of forward, redirect and fixed");
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].key, key) != 0)
            continue;
        size_t was = rule_enter(r, key);
        out->type = (uint8_t)actions[i].type;
        int rc = actions[i].read(r, json_object_iter_value(member), out);
        rule_leave(r, was);
        return rc;
    }
    return rule_refuse_key(r, key);
}

int rule_action_from_json(struct json_t *value, const char *field, struct rule_action *out,
                          struct pool_error *error)
{
    struct rule_reading r;
    struct rule_action read = {0};

    rule_reading_init(&r, field, error);
    int rc = read_action(&r, value, &read);
    if (rc != 0) {
        rule_action_fini(&read);
        return rc;
    }
    *out = read;
    return 0;
}
