#include "pool/rule_read.h"

#include <jansson.h>
#include <stdio.h>

#include "base/span.h"
#include "pool/pool_mem.h"

void rule_reading_init(struct rule_reading *r, const char *field, struct pool_error *error)
{
    *r = (struct rule_reading){.error = error};
    rule_enter(r, field);
}

/* What does not fit is left out whole. */
static size_t add_step(struct rule_reading *r, const char *dot, const char *step)
{
    size_t was = r->path_len;
    size_t room = sizeof(r->path) - was;

    if (strlen(dot) + strlen(step) < room)
        r->path_len += (size_t)snprintf(r->path + was, room, "%s%s", dot, step);
    return was;
}

size_t rule_enter(struct rule_reading *r, const char *key)
{
    return add_step(r, r->path_len > 0 ? "." : "", key);
}

size_t rule_enter_entry(struct rule_reading *r, size_t i)
{
    char step[24];

    snprintf(step, sizeof(step), "[%zu]", i);
    return add_step(r, "", step);
}

void rule_leave(struct rule_reading *r, size_t path_len)
{
    r->path_len = path_len;
    r->path[path_len] = '\0';
}

int rule_refuse(struct rule_reading *r, const char *wish)
{
    pool_error_set(r->error, "invalid_value", r->path, "%s", wish);
    return WERR_INVALID;
}

int rule_refuse_key(struct rule_reading *r, const char *key)
{
    size_t was = rule_enter(r, key);

    pool_error_set(r->error, "unknown_key", r->path, "the key \"%s\" is not known here", key);
    rule_leave(r, was);
    return WERR_INVALID;
}

/* As deep as rules nest. NOLINTNEXTLINE(misc-no-recursion) */
int rule_read_members(struct rule_reading *r, struct json_t *value, rule_member_fn read,
                      void *out)
{
    const char *key = NULL;
    json_t *member = NULL;

    if (!json_is_object(value))
        return rule_refuse(r, "must be an object");
    json_object_foreach(value, key, member)
    {
        size_t was = rule_enter(r, key);
        int rc = read(r, key, member, out);
        rule_leave(r, was);
        if (rc == WERR_NOT_FOUND)
            return rule_refuse_key(r, key);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return true;
}

int rule_read_text(struct rule_reading *r, struct json_t *value, size_t max, char **out)
{
    char wish[80];
    struct span text = span_from(json_string_value(value), json_string_length(value));

    if (!json_is_string(value) || text.len == 0 || text.len > max || !is_plain(text)) {
        snprintf(wish, sizeof(wish), "must be a text of 1 to %zu bytes, no control characters",
                 max);
        return rule_refuse(r, wish);
    }
    *out = pool_strdup(text.ptr);
    return *out != NULL ? 0 : WERR_NOMEM;
}
